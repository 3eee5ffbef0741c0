//! The bounds of a node's part in the cluster, with the arithmetic that gives them.

/// Partitions that a node hands over at a time: one, so that each is stopped only while its own
/// messages in flight end and its own owner changes.
pub const HANDOVERS_MAX: usize = 1;
/// The same of a node that no gateway reaches: nobody's messages are in flight there, and its users wait until it is done.
pub const ALONE_HANDOVERS_MAX: usize = 128;
/// How long no gateway may reach a node before it takes no partition and says so, in ms: a link that was lost is dialed again
/// several times.
pub const ALONE_MS: u64 = 1_500;
/// How long after that it gives away what it has, in ms: if gateways are lost to all nodes, each has read by then that the
/// others are alone as well, and nothing moves.
pub const ALONE_GIVE_MS: u64 = 1_500;
/// Claims that a node has in flight. A store may make up to 128 of them by one compare-and-set. Not
/// more: each is work for the store while it serves everybody else. At 20 ms a compare-and-set, all
/// 1,024 partitions take 0.2 s.
pub const CLAIMS_MAX: usize = 128;
