//! What is not in memory is loaded, and the inputs that need it wait, in order.

use super::Shard;
use super::contact::{Contact, empty};
use super::conversation::ConversationState;
use super::plant::Fault;
use super::user::User;
use crate::command::{Input, Login, ReplyTo};
use crate::limits::PARKED_PER_KEY_MAX;
use crate::rows::{ContactRow, Found, InboxRow, Read, Ticket};
use hashbrown::HashMap;
use wire::{Conversation, InboxSeq, RefusalCode, Seq, Uid};

/// What inputs wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    User(Uid),
    Contact(Uid, Uid),
    Conversation(Conversation),
}

/// What to do with a read's answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Waiting {
    Load(Key),
    /// A contact that a loading user's inbox tail tells of.
    Repair(Uid, Uid),
    Id(Conversation),
    /// What was committed when it was asked for.
    Pull(Uid, Seq),
    /// The inbox's head when the page was asked for.
    Sync(InboxSeq, ReplyTo),
    /// What was committed when it was asked for.
    History(Seq, ReplyTo),
    Contacts(ReplyTo),
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

/// A user whose contacts are being repaired.
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

    /// Whether the contact is in memory; if not, the input waits for it.
    pub(super) fn has_contact(
        &mut self,
        uid: Uid,
        peer: Uid,
        input: impl FnOnce() -> Input,
    ) -> bool {
        let found = self.contacts.contains_key(&(uid, peer));
        if !found {
            self.park(Key::Contact(uid, peer), input(), Read::Contact { uid, peer });
        }
        found
    }

    /// The conversation is not in memory: the input waits for it.
    pub(super) fn load_conversation(&mut self, conversation: Conversation, input: Input) {
        self.park(Key::Conversation(conversation), input, self.next_read(conversation));
    }

    /// What is read next of it. The big user's contact, of the same partition, tells of committed messages only: from there
    /// the end is looked for.
    fn next_read(&self, conversation: Conversation) -> Read {
        let (uid, peer) = (conversation.big(), conversation.small());
        match self.contacts.get(&(uid, peer)) {
            None => Read::Contact { uid, peer },
            Some(contact) => Read::Conversation { conversation, known: contact.durable },
        }
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
            (Waiting::Load(Key::User(uid)), Found::User { row, head, tail }) => {
                let through = row.map_or(InboxSeq(0), |row| row.contacts_through);
                self.on_user_found(uid, User::new(head, through), tail);
            }
            (Waiting::Load(key @ Key::Contact(uid, peer)), Found::Contact(row)) => {
                self.add_contact(uid, peer, row);
                self.resume(key);
            }
            (Waiting::Load(key @ Key::Conversation(conversation)), Found::Contact(row)) => {
                self.add_contact(conversation.big(), conversation.small(), row);
                let ticket = self.ask_after_commit(self.next_read(conversation));
                self.parking.wait(ticket, Waiting::Load(key));
            }
            (Waiting::Load(key @ Key::Conversation(conversation)), Found::Messages(rows)) => {
                let state = ConversationState::new(rows.last());
                self.conversations.insert(conversation, state);
                self.resume(key);
            }
            (Waiting::Repair(uid, peer), Found::Contact(row)) => {
                self.add_contact(uid, peer, row);
                self.on_contact_repaired(uid);
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
            (Waiting::History(committed, reply), Found::Messages(rows)) => {
                self.on_history_read(committed, reply, rows);
            }
            (Waiting::Contacts(reply), Found::Contacts(rows)) => self.on_contacts_read(reply, rows),
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
            Waiting::Sync(_, reply) | Waiting::History(_, reply) | Waiting::Contacts(reply) => {
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
            Waiting::Pull(..) | Waiting::Push(_) => {}
        }
    }

    fn add_contact(&mut self, uid: Uid, peer: Uid, row: Option<ContactRow>) {
        let row = row.unwrap_or_else(|| empty(uid, peer));
        let contact = Contact { row, durable: row.recent_seq, is_dirty: false, touched: 0 };
        self.contacts.entry((uid, peer)).or_insert(contact);
    }

    /// A user whose contacts lag behind its inbox: they are loaded, and brought up to it.
    fn on_user_found(&mut self, uid: Uid, user: User, tail: Vec<InboxRow>) {
        let mut peers: Vec<Uid> =
            tail.iter().map(|row| row.message.conversation.peer_of(uid)).collect();
        peers.sort_unstable();
        peers.dedup();
        peers.retain(|peer| !self.contacts.contains_key(&(uid, *peer)));
        for peer in &peers {
            let ticket = self.ask_after_commit(Read::Contact { uid, peer: *peer });
            self.parking.wait(ticket, Waiting::Repair(uid, *peer));
        }
        let loading = Loading { user, tail, missing: peers.len() + 1 };
        self.parking.loading.insert(uid, loading);
        self.on_contact_repaired(uid);
    }

    fn on_contact_repaired(&mut self, uid: Uid) {
        let Some(loading) = self.parking.loading.get_mut(&uid) else { return };
        loading.missing -= 1;
        if loading.missing > 0 {
            return;
        }
        let loading = self.parking.loading.remove(&uid).expect("just seen");
        self.users.insert(uid, Box::new(loading.user));
        for row in loading.tail {
            let peer = row.message.conversation.peer_of(uid);
            let known = self.contacts.get(&(uid, peer)).expect("loaded before").row.recent_seq;
            if row.message.seq > known && !self.plant.has(Fault::SkipRepair) {
                self.apply_to_contact(&row);
                self.set_durable(uid, peer, row.message.seq);
            }
        }
        self.resume(Key::User(uid));
    }

    fn cached(&self) -> usize {
        self.conversations.len() + self.contacts.len() + self.users.len()
    }

    /// Forgets what nothing needs, once there is too much of it. What is left does not count: a sweep costs
    /// at most its share of what came since the last one.
    pub(super) fn evict(&mut self) {
        if self.cached() <= self.sweep_above {
            return;
        }
        let (commit, parking) = (&self.commit, &self.parking);
        // A contact that a load is about to use, or that an answer on its way would put back older, stays.
        let is_loading = |uid: Uid, peer: Uid| {
            let conversation = Conversation::between(uid, peer).map(Key::Conversation);
            parking.loading.contains_key(&uid)
                || parking.parked.contains_key(&Key::Contact(uid, peer))
                || conversation.is_some_and(|key| parking.parked.contains_key(&key))
        };
        self.conversations.retain(|_, state| !state.is_quiet());
        self.contacts.retain(|&(uid, peer), contact| {
            contact.is_dirty || !commit.is_over(contact.touched) || is_loading(uid, peer)
        });
        self.users.retain(|_, user| user.is_needed() || !commit.is_over(user.touched));
        self.sweep_above = self.cached() + self.config.cached_max;
    }
}
