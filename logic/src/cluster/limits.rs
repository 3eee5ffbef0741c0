//! The bounds of a node's part in the cluster, with the arithmetic that gives them.

/// Partitions that a node hands over at a time: one, so that each is stopped only while its own
/// messages in flight end and its own owner changes.
pub const HANDOVERS_MAX: usize = 1;
/// Claims that a node has in flight. A store may make up to 128 of them by one compare-and-set. Not
/// more: each is work for the store while it serves everybody else. At 20 ms a compare-and-set, all
/// 1,024 partitions take 0.2 s.
pub const CLAIMS_MAX: usize = 128;
