//! What Longline is measured with, beside loadgen.
//!
//! [`floor`] is the least relay that does the same socket work, [`hot`] the pure functions whose instructions are
//! counted. Nothing here knows how to start or judge a run: `cargo xtask bench` does.

pub mod samples;
pub mod shards;
pub mod links;
pub mod hot;
pub mod floor;
