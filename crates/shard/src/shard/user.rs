//! A user's inbox: gives messages their place in it, in the order of each conversation.

use super::Shard;
use super::commit::Written;
use super::device::Device;
use super::plant::Fault;
use crate::command::{Input, Mail};
use crate::limits::{CHAT_LAG_MAX, INBOX_WINDOW_MAX, USER_BYTES_MAX};
use crate::partition::Partition;
use crate::rows::{Chain, InboxRow, MessageRow, Row, UserRow};
use wire::{ConversationId, DeviceId, InboxSeq, RefusalCode, Uid};

/// A user with a device, or with traffic.
pub(super) struct User {
    /// The last place given.
    pub head: InboxSeq,
    /// The last place that is durable; nothing above it is shown.
    pub committed: InboxSeq,
    /// Of the row after the last place given.
    pub chain: Chain,
    /// The stored chats tell of every row up to here.
    pub chats_through: InboxSeq,
    /// Grows with each change of a chat.
    pub chats_version: u64,
    pub devices: Vec<Device>,
    /// What only a user with traffic has. Idle ones are the many.
    traffic: Option<Box<Traffic>>,
}

/// What a user's messages left to be done.
#[derive(Default)]
struct Traffic {
    /// Conversations whose chat changed since it was stored.
    dirty: Vec<ConversationId>,
    /// The commit round that last wrote a row.
    touched: u64,
}

const _: () = assert!(size_of::<User>() <= USER_BYTES_MAX);

impl User {
    pub fn new(row: UserRow, head: InboxSeq, chain: Chain) -> Self {
        let UserRow { chats_through, chats_version, .. } = row;
        assert!(chats_through <= head, "chats tell of rows that exist");
        Self {
            head,
            committed: head,
            chain,
            chats_through,
            chats_version,
            devices: Vec::new(),
            traffic: None,
        }
    }

    /// What is stored of it, as it should be.
    pub fn row(&self, uid: Uid) -> UserRow {
        let (chats_through, chats_version) = (self.chats_through, self.chats_version);
        UserRow { uid, chats_through, chats_version }
    }

    pub fn is_needed(&self) -> bool {
        let is_dirty = self.traffic.as_ref().is_some_and(|traffic| !traffic.dirty.is_empty());
        !self.devices.is_empty() || is_dirty || self.head != self.committed
    }

    /// A row of it is in the batch of this round.
    pub fn touch(&mut self, round: u64) {
        self.traffic.get_or_insert_default().touched = round;
    }

    /// The commit round that last wrote a row; 0: none did.
    pub fn touched(&self) -> u64 {
        self.traffic.as_ref().map_or(0, |traffic| traffic.touched)
    }

    /// A chat changed; says whether it is the first since the last flush.
    pub fn add_dirty(&mut self, conversation: ConversationId) -> bool {
        let dirty = &mut self.traffic.get_or_insert_default().dirty;
        dirty.push(conversation);
        dirty.len() == 1
    }

    /// The conversations whose chats changed since the last call.
    pub fn take_dirty(&mut self) -> Vec<ConversationId> {
        self.traffic.as_mut().map_or_else(Vec::new, |traffic| std::mem::take(&mut traffic.dirty))
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
        let Some(user) = self.users.get(&uid) else { return false };
        let Some(chat) = self.chats.get(&(uid, message.conversation)) else { return false };
        let is_next = chat.row.recent_seq.next() == message.seq && user.has_room();
        if is_next {
            self.add_to_inbox(uid, message.clone(), device);
        }
        is_next
    }

    /// A message that is durable in its conversation.
    pub(super) fn on_append(&mut self, uid: Uid, message: MessageRow, device: Option<DeviceId>) {
        let (conversation, seq) = (message.conversation, message.seq);
        let input = || Input::Mail(Mail::Append { uid, message: message.clone(), device });
        if !self.has_user(uid, input) || !self.has_chat(uid, conversation, input) {
            return;
        }
        let has_room = self.users.get(&uid).expect("just found").has_room();
        let chat = self.chats.get(&(uid, conversation)).expect("just found");
        let (recent, durable) = (chat.row.recent_seq, chat.durable);
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
        user.touch(round);
        let lag = user.head.0 - user.chats_through.0;
        let row = InboxRow { uid, inbox_seq: user.head, flags: 0, chain: user.chain, message };
        user.chain = row.next_chain();
        let before = self.apply_to_chat(&row);
        if self.plant.has(Fault::PushBeforeCommit) {
            self.on_inbox_durable(row.clone(), device);
        }
        let written = Written::Inbox { row: row.clone(), device, before };
        self.commit.push(Row::Inbox(row), written);
        if lag >= CHAT_LAG_MAX && !self.plant.has(Fault::LagWithoutBound) {
            self.flush_user(uid);
        }
    }
}
