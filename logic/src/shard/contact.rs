//! Contacts in memory, and how they are written behind.
//!
//! What a message changes in a contact is derived from the inbox, so it is stored later, a user's changes
//! together. What the user changes itself is stored before it is answered.

use super::Shard;
use super::commit::Written;
use crate::command::{Command, ContactChange, Input, ReplyTo};
use crate::limits::CONTACT_FLUSH_MS;
use crate::rows::{ContactRow, InboxRow, Row, UserRow};
use wire::{InboxSeq, RefusalCode, Seq, Uid};

/// A contact row as it should be, and whether the store has it so.
pub(super) struct Contact {
    pub row: ContactRow,
    /// The last message of the conversation that is durable in the user's inbox.
    pub durable: Seq,
    pub is_dirty: bool,
    /// The commit round that last wrote or changed it.
    pub touched: u64,
}

/// A contact that has no message yet.
pub(super) fn empty(uid: Uid, peer: Uid) -> ContactRow {
    ContactRow {
        uid,
        peer,
        recent_seq: Seq(0),
        recent_inbox_seq: InboxSeq(0),
        read_seq: Seq(0),
        read_time_ms: 0,
        is_deleted: false,
    }
}

impl Shard {
    /// Applies a new inbox row to its contact, which is loaded. Own messages count as read.
    pub(super) fn apply_to_contact(&mut self, row: &InboxRow) -> ContactRow {
        let message = &row.message;
        let peer = message.conversation.peer_of(row.uid);
        let round = self.commit.round();
        let contact = self.contacts.get_mut(&(row.uid, peer)).expect("the contact is loaded");
        contact.touched = round;
        let before = contact.row;
        assert!(message.seq > before.recent_seq, "rows reach a contact in order");
        contact.row.recent_seq = message.seq;
        contact.row.recent_inbox_seq = row.inbox_seq;
        contact.row.is_deleted = false;
        if message.from == row.uid {
            contact.row.read_seq = message.seq;
            contact.row.read_time_ms = message.time_ms;
        }
        self.mark_dirty(row.uid, peer);
        before
    }

    pub(super) fn set_durable(&mut self, uid: Uid, peer: Uid, seq: Seq) {
        self.contacts.get_mut(&(uid, peer)).expect("contacts in flight are kept").durable = seq;
    }

    pub(super) fn mark_dirty(&mut self, uid: Uid, peer: Uid) {
        let contact = self.contacts.get_mut(&(uid, peer)).expect("the contact is loaded");
        if std::mem::replace(&mut contact.is_dirty, true) {
            return;
        }
        let user = self.users.get_mut(&uid).expect("the user is loaded");
        if user.dirty.is_empty() {
            self.dirty_users.push_back((self.now.mono_ms + CONTACT_FLUSH_MS, uid));
        }
        user.dirty.push(peer);
    }

    /// Puts a user's changed contacts into the batch. They tell of rows of this batch at most.
    pub(super) fn flush_user(&mut self, uid: Uid) {
        let Some(user) = self.users.get_mut(&uid) else { return };
        let peers = std::mem::take(&mut user.dirty);
        if peers.is_empty() {
            return;
        }
        let through_before = std::mem::replace(&mut user.contacts_through, user.head);
        let user_row = UserRow { uid, contacts_through: user.contacts_through };
        let round = self.commit.round();
        user.touched = round;
        for peer in &peers {
            let contact = self.contacts.get_mut(&(uid, *peer)).expect("dirty contacts are kept");
            contact.is_dirty = false;
            contact.touched = round;
            // One whose first message was taken back is none.
            if contact.row.recent_seq > Seq(0) {
                self.commit.push_row(Row::Contact(contact.row));
            }
        }
        self.commit.push(Row::User(user_row), Written::Flush { uid, peers, through_before });
    }

    pub(super) fn take_back_flush(&mut self, uid: Uid, peers: &[Uid], through_before: InboxSeq) {
        let user = self.users.get_mut(&uid).expect("a user with rows in flight is kept");
        user.contacts_through = through_before;
        peers.iter().for_each(|peer| self.mark_dirty(uid, *peer));
    }

    pub(super) fn restore_contact(&mut self, before: ContactRow) {
        let key = (before.uid, before.peer);
        self.contacts.get_mut(&key).expect("contacts in flight are kept").row = before;
    }

    pub(super) fn on_change_contact(
        &mut self,
        uid: Uid,
        peer: Uid,
        change: ContactChange,
        reply: ReplyTo,
    ) {
        let input = || Input::Command(Command::ChangeContact { uid, peer, change }, reply);
        if !self.has_user(uid, input) || !self.has_contact(uid, peer, input) {
            return;
        }
        let contact = self.contacts.get_mut(&(uid, peer)).expect("just found");
        let before = contact.row;
        if before.recent_seq == Seq(0) {
            return self.refuse(reply, RefusalCode::OutOfRange);
        }
        match change {
            ContactChange::Read(seq) => {
                contact.row.read_seq = before.read_seq.max(seq.min(before.recent_seq));
                contact.row.read_time_ms = self.now.unix_ms;
            }
            ContactChange::Delete => contact.row.is_deleted = true,
        }
        let after = contact.row;
        contact.touched = self.commit.round();
        self.commit.push(Row::Contact(after), Written::Contact { before, after, reply });
    }
}
