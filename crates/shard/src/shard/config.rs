//! What a shard is told once, when it takes its partitions over.

use crate::limits::{CACHED_MAX, DEDUP_ENTRIES_MAX, DEVICES_MAX, SHARD_IN_FLIGHT_MAX};
use crate::partition::Share;

/// What a shard is told once.
#[derive(Clone, Copy, Debug)]
pub struct ShardConfig {
    /// Its partitions.
    pub share: Share,
    /// The owner's epoch: how often the store was opened, or the partition begun. 1: it is new and empty.
    pub epoch: u32,
    /// Tells the inboxes of this store from those of any other.
    pub inbox_epoch: u64,
    /// A batch is written whole or not at all. If not, no row may rest on another of its batch.
    pub is_atomic: bool,
    /// Devices of one user at a time.
    pub devices_max: usize,
    /// Users, chats and conversations kept in memory while nothing needs them.
    pub cached_max: usize,
    /// Messages taken and not answered, and inputs that wait; as many reads.
    pub in_flight_max: usize,
    /// Ids remembered.
    pub ids_max: usize,
    /// The latest time in an id of a message in the store, Unix ms; 0: there is none.
    pub newest_id_ms: u64,
    /// Where the count in the ids of messages begins, below 2^33: another number each time, where an epoch may come twice.
    pub first_message: u64,
    /// How users that are away are told; `None`: they are not.
    pub push: Option<PushConfig>,
}

/// How users that are away are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushConfig {
    /// How long a message waits for a device to acknowledge it, while one is logged in, in ms.
    pub grace_ms: u64,
    /// How long sessions may take to come back to a shard that begins, in ms.
    pub settle_ms: u64,
    /// The body of the newest message goes along.
    pub preview: bool,
}

impl ShardConfig {
    /// As usual for a shard with a store of its own.
    #[must_use]
    pub fn new(share: Share, epoch: u32, inbox_epoch: u64) -> Self {
        Self {
            share,
            epoch,
            inbox_epoch,
            is_atomic: true,
            devices_max: DEVICES_MAX,
            cached_max: CACHED_MAX,
            in_flight_max: SHARD_IN_FLIGHT_MAX,
            ids_max: DEDUP_ENTRIES_MAX,
            newest_id_ms: 0,
            first_message: 0,
            push: None,
        }
    }
}
