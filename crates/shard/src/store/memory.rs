//! The store of tests and of the simulator. Requests wait until they are polled, so a crash can fall between.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound::{Excluded, Included};

use wire::{ClientMsgId, ConversationId, DeviceId, InboxSeq, PAGE_BYTES_MAX, Seq, Uid};

use crate::group::{GroupRow, MarkRow};
use crate::limits::OWED_ROWS;
use crate::offline::{DeadRow, OwedRow, PushToken};
use crate::page::Page;
use crate::rows::Owed;
use crate::rows::{
    Chain, ChatRow, Completion, Found, InboxRow, MessageRow, Read, Row, StoreError, Ticket, UserRow,
};

#[derive(Clone, Debug)]
enum Request {
    Commit(Ticket, Vec<Row>),
    Read(Ticket, Read),
}

/// Rows in memory, done strictly in the order asked for.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    waiting: VecDeque<Request>,
    refusal: Option<StoreError>,
    tables: Tables,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// See [`super::Store::newest_id_ms`]; it is opened whenever this is asked.
    #[must_use]
    pub fn newest_id_ms(&self) -> u64 {
        // Ids sort by their time.
        let last = self.tables.ids.last_key_value();
        last.and_then(|((id, ..), _)| id.unix_ms()).unwrap_or(0)
    }

    /// See [`super::Store::commit`].
    pub fn commit(&mut self, ticket: Ticket, batch: Vec<Row>) {
        self.waiting.push_back(Request::Commit(ticket, batch));
    }

    /// See [`super::Store::read`].
    pub fn read(&mut self, ticket: Ticket, read: Read) {
        self.waiting.push_back(Request::Read(ticket, read));
    }

    /// See [`super::Store::poll`].
    pub fn poll(&mut self, completions: &mut Vec<Completion>) {
        self.poll_some(usize::MAX, completions);
    }

    /// Does at most `count` of the waiting requests: a store that is slow.
    pub fn poll_some(&mut self, count: usize, completions: &mut Vec<Completion>) {
        let count = count.min(self.waiting.len());
        for request in self.waiting.drain(..count) {
            completions.push(match (request, &self.refusal) {
                (Request::Commit(ticket, _), Some(error)) => {
                    Completion::Committed(ticket, Err(error.clone()))
                }
                (Request::Commit(ticket, batch), None) => {
                    batch.into_iter().for_each(|row| self.tables.write(row));
                    Completion::Committed(ticket, Ok(()))
                }
                (
                    Request::Read(ticket, _),
                    Some(error @ (StoreError::Failed(_) | StoreError::Unavailable)),
                ) => Completion::Read(ticket, Err(error.clone())),
                (Request::Read(ticket, read), Some(StoreError::Full) | None) => {
                    Completion::Read(ticket, Ok(self.tables.read(read)))
                }
            });
        }
    }

    /// See [`super::Store::in_flight`].
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.waiting.len()
    }

    /// The process dies: of the commits that were not polled the first `keep` were written, unseen.
    pub fn crash(&mut self, keep: usize) {
        let commits = self.waiting.drain(..).filter_map(|request| match request {
            Request::Commit(_, batch) => Some(batch),
            Request::Read(..) => None,
        });
        commits.take(keep).flatten().for_each(|row| self.tables.write(row));
    }

    /// Rows of an inbox below `tail` go by age.
    pub fn expire(&mut self, uid: Uid, tail: InboxSeq) {
        self.tables.inbox.retain(|(of, place), _| *of != uid || *place >= tail);
    }

    /// From now on requests end as those of a store that is full or failed; `None`: it works again.
    pub fn refuse(&mut self, refusal: Option<StoreError>) {
        self.refusal = refusal;
    }
}

#[derive(Clone, Debug, Default)]
struct Tables {
    messages: BTreeMap<(ConversationId, Seq), MessageRow>,
    ids: BTreeMap<(ClientMsgId, Uid, ConversationId), Seq>,
    inbox: BTreeMap<(Uid, InboxSeq), InboxRow>,
    chats: BTreeMap<(Uid, ConversationId), ChatRow>,
    users: BTreeMap<Uid, UserRow>,
    groups: BTreeMap<ConversationId, GroupRow>,
    marks: BTreeSet<ConversationId>,
    push_tokens: BTreeMap<(Uid, DeviceId), PushToken>,
    owing: BTreeSet<Uid>,
    dead: BTreeMap<(Uid, InboxSeq), DeadRow>,
}

impl Tables {
    fn write(&mut self, row: Row) {
        match row {
            Row::Message(row) => {
                self.ids.insert((row.client_msg_id, row.sender, row.conversation), row.seq);
                self.messages.insert((row.conversation, row.seq), row);
            }
            Row::Inbox(row) => drop(self.inbox.insert((row.uid, row.inbox_seq), row)),
            Row::Chat(row) => drop(self.chats.insert((row.uid, row.conversation), row)),
            Row::User(row) => drop(self.users.insert(row.uid, row)),
            Row::Group(row) => drop(self.groups.insert(row.group, row)),
            Row::Mark(MarkRow { group, is_open: true }) => _ = self.marks.insert(group),
            Row::Mark(MarkRow { group, is_open: false }) => _ = self.marks.remove(&group),
            Row::PushToken(row) if row.token.is_empty() => {
                self.push_tokens.remove(&(row.uid, row.device));
            }
            Row::PushToken(row) => drop(self.push_tokens.insert((row.uid, row.device), row)),
            Row::Owed(OwedRow { uid, is_owed: true }) => _ = self.owing.insert(uid),
            Row::Owed(OwedRow { uid, is_owed: false }) => _ = self.owing.remove(&uid),
            Row::Dead(row) if row.is_gone => _ = self.dead.remove(&(row.uid, row.through)),
            Row::Dead(row) => _ = self.dead.insert((row.uid, row.through), row),
        }
    }

    fn read(&self, read: Read) -> Found {
        match read {
            Read::User { uid } => self.user(uid),
            Read::Conversation { conversation } => {
                Found::Messages(self.messages(conversation, Seq(u64::MAX), Page::new(1, 0)))
            }
            Read::Group { group } => {
                let row = self.groups.get(&group).cloned();
                let from = row.as_ref().map_or(Seq(0), |row| row.position);
                let above = self.messages.range((group, from)..(group, Seq(u64::MAX)));
                Found::Group(row, above.map(|(_, row)| row.clone()).collect())
            }
            Read::Marks { after, limit } => {
                let above = self.marks.iter().filter(|group| Some(**group) > after);
                Found::Marks(above.take(limit).copied().collect())
            }
            Read::Owing(after, limit) => {
                let above = self.owing.iter().filter(|uid| Some(**uid) > after);
                Found::Owing(above.take(limit).copied().collect())
            }
            Read::Owed(uid, after) => {
                let page = Page::new(OWED_ROWS, PAGE_BYTES_MAX);
                Found::Owed(Box::new(self.owed(uid, after, page)))
            }
            Read::PushTokens(uid) => Found::PushTokens(self.push_tokens(uid)),
            Read::Dead(after, limit) => {
                let above = self.dead.values().filter(|row| Some(row.uid) > after);
                Found::Dead(above.take(limit).copied().collect())
            }
            Read::Messages { conversation, before, limit, bytes_max } => {
                Found::Messages(self.messages(conversation, before, Page::new(limit, bytes_max)))
            }
            Read::ByClientMsgId { sender, conversation, client_msg_id } => {
                let seq = self.ids.get(&(client_msg_id, sender, conversation));
                let row = seq.and_then(|seq| self.messages.get(&(conversation, *seq))).cloned();
                Found::Messages(row.into_iter().collect())
            }
            Read::Inbox { uid, after, limit, bytes_max } => {
                Found::Inbox(self.inbox(uid, after, Page::new(limit, bytes_max)))
            }
            Read::Tail { uid, from, head } => {
                let first = self.inbox.range((uid, from)..=(uid, head)).next();
                Found::Tail(first.map_or(head.next(), |((_, place), _)| *place))
            }
            Read::Chat { uid, conversation } => {
                Found::Chat(self.chats.get(&(uid, conversation)).copied())
            }
            Read::Chats { uid, after, limit, bytes_max } => {
                let mut page = Page::new(limit, bytes_max);
                let rows =
                    self.chats.iter().filter(|((of, at), _)| *of == uid && Some(*at) > after);
                let rows = rows.map(|(_, row)| self.with_message(*row));
                let rows = rows.take_while(|(_, recent)| page.take_chat(recent.as_ref()));
                Found::Chats(rows.collect())
            }
        }
    }

    fn messages(
        &self,
        conversation: ConversationId,
        before: Seq,
        mut page: Page,
    ) -> Vec<MessageRow> {
        let range = self.messages.range((conversation, Seq(0))..(conversation, before));
        let rows = range.rev().map(|(_, row)| row.clone());
        let mut rows: Vec<_> = rows.take_while(|row| page.take_message(&row.body)).collect();
        rows.reverse();
        rows
    }

    fn user(&self, uid: Uid) -> Found {
        let row = self.users.get(&uid).copied();
        let through = row.map_or(InboxSeq(0), |row| row.chats_through);
        let all = (uid, InboxSeq(0))..=(uid, InboxSeq(u64::MAX));
        let last = self.inbox.range(all).next_back().map(|(_, row)| row);
        Found::User {
            row,
            head: last.map_or(InboxSeq(0), |row| row.inbox_seq),
            chain: last.map_or(Chain::default(), InboxRow::next_chain),
            tail: self.inbox(uid, through, Page::unlimited()),
        }
    }

    fn inbox(&self, uid: Uid, after: InboxSeq, mut page: Page) -> Vec<InboxRow> {
        let range = (Excluded((uid, after)), Included((uid, InboxSeq(u64::MAX))));
        let rows = self.inbox.range(range).map(|(_, row)| row.clone());
        rows.take_while(|row| page.take_message(&row.message.body)).collect()
    }

    fn push_tokens(&self, uid: Uid) -> Vec<PushToken> {
        let all = (uid, DeviceId(0))..=(uid, DeviceId(u64::MAX));
        self.push_tokens.range(all).map(|(_, row)| row.clone()).collect()
    }

    fn owed(&self, uid: Uid, after: InboxSeq, page: Page) -> Owed {
        let rows = self.inbox(uid, after, page);
        let chats = self.chats.values().filter(|chat| chat.uid == uid);
        let read = chats.clone().map(|chat| (chat.conversation, chat.read_seq)).collect();
        let unread = chats.map(ChatRow::unread).sum();
        Owed { rows, read, unread, tokens: self.push_tokens(uid) }
    }

    fn with_message(&self, row: ChatRow) -> (ChatRow, Option<MessageRow>) {
        let newest = self.inbox.get(&(row.uid, row.recent_inbox_seq));
        (row, newest.map(|row| row.message.clone()))
    }
}
