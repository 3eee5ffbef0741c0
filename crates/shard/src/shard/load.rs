//! What is not in memory is loaded, and the inputs that need it wait, in order.

use super::Shard;
use super::chat::Chat;
use super::conversation::ConversationState;
use super::plant::Fault;
use super::user::User;
use crate::command::{Input, Login, ReplyTo};
use crate::limits::PARKED_PER_KEY_MAX;
use crate::rows::{ChatRow, Found, InboxRow, Read, Ticket, UserRow};
use hashbrown::HashMap;
use wire::{ConversationId, InboxSeq, RefusalCode, Seq, Uid};

/// What inputs wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    User(Uid),
    Chat(Uid, ConversationId),
    Conversation(ConversationId),
}

/// What to do with a read's answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Waiting {
    Load(Key),
    /// A chat that a loading user's inbox tail tells of.
    Repair(Uid, ConversationId),
    Id(ConversationId),
    /// What was committed when it was asked for.
    Pull(Uid, Seq),
    /// The inbox's head when the page was asked for.
    Sync(InboxSeq, ReplyTo),
    /// What was committed when it was asked for.
    History(ConversationId, Seq, ReplyTo),
    /// The list's version when it was asked for.
    Chats(u64, ReplyTo),
    Push(Login),
}

/// Reads under way, and inputs that wait for them.
#[derive(Default)]
pub(super) struct Parking {
    reads: HashMap<Ticket, Waiting>,
    parked: HashMap<Key, Vec<Input>>,
    parked_len: usize,
    loading: HashMap<Uid, Loading>,
}

/// A user whose chats are being repaired.
struct Loading {
    user: User,
    tail: Vec<InboxRow>,
    missing: usize,
}

impl Parking {
    pub fn wait(&mut self, ticket: Ticket, waiting: Waiting) {
        self.reads.insert(ticket, waiting);
    }

    pub fn len(&self) -> usize {
        self.parked_len
    }

    pub fn is_idle(&self) -> bool {
        self.reads.is_empty()
    }
}

impl Shard {
    /// Whether the user is in memory; if not, the input waits for it.
    pub(super) fn has_user(&mut self, uid: Uid, input: impl FnOnce() -> Input) -> bool {
        let found = self.users.contains_key(&uid);
        if !found {
            self.park(Key::User(uid), input(), Read::User { uid });
        }
        found
    }

    /// Whether the chat is in memory; if not, the input waits for it.
    pub(super) fn has_chat(
        &mut self,
        uid: Uid,
        conversation: ConversationId,
        input: impl FnOnce() -> Input,
    ) -> bool {
        let found = self.chats.contains_key(&(uid, conversation));
        if !found {
            let read = Read::Chat { uid, conversation };
            self.park(Key::Chat(uid, conversation), input(), read);
        }
        found
    }

    /// The conversation is not in memory: the input waits for it.
    pub(super) fn load_conversation(&mut self, conversation: ConversationId, input: Input) {
        self.park(Key::Conversation(conversation), input, Read::Conversation { conversation });
    }

    fn park(&mut self, key: Key, input: Input, read: Read) {
        let waits = self.parking.parked.get(&key).map_or(0, Vec::len);
        if waits >= PARKED_PER_KEY_MAX || self.parking.parked_len >= self.config.in_flight_max {
            return self.decline(input, RefusalCode::Busy);
        }
        self.parking.parked_len += 1;
        self.parking.parked.entry(key).or_default().push(input);
        if waits == 0 {
            let ticket = self.ask_after_commit(read);
            self.parking.wait(ticket, Waiting::Load(key));
        }
    }

    fn unpark(&mut self, key: Key) -> Vec<Input> {
        let inputs = self.parking.parked.remove(&key).unwrap_or_default();
        self.parking.parked_len -= inputs.len();
        inputs
    }

    /// The key is in memory: what waited for it goes on, in order.
    fn resume(&mut self, key: Key) {
        for input in self.unpark(key) {
            self.handle(input);
        }
    }

    pub(super) fn on_found(&mut self, ticket: Ticket, found: Found) {
        let waiting = self.parking.reads.remove(&ticket).expect("a read is answered once");
        match (waiting, found) {
            (Waiting::Load(Key::User(uid)), Found::User { row, head, chain, tail }) => {
                let none = UserRow { uid, chats_through: InboxSeq(0), chats_version: 0 };
                let user = User::new(row.unwrap_or(none), head, chain);
                self.on_user_found(uid, user, tail);
            }
            (Waiting::Load(key @ Key::Chat(uid, conversation)), Found::Chat(row)) => {
                self.add_chat(uid, conversation, row);
                self.resume(key);
            }
            (Waiting::Load(key @ Key::Conversation(conversation)), Found::Messages(rows)) => {
                let state = ConversationState::new(conversation, rows.last());
                self.conversations.insert(conversation, state);
                self.resume(key);
            }
            (Waiting::Repair(uid, conversation), Found::Chat(row)) => {
                self.add_chat(uid, conversation, row);
                self.on_chat_repaired(uid);
            }
            (Waiting::Id(conversation), Found::Messages(mut rows)) => {
                self.on_looked_up(conversation, rows.pop());
            }
            (Waiting::Pull(uid, committed), Found::Messages(rows)) => {
                self.on_pulled(uid, committed, rows);
            }
            (Waiting::Sync(head, reply), Found::Inbox(rows)) => {
                self.on_sync_read(head, reply, rows);
            }
            (Waiting::History(conversation, committed, reply), Found::Messages(rows)) => {
                self.on_history_read(conversation, committed, reply, rows);
            }
            (Waiting::Chats(version, reply), Found::Chats(rows)) => {
                self.on_chats_read(version, reply, rows);
            }
            (Waiting::Push(login), Found::Inbox(rows)) => self.on_push_read(login, rows),
            (waiting, found) => unreachable!("{waiting:?} was answered with {found:?}"),
        }
    }

    /// The store could not answer: whoever waits for it is told.
    pub(super) fn on_unread(&mut self, ticket: Ticket) {
        let code = RefusalCode::StoreUnavailable;
        match self.parking.reads.remove(&ticket).expect("a read is answered once") {
            Waiting::Load(key) => {
                for input in self.unpark(key) {
                    self.decline(input, code);
                }
            }
            Waiting::Sync(_, reply) | Waiting::History(.., reply) | Waiting::Chats(_, reply) => {
                self.refuse(reply, code);
            }
            Waiting::Id(conversation) => {
                let state = self.conversations.get_mut(&conversation).expect("it is kept");
                state.is_looking = false;
                for (_, reply) in std::mem::take(&mut state.waiting) {
                    self.in_flight -= 1;
                    self.refuse(reply, code);
                }
            }
            Waiting::Repair(uid, _) => {
                self.parking.loading.remove(&uid);
                for input in self.unpark(Key::User(uid)) {
                    self.decline(input, code);
                }
            }
            // The conversation says its newest message again, and the inbox pulls again.
            Waiting::Pull(..) => {}
            Waiting::Push(login) => self.on_push_unread(login),
        }
    }

    fn add_chat(&mut self, uid: Uid, conversation: ConversationId, row: Option<ChatRow>) {
        let row = row.unwrap_or_else(|| ChatRow::empty(uid, conversation));
        let chat = Chat { row, durable: row.recent_seq, is_dirty: false, touched: 0 };
        self.chats.entry((uid, conversation)).or_insert(chat);
    }

    /// A user whose chats lag behind its inbox: they are loaded, and brought up to it.
    fn on_user_found(&mut self, uid: Uid, user: User, tail: Vec<InboxRow>) {
        let mut missing: Vec<ConversationId> =
            tail.iter().map(|row| row.message.conversation).collect();
        missing.sort_unstable();
        missing.dedup();
        missing.retain(|conversation| !self.chats.contains_key(&(uid, *conversation)));
        for &conversation in &missing {
            let ticket = self.ask_after_commit(Read::Chat { uid, conversation });
            self.parking.wait(ticket, Waiting::Repair(uid, conversation));
        }
        let loading = Loading { user, tail, missing: missing.len() + 1 };
        self.parking.loading.insert(uid, loading);
        self.on_chat_repaired(uid);
    }

    fn on_chat_repaired(&mut self, uid: Uid) {
        let Some(loading) = self.parking.loading.get_mut(&uid) else { return };
        loading.missing -= 1;
        if loading.missing > 0 {
            return;
        }
        let mut loading = self.parking.loading.remove(&uid).expect("just seen");
        // A batch may be cut off between its chats and their user: no version is given twice.
        for row in &loading.tail {
            let chat = self.chats.get(&(uid, row.message.conversation)).expect("loaded before");
            loading.user.chats_version = loading.user.chats_version.max(chat.row.version);
        }
        self.users.insert(uid, Box::new(loading.user));
        for row in loading.tail {
            let conversation = row.message.conversation;
            let known = self.chats.get(&(uid, conversation)).expect("loaded before").row.recent_seq;
            if row.message.seq > known && !self.plant.has(Fault::SkipRepair) {
                self.apply_to_chat(&row);
                self.set_durable(uid, conversation, row.message.seq);
            }
        }
        self.resume(Key::User(uid));
    }

    fn cached(&self) -> usize {
        self.conversations.len() + self.chats.len() + self.users.len()
    }

    /// Forgets what nothing needs, once there is too much of it. What is left does not count: a sweep costs
    /// at most its share of what came since the last one.
    pub(super) fn evict(&mut self) {
        if self.cached() <= self.sweep_above {
            return;
        }
        let (commit, parking) = (&self.commit, &self.parking);
        // A chat that a load is about to use, or that an answer on its way would put back older, stays.
        let is_loading = |uid: Uid, conversation: ConversationId| {
            parking.loading.contains_key(&uid)
                || parking.parked.contains_key(&Key::Chat(uid, conversation))
        };
        self.conversations.retain(|_, state| !state.is_quiet());
        self.chats.retain(|&(uid, conversation), chat| {
            chat.is_dirty || !commit.is_over(chat.touched) || is_loading(uid, conversation)
        });
        self.users.retain(|_, user| user.is_needed() || !commit.is_over(user.touched()));
        self.sweep_above = self.cached() + self.config.cached_max;
    }
}
