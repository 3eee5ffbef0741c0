//! A store like CQL's: single rows, the highest timestamp wins, compare-and-set for the two tables of ownership, no
//! batches. It does what lands, in the order in which it lands; that is all it knows of time.

use super::plant::Plant;
use logic::cluster::{LeaseChange, LeaseRow, Outcome, OwnerChange, Position, Standing};
use logic::cql::{Entry, Log, LogRow, bucket, slot};
use shard::group::{GroupRow, MarkRow};
use shard::owner::{Epoch, NodeId, OwnerRow};
use shard::partition::Partition;
use shard::rows::{ChatRow, InboxRow, MessageRow, UserRow};
use std::collections::BTreeMap;
use wire::{ClientMsgId, ConversationId, InboxSeq, Seq, Uid};

/// What a process asks of the store.
#[derive(Clone, Debug)]
pub enum Statement {
    /// All leases.
    Leases,
    /// All owners.
    Owners,
    /// Compare and set; with the address of the node, if it changes its own.
    ChangeLease(LeaseChange, Option<String>),
    /// Compare and set.
    ChangeOwner(OwnerChange),
    /// One row, under a timestamp.
    Put(Put, i64),
    /// The bound of a partition's ids.
    Bound(Partition),
    /// A user.
    User(Uid),
    /// The head of a conversation.
    Head(ConversationId),
    /// A chat.
    Chat(Uid, ConversationId),
    /// A group.
    Group(ConversationId),
    /// Groups of a partition whose mark is open, above one.
    Marks(Partition, Option<ConversationId>, usize),
    /// Chats of a slot after a conversation.
    Chats(Uid, i8, Option<ConversationId>, usize),
    /// Where a message is by its sender's id.
    Place(ConversationId, Uid, ClientMsgId),
    /// Rows of a log from a place on.
    Rows(Log, Position, usize),
    /// Rows of an inbox at these places.
    InboxAt(Uid, Vec<InboxSeq>),
    /// Messages before a place, descending.
    MessagesBefore(ConversationId, Seq, usize),
}

/// A row to write, without a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "most rows are the large ones")]
pub enum Put {
    /// A message, and what its writer knew to be committed.
    Message(MessageRow, Position),
    /// Where it is by its sender's id.
    Place(ConversationId, Uid, ClientMsgId, Seq),
    /// Up to where a conversation is committed.
    Head(ConversationId, Seq),
    /// A row of an inbox, and what its writer knew to be committed.
    Inbox(InboxRow, Position),
    /// A chat.
    Chat(ChatRow),
    /// A user.
    User(UserRow),
    /// A group.
    Group(GroupRow),
    /// Whether a group's mark is open.
    Mark(MarkRow),
    /// The bound of a partition's ids.
    Bound(Partition, u64),
}

/// What the store answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// All leases, and where their nodes are.
    Leases(Vec<(LeaseRow, Option<String>)>),
    /// All owners.
    Owners(Vec<OwnerRow>),
    /// What became of a change.
    Lease(Outcome<LeaseRow>),
    /// What became of a change.
    Owner(Outcome<OwnerRow>),
    /// Stored, or covered by a newer one: the writer is not told which.
    Written,
    /// A bound or a head, 0 if there is none.
    Number(u64),
    /// A user, if there is one.
    User(Option<UserRow>),
    /// A group, if there is one.
    Group(Option<GroupRow>),
    /// Groups whose mark is open, ascending.
    Marks(Vec<ConversationId>),
    /// Chats, ascending.
    Chats(Vec<ChatRow>),
    /// A place, if there is one.
    Place(Option<Seq>),
    /// Rows of a log, ascending.
    Rows(Vec<Entry>),
    /// Rows of an inbox.
    Inbox(Vec<InboxRow>),
    /// Messages, descending.
    Messages(Vec<MessageRow>),
}

type Cells<Key, Value> = BTreeMap<Key, (i64, Value)>;

/// All tables.
#[derive(Debug, Default)]
pub struct Store {
    plant: Plant,
    leases: BTreeMap<NodeId, LeaseRow>,
    /// Where nodes are.
    addresses: BTreeMap<NodeId, String>,
    owners: BTreeMap<Partition, OwnerRow>,
    messages: BTreeMap<ConversationId, Cells<Seq, Entry>>,
    inboxes: BTreeMap<Uid, Cells<InboxSeq, Entry>>,
    places: Cells<(ConversationId, Uid, ClientMsgId), Seq>,
    heads: Cells<ConversationId, Seq>,
    chats: Cells<(Uid, ConversationId), ChatRow>,
    users: Cells<Uid, UserRow>,
    groups: Cells<ConversationId, GroupRow>,
    marks: Cells<ConversationId, MarkRow>,
    bounds: Cells<Partition, u64>,
    /// Two different rows came for one place under one timestamp: which one stays is chance.
    clash: Option<String>,
}

impl Store {
    /// Empty.
    #[must_use]
    pub fn new(plant: Plant) -> Self {
        Self { plant, ..Self::default() }
    }

    /// A group has its first entry, which an owner before all others committed.
    pub fn begin_group(&mut self, first: MessageRow) {
        let (group, timestamp_us) = (first.conversation, Epoch(0).timestamp_us(0));
        let place = Put::Place(group, first.sender, first.client_msg_id, first.seq);
        let mark = Put::Mark(MarkRow { group, is_open: true });
        for put in [Put::Message(first, Position(0)), place, mark] {
            self.put(&put, timestamp_us);
        }
    }

    /// Does what was asked.
    pub fn land(&mut self, statement: &Statement) -> Reply {
        match statement {
            Statement::Leases => {
                let address = |row: &LeaseRow| self.addresses.get(&row.node).cloned();
                Reply::Leases(self.leases.values().map(|row| (*row, address(row))).collect())
            }
            Statement::Owners => Reply::Owners(self.owners.values().copied().collect()),
            Statement::ChangeLease(change, address) => {
                let outcome = self.change_lease(change);
                if let (Outcome::Applied, Some(address)) = (&outcome, address) {
                    self.addresses.insert(change.next.node, address.clone());
                }
                Reply::Lease(outcome)
            }
            Statement::ChangeOwner(change) => Reply::Owner(compare_and_set(
                &mut self.owners,
                change.next.partition,
                (change.expected, change.next),
            )),
            Statement::Put(put, timestamp_us) => {
                self.put(put, *timestamp_us);
                Reply::Written
            }
            Statement::Bound(partition) => Reply::Number(value(&self.bounds, partition)),
            Statement::User(uid) => Reply::User(self.users.get(uid).map(|cell| cell.1)),
            Statement::Head(id) => Reply::Number(value(&self.heads, id).0),
            Statement::Chat(uid, id) => {
                Reply::Chats(self.chats.get(&(*uid, *id)).map(|cell| cell.1).into_iter().collect())
            }
            Statement::Group(id) => Reply::Group(self.groups.get(id).map(|cell| cell.1.clone())),
            Statement::Marks(partition, after, limit) => {
                let is_open = |row: &&MarkRow| {
                    row.is_open
                        && Partition::of_conversation(row.group) == *partition
                        && after.is_none_or(|after| row.group > after)
                };
                let open = self.marks.values().map(|cell| &cell.1).filter(is_open);
                Reply::Marks(open.map(|row| row.group).take(*limit).collect())
            }
            Statement::Chats(uid, number, after, limit) => {
                let is_next = |row: &&ChatRow| {
                    row.uid == *uid
                        && slot(row.conversation) == *number
                        && after.is_none_or(|after| row.conversation > after)
                };
                let rows = self.chats.values().map(|cell| &cell.1).filter(is_next);
                Reply::Chats(rows.take(*limit).copied().collect())
            }
            Statement::Place(id, sender, client_msg_id) => {
                let place = self.places.get(&(*id, *sender, *client_msg_id));
                Reply::Place(place.map(|cell| cell.1))
            }
            Statement::Rows(log, from, limit) => Reply::Rows(self.rows_from(*log, *from, *limit)),
            Statement::InboxAt(uid, places) => {
                let rows = places.iter().filter_map(|place| self.inbox_row(*uid, *place));
                Reply::Inbox(rows.cloned().collect())
            }
            Statement::MessagesBefore(id, before, limit) => {
                let part = bucket(Position(before.0.saturating_sub(1)));
                let is_there = |row: &&MessageRow| bucket(row.seq.into()) == part;
                let rows = self.messages(*id).rev().filter(|row| row.seq < *before);
                Reply::Messages(rows.filter(is_there).take(*limit).cloned().collect())
            }
        }
    }

    fn put(&mut self, put: &Put, timestamp_us: i64) {
        let is_same = match put {
            Put::Message(row, committed) => {
                let position = row.seq.into();
                let entry =
                    Entry { position, committed: *committed, row: LogRow::Message(row.clone()) };
                let log = self.messages.entry(row.conversation).or_default();
                write(log, row.seq, (timestamp_us, entry))
            }
            Put::Inbox(row, committed) => {
                let position = row.inbox_seq.into();
                let entry =
                    Entry { position, committed: *committed, row: LogRow::Inbox(row.clone()) };
                let log = self.inboxes.entry(row.uid).or_default();
                write(log, row.inbox_seq, (timestamp_us, entry))
            }
            Put::Place(id, sender, client_msg_id, seq) => {
                let key = (*id, *sender, *client_msg_id);
                write_greater(&mut self.places, key, (timestamp_us, *seq))
            }
            Put::Head(id, seq) => write_greater(&mut self.heads, *id, (timestamp_us, *seq)),
            Put::Bound(partition, bound_ms) => {
                write_greater(&mut self.bounds, *partition, (timestamp_us, *bound_ms))
            }
            Put::Chat(row) => {
                write(&mut self.chats, (row.uid, row.conversation), (timestamp_us, *row))
            }
            Put::User(row) => write(&mut self.users, row.uid, (timestamp_us, *row)),
            Put::Group(row) => write(&mut self.groups, row.group, (timestamp_us, row.clone())),
            Put::Mark(row) => write(&mut self.marks, row.group, (timestamp_us, *row)),
        };
        if !is_same {
            self.clash.get_or_insert_with(|| format!("{put:?} came under {timestamp_us} too"));
        }
    }

    /// Two rows that came for one place under one timestamp, if any did.
    #[must_use]
    pub fn clash(&self) -> Option<&str> {
        self.clash.as_deref()
    }

    /// The messages of a conversation, in order.
    pub fn messages(&self, id: ConversationId) -> impl DoubleEndedIterator<Item = &MessageRow> {
        let rows = self.messages.get(&id).into_iter().flatten();
        rows.filter_map(|(_, (_, entry))| match &entry.row {
            LogRow::Message(row) => Some(row),
            LogRow::Inbox(_) => None,
        })
    }

    /// The message at a place.
    #[must_use]
    pub fn message(&self, id: ConversationId, seq: Seq) -> Option<&MessageRow> {
        match &self.messages.get(&id)?.get(&seq)?.1.row {
            LogRow::Message(row) => Some(row),
            LogRow::Inbox(_) => None,
        }
    }

    /// A row of an inbox.
    #[must_use]
    pub fn inbox_row(&self, uid: Uid, place: InboxSeq) -> Option<&InboxRow> {
        match &self.inboxes.get(&uid)?.get(&place)?.1.row {
            LogRow::Inbox(row) => Some(row),
            LogRow::Message(_) => None,
        }
    }

    /// Where the copy of a message is in an inbox, by the place that it has in its conversation: the first, for above what
    /// is committed a former owner may have left another.
    #[must_use]
    pub fn copy_of(&self, uid: Uid, (id, seq): (ConversationId, Seq)) -> Option<InboxSeq> {
        let mut places = self.inboxes.get(&uid)?.keys().copied();
        let is_it = |row: &InboxRow| row.message.conversation == id && row.message.seq == seq;
        places.find(|place| self.inbox_row(uid, *place).is_some_and(is_it))
    }

    fn rows_from(&self, log: Log, from: Position, limit: usize) -> Vec<Entry> {
        let is_there =
            |entry: &&Entry| entry.position >= from && bucket(entry.position) == bucket(from);
        match log {
            Log::Conversation(id) => {
                let rows = self.messages.get(&id).into_iter().flatten();
                rows.map(|row| &row.1.1).filter(is_there).take(limit).cloned().collect()
            }
            Log::Inbox(uid) => {
                let rows = self.inboxes.get(&uid).into_iter().flatten();
                rows.map(|row| &row.1.1).filter(is_there).take(limit).cloned().collect()
            }
        }
    }

    fn change_lease(&mut self, change: &LeaseChange) -> Outcome<LeaseRow> {
        let stored = self.leases.get(&change.next.node);
        let is_renewal = |row: &LeaseRow| {
            row.token == change.next.token && change.next.standing != Standing::Over
        };
        if self.plant == Plant::RenewalUnconditional && stored.is_some_and(is_renewal) {
            self.leases.insert(change.next.node, change.next);
            return Outcome::Applied;
        }
        compare_and_set(&mut self.leases, change.next.node, (change.expected, change.next))
    }
}

fn value<Key: Ord, Value: Copy + Default>(cells: &Cells<Key, Value>, key: &Key) -> Value {
    cells.get(key).map_or(Value::default(), |cell| cell.1)
}

fn compare_and_set<Key: Ord, Row: Copy + PartialEq>(
    table: &mut BTreeMap<Key, Row>,
    key: Key,
    (expected, next): (Option<Row>, Row),
) -> Outcome<Row> {
    let stored = table.get(&key).copied();
    if stored != expected {
        return Outcome::Refused(stored);
    }
    table.insert(key, next);
    Outcome::Applied
}

/// Writes a row; false: another one was there under the same timestamp.
fn write<Key: Ord, Value: PartialEq>(
    cells: &mut Cells<Key, Value>,
    key: Key,
    cell: (i64, Value),
) -> bool {
    match cells.get(&key) {
        Some(stored) if cell.0 < stored.0 => true,
        Some(stored) if cell.0 == stored.0 => cell.1 == stored.1,
        Some(_) | None => {
            cells.insert(key, cell);
            true
        }
    }
}

/// Writes a row of one number: under the same timestamp the greater stays.
fn write_greater<Key: Ord, Value: Ord>(
    cells: &mut Cells<Key, Value>,
    key: Key,
    cell: (i64, Value),
) -> bool {
    if cells.get(&key).is_none_or(|stored| cell > *stored) {
        cells.insert(key, cell);
    }
    true
}
