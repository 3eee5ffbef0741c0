//! What goes to the store together, and what follows when it is durable.
//!
//! One commit is under way at a time; what arrives meanwhile is gathered for the next, so batches grow with
//! the load. If the store refuses one, it and all that was built on it is taken back, last first.

use super::Shard;
use super::plant::Fault;
use crate::command::{Answer, Mail, ReplyTo};
use crate::partition::Partition;
use crate::rows::{ChatRow, Completion, InboxRow, Read, Row, StoreError, Ticket};
use wire::{ConversationId, DeviceId, InboxSeq, RefusalCode, Seq, Uid};

/// What a row of the batch was for.
#[allow(clippy::large_enum_variant, reason = "the large one is the common one")]
pub(super) enum Written {
    /// A message in its conversation.
    Message(ConversationId, Seq),
    /// A row in an inbox; what the chat was before.
    Inbox { row: InboxRow, device: Option<DeviceId>, before: ChatRow },
    /// A chat that its user changed.
    Chat { before: ChatRow, after: ChatRow, reply: ReplyTo },
    /// Chats of a user, written behind.
    Flush { uid: Uid, conversations: Vec<ConversationId>, through_before: InboxSeq },
}

#[derive(Default)]
pub(super) struct Commit {
    rows: Vec<Row>,
    written: Vec<Written>,
    under_way: Option<(Ticket, Vec<Written>)>,
    /// Reads that must see the batch being gathered.
    reads_after: Vec<(Ticket, Read)>,
    submitted: u64,
    completed: u64,
}

impl Commit {
    pub fn push(&mut self, row: Row, written: Written) {
        self.rows.push(row);
        self.written.push(written);
    }

    /// A further row of the entry pushed last.
    pub fn push_row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The commit that rows pushed now belong to.
    pub fn round(&self) -> u64 {
        self.submitted + 1
    }

    /// Whether that commit has completed.
    pub fn is_over(&self, round: u64) -> bool {
        round <= self.completed
    }

    pub fn is_idle(&self) -> bool {
        self.rows.is_empty() && self.under_way.is_none()
    }

    pub fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }
}

impl Shard {
    /// Hands the gathered rows to the store, if it has none of this shard.
    pub(super) fn submit(&mut self) {
        if self.commit.under_way.is_some() || self.commit.rows.is_empty() {
            return;
        }
        if self.plant.holds_commit(self.now.mono_ms) {
            return;
        }
        let ticket = self.ticket();
        // The next batch is about as large: growing to it would copy every row several times.
        let room = self.commit.rows.len();
        let rows = std::mem::replace(&mut self.commit.rows, Vec::with_capacity(room));
        let room = self.commit.written.len();
        let written = std::mem::replace(&mut self.commit.written, Vec::with_capacity(room));
        self.commit.submitted += 1;
        self.commit.under_way = Some((ticket, written));
        assert!(self.out.commit.is_none(), "one commit at a time");
        self.out.commit = Some((ticket, rows));
        let reads = self.commit.reads_after.drain(..);
        self.reads_later.extend(reads);
    }

    /// Asks the store; what is being gathered for the next commit is seen.
    pub(super) fn ask_after_commit(&mut self, read: Read) -> Ticket {
        if self.commit.rows.is_empty() {
            return self.ask(read);
        }
        let ticket = self.ticket();
        self.commit.reads_after.push((ticket, read));
        ticket
    }

    pub(super) fn on_completion(&mut self, completion: Completion) {
        match completion {
            Completion::Committed(ticket, result) => self.on_committed(ticket, result),
            Completion::Read(ticket, Ok(found)) => {
                self.reads_asked -= 1;
                self.on_found(ticket, found);
            }
            Completion::Read(ticket, Err(error)) => {
                self.reads_asked -= 1;
                self.fail(error);
                self.on_unread(ticket);
            }
        }
    }

    fn on_committed(&mut self, ticket: Ticket, result: Result<(), StoreError>) {
        let under_way = self.commit.under_way.take().expect("a commit was under way");
        assert_eq!(ticket, under_way.0, "commits complete in order");
        self.commit.completed += 1;
        match result {
            Ok(()) => under_way.1.into_iter().for_each(|written| self.on_durable(written)),
            Err(error) => {
                let code = match error {
                    StoreError::Full => RefusalCode::StoreFull,
                    StoreError::Unavailable | StoreError::Failed(_) => {
                        RefusalCode::StoreUnavailable
                    }
                };
                self.fail(error);
                self.commit.rows.clear();
                let mut written = under_way.1;
                written.append(&mut self.commit.written);
                if self.plant.has(Fault::TakeBackInOrder) {
                    written.reverse();
                }
                written.into_iter().rev().for_each(|written| self.take_back(written, code));
                let reads = std::mem::take(&mut self.commit.reads_after);
                self.reads_later.extend(reads);
                self.after_taking_back();
            }
        }
    }

    fn fail(&mut self, error: StoreError) {
        if matches!(error, StoreError::Failed(_)) && self.failed.is_none() {
            self.failed = Some(error);
        }
    }

    fn on_durable(&mut self, written: Written) {
        match written {
            Written::Message(conversation, seq) => self.on_message_durable(conversation, seq),
            Written::Inbox { row, device, .. } => {
                let (uid, inbox_seq) = (row.uid, row.inbox_seq);
                let (conversation, seq) = (row.message.conversation, row.message.seq);
                self.set_durable(uid, conversation, seq);
                if !self.plant.has(Fault::PushBeforeCommit) {
                    self.on_inbox_durable(row, device);
                }
                self.mail(
                    Partition::of_conversation(conversation),
                    Mail::Confirm { uid, conversation, seq, inbox_seq },
                );
            }
            // As it was written: what changed since is not durable yet.
            Written::Chat { after, reply, .. } => self.answer(reply, Answer::Chat(after)),
            Written::Flush { .. } => {}
        }
    }

    /// Undoes in memory what was not written. Called last first.
    fn take_back(&mut self, written: Written, code: RefusalCode) {
        match written {
            Written::Message(conversation, seq) => self.take_back_message(conversation, seq, code),
            Written::Inbox { row, before, .. } => {
                let user =
                    self.users.get_mut(&row.uid).expect("a user with rows in flight is kept");
                assert_eq!(user.head, row.inbox_seq, "rows are taken back last first");
                user.head = InboxSeq(row.inbox_seq.0 - 1);
                user.chain = row.chain;
                if !self.plant.has(Fault::KeepRefused) {
                    self.restore_chat(before);
                }
                let (conversation, seq) = (row.message.conversation, row.message.seq);
                self.mail(
                    Partition::of_conversation(conversation),
                    Mail::Decline { conversation, seq, code },
                );
            }
            Written::Chat { before, reply, .. } => {
                self.restore_chat(before);
                self.refuse(reply, code);
            }
            Written::Flush { uid, conversations, through_before } => {
                self.take_back_flush(uid, &conversations, through_before);
            }
        }
    }
}
