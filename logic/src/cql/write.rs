//! A batch as what is written when, under which timestamp. Pure.

use crate::cluster::Position;
use hashbrown::{HashMap, HashSet};
use shard::group::{GroupRow, MarkRow};
use shard::owner::Epoch;
use shard::partition::Partition;
use shard::rows::{ChatRow, InboxRow, MessageRow, Row, UserRow};
use wire::{ConversationId, Uid};

/// How far above the newest id a new bound of a partition's ids is, in ms: one statement a minute.
const BOUND_STEP_MS: u64 = 60_000;

/// A log: what is appended by one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Log {
    /// The messages of a conversation.
    Conversation(ConversationId),
    /// The inbox of a user.
    Inbox(Uid),
}

/// What is written as one: a row, and for a message its dedup row beside it, now and then its conversation's head.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "most writes are the large ones")]
pub enum Write {
    /// No id of the partition is made later than `bound_ms`.
    Bound {
        /// Of which.
        partition: Partition,
        /// Unix ms.
        bound_ms: u64,
    },
    /// A message, and where it is by its sender's id.
    Message {
        /// The row.
        row: MessageRow,
        /// What is known to be committed in its log; what a head that is written with it says.
        committed: Position,
    },
    /// A user's copy.
    Inbox {
        /// The row.
        row: InboxRow,
        /// What is known to be committed in its log.
        committed: Position,
    },
    /// A chat.
    Chat(ChatRow),
    /// A user.
    User(UserRow),
    /// A group.
    Group(GroupRow),
    /// Whether a group is to be loaded though nobody asks.
    Mark(MarkRow),
}

/// What goes out together, under one timestamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// `USING TIMESTAMP`.
    pub timestamp_us: i64,
    /// In any order.
    pub writes: Vec<Write>,
}

/// What one owner has written so far, as far as later writes depend on it.
#[derive(Debug)]
pub struct Writer {
    partition: Partition,
    epoch: Epoch,
    bound_ms: u64,
    /// Counts commits: rows that are written again carry a later timestamp each time.
    revision: u32,
}

impl Writer {
    /// Nothing was written yet; `bound_ms` was read.
    pub fn new(partition: Partition, epoch: Epoch, bound_ms: u64) -> Self {
        Self { partition, epoch, bound_ms, revision: 0 }
    }

    /// The phases of a batch, in order, none empty: the bound of the ids, if it must grow; rows of logs; chats, groups and
    /// their marks; users. A chat tells of inbox rows, a user of chats: neither may be there without those.
    ///
    /// Logs' rows come in order, without a hole, and after the batches before were committed; so below a log's first row
    /// in a batch everything is committed.
    pub fn phases(&mut self, batch: Vec<Row>) -> Vec<Phase> {
        self.revision += 1;
        let (log_us, row_us) = (self.epoch.timestamp_us(0), self.epoch.timestamp_us(self.revision));
        let mut firsts = HashMap::new();
        let mut committed = |log, place: u64| *firsts.entry(log).or_insert(Position(place - 1));
        let (mut logs, mut chats, mut users) = (Vec::new(), Vec::new(), Vec::new());
        let (mut groups, mut marks) = (Vec::new(), Vec::new());
        let mut newest_ms = 0;
        for row in batch {
            match row {
                Row::Message(row) => {
                    newest_ms = newest_ms.max(row.client_msg_id.unix_ms().unwrap_or(0));
                    let committed = committed(Log::Conversation(row.conversation), row.seq.0);
                    logs.push(Write::Message { row, committed });
                }
                Row::Inbox(row) => {
                    let committed = committed(Log::Inbox(row.uid), row.inbox_seq.0);
                    logs.push(Write::Inbox { row, committed });
                }
                Row::Chat(row) => chats.push(row),
                Row::User(row) => users.push(row),
                Row::Group(row) => groups.push(row),
                Row::Mark(row) => marks.push(row),
                Row::PushToken(_) | Row::Owed(_) | Row::Dead(_) => {
                    unreachable!("a shard of a node has no receiver of offline push")
                }
            }
        }
        keep_last(&mut chats, |row| (row.uid, row.conversation));
        keep_last(&mut users, |row| row.uid);
        keep_last(&mut groups, |row: &GroupRow| row.group);
        keep_last(&mut marks, |row: &MarkRow| row.group);
        let mut derived: Vec<_> = chats.into_iter().map(Write::Chat).collect();
        derived.extend(groups.into_iter().map(Write::Group));
        derived.extend(marks.into_iter().map(Write::Mark));
        let phases = [
            Phase { timestamp_us: row_us, writes: self.bound(newest_ms).into_iter().collect() },
            Phase { timestamp_us: log_us, writes: logs },
            Phase { timestamp_us: row_us, writes: derived },
            Phase { timestamp_us: row_us, writes: users.into_iter().map(Write::User).collect() },
        ];
        phases.into_iter().filter(|phase| !phase.writes.is_empty()).collect()
    }

    fn bound(&mut self, newest_ms: u64) -> Option<Write> {
        if newest_ms <= self.bound_ms {
            return None;
        }
        self.bound_ms = newest_ms + BOUND_STEP_MS;
        Some(Write::Bound { partition: self.partition, bound_ms: self.bound_ms })
    }
}

/// Of rows with one key only the last: under one timestamp the greater value would win, cell by cell.
fn keep_last<T, K: std::hash::Hash + Eq>(rows: &mut Vec<T>, key: impl Fn(&T) -> K) {
    if rows.len() < 2 {
        return;
    }
    let mut keys = HashSet::with_capacity(rows.len());
    rows.reverse();
    rows.retain(|row| keys.insert(key(row)));
    rows.reverse();
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use shard::group::Members;
    use shard::rows::Chain;
    use wire::{ClientMsgId, InboxSeq, MessageId, RowKind, Seq};

    fn conversation() -> ConversationId {
        ConversationId::direct(Uid(1), Uid(2)).unwrap()
    }

    fn message(seq: u64, id_ms: u64) -> MessageRow {
        MessageRow {
            conversation: conversation(),
            seq: Seq(seq),
            number: seq,
            message_id: MessageId(seq),
            sender: Uid(1),
            time_ms: 1,
            kind: RowKind::MESSAGE,
            flags: 0,
            chain: Chain::default(),
            client_msg_id: ClientMsgId::new(id_ms, 0),
            body: Bytes::new(),
            seen: Seq(0),
        }
    }

    fn writer() -> Writer {
        Writer::new(Partition::of_user(Uid(2)), Epoch(3), 1_000)
    }

    fn kinds(phases: &[Phase]) -> Vec<String> {
        let kind = |write: &Write| match write {
            Write::Bound { bound_ms, .. } => format!("bound {bound_ms}"),
            Write::Message { row, committed } => format!("message {} {}", row.seq, committed.0),
            Write::Inbox { row, committed } => format!("inbox {} {}", row.inbox_seq, committed.0),
            Write::Chat(row) => format!("chat {} {}", row.conversation, row.read_seq),
            Write::User(row) => format!("user {}", row.chats_through),
            Write::Group(row) => format!("group {}", row.position),
            Write::Mark(row) => format!("mark {}", row.is_open),
        };
        let phase = |phase: &Phase| phase.writes.iter().map(kind).collect::<Vec<_>>().join(", ");
        phases.iter().map(phase).collect()
    }

    #[test]
    fn a_row_goes_after_what_it_tells_of() {
        let chat = |read| {
            let empty = ChatRow::empty(Uid(1), conversation());
            Row::Chat(ChatRow { read_seq: Seq(read), ..empty })
        };
        let inbox = |place| InboxRow {
            uid: Uid(1),
            inbox_seq: InboxSeq(place),
            flags: 0,
            chain: Chain::default(),
            message: message(place, 0),
        };
        let mut writer = writer();
        let group = ConversationId::group(5).unwrap();
        let phases = writer.phases(vec![
            Row::User(UserRow {
                chats_through: InboxSeq(5),
                chats_version: 1,
                ..UserRow::empty(Uid(1))
            }),
            chat(1),
            chat(2),
            Row::Inbox(inbox(4)),
            Row::Inbox(inbox(5)),
            Row::Mark(MarkRow { group, is_open: false }),
            Row::Mark(MarkRow { group, is_open: true }),
            Row::Group(GroupRow { group, position: Seq(6), members: Members::default() }),
            Row::Message(message(7, 2_000)),
            Row::Message(message(8, 1_500)),
        ]);
        let expect = [
            "bound 62000",
            "inbox 4 3, inbox 5 3, message 7 6, message 8 6",
            "chat 1:2:1 2, group 6, mark true",
            "user 5",
        ];
        assert_eq!(kinds(&phases), expect);
        let us = |revision| Epoch(3).timestamp_us(revision);
        let stamps: Vec<_> = phases.iter().map(|phase| phase.timestamp_us).collect();
        assert_eq!(stamps, [us(1), us(0), us(1), us(1)]);
        let phases = writer.phases(vec![chat(3)]);
        assert_eq!((phases.len(), phases[0].timestamp_us), (1, us(2)), "covers the one before");
    }

    #[test]
    fn the_bound_of_the_ids_is_written_once_for_many() {
        let mut writer = writer();
        assert_eq!(kinds(&writer.phases(vec![Row::Message(message(1, 1_000))])), ["message 1 0"]);
        let phases = writer.phases(vec![Row::Message(message(2, 1_001))]);
        assert_eq!(kinds(&phases), ["bound 61001", "message 2 1"]);
        let phases = writer.phases(vec![Row::Message(message(3, 61_001))]);
        assert_eq!(kinds(&phases), ["message 3 2"]);
    }

    #[test]
    fn an_empty_batch_has_no_phase() {
        assert_eq!(writer().phases(Vec::new()), []);
    }
}
