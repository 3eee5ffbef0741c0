//! Checks on Longline itself: the simulator of a cluster, and the style test over the source tree.
//!
//! It runs the pure cores of other crates; it has no runtime, no thread and no clock of its own.

pub mod random;
pub mod cluster;
pub mod style;
