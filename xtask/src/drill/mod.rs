//! What the drills share: a gateway that comes and goes in one place, a bad network before it, bad peers beside it,
//! ways that can be slow or closed, what it says of itself and what loadgen saw.

pub mod alone;
pub mod rig;
pub mod nodes;
pub mod network;
pub mod peers;
pub mod watch;
pub mod seen;
pub mod relay;
pub mod statements;
