//! A user's inbox: gives messages their place in it, in the order of each conversation.

use super::Shard;
use super::commit::Written;
use super::device::Device;
use super::plant::Fault;
use crate::command::{Input, Mail};
use crate::limits::{CONTACT_LAG_MAX, INBOX_WINDOW_MAX, USER_BYTES_MAX};
use crate::partition::Partition;
use crate::rows::{InboxRow, MessageRow, Row};
use wire::{DeviceId, InboxSeq, RefusalCode, Uid};

/// A user with a device, or with traffic.
pub(super) struct User {
    /// The last place given.
    pub head: InboxSeq,
    /// The last place that is durable; nothing above it is shown.
    pub committed: InboxSeq,
    /// The stored contacts tell of every row up to here.
    pub contacts_through: InboxSeq,
    pub devices: Vec<Device>,
    /// Peers whose contact changed since it was stored.
    pub dirty: Vec<Uid>,
    /// The commit round that last wrote a row.
    pub touched: u64,
}

const _: () = assert!(size_of::<User>() <= USER_BYTES_MAX);

impl User {
    pub fn new(head: InboxSeq, contacts_through: InboxSeq) -> Self {
        assert!(contacts_through <= head, "contacts tell of rows that exist");
        let (devices, dirty) = (Vec::new(), Vec::new());
        Self { head, committed: head, contacts_through, devices, dirty, touched: 0 }
    }

    pub fn is_needed(&self) -> bool {
        !self.devices.is_empty() || !self.dirty.is_empty() || self.head != self.committed
    }

    fn has_room(&self) -> bool {
        self.head.0 - self.committed.0 < INBOX_WINDOW_MAX
    }
}

impl Shard {
    /// Puts a message into an inbox in the batch of the message itself, if the user is of this shard, in memory
    /// and has everything before it. Where a batch is atomic neither row is ever there alone; elsewhere it waits.
    pub(super) fn append_now(
        &mut self,
        uid: Uid,
        message: &MessageRow,
        device: Option<DeviceId>,
    ) -> bool {
        let is_atomic = self.config.is_atomic || self.plant.has(Fault::TrustTheBatch);
        if !is_atomic || !self.config.share.has(Partition::of_user(uid)) {
            return false;
        }
        let peer = message.conversation.peer_of(uid);
        let Some(user) = self.users.get(&uid) else { return false };
        let Some(contact) = self.contacts.get(&(uid, peer)) else { return false };
        let is_next = contact.row.recent_seq.next() == message.seq && user.has_room();
        if is_next {
            self.add_to_inbox(uid, message.clone(), device);
        }
        is_next
    }

    /// A message that is durable in its conversation.
    pub(super) fn on_append(&mut self, uid: Uid, message: MessageRow, device: Option<DeviceId>) {
        let peer = message.conversation.peer_of(uid);
        let input = || Input::Mail(Mail::Append { uid, message: message.clone(), device });
        if !self.has_user(uid, input) || !self.has_contact(uid, peer, input) {
            return;
        }
        let has_room = self.users.get(&uid).expect("just found").has_room();
        let contact = self.contacts.get(&(uid, peer)).expect("just found");
        let (recent, durable) = (contact.row.recent_seq, contact.durable);
        let (conversation, seq) = (message.conversation, message.seq);
        let owner = Partition::of_conversation(conversation);
        if seq <= recent {
            // Rows in flight confirm themselves once they are durable.
            let through = if self.plant.has(Fault::ConfirmUnwritten) { recent } else { durable };
            if seq <= through {
                let (seq, inbox_seq) = (through, InboxSeq(0));
                self.mail(owner, Mail::Confirm { uid, conversation, seq, inbox_seq });
            }
        } else if seq > recent.next() && !self.plant.has(Fault::AppendOverGap) {
            let from = recent.next();
            self.mail(owner, Mail::Pull { uid, conversation, from, to: seq });
        } else if has_room {
            self.add_to_inbox(uid, message, device);
        } else {
            self.mail(owner, Mail::Decline { conversation, seq, code: RefusalCode::Busy });
        }
    }

    fn add_to_inbox(&mut self, uid: Uid, message: MessageRow, device: Option<DeviceId>) {
        let round = self.commit.round();
        let user = self.users.get_mut(&uid).expect("the user is loaded");
        user.head = user.head.next();
        user.touched = round;
        let lag = user.head.0 - user.contacts_through.0;
        let row = InboxRow { uid, inbox_seq: user.head, message };
        let before = self.apply_to_contact(&row);
        let InboxRow { inbox_seq, message, .. } = row.clone();
        if self.plant.has(Fault::PushBeforeCommit) {
            self.on_inbox_durable(uid, inbox_seq, message.clone(), device);
        }
        self.commit
            .push(Row::Inbox(row), Written::Inbox { uid, inbox_seq, message, device, before });
        if lag >= CONTACT_LAG_MAX && !self.plant.has(Fault::LagWithoutBound) {
            self.flush_user(uid);
        }
    }
}
