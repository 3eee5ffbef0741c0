//! What must hold at every step, over all processes at once. It sees what nobody in a real cluster sees, and
//! influences nothing.

use super::client::{Client, Row, Sent, conversations, users};
use super::groups::{forbidden, groups, owed};
use super::store::{Put, Statement, Store};
use shard::command::{Answer, Delivery};
use shard::owner::Epoch;
use shard::partition::Partition;
use shard::rows::InboxRow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wire::{ClientMsgId, ConversationId, InboxSeq, MessageId, RefusalCode, Seq, Uid};

/// Remembers everything that was ever promised.
#[derive(Debug, Default)]
pub struct Judge {
    /// Acknowledged: which message is where.
    messages: BTreeMap<(ConversationId, Seq), MessageId>,
    /// Shown, or acknowledged: which message an inbox has where.
    inboxes: BTreeMap<(Uid, InboxSeq), (ConversationId, Seq)>,
    /// The highest row of each inbox that anybody was told of.
    heads: BTreeMap<Uid, InboxSeq>,
    /// The epochs that were begun of each partition.
    begun: BTreeMap<Partition, BTreeSet<Epoch>>,
    acks: u64,
    refusals: u64,
    /// Which message a process was asked to take, by the entry's number there and the request's.
    asked: BTreeMap<(usize, u16, u64), ClientMsgId>,
    /// Messages that a node has refused: others may have passed them.
    refused: BTreeSet<ClientMsgId>,
    /// The first thing that went wrong.
    verdict: Option<String>,
}

impl Judge {
    /// The first thing that went wrong, if anything did.
    #[must_use]
    pub fn verdict(&self) -> Option<&str> {
        self.verdict.as_deref()
    }

    /// How many messages were acknowledged.
    #[must_use]
    pub fn acked(&self) -> u64 {
        self.messages.len() as u64
    }

    /// How many of them went to groups.
    #[must_use]
    pub fn acked_by_groups(&self) -> u64 {
        self.messages.keys().filter(|(id, _)| id.is_group()).count() as u64
    }

    /// Acks that nodes gave, those of retries included.
    #[must_use]
    pub fn acks(&self) -> u64 {
        self.acks
    }

    /// Epochs that were begun.
    #[must_use]
    pub fn epochs(&self) -> u64 {
        self.begun.values().map(|epochs| epochs.len() as u64).sum()
    }

    /// Something that must not be.
    pub fn fail(&mut self, what: impl FnOnce() -> String) {
        self.verdict.get_or_insert_with(what);
    }

    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fail(what);
        }
    }

    /// A process begins an epoch.
    pub fn begins(&mut self, partition: Partition, epoch: Epoch) {
        let is_new = self.begun.entry(partition).or_default().insert(epoch);
        self.check(is_new, || format!("{partition:?} {epoch:?} was begun twice"));
    }

    /// A process steps its shard of a partition, and what it commits counts.
    pub fn steps(&mut self, process: usize, (partition, epoch): (Partition, Epoch)) {
        let begun = self.begun.get(&partition).and_then(|epochs| epochs.last().copied());
        let newest = begun.unwrap_or_default();
        self.check(newest <= epoch, || {
            format!("process {process} commits in {partition:?} under {epoch:?}, after {newest:?}")
        });
    }

    /// An entry has asked a process to take a message.
    pub fn asks(&mut self, process: usize, (entry, ticket): (u16, u64), id: ClientMsgId) {
        self.asked.insert((process, entry, ticket), id);
    }

    /// A process says something to an entry; whether the store has answered everybody for long.
    pub fn refuses(&mut self, delivery: &Delivery, is_back: bool) {
        if let Answer::Refused { code: RefusalCode::StoreUnavailable, .. } = delivery.answer {
            self.refusals += 1;
            self.check(!is_back, || "the store answers, and is refused for".into());
        }
    }

    /// How often something was refused because the store did not answer.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refusals
    }

    /// A process says something to an entry, while the store holds this.
    pub fn says(&mut self, process: usize, delivery: &Delivery, (store, users): (&Store, &[Uid])) {
        match &delivery.answer {
            Answer::Acked { message_id, seq, inbox_seq, .. } => {
                self.acks += 1;
                let place = conversations(users).chain(groups()).find(|id| {
                    store.message(*id, *seq).is_some_and(|row| row.message_id == *message_id)
                });
                let Some(id) = place else {
                    return self.fail(|| format!("{message_id} at {seq} is acked, not stored"));
                };
                self.messages.insert((id, *seq), *message_id);
                let sender = store.message(id, *seq).map(|row| row.sender);
                let own = sender.and_then(|sender| store.inbox_row(sender, *inbox_seq));
                let is_own = own.is_some_and(|row| row.message.message_id == *message_id);
                self.check(inbox_seq.0 == 0 || is_own, || {
                    format!("the ack of {id} {seq} names {inbox_seq} of {sender:?}, {own:?}")
                });
                for uid in id.users() {
                    match store.copy_of(uid, (id, *seq)) {
                        Some(place) => self.promise((uid, place), (id, *seq)),
                        None => self.fail(|| format!("{id} {seq} is acked, not in {uid}'s inbox")),
                    }
                }
            }
            Answer::Push { row, .. } => self.shows(store, row),
            Answer::Inbox { rows, .. } => rows.iter().for_each(|row| self.shows(store, row)),
            Answer::LoggedIn { login, inbox_head, .. } => {
                self.tells_head(store, login.uid, *inbox_head);
            }
            Answer::LoggedOut(_) | Answer::Head { .. } | Answer::News(_) => {}
            Answer::History { .. } | Answer::Chats { .. } | Answer::Chat(_) => {}
            Answer::GroupMembers { .. } | Answer::Devices(_) | Answer::Ended { .. } => {}
            Answer::GroupInfo { .. } | Answer::Signal { .. } | Answer::Believed => {}
            Answer::PushTokenSet { .. } | Answer::Dead(_) | Answer::Replayed { .. } => {}
            Answer::Refused { .. } => {
                let asked = (process, delivery.to.session.entry, delivery.to.ticket);
                self.refused.extend(self.asked.get(&asked));
            }
            Answer::Closed(_) => {}
        }
    }

    fn shows(&mut self, store: &Store, row: &InboxRow) {
        let (uid, place) = (row.uid, row.inbox_seq);
        let is_stored = store.inbox_row(uid, place) == Some(row);
        self.check(is_stored, || format!("{uid} is shown {row:?}, which is not stored"));
        self.promise((uid, place), (row.message.conversation, row.message.seq));
    }

    fn promise(&mut self, (uid, place): (Uid, InboxSeq), message: (ConversationId, Seq)) {
        let known = *self.inboxes.entry((uid, place)).or_insert(message);
        self.check(known == message, || {
            format!("row {place} of {uid}'s inbox was {known:?}, is {message:?}")
        });
        let head = self.heads.entry(uid).or_default();
        *head = place.max(*head);
    }

    fn tells_head(&mut self, store: &Store, uid: Uid, head: InboxSeq) {
        let known = self.heads.get(&uid).copied().unwrap_or_default();
        for place in known.0 + 1..=head.0 {
            let is_stored = store.inbox_row(uid, InboxSeq(place)).is_some();
            self.check(is_stored, || format!("{uid}'s inbox ends at {head}, but has no {place}"));
        }
        self.heads.insert(uid, head.max(known));
    }

    /// A statement has landed: what was promised must be there still.
    pub fn landed(&mut self, store: &Store, statement: &Statement) {
        match statement {
            Statement::Put(Put::Message(row, _), _) => {
                let at = (row.conversation, row.seq);
                let promised = self.messages.get(&at).copied();
                let stored = store.message(at.0, at.1).map(|row| row.message_id);
                self.check(promised.is_none() || promised == stored, || {
                    format!("{at:?} was acked as {promised:?}, now {stored:?} is stored")
                });
            }
            Statement::Put(Put::Inbox(row, _), _) => {
                let at = (row.uid, row.inbox_seq);
                let promised = self.inboxes.get(&at).copied();
                let stored = store.inbox_row(at.0, at.1);
                let stored = stored.map(|row| (row.message.conversation, row.message.seq));
                self.check(promised.is_none() || promised == stored, || {
                    format!("{at:?} was shown as {promised:?}, now {stored:?} is stored")
                });
            }
            Statement::Put(..)
            | Statement::Leases
            | Statement::Owners
            | Statement::ChangeLease(..)
            | Statement::ChangeOwner(_)
            | Statement::Bound(_)
            | Statement::User(_)
            | Statement::Head(_)
            | Statement::Chat(..)
            | Statement::Group(_)
            | Statement::Marks(..)
            | Statement::Chats(..)
            | Statement::Place(..)
            | Statement::Rows(..)
            | Statement::InboxAt(..)
            | Statement::MessagesBefore(..) => {}
        }
    }

    /// Everything is quiet, and everything that was sent is acknowledged, or was refused for good: the store holds exactly
    /// that.
    pub fn ends(&mut self, store: &Store, clients: &[Client], groups: &[ConversationId]) {
        let users = users();
        let all = || clients.iter().flat_map(Client::sent);
        for id in conversations(&users) {
            self.check_log(store, id, all().filter(|sent| sent.conversation == id));
        }
        for id in groups {
            self.check_group(store, *id, all().filter(|sent| sent.conversation == *id));
        }
        for uid in users {
            self.check_inbox(store, uid, (clients, groups));
        }
        clients.iter().for_each(|client| self.check_client(store, client));
    }

    fn check_log<'a>(
        &mut self,
        store: &Store,
        id: ConversationId,
        sent: impl Iterator<Item = &'a Sent> + Clone,
    ) {
        let count = sent.clone().count() as u64;
        let mut ids = BTreeMap::new();
        for seq in (1..=count).map(Seq) {
            let row = store.message(id, seq);
            self.check(row.is_some(), || format!("{id} has a hole at {seq} of {count}"));
            ids.extend(row.map(|row| (row.client_msg_id, (row.message_id, seq))));
        }
        self.check_bodies(store, id, sent.clone());
        let lost = sent.clone().find(|sent| ids.get(&sent.id).copied() != sent.acked);
        self.check(lost.is_none(), || format!("{lost:?} is not where it was acknowledged"));
    }

    /// What was acknowledged is there once, and where it was said to be. What was refused for good may be there: a copy of
    /// it was on its way.
    fn check_group<'a>(
        &mut self,
        store: &Store,
        id: ConversationId,
        sent: impl Iterator<Item = &'a Sent> + Clone,
    ) {
        let mut ids = BTreeMap::new();
        for (at, row) in (1..).zip(store.messages(id)) {
            self.check(row.seq == Seq(at), || format!("{id} has a hole at {at}"));
            let before = ids.insert((row.sender, row.client_msg_id), (row.message_id, row.seq));
            self.check(before.is_none(), || format!("{row:?} is there twice"));
        }
        let forbidden = forbidden(store, id);
        self.check(forbidden.is_none(), || format!("its members did not allow {forbidden:?}"));
        self.check_bodies(store, id, sent.clone());
        let place = |sent: &Sent| ids.iter().find(|(known, _)| known.1 == sent.id).map(|it| *it.1);
        let is_lost = |sent: &&Sent| place(sent) != sent.acked && !sent.is_refused;
        let lost = sent.clone().find(is_lost);
        self.check(lost.is_none(), || format!("{lost:?} is not where it was acknowledged"));
    }

    fn check_bodies<'a>(
        &mut self,
        store: &Store,
        id: ConversationId,
        mut sent: impl Iterator<Item = &'a Sent>,
    ) {
        let is_other = |sent: &&Sent| {
            let row = sent.acked.and_then(|(_, seq)| store.message(id, seq));
            row.is_some_and(|row| (row.kind, &row.body) != (sent.kind, &sent.body))
        };
        let other = sent.find(is_other);
        self.check(other.is_none(), || format!("{other:?} says something else"));
    }

    fn check_inbox(
        &mut self,
        store: &Store,
        uid: Uid,
        (clients, groups): (&[Client], &[ConversationId]),
    ) {
        let mut left: BTreeMap<ConversationId, VecDeque<Seq>> =
            groups.iter().map(|group| (*group, owed(store, *group, uid).into())).collect();
        for sent in clients.iter().flat_map(Client::sent) {
            if sent.conversation.names(uid) {
                let seqs = left.entry(sent.conversation).or_default();
                seqs.push_back(Seq(seqs.len() as u64 + 1));
            }
        }
        let count = left.values().map(VecDeque::len).sum::<usize>() as u64;
        for place in (1..=count).map(InboxSeq) {
            let Some(row) = store.inbox_row(uid, place) else {
                return self.fail(|| format!("{uid}'s inbox has a hole at {place} of {count}"));
            };
            let (id, seq) = (row.message.conversation, row.message.seq);
            let next = left.get_mut(&id).and_then(VecDeque::pop_front);
            self.check(next == Some(seq), || {
                format!("{uid}'s inbox has {seq} of {id} where {next:?} is owed")
            });
        }
    }

    /// A device has every row but its own, as it is stored; and its messages to one conversation are in their order.
    fn check_client(&mut self, store: &Store, client: &Client) {
        let uid = client.uid;
        let through = client.rows().keys().next_back().copied().unwrap_or_default();
        for place in (1..=through.0).map(InboxSeq) {
            let Some(row) = store.inbox_row(uid, place) else {
                return self.fail(|| format!("{uid} was shown {place}, which is not stored"));
            };
            let message = &row.message;
            let id = message.client_msg_id;
            let stored = Row { conversation: message.conversation, seq: message.seq, id };
            let is_own = client.sent().iter().any(|sent| sent.id == id);
            let shown = client.rows().get(&place).copied();
            self.check(shown == Some(stored) || is_own && shown.is_none(), || {
                format!("{uid} has {shown:?} at {place}, where {stored:?} is stored")
            });
        }
        let mut last = BTreeMap::new();
        for sent in client.sent().iter().filter(|sent| !sent.may_be_passed) {
            let Some((_, seq)) = sent.acked else { continue };
            if self.refused.contains(&sent.id) {
                continue;
            }
            let before = last.insert(sent.conversation, seq).unwrap_or_default();
            self.check(before < seq, || format!("{uid}'s {seq} was sent after {before}"));
        }
    }
}
