//! What was found wrong: counts, each message once a kind, and a few examples in words.

use crate::clock::{rfc_3339, unix};
use crate::limits::{EXAMPLES_MAX, FAULTS_REMEMBERED_MAX};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;

/// A broken promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// Acknowledged, and not in an inbox when everything was over.
    Lost,
    /// A device got the same message twice, or an inbox has it twice.
    VisibleDuplicate,
    /// A device got a message before one that comes earlier.
    Reordered,
    /// A device was not given a message that its inbox has, or an inbox or conversation has a hole.
    Gap,
    /// A message that nobody sent, or that was refused for good.
    Phantom,
    /// A message given to a user who has no part in it.
    Leaked,
    /// A body that is not what was sent, or a frame that cannot be read.
    Corrupt,
    /// Two answers about the same message: its place or its id.
    Diverged,
    /// A read position or a number of unread messages that is not what a count gives.
    Miscounted,
    /// Of a group: taken from one who was no member, or refused to one who was.
    Misjudged,
}

impl Fault {
    /// Every kind, with its name.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::Lost, "lost"),
        (Self::VisibleDuplicate, "visible_duplicates"),
        (Self::Reordered, "reordered"),
        (Self::Gap, "gaps"),
        (Self::Phantom, "phantoms"),
        (Self::Leaked, "leaked"),
        (Self::Corrupt, "corrupt"),
        (Self::Diverged, "diverged"),
        (Self::Miscounted, "miscounted"),
        (Self::Misjudged, "misjudged"),
    ];
}

/// A fault that was found, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Example {
    /// Its kind, by name.
    pub fault: String,
    /// When it was found, by RFC 3339 in UTC: one of the end while everything was read back.
    pub found: String,
    /// What was seen.
    pub text: String,
}

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.fault, self.text)
    }
}

/// Names a message within a run, so that it is one fault however often it is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// The nth message of a stream.
    Message { stream: u32, count: u64 },
    /// A message that is in no stream, by the server's id of it.
    Stranger { message_id: u64 },
    /// A row of a user's inbox that is not there.
    InboxRow { user: usize, inbox_seq: u64 },
    /// Bytes that are no frame.
    Frame { nth: u64 },
    /// A hole in what a user has of a conversation.
    Hole { stream: u32, nth: u64 },
    /// A place up to which a user has read a conversation.
    Read { stream: u32, seq: u64 },
    /// The nth message of a group.
    Said { group: u32, count: u64 },
    /// What stands at a place of a group.
    Entry { group: u32, seq: u64 },
    /// The nth change of a group's members.
    Change { group: u32, nth: u64 },
    /// A place up to which a user has read a group.
    ReadInGroup { group: u32, user: usize, seq: u64 },
}

/// All that was found wrong.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    counts: [u64; Fault::ALL.len()],
    examples: Vec<Example>,
    examples_of: [usize; Fault::ALL.len()],
    seen: HashSet<(u8, Subject)>,
}

impl Faults {
    /// How often.
    #[must_use]
    pub fn count(&self, fault: Fault) -> u64 {
        self.counts[fault as usize]
    }

    /// Whether anything was found.
    #[must_use]
    pub fn any(&self) -> bool {
        self.counts.iter().any(|count| *count > 0)
    }

    /// The first few of each kind, for a person.
    #[must_use]
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    pub(super) fn note(&mut self, fault: Fault, subject: Subject, detail: impl FnOnce() -> String) {
        let at = fault as usize;
        if self.seen.len() < FAULTS_REMEMBERED_MAX {
            if !self.seen.insert((fault as u8, subject)) {
                return;
            }
        } else if self.seen.contains(&(fault as u8, subject)) {
            return;
        }
        self.counts[at] += 1;
        if self.examples_of[at] < EXAMPLES_MAX {
            self.examples_of[at] += 1;
            let (fault, found) = (Fault::ALL[at].1.to_owned(), rfc_3339(unix()));
            self.examples.push(Example { fault, found, text: detail() });
        }
    }

    /// Adds another thread's.
    pub fn add(&mut self, other: Self) {
        for (sum, count) in self.counts.iter_mut().zip(other.counts) {
            *sum += count;
        }
        self.examples.extend(other.examples);
    }
}
