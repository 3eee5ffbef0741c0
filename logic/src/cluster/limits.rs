//! The bounds of a node's part in the cluster, with the arithmetic that gives them.

/// Partitions that a node is handing over at a time: one by one, so that each is stopped only for its own messages
/// in flight and its own change of owner.
pub const HANDOVERS_MAX: usize = 1;
/// Claims a node has in flight. A store may make those of up to 128 partitions by one compare-and-set: few at a time, since
/// each is work for it while it serves everybody else. At 20 ms, all 1,024 partitions in 0.2 s.
pub const CLAIMS_MAX: usize = 128;
/// Bits of an epoch, in a timestamp as in a message's id: a million changes of a partition's owner.
pub const EPOCH_BITS: u32 = 20;
/// Bits of a row's revision in a timestamp: 1,000 million commits of one owner, 24 days of 500 a second without a change.
pub const REVISION_BITS: u32 = 30;

const _: () = assert!(EPOCH_BITS + REVISION_BITS <= 50);
const _: () = assert!(EPOCH_BITS < 32 && REVISION_BITS < 32);
