//! A store without batches, as over CQL, shared by all: each row lands by itself, in any order within its phase, under the
//! stamp of its owner's epoch; what an owner had under way when it was replaced lands late or never. Whoever loads a log
//! keeps the run whose chain fits, and writes it again.

use shard::rows::{Chain, Found, InboxRow, MessageRow, Read, Row};
use std::collections::{BTreeMap, BTreeSet};
use wire::{ClientMsgId, ConversationId, InboxSeq, Seq, Uid};

/// Epoch, and a count of commits within it.
pub type Stamp = (u32, u32);

/// What names a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Message(ConversationId, Seq),
    Inbox(Uid, InboxSeq),
    Chat(Uid, ConversationId),
    User(Uid),
    Group(ConversationId),
    Mark(ConversationId),
}

impl Key {
    pub fn of(row: &Row) -> Self {
        match row {
            Row::Message(row) => Self::Message(row.conversation, row.seq),
            Row::Inbox(row) => Self::Inbox(row.uid, row.inbox_seq),
            Row::Chat(row) => Self::Chat(row.uid, row.conversation),
            Row::User(row) => Self::User(row.uid),
            Row::Group(row) => Self::Group(row.group),
            Row::Mark(row) => Self::Mark(row.group),
            Row::PushToken(_) | Row::Owed(_) | Row::Dead(_) => unreachable!("nobody is told here"),
        }
    }

    /// Rows of logs first, then what tells of them.
    pub fn phase(self) -> usize {
        match self {
            Self::Message(..) | Self::Inbox(..) => 0,
            Self::Chat(..) | Self::Group(_) | Self::Mark(_) => 1,
            Self::User(_) => 2,
        }
    }
}

#[derive(Default)]
pub struct Tables {
    rows: BTreeMap<Key, (Stamp, Row)>,
    /// The messages of an id: rows that were covered since may be named.
    ids: BTreeMap<(Uid, ConversationId, ClientMsgId), BTreeSet<Seq>>,
}

impl Tables {
    pub fn put(&mut self, stamp: Stamp, row: Row) {
        let key = Key::of(&row);
        if let Row::Message(row) = &row {
            let id = (row.sender, row.conversation, row.client_msg_id);
            self.ids.entry(id).or_default().insert(row.seq);
        }
        if self.rows.get(&key).is_none_or(|known| known.0 <= stamp) {
            self.rows.insert(key, (stamp, row));
        }
    }

    fn get(&self, key: Key) -> Option<Row> {
        self.rows.get(&key).map(|known| known.1.clone())
    }

    pub fn message(&self, conversation: ConversationId, seq: Seq) -> Option<MessageRow> {
        match self.get(Key::Message(conversation, seq)) {
            Some(Row::Message(row)) => Some(row),
            _ => None,
        }
    }

    fn inbox_row(&self, uid: Uid, inbox_seq: InboxSeq) -> Option<InboxRow> {
        match self.get(Key::Inbox(uid, inbox_seq)) {
            Some(Row::Inbox(row)) => Some(row),
            _ => None,
        }
    }

    /// The rows of a conversation that count.
    pub fn log(&self, conversation: ConversationId) -> Vec<MessageRow> {
        let (mut chain, mut ids) = (Chain::default(), BTreeSet::new());
        let rows = (1..).map_while(|seq| self.message(conversation, Seq(seq)));
        let run = rows.take_while(|row| {
            let fits = row.chain == chain && ids.insert((row.sender, row.client_msg_id));
            chain = row.next_chain();
            fits
        });
        run.collect()
    }

    /// The rows of an inbox that count.
    pub fn inbox(&self, uid: Uid) -> Vec<InboxRow> {
        let (mut chain, mut ids) = (Chain::default(), BTreeSet::new());
        let rows = (1..).map_while(|place| self.inbox_row(uid, InboxSeq(place)));
        let run = rows.take_while(|row| {
            let fits = row.chain == chain && ids.insert(row.message.message_id);
            chain = row.next_chain();
            fits
        });
        run.collect()
    }

    /// Answers an owner of an epoch. A load is a takeover.
    pub fn read(&mut self, epoch: u32, read: Read) -> Found {
        match read {
            Read::User { uid } => self.take_inbox(epoch, uid),
            Read::Conversation { conversation } => {
                Found::Messages(self.take_log(epoch, conversation).pop().into_iter().collect())
            }
            Read::Group { group } => {
                let row = match self.get(Key::Group(group)) {
                    Some(Row::Group(row)) => Some(row),
                    _ => None,
                };
                let from = row.as_ref().map_or(Seq(0), |row| row.position);
                let mut log = self.take_log(epoch, group);
                log.retain(|row| row.seq >= from);
                Found::Group(row, log)
            }
            Read::Marks { .. } => {
                let open = self.rows.values().filter_map(|(_, row)| {
                    let Row::Mark(mark) = row else { return None };
                    mark.is_open.then_some(mark.group)
                });
                Found::Marks(open.collect())
            }
            Read::Owing(..) | Read::Owed(..) | Read::PushTokens(..) | Read::Dead(..) => {
                unreachable!("nobody is told here")
            }
            Read::Messages { conversation, before, limit, .. } => {
                let first = before.0.saturating_sub(limit as u64).max(1);
                let rows = (first..before.0).filter_map(|seq| self.message(conversation, Seq(seq)));
                Found::Messages(rows.collect())
            }
            Read::ByClientMsgId { sender, conversation, client_msg_id } => {
                let seqs = self.ids.get(&(sender, conversation, client_msg_id));
                let rows = seqs.into_iter().flatten().filter_map(|seq| {
                    self.message(conversation, *seq)
                        .filter(|it| (it.sender, it.client_msg_id) == (sender, client_msg_id))
                });
                Found::Messages(rows.take(1).collect())
            }
            Read::Inbox { uid, after, limit, .. } => {
                let rows = (after.0 + 1..).map_while(|it| self.inbox_row(uid, InboxSeq(it)));
                Found::Inbox(rows.take(limit).collect())
            }
            Read::Tail { uid, from, head } => {
                let mut places = (from.0..=head.0).map(InboxSeq);
                let first = places.find(|place| self.inbox_row(uid, *place).is_some());
                Found::Tail(first.unwrap_or(head.next()))
            }
            Read::Chat { uid, conversation } => match self.get(Key::Chat(uid, conversation)) {
                Some(Row::Chat(row)) => Found::Chat(Some(row)),
                _ => Found::Chat(None),
            },
            Read::Chats { uid, .. } => {
                let chats = self.rows.values().filter_map(|(_, row)| {
                    let Row::Chat(row) = row else { return None };
                    (row.uid == uid).then_some((*row, None))
                });
                Found::Chats(chats.collect())
            }
        }
    }

    fn take_log(&mut self, epoch: u32, conversation: ConversationId) -> Vec<MessageRow> {
        let log = self.log(conversation);
        log.iter().for_each(|row| self.put((epoch, 0), Row::Message(row.clone())));
        log
    }

    fn take_inbox(&mut self, epoch: u32, uid: Uid) -> Found {
        let rows = self.inbox(uid);
        rows.iter().for_each(|row| self.put((epoch, 0), Row::Inbox(row.clone())));
        let row = match self.get(Key::User(uid)) {
            Some(Row::User(row)) => Some(row),
            _ => None,
        };
        let through = row.map_or(InboxSeq(0), |row| row.chats_through);
        let last = rows.last();
        Found::User {
            row,
            head: last.map_or(InboxSeq(0), |row| row.inbox_seq),
            chain: last.map_or(Chain::default(), InboxRow::next_chain),
            tail: rows.into_iter().filter(|row| row.inbox_seq > through).collect(),
        }
    }
}
