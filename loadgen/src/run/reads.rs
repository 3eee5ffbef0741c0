//! What a thread's devices are to read, how often, and what of it is not answered. It knows no desk.

use crate::verify::GroupNo;
use std::collections::HashMap;
use wire::{ConversationId, Seq, mix};

/// Of a share, in parts.
const PARTS: u64 = 1_000_000;

/// What is to be read, and what was asked for and is not answered.
#[derive(Default)]
pub(super) struct Reads {
    /// Of a million pushed messages, up to so many a device marks their conversation.
    pub parts: u64,
    /// Nothing more is marked: what was is about to be judged.
    pub is_over: bool,
    /// By place in the fleet: marks to be asked for.
    pub marks: Vec<(usize, ConversationId, u64)>,
    /// Pages of chats to be asked for, after a conversation.
    pub lists: Vec<(usize, Option<ConversationId>)>,
    /// Marks that are not answered.
    pub unanswered: usize,
    /// By place in the fleet: histories that a reader is to be told, the last of them now.
    pub histories: HashMap<usize, Vec<(GroupNo, Seq)>>,
    /// Readers that are to ask for the next page, each not before a time in monotonic ns.
    pub asking: Vec<(u64, usize)>,
    /// Requests for pages, by reader.
    pub asked: HashMap<usize, u64>,
}

impl Reads {
    /// The readers that are to ask now; the others go on waiting.
    pub fn take_asking(&mut self, now_ns: u64) -> Vec<usize> {
        let due = self.asking.extract_if(.., |(at_ns, _)| *at_ns <= now_ns);
        due.map(|(_, index)| index).collect()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a share of 0 to 1")]
    pub fn new(share: f64) -> Self {
        Self { parts: (share * PARTS as f64) as u64, ..Self::default() }
    }

    /// Whether a device marks up to a message: as often as the share says, the same in each run.
    pub fn wants(&self, message_id: u64, device: usize) -> bool {
        !self.is_over && mix(message_id ^ (device as u64) << 56) % PARTS < self.parts
    }
}
