//! One shard with its store, and what the stores hold durably. It knows nothing of clients.

use super::shape::Shape;
use super::{INBOX_EPOCH, Rng, part};
use shard::command::{Effects, Inputs, Now, Send};
use shard::limits::CHAT_LAG_MAX;
use shard::partition::{ShardId, Share};
use shard::rows::{Chain, Completion, InboxRow, MessageRow, Row, StoreError, Ticket, UserRow};
use shard::store::MemoryStore;
use shard::{Shard, ShardConfig};
use std::collections::{BTreeMap, BTreeSet};
use wire::{ClientMsgId, ConversationId, InboxSeq, MessageId, RowKind, Seq, Uid};

/// Devices of one user at a time.
pub const DEVICES_MAX: usize = 2;

/// Every row that a store has written, kept apart from it. A row out of its order fails at once.
#[derive(Default)]
pub struct Durable {
    pub messages: BTreeMap<ConversationId, Vec<MessageRow>>,
    pub inboxes: BTreeMap<Uid, Vec<InboxRow>>,
    through: BTreeMap<(Uid, ConversationId), InboxRow>,
    read: BTreeMap<(Uid, ConversationId), Seq>,
    chats_through: BTreeMap<Uid, InboxSeq>,
    ids: BTreeSet<(Uid, ConversationId, ClientMsgId)>,
    message_ids: BTreeSet<MessageId>,
}

impl Durable {
    /// A batch, whole. Of a part the chats may be missing, as often as there are crashes.
    fn write_whole(&mut self, batch: Vec<Row>) {
        let users: BTreeSet<Uid> = batch.iter().filter_map(inbox_of).collect();
        self.write(batch);
        for uid in users {
            let through = self.chats_through.get(&uid).map_or(0, |through| through.0);
            let lag = self.inbox(uid).len() as u64 - through;
            assert!(lag < CHAT_LAG_MAX, "the chats of {uid:?} lag {lag} behind");
        }
    }

    fn write(&mut self, rows: Vec<Row>) {
        for row in rows {
            match row {
                Row::Message(row) => self.write_message(row),
                Row::Inbox(row) => self.write_inbox(row),
                Row::User(row) => self.write_user(row),
                Row::Chat(row) => {
                    let through = self.through(row.uid, row.conversation);
                    assert!(row.recent_seq <= through, "a chat above its inbox: {row:?}");
                }
                Row::Group(row) => panic!("nobody makes a group here: {row:?}"),
                Row::Mark(row) => panic!("nobody makes a group here: {row:?}"),
                row @ (Row::PushToken(_) | Row::Owed(_) | Row::Dead(_)) => {
                    panic!("nobody is told here: {row:?}")
                }
            }
        }
    }

    fn write_user(&mut self, row: UserRow) {
        let head = self.inbox(row.uid).len() as u64;
        assert!(row.chats_through.0 <= head, "chats tell of rows that exist");
        let before = self.chats_through.insert(row.uid, row.chats_through);
        assert!(before <= Some(row.chats_through), "chats go back");
    }

    fn write_message(&mut self, row: MessageRow) {
        let id = (row.sender, row.conversation, row.client_msg_id);
        assert!(self.ids.insert(id), "one id, stored twice: {row:?}");
        assert!(self.message_ids.insert(row.message_id), "a message id was given twice: {row:?}");
        let log = self.messages.entry(row.conversation).or_default();
        assert_eq!(row.seq.0, log.len() as u64 + 1, "a conversation is dense");
        let previous_ms = log.last().map_or(0, |last| last.time_ms);
        assert!(previous_ms <= row.time_ms, "time falls in a conversation");
        let (number, chain) =
            log.last().map_or((0, Chain::default()), |last| (last.number, last.next_chain()));
        assert_eq!((row.number, row.chain), (number + 1, chain), "what came before is another");
        log.push(row);
    }

    fn write_inbox(&mut self, row: InboxRow) {
        let conversation = row.message.conversation;
        let through = self.through(row.uid, conversation);
        if row.is_mark() {
            self.check_mark(&row, through);
        } else {
            let message = self.message(conversation, row.message.seq);
            assert_eq!(message, Some(&row.message), "an inbox has what the conversation has");
            assert_eq!(row.message.seq, through.next(), "an inbox is in conversation order");
            self.through.insert((row.uid, conversation), row.clone());
        }
        let inbox = self.inboxes.entry(row.uid).or_default();
        assert_eq!(row.inbox_seq.0, inbox.len() as u64 + 1, "an inbox is dense");
        let chain = inbox.last().map_or(Chain::default(), InboxRow::next_chain);
        assert_eq!(row.chain, chain, "what came before in the inbox is another");
        inbox.push(row);
    }

    /// A mark moves on, and tells what is unread behind it.
    fn check_mark(&mut self, row: &InboxRow, through: Seq) {
        let (uid, seq) = (row.uid, row.message.seq);
        let unread = self.unread(uid, row.message.conversation, seq, through);
        assert_eq!(row.message.number, unread, "a mark miscounts: {row:?}");
        let read = self.read.entry((uid, row.message.conversation)).or_default();
        let is_new = *read < seq || row.message.kind == RowKind::HIDDEN;
        assert!(is_new && seq <= through, "a mark says nothing new: {row:?}");
        *read = seq;
    }

    /// Up to where a user has read: the highest mark in its inbox.
    pub fn read(&self, uid: Uid, conversation: ConversationId) -> Seq {
        self.read.get(&(uid, conversation)).copied().unwrap_or_default()
    }

    /// Messages of others between two places, one by one.
    pub fn unread(&self, uid: Uid, conversation: ConversationId, after: Seq, through: Seq) -> u64 {
        let log = self.messages.get(&conversation).into_iter().flatten();
        let is_unread =
            |row: &&MessageRow| after < row.seq && row.seq <= through && row.sender != uid;
        log.filter(is_unread).count() as u64
    }

    pub fn has_id(&self, send: &Send) -> bool {
        self.ids.contains(&(send.sender, send.conversation, send.client_msg_id))
    }

    pub fn message(&self, conversation: ConversationId, seq: Seq) -> Option<&MessageRow> {
        let at = usize::try_from(seq.0.checked_sub(1)?).unwrap();
        self.messages.get(&conversation)?.get(at)
    }

    pub fn inbox(&self, uid: Uid) -> &[InboxRow] {
        self.inboxes.get(&uid).map_or(&[], Vec::as_slice)
    }

    pub fn row(&self, uid: Uid, inbox_seq: InboxSeq) -> Option<&InboxRow> {
        let at = usize::try_from(inbox_seq.0.checked_sub(1)?).unwrap();
        self.inbox(uid).get(at)
    }

    /// The last message of the conversation in the inbox.
    pub fn newest(&self, uid: Uid, conversation: ConversationId) -> Option<&InboxRow> {
        self.through.get(&(uid, conversation))
    }

    pub fn through(&self, uid: Uid, conversation: ConversationId) -> Seq {
        self.newest(uid, conversation).map_or(Seq(0), |row| row.message.seq)
    }
}

fn inbox_of(row: &Row) -> Option<Uid> {
    if let Row::Inbox(row) = row { Some(row.uid) } else { None }
}

/// A shard and its store.
pub struct Node {
    config: ShardConfig,
    shard: Shard,
    store: MemoryStore,
    asked: Option<(Ticket, Vec<Row>)>,
    /// How often its store will not answer.
    stalls: u64,
    /// Its store has failed for good: it dies soon.
    pub is_failing: bool,
    pub inputs: Inputs,
}

impl Node {
    pub fn new(id: u16, shards: u16, shape: &Shape, now: Now) -> Self {
        let share = Share::Of { id: ShardId(id), shards };
        let (devices_max, cached_max, is_atomic) = (DEVICES_MAX, shape.cached_max, shape.is_atomic);
        let usual = ShardConfig::new(share, 1, INBOX_EPOCH);
        let config = ShardConfig { devices_max, cached_max, is_atomic, ..usual };
        let shard = Shard::new(config, now);
        let store = MemoryStore::new();
        let inputs = Inputs::default();
        Self { config, shard, store, asked: None, stalls: 0, is_failing: false, inputs }
    }

    /// One step; its requests go to the store.
    pub fn step(&mut self, now: Now, effects: &mut Effects) {
        self.shard.step(&mut self.inputs, now, effects);
        if let Some((ticket, rows)) = effects.commit.take() {
            assert!(self.asked.is_none(), "one commit at a time");
            self.asked = Some((ticket, rows.clone()));
            self.store.commit(ticket, rows);
        }
        for (ticket, read) in effects.reads.drain(..) {
            self.store.read(ticket, read);
        }
    }

    /// Whether the store does something: now and then it does nothing for long.
    pub fn is_ready(&mut self, rng: &mut Rng) -> bool {
        if self.stalls == 0 && rng.chance(2) {
            self.stalls = rng.below(60);
        }
        self.stalls = self.stalls.saturating_sub(1);
        self.stalls == 0
    }

    /// The store does some of what it was asked.
    pub fn poll(&mut self, count: usize, durable: &mut Durable) {
        let known = self.inputs.completions.len();
        self.store.poll_some(count, &mut self.inputs.completions);
        for completion in &self.inputs.completions[known..] {
            if let Completion::Committed(ticket, result) = completion {
                let (asked, rows) = self.asked.take().expect("it was asked for");
                assert_eq!(asked, *ticket);
                if result.is_ok() {
                    durable.write_whole(rows);
                }
            }
        }
    }

    /// The store fails for good; whether the commit that it was asked for is written is not known.
    pub fn fail(&mut self, rng: &mut Rng, durable: &mut Durable) {
        let error = StoreError::Failed("planned".into());
        if let Some(ticket) = self.lose_requests(rng, durable) {
            let failed = Completion::Committed(ticket, Err(error.clone()));
            self.inputs.completions.push(failed);
        }
        self.store.refuse(Some(error));
        self.is_failing = true;
    }

    /// Forgets what the store was asked for, but that a commit may be written, or a part of it. Returns its ticket.
    fn lose_requests(&mut self, rng: &mut Rng, durable: &mut Durable) -> Option<Ticket> {
        self.store.crash(0);
        let (ticket, rows) = self.asked.take()?;
        let written = match (self.is_failing, self.config.is_atomic) {
            (true, _) => return Some(ticket),
            (false, true) if rng.chance(50) => return Some(ticket),
            (false, true) => rows,
            (false, false) => part::written(rows, rng),
        };
        self.store.refuse(None);
        self.store.commit(ticket, written.clone());
        self.store.poll(&mut Vec::new());
        durable.write(written);
        Some(ticket)
    }

    pub fn is_full(&mut self, is_full: bool) {
        self.store.refuse(is_full.then_some(StoreError::Full));
    }

    /// The process dies and comes back.
    pub fn restart(&mut self, now: Now, rng: &mut Rng, durable: &mut Durable) {
        self.lose_requests(rng, durable);
        self.store.refuse(None);
        self.is_failing = false;
        self.inputs = Inputs::default();
        self.config.epoch += 1;
        self.config.newest_id_ms = self.store.newest_id_ms();
        self.shard = Shard::new(self.config, now);
    }

    pub fn state(&self) -> String {
        let (in_flight, store) = (self.shard.in_flight(), self.store.in_flight());
        format!("{:?}: {in_flight} in flight, {store} at the store", self.config.share)
    }
}
