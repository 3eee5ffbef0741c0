//! A store like CQL's: single rows, the highest timestamp wins, compare-and-set for the two tables of ownership, no
//! batches. It does what lands, in the order in which it lands; that is all it knows of time.

use super::plant::Plant;
use logic::cluster::{LeaseChange, LeaseRow, Outcome, OwnerChange, Position, Standing};
use shard::owner::{NodeId, OwnerRow};
use shard::partition::Partition;
use std::collections::BTreeMap;
use wire::{MessageId, Seq};

/// Conversations of a run. One change of owners puts each of them to the test.
const CHATS: u8 = 4;

/// A conversation, or the inbox of one of its two users. Every conversation has users of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Log {
    /// Messages by seq.
    Conversation(u8),
    /// Messages by inbox seq, of user 0 or 1.
    Inbox(u8, usize),
}

impl Log {
    /// Every log.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..CHATS)
            .flat_map(|chat| [Self::Conversation(chat), Self::Inbox(chat, 0), Self::Inbox(chat, 1)])
    }

    /// The logs of the first conversation.
    pub fn of_first_chat() -> impl Iterator<Item = Self> {
        Self::all().filter(|log| log.chat() == 0)
    }

    /// A message of the first conversation.
    #[must_use]
    pub fn message_of_first_chat(number: u64) -> MessageId {
        MessageId(number * u64::from(CHATS))
    }

    /// The conversation of a message.
    #[must_use]
    pub fn of_message(id: MessageId) -> Self {
        Self::Conversation(u8::try_from(id.0 % u64::from(CHATS)).expect("below a small number"))
    }

    /// Its conversation's number.
    #[must_use]
    pub fn chat(self) -> u8 {
        match self {
            Self::Conversation(chat) | Self::Inbox(chat, _) => chat,
        }
    }

    /// Conversations, first users and second users have a partition each.
    #[must_use]
    pub fn partition(self) -> Partition {
        let index = match self {
            Self::Conversation(_) => 0,
            Self::Inbox(_, user) => 1 + user,
        };
        Partition::all(PARTITIONS).nth(index).expect("there are three")
    }
}

/// Partitions of a run.
pub const PARTITIONS: u16 = 3;

/// A row of a log: which message, at which place of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its place in the conversation.
    pub seq: Seq,
    /// Its id as its sender made it.
    pub id: MessageId,
}

/// What a process asks of the store.
#[derive(Clone, Debug)]
pub enum Request {
    /// All leases.
    Leases,
    /// All owners.
    Owners,
    /// Compare and set.
    ChangeLease(LeaseChange),
    /// Compare and set.
    ChangeOwner(OwnerChange),
    /// The last rows of a log.
    Tail(Log, usize),
    /// The rows of a log from one place to another.
    Rows(Log, Position, Position),
    /// Where these ids are stored.
    Dedup(Vec<MessageId>),
    /// The last seq that a user's chat tells of.
    LastSeq(Log),
    /// One row of a log.
    WriteRow(Log, Position, Row, i64),
    /// Where an id is stored.
    WriteDedup(MessageId, Seq, i64),
    /// The last seq of a user's chat.
    WriteLastSeq(Log, Seq, i64),
}

impl Request {
    /// Whether it changes a row without a condition.
    #[must_use]
    pub fn is_write(&self) -> bool {
        matches!(self, Self::WriteRow(..) | Self::WriteDedup(..) | Self::WriteLastSeq(..))
    }
}

/// What the store answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// All leases.
    Leases(Vec<LeaseRow>),
    /// All owners.
    Owners(Vec<OwnerRow>),
    /// What became of a change.
    Lease(Outcome<LeaseRow>),
    /// What became of a change.
    Owner(Outcome<OwnerRow>),
    /// Rows in order.
    Rows(Vec<(Position, Row)>),
    /// Those that are stored.
    Dedup(Vec<(MessageId, Seq)>),
    /// 0 if there is none.
    LastSeq(Seq),
    /// Stored, or covered by a newer one: the writer is not told which.
    Written,
}

/// All tables.
#[derive(Debug, Default)]
pub struct Store {
    plant: Plant,
    leases: BTreeMap<NodeId, LeaseRow>,
    owners: BTreeMap<Partition, OwnerRow>,
    logs: BTreeMap<Log, BTreeMap<Position, (i64, Row)>>,
    dedup: BTreeMap<MessageId, (i64, Seq)>,
    last_seqs: BTreeMap<Log, (i64, Seq)>,
}

impl Store {
    /// Empty.
    #[must_use]
    pub fn new(plant: Plant) -> Self {
        Self { plant, ..Self::default() }
    }

    /// Does what was asked.
    pub fn land(&mut self, request: &Request) -> Reply {
        match request {
            Request::Leases => Reply::Leases(self.leases.values().copied().collect()),
            Request::Owners => Reply::Owners(self.owners.values().copied().collect()),
            Request::ChangeLease(change) => Reply::Lease(self.change_lease(change)),
            Request::ChangeOwner(change) => Reply::Owner(compare_and_set(
                &mut self.owners,
                change.next.partition,
                (change.expected, change.next),
            )),
            Request::Tail(log, rows) => {
                let mut tail: Vec<_> = self.rows(*log).rev().take(*rows).collect();
                tail.reverse();
                Reply::Rows(tail)
            }
            Request::Rows(log, from, to) => {
                let within = |row: &(Position, Row)| *from <= row.0 && row.0 <= *to;
                Reply::Rows(self.rows(*log).filter(within).collect())
            }
            Request::Dedup(ids) => {
                let stored = |id: &MessageId| self.dedup.get(id).map(|cell| (*id, cell.1));
                Reply::Dedup(ids.iter().filter_map(stored).collect())
            }
            Request::LastSeq(inbox) => {
                Reply::LastSeq(self.last_seqs.get(inbox).map_or(Seq(0), |cell| cell.1))
            }
            Request::WriteRow(log, position, row, timestamp) => {
                write(self.logs.entry(*log).or_default(), *position, (*timestamp, *row))
            }
            Request::WriteDedup(id, seq, timestamp) => {
                write(&mut self.dedup, *id, (*timestamp, *seq))
            }
            Request::WriteLastSeq(inbox, seq, timestamp) => {
                write(&mut self.last_seqs, *inbox, (*timestamp, *seq))
            }
        }
    }

    /// The rows of a log, in order.
    pub fn rows(&self, log: Log) -> impl DoubleEndedIterator<Item = (Position, Row)> {
        self.logs.get(&log).into_iter().flatten().map(|(position, cell)| (*position, cell.1))
    }

    /// One row of a log.
    #[must_use]
    pub fn row(&self, log: Log, position: Position) -> Option<Row> {
        self.logs.get(&log)?.get(&position).map(|cell| cell.1)
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

fn write<Key: Ord, Value>(
    table: &mut BTreeMap<Key, (i64, Value)>,
    key: Key,
    cell: (i64, Value),
) -> Reply {
    if table.get(&key).is_none_or(|stored| cell.0 >= stored.0) {
        table.insert(key, cell);
    }
    Reply::Written
}
