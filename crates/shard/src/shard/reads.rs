//! Reads that the store was asked for, or will be, and what each is for. It does not know what an answer means.

use super::begun::Begun;
use super::load::Key;
use crate::command::{Login, ReplyTo};
use crate::offline::DeadRow;
use crate::rows::{Read, Ticket};
use hashbrown::HashMap;
use std::collections::VecDeque;
use wire::{ConversationId, InboxSeq, MessageId, Seq, Uid};

/// What a read is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Load(Key),
    /// A chat that a loading user's inbox tail tells of.
    Repair(Uid, ConversationId),
    /// What was committed when it was asked for.
    Id(ConversationId, Seq),
    /// Groups to be loaded, above one.
    Marks(Option<ConversationId>),
    /// What was committed when it was asked for.
    Pull(Uid, Seq),
    /// What an inbox wants counted.
    Count(Count),
    /// Rows after a place, and the inbox's head when the page was asked for.
    Sync {
        uid: Uid,
        after: InboxSeq,
        head: InboxSeq,
        reply: ReplyTo,
    },
    /// A login that waits to hear from which row on the inbox has what lies behind its device's cursor.
    Login {
        begun: Begun,
        reply: ReplyTo,
    },
    /// A login that waits to hear which message is at its device's cursor, where it says that this one is.
    Cursor {
        begun: Begun,
        message_id: MessageId,
        reply: ReplyTo,
    },
    /// From where to where may be read, as it was when it was asked for.
    History(ConversationId, (Seq, Seq), ReplyTo),
    /// The body of an entry of a group that it is set to by, for whoever asked what the group is.
    Text(ConversationId, Uid, Seq, ReplyTo),
    /// The list's version when it was asked for, and how many of it.
    Chats(u64, usize, ReplyTo),
    /// The inbox's head when the page was asked for: above it rows were landing, in any order.
    Push(Login, InboxSeq),
    /// Users with a mark.
    Owing,
    /// What a user may be owed behind a place, and what was committed when it was asked for.
    Owed {
        uid: Uid,
        after: InboxSeq,
        committed: InboxSeq,
    },
    /// What a receiver did not take, to be told again.
    OwedAgain(DeadRow),
    /// Tokens of a user, of which some may go.
    PushTokens(Uid),
    /// What a receiver did not take, for whoever asked.
    Dead(ReplyTo),
    /// The same of a user and those behind it, of which the user's is to be told again.
    Replay(Uid, ReplyTo),
}

/// Messages of a conversation that are counted: those behind one place up to another that others than this user sent. The inbox
/// asked for those up to `to`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    pub uid: Uid,
    pub conversation: ConversationId,
    pub after: Seq,
    pub through: Seq,
    pub to: Seq,
}

/// Every read that is not answered.
pub(super) struct Reads {
    purposes: HashMap<Ticket, Purpose>,
    /// Beyond what the store may have at a time.
    later: VecDeque<(Ticket, Read)>,
    /// Those that must see the batch being gathered.
    after_commit: Vec<(Ticket, Read)>,
    /// How many the store has, and how many it may have.
    asked: usize,
    asked_max: usize,
}

impl Reads {
    pub fn new(asked_max: usize) -> Self {
        Self {
            purposes: HashMap::new(),
            later: VecDeque::new(),
            after_commit: Vec::new(),
            asked: 0,
            asked_max,
        }
    }

    /// What is being gathered for the next commit is not seen by it.
    #[inline]
    pub fn add(&mut self, ticket: Ticket, read: Read, purpose: Purpose) {
        self.purposes.insert(ticket, purpose);
        self.later.push_back((ticket, read));
    }

    /// What is being gathered for the next commit is seen by it.
    pub fn add_after_commit(&mut self, ticket: Ticket, read: Read, purpose: Purpose) {
        self.purposes.insert(ticket, purpose);
        self.after_commit.push((ticket, read));
    }

    /// The batch that was gathered went to the store, or is no more.
    #[inline]
    pub fn release(&mut self) {
        self.later.extend(self.after_commit.drain(..));
    }

    /// Hands reads to the store, as many as it takes.
    #[inline]
    pub fn submit(&mut self, out: &mut Vec<(Ticket, Read)>) {
        while self.asked < self.asked_max {
            let Some(read) = self.later.pop_front() else { return };
            self.asked += 1;
            out.push(read);
        }
    }

    /// The store has answered.
    #[inline]
    pub fn end(&mut self, ticket: Ticket) -> Purpose {
        self.asked -= 1;
        self.purposes.remove(&ticket).expect("a read is answered once")
    }

    /// Whether a page may be asked for, or too much waits already.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.later.len() < self.asked_max
    }

    pub fn is_idle(&self) -> bool {
        self.purposes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(reads: &mut Reads, ticket: u64) {
        let (uid, conversation) = (Uid(1), ConversationId::direct(Uid(1), Uid(2)).unwrap());
        reads.add(Ticket(ticket), Read::User { uid }, Purpose::Id(conversation, Seq(0)));
    }

    fn submitted(reads: &mut Reads) -> Vec<u64> {
        let mut out = Vec::new();
        reads.submit(&mut out);
        out.into_iter().map(|(ticket, _)| ticket.0).collect()
    }

    #[test]
    fn the_store_has_so_many_reads_at_a_time_in_order() {
        let mut reads = Reads::new(2);
        (1..=3).for_each(|ticket| add(&mut reads, ticket));
        assert!(!reads.has_room());
        assert_eq!(submitted(&mut reads), [1, 2]);
        assert!(reads.has_room());
        reads.end(Ticket(1));
        assert_eq!(submitted(&mut reads), [3]);
        reads.end(Ticket(2));
        assert!(!reads.is_idle());
        reads.end(Ticket(3));
        assert!(reads.is_idle());
    }

    #[test]
    fn a_read_that_must_see_the_batch_waits_for_it() {
        let mut reads = Reads::new(2);
        let key = Key::User(Uid(1));
        reads.add_after_commit(Ticket(1), key.read(), Purpose::Load(key));
        add(&mut reads, 2);
        assert_eq!(submitted(&mut reads), [2]);
        reads.release();
        assert_eq!(submitted(&mut reads), [1]);
    }
}
