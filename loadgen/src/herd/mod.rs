//! Many sessions that send nothing: `idle` holds them, `storm` drops them all and lets them return at once.

mod desk;
mod sessions;
mod idle;
mod storm;

pub use idle::{IdleArgs, idle};
pub use storm::{StormArgs, storm};
