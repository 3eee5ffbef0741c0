//! What the store has done, each to the room that it is for.

use super::Shard;
use super::begun::Begun;
use super::commit::Change;
use super::devices::Devices;
use super::inbox::Inboxes;
use super::inputs::write;
use super::load::Key;
use super::log::Conversations;
use super::plant::Fault;
use super::reads::Purpose;
use crate::command::{Answer, Command, Input, Mail, ReplyTo};
use crate::partition::Partition;
use crate::rows::{ChatRow, Completion, Found, InboxRow, StoreError, Ticket};
use wire::{InboxSeq, MessageId, RefusalCode, Uid};

impl Shard {
    pub(super) fn on_completion(&mut self, completion: Completion) {
        match completion {
            Completion::Committed(ticket, Ok(())) => {
                let mut changes = self.step.commit.durable(ticket);
                for change in changes.drain(..) {
                    self.on_durable(change);
                }
                self.step.commit.give_back(changes);
            }
            Completion::Committed(ticket, Err(error)) => self.on_refused(ticket, error),
            Completion::Read(ticket, Ok(found)) => {
                let purpose = self.step.on_read(ticket);
                self.on_found(purpose, found);
            }
            Completion::Read(ticket, Err(error)) => {
                self.fail(error);
                let purpose = self.step.on_read(ticket);
                self.on_unread(purpose, RefusalCode::StoreUnavailable);
            }
        }
    }

    fn fail(&mut self, error: StoreError) {
        if matches!(error, StoreError::Failed(_)) && self.failed.is_none() {
            self.failed = Some(error);
        }
    }

    fn on_durable(&mut self, change: Change) {
        match change {
            Change::Message(conversation, seq) => {
                self.conversations.on_durable(conversation, seq, &mut self.step);
                if conversation.is_group() {
                    self.pump(conversation);
                }
            }
            Change::Inbox { row, device, .. } => {
                let (uid, inbox_seq) = (row.uid, row.inbox_seq);
                let (conversation, seq) = (row.message.conversation, row.message.seq);
                self.inboxes.set_durable(uid, conversation, seq);
                if !self.plant.has(Fault::PushBeforeCommit) {
                    let user = self.inboxes.show(uid, inbox_seq);
                    self.devices.push(user, row, device, &mut self.step);
                }
                let owner = Partition::of_conversation(conversation);
                self.step.mail(owner, Mail::Confirm { uid, conversation, seq, inbox_seq });
                self.hurry(uid);
            }
            Change::Mark { row, after, replies, .. } => {
                let (uid, inbox_seq) = (row.uid, row.inbox_seq);
                if !self.plant.has(Fault::PushBeforeCommit) {
                    let user = self.inboxes.show(uid, inbox_seq);
                    self.devices.push(user, row, None, &mut self.step);
                }
                Inboxes::tell_peer(&after, &mut self.step);
                self.tell_all(replies, after);
            }
            Change::Told { row, replies } => {
                Inboxes::tell_peer(&row, &mut self.step);
                self.tell_all(replies, row);
            }
            Change::Flush { .. } => {}
            Change::GroupMark(group, is_open) => {
                self.conversations.on_mark(group, (is_open, true), &mut self.step);
            }
            Change::Position(group) => self.conversations.on_position(group, true),
            Change::Revoked { uid, reply, .. } => {
                let revoked = self.inboxes.revoked(uid).unwrap_or_default();
                let user = self.inboxes.devices(uid).expect("a user with rows in flight is kept");
                let count = Devices::end_revoked(user, revoked, &mut self.step);
                self.step.answer(reply, Answer::Ended { count });
            }
            Change::Marked(_) => {}
            Change::Dead(row) => self.end_notification(row.uid, row.through),
            Change::Asked { uid, .. } => self.on_asked(uid),
            Change::Pushable { reply, answer, .. } => self.step.answer(reply, answer),
        }
    }

    /// Tells a chat as it was written: what changed since is not durable yet.
    fn tell_all(&mut self, replies: Vec<ReplyTo>, row: ChatRow) {
        replies.into_iter().for_each(|reply| self.step.answer(reply, Answer::Chat(row)));
    }

    /// A commit was not written: everything in memory is as if it had not been asked for.
    fn on_refused(&mut self, ticket: Ticket, error: StoreError) {
        let code = match error {
            StoreError::Full => RefusalCode::StoreFull,
            StoreError::Unavailable | StoreError::Failed(_) => RefusalCode::StoreUnavailable,
        };
        self.fail(error);
        for change in self.step.take_back(ticket) {
            self.take_back(change, code);
        }
        for conversation in self.conversations.taken_back() {
            self.pump(conversation);
        }
    }

    fn take_back(&mut self, change: Change, code: RefusalCode) {
        match change {
            Change::Message(conversation, seq) => {
                self.conversations.take_back(conversation, seq, code, &mut self.step);
            }
            Change::Inbox { row, before, .. } => {
                self.inboxes.take_back(&row, before);
                let (conversation, seq) = (row.message.conversation, row.message.seq);
                let owner = Partition::of_conversation(conversation);
                self.step.mail(owner, Mail::Decline { conversation, seq, code });
            }
            Change::Mark { row, before, replies, .. } => {
                self.inboxes.take_back(&row, before);
                replies.into_iter().for_each(|reply| self.step.refuse(reply, code));
            }
            Change::Told { replies, .. } => {
                replies.into_iter().for_each(|reply| self.step.refuse(reply, code));
            }
            Change::Flush { uid, conversations, through_before } => {
                let now = self.step.now();
                self.inboxes.take_back_flush(uid, &conversations, through_before, now);
            }
            Change::GroupMark(group, is_open) => {
                self.conversations.on_mark(group, (is_open, false), &mut self.step);
            }
            Change::Position(group) => self.conversations.on_position(group, false),
            Change::Revoked { uid, before, reply } => {
                self.inboxes.believe_again(uid, before);
                self.step.refuse(reply, code);
            }
            Change::Marked(uid) => self.notify.not_marked(uid),
            Change::Dead(row) => self.on_not_judged(row.uid),
            Change::Asked { uid, before } => self.on_not_asked(uid, before),
            Change::Pushable { uid, before, reply, .. } => {
                self.inboxes.place(uid, before);
                self.step.refuse(reply, code);
            }
        }
    }

    fn on_found(&mut self, purpose: Purpose, found: Found) {
        let step = &mut self.step;
        match (purpose, found) {
            (Purpose::Load(Key::User(uid)), Found::User { row, head, chain, tail }) => {
                let chats = self.inboxes.begin(uid, row, (head, chain), tail);
                for conversation in chats {
                    let read = Key::Chat(uid, conversation).read();
                    step.ask_after_commit(read, Purpose::Repair(uid, conversation));
                }
                self.go_on(uid);
            }
            (Purpose::Load(key @ Key::Chat(uid, conversation)), Found::Chat(row)) => {
                self.inboxes.add_chat(uid, conversation, row);
                self.resume(key);
            }
            (Purpose::Load(key @ Key::Conversation(conversation)), Found::Messages(rows)) => {
                self.conversations.add(conversation, rows.last());
                self.resume(key);
            }
            (Purpose::Load(key @ Key::Conversation(group)), Found::Group(row, entries)) => {
                self.conversations.add_group(group, (row, entries), step);
                self.resume(key);
            }
            (Purpose::Marks(_), Found::Marks(groups)) => self.conversations.on_marks(groups, step),
            (Purpose::Repair(uid, conversation), Found::Chat(row)) => {
                self.inboxes.add_chat(uid, conversation, row);
                self.go_on(uid);
            }
            (Purpose::Id(conversation, committed), Found::Messages(mut rows)) => {
                let asked = (conversation, committed);
                let new = self.conversations.on_looked_up(asked, rows.pop(), step);
                if let Some(message) = new {
                    write(message, &mut self.inboxes, step, self.plant);
                }
                self.pump(conversation);
            }
            (Purpose::Pull(uid, committed), Found::Messages(rows)) => {
                Conversations::on_pulled(uid, committed, rows, step);
            }
            (Purpose::Count(count), Found::Messages(rows)) => {
                Conversations::on_count_read(count, &rows, step);
            }
            (Purpose::Sync { uid, after, head, reply }, Found::Inbox(rows)) => {
                self.inboxes.on_rows_read((uid, after, head), reply, rows, step);
            }
            (Purpose::Login { begun, reply }, Found::Tail(tail)) => {
                if tail > begun.cursor.next() {
                    self.inboxes.raise_tail(begun.login.uid, tail);
                }
                self.log_in(begun, reply);
            }
            (Purpose::Cursor { begun, message_id, reply }, Found::Inbox(rows)) => {
                self.on_cursor_read(begun, message_id, reply, rows.first());
            }
            (Purpose::History(conversation, range, reply), Found::Messages(rows)) => {
                Conversations::on_history_read(conversation, range, reply, rows, step);
            }
            (Purpose::Text(group, uid, seq, reply), Found::Messages(rows)) => {
                self.conversations.on_text_read((group, uid), seq, (reply, rows), step);
            }
            (Purpose::Chats(version, limit, reply), Found::Chats(rows)) => {
                Inboxes::on_chats_read((version, limit), reply, rows, step);
            }
            (Purpose::Push(login, head), Found::Inbox(rows)) => {
                if let Some(user) = self.inboxes.devices(login.uid) {
                    self.devices.on_read(user, (login, head), rows, step);
                }
            }
            (purpose, found) => self.on_found_offline(purpose, found),
        }
    }

    /// What was read for offline push.
    fn on_found_offline(&mut self, purpose: Purpose, found: Found) {
        let step = &mut self.step;
        match (purpose, found) {
            (Purpose::Owing, Found::Owing(users)) => self.notify.on_marks(&users, step),
            (Purpose::Owed { uid, after, committed }, Found::Owed(owed)) => {
                self.on_owed(uid, (after, committed), *owed);
            }
            (Purpose::OwedAgain(row), Found::Owed(owed)) => self.on_owed_again(row, *owed),
            (Purpose::PushTokens(uid), Found::PushTokens(tokens)) => {
                self.on_push_tokens(uid, tokens);
            }
            (Purpose::Dead(reply), Found::Dead(rows)) => step.answer(reply, Answer::Dead(rows)),
            (Purpose::Replay(uid, reply), Found::Dead(rows)) => {
                self.on_replay_read(uid, reply, &rows);
            }
            (purpose, found) => unreachable!("{purpose:?} was answered with {found:?}"),
        }
    }

    /// The store could not answer: whoever waits for it is told.
    fn on_unread(&mut self, purpose: Purpose, code: RefusalCode) {
        match purpose {
            Purpose::Load(key) => self.give_up(key, code),
            Purpose::Sync { reply, .. }
            | Purpose::History(.., reply)
            | Purpose::Text(.., reply)
            | Purpose::Dead(reply)
            | Purpose::Replay(_, reply)
            | Purpose::Chats(.., reply) => {
                self.step.refuse(reply, code);
            }
            Purpose::Owing => self.notify.on_marks_unread(&self.step),
            Purpose::Owed { uid, .. } => self.on_not_judged(uid),
            Purpose::OwedAgain(row) => _ = self.notify.on_replayed(row.uid, row.through),
            // What reaches nobody is told again.
            Purpose::PushTokens(uid) => drop(self.notify.take_gone(uid)),
            // What the device lacks is told with its pages. Nor is a device shut out by a row that cannot be read.
            Purpose::Login { begun, reply } | Purpose::Cursor { begun, reply, .. } => {
                self.log_in(begun, reply);
            }
            Purpose::Marks(_) if self.failed.is_some() => {}
            Purpose::Marks(after) => self.conversations.on_marks_unread(after, &self.step),
            Purpose::Id(conversation, _) => {
                self.conversations.on_not_looked_up(conversation, code, &mut self.step);
            }
            Purpose::Repair(uid, _) => {
                self.inboxes.give_up(uid);
                self.give_up(Key::User(uid), code);
            }
            // The conversation says its newest message again, and the inbox pulls again.
            Purpose::Pull(..) => {}
            // Whoever wants to know asks again.
            Purpose::Count(_) => {}
            Purpose::Push(login, _) => {
                if let Some(user) = self.inboxes.devices(login.uid) {
                    self.devices.on_unread(user, login, &self.step);
                }
            }
        }
    }

    /// The row at a login's cursor, or the first behind it if that is gone.
    fn on_cursor_read(
        &mut self,
        begun: Begun,
        message_id: MessageId,
        reply: ReplyTo,
        row: Option<&InboxRow>,
    ) {
        let Begun { login, cursor, .. } = begun;
        match row {
            Some(row) if row.inbox_seq == cursor && row.message.message_id != message_id => {
                // With the number that it has: a newer login of the device may wait behind it.
                let begun = self.devices.fork(begun);
                let user = self.inboxes.devices(login.uid);
                let asks =
                    user.is_some_and(|user| Devices::ask_tail(&user, begun, reply, &mut self.step));
                if !asks {
                    self.log_in(begun, reply);
                }
                return;
            }
            Some(row) if row.inbox_seq > cursor => {
                self.inboxes.raise_tail(login.uid, row.inbox_seq);
            }
            Some(_) => {}
            None => self.inboxes.raise_tail(login.uid, InboxSeq(u64::MAX)),
        }
        self.log_in(begun, reply);
    }

    /// A step of a user's load is done.
    fn go_on(&mut self, uid: Uid) {
        if self.inboxes.go_on(uid, &mut self.step) {
            self.resume(Key::User(uid));
        }
    }

    /// The key is in memory: what waited for it goes on, in order.
    fn resume(&mut self, key: Key) {
        for input in self.parking.take(key) {
            match input {
                Input::Command(Command::Send(send), reply) if self.failed.is_none() => {
                    self.take_send(send, reply);
                }
                input @ (Input::Command(..)
                | Input::Mail(_)
                | Input::Wake(_)
                | Input::Judge(_)
                | Input::Notified(_)) => self.handle(input),
            }
        }
    }

    /// The key could not be loaded: what waited for it is told.
    fn give_up(&mut self, key: Key, code: RefusalCode) {
        let mut sends = Vec::new();
        for input in self.parking.take(key) {
            match input {
                Input::Command(Command::Send(send), reply) => sends.push((send, reply)),
                input @ (Input::Command(..)
                | Input::Mail(_)
                | Input::Wake(_)
                | Input::Judge(_)
                | Input::Notified(_)) => self.decline(input, code),
            }
        }
        self.conversations.refuse_all(sends.into_iter(), code, &mut self.step);
    }
}
