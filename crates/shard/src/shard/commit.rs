//! What goes to the store together, and what follows when it is durable.
//!
//! One commit is under way at a time; what arrives meanwhile is gathered for the next, so batches grow with
//! the load. If the store refuses one, it and all that was built on it is taken back, last first.

use super::plant::{Fault, Plant};
use crate::command::{Answer, ReplyTo};
use crate::offline::{DeadRow, PushPlace};
use crate::rows::{ChatRow, InboxRow, Revoked, Row, Ticket};
use wire::{ConversationId, DeviceId, InboxSeq, Seq, Uid};

/// What a row of the batch is for, and what takes it back.
#[allow(clippy::large_enum_variant, reason = "the large one is the common one")]
pub(super) enum Change {
    /// A message in its conversation.
    Message(ConversationId, Seq),
    /// A row in an inbox; what the chat was before.
    Inbox { row: InboxRow, device: Option<DeviceId>, before: ChatRow },
    /// A mark in its user's inbox; the chat before and after, and who asked for it.
    Mark { row: InboxRow, before: ChatRow, after: ChatRow, replies: Vec<ReplyTo> },
    /// A chat that is as it was; who asked for another change.
    Told { row: ChatRow, replies: Vec<ReplyTo> },
    /// Chats of a user, written behind.
    Flush { uid: Uid, conversations: Vec<ConversationId>, through_before: InboxSeq },
    /// Whether a group's mark is open.
    GroupMark(ConversationId, bool),
    /// Up to where everybody has everything of a group.
    Position(ConversationId),
    /// What of a user is believed no more; what that was before, and who asked for it.
    Revoked { uid: Uid, before: Revoked, reply: ReplyTo },
    /// The mark of a user that may be owed something.
    Marked(Uid),
    /// What the receiver did not take.
    Dead(DeadRow),
    /// That the receiver may be asked what a user is owed; how far it was judged before.
    Asked { uid: Uid, before: Option<PushPlace> },
    /// By what a device of a user is reached while it is away; how far the user was judged before, who asked for it, and the
    /// answer.
    Pushable { uid: Uid, before: Option<PushPlace>, reply: ReplyTo, answer: Answer },
}

pub(super) struct Commit {
    rows: Vec<Row>,
    changes: Vec<Change>,
    under_way: Option<(Ticket, Vec<Change>)>,
    /// The list of a former commit, for the next.
    spare: Vec<Change>,
    submitted: u64,
    completed: u64,
    plant: Plant,
}

impl Commit {
    pub fn new(plant: Plant) -> Self {
        Self {
            rows: Vec::new(),
            changes: Vec::new(),
            under_way: None,
            spare: Vec::new(),
            submitted: 0,
            completed: 0,
            plant,
        }
    }

    #[inline]
    pub fn push(&mut self, row: Row, change: Change) {
        self.rows.push(row);
        self.changes.push(change);
    }

    /// A further row of the entry pushed last.
    #[inline]
    pub fn push_row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The commit that rows pushed now belong to.
    #[inline]
    pub fn round(&self) -> u64 {
        self.submitted + 1
    }

    /// Whether that commit has completed.
    #[inline]
    pub fn is_over(&self, round: u64) -> bool {
        round <= self.completed
    }

    /// Nothing is gathered.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    #[inline]
    pub fn is_idle(&self) -> bool {
        self.rows.is_empty() && self.under_way.is_none()
    }

    #[inline]
    pub fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Whether the gathered rows are to go to the store now.
    #[inline]
    pub fn is_due(&mut self, now_ms: u64) -> bool {
        self.under_way.is_none() && !self.rows.is_empty() && !self.plant.holds_commit(now_ms)
    }

    /// The gathered rows, for the store.
    #[inline]
    pub fn begin(&mut self, ticket: Ticket) -> Vec<Row> {
        assert!(self.under_way.is_none(), "one commit at a time");
        // The next batch is about as large: growing to it would copy every row several times.
        let room = self.rows.len();
        let rows = std::mem::replace(&mut self.rows, Vec::with_capacity(room));
        let changes = std::mem::replace(&mut self.changes, std::mem::take(&mut self.spare));
        self.submitted += 1;
        self.under_way = Some((ticket, changes));
        rows
    }

    /// The commit under way is durable: what it was for, in order. The list is to be given back.
    #[inline]
    pub fn durable(&mut self, ticket: Ticket) -> Vec<Change> {
        let under_way = self.under_way.take().expect("a commit was under way");
        assert_eq!(ticket, under_way.0, "commits complete in order");
        self.completed += 1;
        under_way.1
    }

    /// What was done with a list of changes is done.
    pub fn give_back(&mut self, mut changes: Vec<Change>) {
        changes.clear();
        self.spare = changes;
    }

    /// It is not, and with it goes what was gathered: what to take back, last first.
    pub fn refused(&mut self, ticket: Ticket) -> Vec<Change> {
        let mut changes = self.durable(ticket);
        self.rows.clear();
        changes.append(&mut self.changes);
        if !self.plant.has(Fault::TakeBackInOrder) {
            changes.reverse();
        }
        changes
    }

    /// The inbox rows of the commit under way, each with the device that sent its message.
    pub fn inbox_rows(&self) -> Vec<(InboxRow, Option<DeviceId>)> {
        let changes = self.under_way.iter().flat_map(|under_way| &under_way.1);
        let rows = changes.filter_map(|change| match change {
            Change::Inbox { row, device, .. } => Some((row.clone(), *device)),
            Change::Mark { row, .. } => Some((row.clone(), None)),
            Change::Message(..) | Change::Told { .. } | Change::Flush { .. } => None,
            Change::GroupMark(..) | Change::Position(_) | Change::Revoked { .. } => None,
            Change::Asked { .. } | Change::Pushable { .. } => None,
            Change::Marked(_) | Change::Dead(_) => None,
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::sample;

    fn push(commit: &mut Commit, seq: u64) {
        let row = sample(seq, 0);
        let change = Change::Message(row.conversation, row.seq);
        commit.push(Row::Message(row), change);
    }

    fn seqs(changes: Vec<Change>) -> Vec<u64> {
        let seq = |change| if let Change::Message(_, seq) = change { seq.0 } else { 0 };
        changes.into_iter().map(seq).collect()
    }

    #[test]
    fn what_arrives_meanwhile_is_of_the_next_commit() {
        let mut commit = Commit::new(Plant::from_env());
        push(&mut commit, 1);
        let first = commit.round();
        assert!(commit.is_due(0));
        assert_eq!(commit.begin(Ticket(1)).len(), 1);
        push(&mut commit, 2);
        assert!(!commit.is_due(0) && !commit.is_over(first));
        assert_eq!(seqs(commit.durable(Ticket(1))), [1]);
        assert!(commit.is_over(first) && !commit.is_over(commit.round()));
        assert!(commit.is_due(0));
    }

    #[test]
    fn what_was_built_on_a_refused_commit_is_taken_back_last_first() {
        let mut commit = Commit::new(Plant::from_env());
        (1..=2).for_each(|seq| push(&mut commit, seq));
        commit.begin(Ticket(1));
        push(&mut commit, 3);
        assert_eq!(seqs(commit.refused(Ticket(1))), [3, 2, 1]);
        assert!(commit.is_idle() && commit.is_empty());
    }
}
