//! What names the partition of a table that a row is in. It is stored, so it never changes.

use super::config::BadRow;
use super::limits::CQL_CHAT_SLOTS;
use shard::limits::PARTITIONS;
use shard::partition::Partition;
use shard::rows::Chain;
use wire::ConversationId;

/// Partitions of a slice, as a power of two: 128, so a batch has at most 128 statements of some 60 bytes, far below the
/// 50 KiB at which Cassandra refuses one.
const SLICE_BITS: u32 = 7;

/// The slice of a partition's owner and bound.
pub fn slice(partition: Partition) -> u16 {
    partition.number() >> SLICE_BITS
}

/// The columns that name a partition: slice, partition.
pub fn key(partition: Partition) -> (i32, i32) {
    (slice(partition).into(), partition.number().into())
}

/// A partition by its number.
pub fn partition(number: i32) -> Result<Partition, BadRow> {
    let number = usize::try_from(number).ok();
    let partition = number.and_then(|number| Partition::all(PARTITIONS).nth(number));
    partition.ok_or_else(|| BadRow("there is no partition of that number".into()))
}

/// Which partition of a user's list a chat is in.
#[must_use]
pub fn slot(conversation: ConversationId) -> i8 {
    let (kind, a, b) = conversation.parts();
    let hash = Chain::default().after(&[kind.into(), a, b]).0;
    i8::try_from(hash % CQL_CHAT_SLOTS).expect("below the count")
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Uid;

    #[test]
    fn the_slot_of_a_chat_never_changes() {
        let slots = (1..=10).map(|peer| slot(ConversationId::direct(Uid(77), Uid(peer)).unwrap()));
        assert_eq!(slots.collect::<Vec<_>>(), [2, 7, 1, 3, 1, 1, 0, 1, 6, 3]);
    }
}
