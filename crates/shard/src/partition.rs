//! Which partition a user belongs to, and which shard owns a partition.

use crate::limits::PARTITIONS;
use crate::rows::mix;
use wire::{ConversationId, Uid};

/// A unit of ownership: everything of the users that hash to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(u16);

/// A shard, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// Which partitions a shard has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Those that [`Partition::owner`] gives it: all shards are of one process.
    Of {
        /// Which shard.
        id: ShardId,
        /// How many there are.
        shards: u16,
    },
    /// One, held under an epoch: the process is a node of a cluster.
    One(Partition),
}

impl Share {
    /// Whether it has this one.
    #[must_use]
    pub fn has(self, partition: Partition) -> bool {
        match self {
            Self::Of { id, shards } => partition.owner(shards) == id,
            Self::One(own) => partition == own,
        }
    }
}

impl Partition {
    /// The one with the lowest number.
    pub const FIRST: Self = Self(0);

    /// The partition of this number, if there is one.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        (number < PARTITIONS).then_some(Self(number))
    }

    /// The partition of a user's inbox, chats and devices.
    #[must_use]
    pub fn of_user(uid: Uid) -> Self {
        // Neighbours spread, and the map never changes.
        let hash = mix(uid.0);
        Self(u16::try_from(hash % u64::from(PARTITIONS)).expect("below the count"))
    }

    /// The partition of a conversation: that of the user or the group with which it lives.
    #[must_use]
    pub fn of_conversation(conversation: ConversationId) -> Self {
        Self::of_user(Uid(conversation.home()))
    }

    /// The first `count` partitions, in order.
    pub fn all(count: u16) -> impl Iterator<Item = Self> {
        assert!(count <= PARTITIONS, "there are no more");
        (0..count).map(Self)
    }

    /// Its number, below [`PARTITIONS`].
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }

    /// The shard that owns it where all shards are of one process.
    #[must_use]
    pub fn owner(self, shards: u16) -> ShardId {
        assert!(shards > 0, "somebody owns a partition");
        ShardId(self.0 % shards)
    }
}
