//! The messages from one user to another: a window of those that are not settled, and a sum of those
//! that are. It does not know who the users are, and judges nothing.

use super::run_set::RunSet;
use crate::limits::DEVICES_MAX;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Whose device or inbox it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Recipient = 0,
    Sender = 1,
}

/// A bit for each device that must get a message.
pub(super) fn device_bit(side: Side, device: usize) -> u8 {
    assert!(device < DEVICES_MAX, "devices are bounded");
    1 << (side as usize * DEVICES_MAX + device)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Unknown,
    Acked,
    Refused,
}

/// A message that is not settled: some device, or its ack, is outstanding.
#[derive(Debug)]
pub(super) struct Entry {
    pub seq: u64,
    pub message_id: u64,
    pub written_ns: u64,
    pub delivered: u8,
    pub fate: Fate,
    /// It was sent more than once, so others may have passed it.
    pub retried: bool,
}

impl Entry {
    /// Takes the first answer about its place, compares later ones. Whether they agree.
    pub fn agree(&mut self, seq: u64, message_id: u64) -> bool {
        if self.seq == 0 {
            (self.seq, self.message_id) = (seq, message_id);
        }
        (self.seq, self.message_id) == (seq, message_id)
    }
}

/// One direction of one conversation.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Counts up to here are acked and delivered to every device.
    pub base: u64,
    /// Counts from `base + 1` on.
    pub window: VecDeque<Entry>,
    /// Over the settled ones, [`mix`].
    pub settled_sum: u64,
    /// Highest count that a device has had, by its bit.
    pub tops: [u64; DEVICES_MAX * 2],
    /// What the inbox of either side had when it was read at the end, and [`mix`] over it.
    pub kept: [RunSet; 2],
    pub kept_sum: [u64; 2],
    pub diverged: bool,
}

impl Stream {
    /// The last count sent.
    pub fn sent(&self) -> u64 {
        self.base + self.window.len() as u64
    }

    /// The unsettled message with this count.
    pub fn entry(&mut self, count: u64) -> Option<&mut Entry> {
        let index = count.checked_sub(self.base + 1)?;
        self.window.get_mut(usize::try_from(index).ok()?)
    }

    /// Folds away what is done at the window's front.
    pub fn settle(&mut self, everybody: u8) {
        while let Some(entry) = self.window.front() {
            if entry.fate != Fate::Acked || entry.delivered & everybody != everybody {
                return;
            }
            self.base += 1;
            self.settled_sum =
                self.settled_sum.wrapping_add(mix(self.base, entry.seq, entry.message_id));
            self.window.pop_front();
        }
    }
}

/// Three numbers into one, so that sums over equal sets are equal and others are not, but for 1 in 2^64.
pub(super) fn mix(count: u64, seq: u64, message_id: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (count, seq, message_id).hash(&mut hasher);
    hasher.finish()
}
