//! Users: their inboxes, each of which gives messages their place in the order of each conversation, and their chats.
//!
//! It knows no conversation but by name, and of a user's devices only where they are kept.

mod chat;
mod changes;
mod counting;
mod load;
mod marking;
mod marks;
mod owed;
mod pages;
mod peer;
mod places;
mod told;
mod user;
#[cfg(test)]
mod tests;

use super::commit::Change;
use super::config::ShardConfig;
use super::devices::{DeviceList, UserDevices};
use super::plant::{Fault, Plant};
use super::step::Step;
use crate::command::Mail;
use crate::limits::CHAT_LAG_MAX;
use crate::partition::Partition;
use crate::rows::{ChatRow, InboxRow, MessageRow, Revoked, Row};
use chat::Chat;
use hashbrown::HashMap;
use marks::Held;
pub(super) use owed::Judged;
use std::collections::VecDeque;
pub(super) use told::{notification, replayed};
use user::{Load, User};
use wire::{ConversationId, DeviceId, InboxSeq, RefusalCode, RowKind, Seq, Uid};

/// Every user in memory, and the chats of users that are.
pub(super) struct Inboxes {
    is_atomic: bool,
    /// Boxed: a table has up to twice as many places as users.
    users: HashMap<Uid, Box<User>>,
    chats: HashMap<(Uid, ConversationId), Chat>,
    /// Users that are being loaded.
    loads: HashMap<Uid, Load>,
    /// Users with changed chats, and when to store them.
    dirty: VecDeque<(u64, Uid)>,
    /// Chats that were marked lately, and when they may be marked again.
    resting: VecDeque<(u64, (Uid, ConversationId))>,
    /// There is a receiver of offline push.
    notifies: bool,
    /// Rows of this step that may be owed to users with tokens.
    owing: VecDeque<(Uid, InboxSeq)>,
    plant: Plant,
}

impl Inboxes {
    pub fn new(config: &ShardConfig, plant: Plant) -> Self {
        Self {
            is_atomic: config.is_atomic || plant.has(Fault::TrustTheBatch),
            users: HashMap::new(),
            chats: HashMap::new(),
            loads: HashMap::new(),
            dirty: VecDeque::new(),
            resting: VecDeque::new(),
            notifies: config.push.is_some(),
            owing: VecDeque::new(),
            plant,
        }
    }

    /// Whether the user is in memory.
    #[inline]
    pub fn has_user(&self, uid: Uid) -> bool {
        self.users.contains_key(&uid)
    }

    /// Whether the chat is.
    #[inline]
    pub fn has_chat(&self, uid: Uid, conversation: ConversationId) -> bool {
        self.chats.contains_key(&(uid, conversation))
    }

    /// How many users and chats are in memory.
    #[inline]
    pub fn len(&self) -> usize {
        self.users.len() + self.chats.len()
    }

    /// The devices of a user in memory, and up to where its inbox is durable.
    #[inline]
    pub fn devices(&mut self, uid: Uid) -> Option<UserDevices<'_>> {
        self.users.get_mut(&uid).map(|user| lend(uid, user))
    }

    /// What of a user in memory is believed no more.
    pub fn revoked(&self, uid: Uid) -> Option<Revoked> {
        self.users.get(&uid).map(|user| user.revoked())
    }

    /// Nothing of a user's inbox below this place is there any more.
    pub fn raise_tail(&mut self, uid: Uid, tail: InboxSeq) {
        if let Some(user) = self.users.get_mut(&uid) {
            user.raise_tail(tail);
        }
    }

    /// The devices of every user in memory.
    pub fn all_devices(&self) -> impl Iterator<Item = (Uid, &DeviceList)> {
        self.users.iter().map(|(uid, user)| (*uid, &user.devices))
    }

    /// The same, to change.
    pub fn all_devices_mut(&mut self) -> impl Iterator<Item = &mut DeviceList> {
        self.users.values_mut().map(|user| &mut user.devices)
    }

    /// Puts a message into an inbox in the batch of the message itself, if the user is of this shard, in memory
    /// and has everything before it. Where a batch is atomic neither row is ever there alone; elsewhere it waits.
    pub fn append_now(
        &mut self,
        uid: Uid,
        message: &MessageRow,
        device: Option<DeviceId>,
        step: &mut Step,
    ) -> bool {
        if !self.is_atomic || !step.has(Partition::of_user(uid)) {
            return false;
        }
        let Some(user) = self.users.get(&uid) else { return false };
        let Some(chat) = self.chats.get(&(uid, message.conversation)) else { return false };
        let is_counted = Self::uncounted(uid, message, chat).is_none();
        let is_next = chat.row.recent_seq.next() == message.seq && is_counted && user.has_room(2);
        if is_next {
            self.add(uid, message.clone(), device, step);
        }
        is_next
    }

    /// A message that is durable in its conversation; user and chat are in memory.
    pub fn append(
        &mut self,
        uid: Uid,
        message: MessageRow,
        device: Option<DeviceId>,
        step: &mut Step,
    ) {
        let (conversation, seq) = (message.conversation, message.seq);
        let has_room = self.users.get(&uid).expect("it is loaded").has_room(2);
        let chat = self.chats.get(&(uid, conversation)).expect("it is loaded");
        let (recent, durable) = (chat.row.recent_seq, chat.durable);
        let uncounted = Self::uncounted(uid, &message, chat);
        let owner = Partition::of_conversation(conversation);
        if seq <= recent {
            // Rows in flight confirm themselves once they are durable.
            let through = if self.plant.has(Fault::ConfirmUnwritten) { recent } else { durable };
            if seq <= through {
                let (seq, inbox_seq) = (through, InboxSeq(0));
                step.mail(owner, Mail::Confirm { uid, conversation, seq, inbox_seq });
            }
        } else if seq > recent.next() && !self.plant.has(Fault::AppendOverGap) {
            if !self.is_held_behind((uid, conversation), seq, step) {
                step.mail(owner, Mail::Pull { uid, conversation, from: recent.next(), to: seq });
            }
        } else if !has_room {
            step.mail(owner, Mail::Decline { conversation, seq, code: RefusalCode::Busy });
        } else if let Some(seen) = uncounted {
            let through = seq;
            self.hold(uid, Held { message, device, offered_after: None, through }, seen, step);
        } else {
            self.add(uid, message, device, step);
        }
    }

    /// An entry of a group that is durable there; user and chat are in memory. What comes over a gap, or where there is no
    /// room, is left: it is offered again, in order.
    pub fn take_offer(
        &mut self,
        (uid, previous): (Uid, Seq),
        message: MessageRow,
        device: Option<DeviceId>,
        step: &mut Step,
    ) {
        let conversation = message.conversation;
        let has_room = self.users.get(&uid).expect("it is loaded").has_room(2);
        let chat = self.chats.get(&(uid, conversation)).expect("it is loaded");
        let (recent, durable) = (chat.row.recent_seq, chat.durable);
        let uncounted = Self::uncounted(uid, &message, chat);
        let through = if self.plant.has(Fault::ConfirmUnwritten) { recent } else { durable };
        if message.seq <= through {
            let (seq, inbox_seq) = (through, InboxSeq(0));
            let owner = Partition::of_conversation(conversation);
            step.mail(owner, Mail::Confirm { uid, conversation, seq, inbox_seq });
        } else if message.seq > recent && previous <= recent && has_room {
            let Some(seen) = uncounted else { return self.add(uid, message, device, step) };
            let (offered_after, through) = (Some(previous), message.seq);
            self.hold(uid, Held { message, device, offered_after, through }, seen, step);
        }
    }

    /// What the sender has seen goes before its message.
    fn add(&mut self, uid: Uid, message: MessageRow, device: Option<DeviceId>, step: &mut Step) {
        let key = (uid, message.conversation);
        if message.seen > Seq(0) && !self.plant.has(Fault::ForgetSeen) {
            let chat = self.chats.get(&key).expect("it is loaded");
            if let Some(seen) = Self::newly_seen(uid, &message, &chat.row) {
                self.add_mark(key, (RowKind::READ, seen), Vec::new(), step);
            }
        }
        let change = |row, before, _| Change::Inbox { row, device, before };
        self.add_row(uid, message, change, step);
    }

    /// Puts a row into the inbox, and what it changes into its chat. `change` is given the row, and the chat before and after.
    fn add_row(
        &mut self,
        uid: Uid,
        message: MessageRow,
        change: impl FnOnce(InboxRow, ChatRow, ChatRow) -> Change,
        step: &mut Step,
    ) {
        let user = self.users.get_mut(&uid).expect("it is loaded");
        let chat = self.chats.get_mut(&(uid, message.conversation)).expect("it is loaded");
        let round = step.commit.round();
        user.touch(round);
        let before = chat.row;
        let row = user.append(uid, message);
        chat.apply(&row, user.next_version());
        chat.touched = round;
        if row.message.sender == uid && self.plant.has(Fault::OwnIsRead) {
            (chat.row.read_seq, chat.row.read_number) = (row.message.seq, chat.row.recent_number);
        }
        let due_ms = chat.mark_dirty(user, step.now());
        self.dirty.extend(due_ms.map(|due_ms| (due_ms, uid)));
        if self.notifies && user.push().is_some() && told::may_be_owed(&row) {
            self.owing.push_back((uid, row.inbox_seq));
        }
        let is_far_behind = user.lag() >= CHAT_LAG_MAX && !self.plant.has(Fault::LagWithoutBound);
        step.commit.push(Row::Inbox(row.stored()), change(row, before, chat.row));
        if is_far_behind {
            self.flush(uid, step);
        }
    }

    /// A row is durable in its inbox: the devices that may be shown it.
    #[inline]
    pub fn show(&mut self, uid: Uid, inbox_seq: InboxSeq) -> UserDevices<'_> {
        let user = self.users.get_mut(&uid).expect("a user with rows in flight is kept");
        user.commit(inbox_seq);
        lend(uid, user)
    }

    /// The last message of the conversation that is durable in the inbox.
    #[inline]
    pub fn set_durable(&mut self, uid: Uid, conversation: ConversationId, seq: Seq) {
        let chat = self.chats.get_mut(&(uid, conversation));
        chat.expect("chats in flight are kept").durable = seq;
    }

    /// A row was not written, nor what it made of its chat.
    pub fn take_back(&mut self, row: &InboxRow, before: ChatRow) {
        let user = self.users.get_mut(&row.uid).expect("a user with rows in flight is kept");
        user.take_back(row);
        if !self.plant.has(Fault::KeepRefused) {
            self.restore_chat(before);
        }
    }
}

fn lend(uid: Uid, user: &mut User) -> UserDevices<'_> {
    let (committed, tail) = (user.committed(), user.tail());
    UserDevices { uid, committed, tail, devices: &mut user.devices }
}
