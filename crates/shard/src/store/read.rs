//! Questions to the index and to what is held, answered. Blocks; knows neither tickets nor threads.

use std::ops::Bound;
use std::ops::Bound::{Excluded, Included, Unbounded};

use fjall::{Guard, Keyspace, Slice};
use wire::{ClientMsgId, ConversationId, DeviceId, InboxSeq, PAGE_BYTES_MAX, Seq, Uid};

use super::codec::{Key, is_apart, take_chat, take_group, take_id, take_inbox, take_mark};
use super::codec::{take_message, take_number, take_recent, take_user};
use super::held::Held;
use super::log::{Item, Table};
use super::offline_codec::{take_dead, take_owed, take_push_token};
use super::tables::Tables;
use crate::limits::{CHATS_COUNTED_MAX, OWED_ROWS};
use crate::offline::{DeadRow, PushToken};
use crate::page::Page;
use crate::rows::Owed;
use crate::rows::{Chain, ChatRow, Found, InboxRow, MessageRow, Read};

/// Why a question has no answer.
pub enum ReadError {
    /// The database failed where these keys are.
    Database {
        /// The keyspace.
        table: Keyspace,
        /// The first and the last key that was asked for.
        keys: (Vec<u8>, Vec<u8>),
        /// Its failure.
        source: fjall::Error,
    },
    /// A row is not what it must be.
    Row {
        /// The keyspace.
        table: String,
        /// The key.
        key: Vec<u8>,
    },
}

type Result<T> = std::result::Result<T, ReadError>;
type Decode<T> = fn(&[u8], &[u8]) -> Option<T>;

/// What is in the index, and what is held, which is newer. A log grows at its end, without a hole, and of a conversation and of
/// the inbox of a user whose chats were never stored the first row never goes: so where the first row is held, all are, and
/// below the first that is held the index has the rest.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The index.
    pub tables: &'a Tables,
    /// What it lacks.
    pub held: &'a Held,
}

/// Answers one question.
pub fn read(view: View<'_>, read: Read) -> Result<Found> {
    Ok(match read {
        Read::User { uid } => user(view, uid)?,
        Read::Conversation { conversation } => {
            // New ones are many, and the filter of a key costs less than a range.
            let first = Key::message(conversation, Seq(1));
            let is_there = view.has(Table::Messages, Key::messages(conversation), first);
            let limit = usize::from(is_there);
            Found::Messages(messages(view, conversation, Seq(u64::MAX), Page::new(limit, 0))?)
        }
        Read::Group { group } => self::group(view, group)?,
        Read::Marks { after, limit } => Found::Marks(marks(view, after, limit)?),
        Read::Owing(after, limit) => Found::Owing(owing(view, after, limit)?),
        Read::Owed(uid, after) => Found::Owed(Box::new(owed(view, uid, after)?)),
        Read::PushTokens(uid) => Found::PushTokens(push_tokens(view, uid)?),
        Read::Dead(after, limit) => Found::Dead(dead(view, after, limit)?),
        Read::Messages { conversation, before, limit, bytes_max } => {
            Found::Messages(messages(view, conversation, before, Page::new(limit, bytes_max))?)
        }
        Read::ByClientMsgId { sender, conversation, client_msg_id } => {
            let found = by_client_msg_id(view, sender, conversation, client_msg_id)?;
            Found::Messages(found.into_iter().collect())
        }
        Read::Inbox { uid, after, limit, bytes_max } => {
            Found::Inbox(rows(view, uid, after, Page::new(limit, bytes_max))?)
        }
        Read::Tail { uid, from, head } => Found::Tail(first(view, uid, (from, head))?),
        Read::Chat { uid, conversation } => {
            Found::Chat(view.get(Table::Chats, Key::chat(uid, conversation), take_chat)?)
        }
        Read::Chats { uid, after, limit, bytes_max } => {
            Found::Chats(chats(view, uid, after, Page::new(limit, bytes_max))?)
        }
    })
}

impl View<'_> {
    fn get<T>(self, table: Table, key: Key, decode: Decode<T>) -> Result<Option<T>> {
        match self.held.get(table, key.as_ref()) {
            Some(item) => self.decode(item, decode).map(Some),
            None => get(self.tables.keyspace(table), key.as_ref(), decode),
        }
    }

    fn decode<T>(self, item: Item<'_>, decode: Decode<T>) -> Result<T> {
        let value = [item.head, item.content].concat();
        let row = decode(item.key, &value);
        row.ok_or_else(|| no_row(self.tables.keyspace(item.table), item.key))
    }

    /// Whether a log may have a row, if its first one has that key. One that cannot be read may be there.
    fn has(self, table: Table, log: Key, first: Key) -> bool {
        let found = || self.tables.keyspace(table).contains_key(first.as_ref());
        self.held.first(table, log.as_ref()).is_some() || found().unwrap_or(true)
    }

    /// The place of the first message of a conversation that is held.
    fn first_message(self, conversation: ConversationId) -> Result<Option<Seq>> {
        let first = self.held.first(Table::Messages, Key::messages(conversation).as_ref());
        first.map(|item| Ok(self.decode(item, take_message)?.seq)).transpose()
    }

    /// The place of the first row of an inbox that is held.
    fn first_held(self, uid: Uid) -> Result<Option<InboxSeq>> {
        let first = self.held.first(Table::Inbox, Key::user(uid).as_ref());
        first.map(|item| Ok(self.decode(item, take_inbox)?.inbox_seq)).transpose()
    }
}

fn user(view: View<'_>, uid: Uid) -> Result<Found> {
    let row = view.get(Table::Users, Key::user(uid), take_user)?;
    let is_new = || !view.has(Table::Inbox, Key::user(uid), Key::inbox(uid, InboxSeq(1)));
    if row.is_none() && is_new() {
        let (head, chain) = Default::default();
        return Ok(Found::User { row, head, chain, tail: Vec::new() });
    }
    let through = row.map_or(InboxSeq(0), |row| row.chats_through);
    let tail = inbox(view, uid, through, Page::unlimited())?;
    let last = match tail.last() {
        Some(row) => Some((row.inbox_seq, row.next_chain())),
        None => inbox_end(view, uid)?.map(|row| (row.inbox_seq, row.next_chain())),
    };
    let (head, chain) = last.unwrap_or((InboxSeq(0), Chain::default()));
    Ok(Found::User { row, head, chain, tail })
}

fn inbox_end(view: View<'_>, uid: Uid) -> Result<Option<InboxRow>> {
    let held = view.held.range((Table::Inbox, Key::user(uid).as_ref()), (Unbounded, Unbounded));
    if let Some(last) = held.last() {
        return view.decode(last, take_inbox).map(Some);
    }
    let keys = (Key::inbox(uid, InboxSeq(0)), Key::inbox(uid, InboxSeq(u64::MAX)));
    let last = view.tables.inbox.range(keys.0..=keys.1).next_back();
    last.map(|guard| decode((&view.tables.inbox, keys), guard, take_inbox)).transpose()
}

fn before(place: InboxSeq) -> InboxSeq {
    InboxSeq(place.0.saturating_sub(1))
}

/// Below this place nothing of an inbox is shown, whatever is there; 0: nothing has gone.
pub fn tail(tables: &Tables, uid: Uid) -> Result<InboxSeq> {
    let place = get(&tables.users, Key::tail(uid).as_ref(), take_number)?;
    Ok(InboxSeq(place.unwrap_or(0)))
}

fn first(view: View<'_>, uid: Uid, (from, head): (InboxSeq, InboxSeq)) -> Result<InboxSeq> {
    let from = tail(view.tables, uid)?.max(from);
    if from > head {
        return Ok(head.next());
    }
    let end = view.first_held(uid)?.map_or(head, |held| head.min(before(held)));
    if from <= end {
        let keys = (Key::inbox(uid, from), Key::inbox(uid, end));
        let first = view.tables.inbox.range(keys.0..=keys.1).next();
        let decode = |guard| decode((&view.tables.inbox, keys), guard, take_inbox);
        if let Some(row) = first.map(decode).transpose()? {
            return Ok(row.inbox_seq);
        }
    }
    let keys = (Key::inbox(uid, from), Key::inbox(uid, head));
    let keys = (Included(keys.0.as_ref()), Included(keys.1.as_ref()));
    let first = view.held.range((Table::Inbox, Key::user(uid).as_ref()), keys).next();
    let first = first.map(|item| view.decode(item, take_inbox)).transpose()?;
    Ok(first.map_or(head.next(), |row| row.inbox_seq))
}

fn messages(
    view: View<'_>,
    conversation: ConversationId,
    mut before: Seq,
    mut page: Page,
) -> Result<Vec<MessageRow>> {
    let name = Key::messages(conversation);
    let end = Key::message(conversation, before);
    let held = (Table::Messages, name.as_ref());
    let mut rows = Vec::new();
    for item in view.held.range(held, (Unbounded, Excluded(end.as_ref()))).rev() {
        let row = view.decode(item, take_message)?;
        if !page.take_message(&row.body) {
            break;
        }
        rows.push(row);
    }
    before = before.min(view.first_message(conversation)?.unwrap_or(before));
    if !page.is_full() && before > Seq(1) {
        let keys = (Key::message(conversation, Seq(0)), Key::message(conversation, before));
        let range = view.tables.messages.range(keys.0..keys.1).rev();
        let fits = |row: &MessageRow| page.take_message(&row.body);
        rows.extend(collect((&view.tables.messages, keys), range, take_message, fits)?);
    }
    rows.reverse();
    Ok(rows)
}

fn group(view: View<'_>, group: ConversationId) -> Result<Found> {
    let row = view.get(Table::Groups, Key::group(group), take_group)?;
    let name = Key::messages(group);
    if row.is_none() && !view.has(Table::Messages, name, Key::message(group, Seq(1))) {
        return Ok(Found::Group(None, Vec::new()));
    }
    let from = row.as_ref().map_or(Seq(0), |row| row.position);
    let end = view.first_message(group)?.unwrap_or(Seq(u64::MAX));
    let mut entries = Vec::new();
    if from < end {
        let keys = (Key::message(group, from), Key::message(group, end));
        let range = view.tables.messages.range(keys.0..keys.1);
        entries = collect((&view.tables.messages, keys), range, take_message, |_| true)?;
    }
    let from = Key::message(group, from);
    let held = (Included(from.as_ref()), Unbounded);
    for item in view.held.range((Table::Messages, name.as_ref()), held) {
        entries.push(view.decode(item, take_message)?);
    }
    Ok(Found::Group(row, entries))
}

fn marks(
    view: View<'_>,
    after: Option<ConversationId>,
    limit: usize,
) -> Result<Vec<ConversationId>> {
    let keys = (Excluded(Key::group_mark(after)), Excluded(Key::group_marks_end()));
    ordered(view, keys, take_mark, limit)
}

/// Rows that are found in the order of their keys, over all groups and users, at most so many.
fn ordered<T>(
    view: View<'_>,
    (from, to): (Bound<Key>, Bound<Key>),
    take: Decode<T>,
    limit: usize,
) -> Result<Vec<T>> {
    let table = &view.tables.users;
    let none = Key::group_marks_end();
    let key = |bound: &Bound<Key>| match bound {
        Included(key) | Excluded(key) => *key,
        Unbounded => none,
    };
    let keys = (key(&from), key(&to));
    let stored = table.range((from, to)).map(|guard| {
        let (key, value) = raw((table, keys), guard)?;
        let row = take(&key, &value).ok_or_else(|| no_row(table, &key))?;
        Ok((key.to_vec(), Some(row)))
    });
    let held = (from.as_ref().map(AsRef::as_ref), to.as_ref().map(AsRef::as_ref));
    let held = view.held.ordered(held).map(|item| {
        let row = (!item.is_removal()).then(|| view.decode(item, take)).transpose()?;
        Ok((item.key.to_vec(), row))
    });
    let merged = merged(held, stored, |(key, _)| key.clone());
    merged.filter_map(|it| it.map(|(_, row)| row).transpose()).take(limit).collect()
}

/// Rows of both in the order of their keys; of equal keys the one that is held.
fn merged<T, K: Ord>(
    held: impl Iterator<Item = Result<T>>,
    stored: impl Iterator<Item = Result<T>>,
    key: impl Fn(&T) -> K,
) -> impl Iterator<Item = Result<T>> {
    let (mut held, mut stored) = (held.peekable(), stored.peekable());
    std::iter::from_fn(move || {
        // What cannot be read comes first: it ends the answer.
        let key = |row: Option<&Result<T>>| row.map(|row| row.as_ref().ok().map(&key));
        match (key(held.peek()), key(stored.peek())) {
            (Some(newer), Some(older)) if newer > older => stored.next(),
            (None, _) => stored.next(),
            (newer, older) => {
                if newer == older {
                    stored.next();
                }
                held.next()
            }
        }
    })
}

fn owing(view: View<'_>, after: Option<Uid>, limit: usize) -> Result<Vec<Uid>> {
    let keys = (Excluded(Key::owed(after)), Excluded(Key::dead(Uid(0), InboxSeq(0))));
    ordered(view, keys, take_owed, limit)
}

fn dead(view: View<'_>, after: Option<Uid>, limit: usize) -> Result<Vec<DeadRow>> {
    let first = after.map_or(Uid(0), |after| after);
    let from = if after.is_some() { InboxSeq(u64::MAX) } else { InboxSeq(0) };
    ordered(view, (Excluded(Key::dead(first, from)), Excluded(Key::dead_end())), take_dead, limit)
}

fn push_tokens(view: View<'_>, uid: Uid) -> Result<Vec<PushToken>> {
    let of = |device| Included(Key::push_token(uid, DeviceId(device)));
    ordered(view, (of(0), of(u64::MAX)), take_push_token, usize::MAX)
}

/// The chats of a user are few, each some 30 bytes; of more than [`CHATS_COUNTED_MAX`] those beyond are not counted.
fn owed(view: View<'_>, uid: Uid, after: InboxSeq) -> Result<Owed> {
    let rows = rows(view, uid, after, Page::new(OWED_ROWS, PAGE_BYTES_MAX))?;
    let chats: Result<Vec<_>> = chat_rows(view, uid, None).take(CHATS_COUNTED_MAX).collect();
    let mut conversations: Vec<_> = rows.iter().map(|row| row.message.conversation).collect();
    conversations.sort_unstable();
    conversations.dedup();
    let mut read = Vec::with_capacity(conversations.len());
    for conversation in conversations {
        let chat = view.get(Table::Chats, Key::chat(uid, conversation), take_chat)?;
        read.push((conversation, chat.map_or(Seq(0), |chat| chat.read_seq)));
    }
    let unread = chats?.iter().map(ChatRow::unread).sum();
    Ok(Owed { rows, read, unread, tokens: push_tokens(view, uid)? })
}

/// Rows of an inbox that are to be shown.
fn rows(view: View<'_>, uid: Uid, after: InboxSeq, page: Page) -> Result<Vec<InboxRow>> {
    inbox(view, uid, after.max(before(tail(view.tables, uid)?)), page)
}

fn by_client_msg_id(
    view: View<'_>,
    sender: Uid,
    conversation: ConversationId,
    id: ClientMsgId,
) -> Result<Option<MessageRow>> {
    let key = Key::client_msg_id(id, conversation, sender);
    let Some(seq) = view.get(Table::Ids, key, take_id)? else { return Ok(None) };
    view.get(Table::Messages, Key::message(conversation, seq), take_message)
}

fn inbox(view: View<'_>, uid: Uid, after: InboxSeq, mut page: Page) -> Result<Vec<InboxRow>> {
    let last = view.first_held(uid)?.map_or(InboxSeq(u64::MAX), before);
    let mut rows = Vec::new();
    if last > after {
        let keys = (Key::inbox(uid, after), Key::inbox(uid, last));
        let range = view.tables.inbox.range((Excluded(keys.0), Included(keys.1)));
        let fits = |row: &InboxRow| page.take_message(&row.message.body);
        rows = collect((&view.tables.inbox, keys), range, take_inbox, fits)?;
    }
    let (name, after) = (Key::user(uid), Key::inbox(uid, after));
    let held = (Table::Inbox, name.as_ref());
    for item in view.held.range(held, (Excluded(after.as_ref()), Unbounded)) {
        if page.is_full() {
            break;
        }
        let row = view.decode(item, take_inbox)?;
        if page.take_message(&row.message.body) {
            rows.push(row);
        }
    }
    Ok(rows)
}

fn chats(
    view: View<'_>,
    uid: Uid,
    after: Option<ConversationId>,
    mut page: Page,
) -> Result<Vec<(ChatRow, Option<MessageRow>)>> {
    let mut rows = Vec::new();
    for row in chat_rows(view, uid, after) {
        if page.is_full() {
            break;
        }
        let row = with_message(view, row?)?;
        if page.take_chat(row.1.as_ref()) {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// The chats of a user behind one, in their order.
fn chat_rows(
    view: View<'_>,
    uid: Uid,
    after: Option<ConversationId>,
) -> impl Iterator<Item = Result<ChatRow>> {
    let name = Key::user(uid);
    let keys = (after.map_or(name, |after| Key::chat(uid, after)), Key::chats_end(uid));
    let held = (Excluded(keys.0.as_ref()), Included(keys.1.as_ref()));
    let held = view.held.range((Table::Chats, name.as_ref()), held);
    let held = held.map(move |item| view.decode(item, take_chat));
    let stored = view.tables.chats.range((Excluded(keys.0), Included(keys.1)));
    let stored = stored.map(move |guard| decode((&view.tables.chats, keys), guard, take_chat));
    merged(held, stored, |row: &ChatRow| row.conversation)
}

fn with_message(view: View<'_>, row: ChatRow) -> Result<(ChatRow, Option<MessageRow>)> {
    let key = Key::inbox(row.uid, row.recent_inbox_seq);
    let newest = view.get(Table::Inbox, key, take_inbox)?.map(|row| row.message);
    if newest.is_some() || row.recent_seq == Seq(0) {
        return Ok((row, newest));
    }
    let key = Key::recent(row.uid, row.conversation);
    let kept = get(&view.tables.chats, key.as_ref(), take_recent)?;
    Ok((row, kept.filter(|kept| kept.seq == row.recent_seq)))
}

pub fn get<T>(table: &Keyspace, key: &[u8], decode: Decode<T>) -> Result<Option<T>> {
    let failed = |source| {
        let keys = (key.to_vec(), key.to_vec());
        ReadError::Database { table: table.clone(), keys, source }
    };
    let Some(value) = table.get(key).map_err(failed)? else { return Ok(None) };
    decode(key, &value).map(Some).ok_or_else(|| no_row(table, key))
}

fn raw((table, keys): (&Keyspace, (Key, Key)), guard: Guard) -> Result<(Slice, Slice)> {
    guard.into_inner().map_err(|source| {
        let keys = (keys.0.as_ref().to_vec(), keys.1.as_ref().to_vec());
        ReadError::Database { table: table.clone(), keys, source }
    })
}

pub fn decode<T>(
    (table, keys): (&Keyspace, (Key, Key)),
    guard: Guard,
    decode: Decode<T>,
) -> Result<T> {
    let (key, value) = raw((table, keys), guard)?;
    decode(&key, &value).ok_or_else(|| no_row(table, &key))
}

fn collect<T>(
    (table, keys): (&Keyspace, (Key, Key)),
    guards: impl Iterator<Item = Guard>,
    take: Decode<T>,
    mut fits: impl FnMut(&T) -> bool,
) -> Result<Vec<T>> {
    let rows = guards.map(|guard| decode((table, keys), guard, take));
    rows.take_while(|row| row.as_ref().map_or(true, &mut fits)).collect()
}

fn no_row(table: &Keyspace, key: &[u8]) -> ReadError {
    ReadError::Row { table: table.name().to_string(), key: key.to_vec() }
}

/// Whether a row of a table is one: for those who read all of them.
pub fn is_row(tables: &Tables, table: &Keyspace, key: &[u8], value: &[u8]) -> bool {
    let is = |other: &Keyspace| other.name() == table.name();
    if is(&tables.messages) {
        take_message(key, value).is_some()
    } else if is(&tables.ids) {
        take_id(key, value).is_some()
    } else if is(&tables.inbox) {
        take_inbox(key, value).is_some()
    } else if is(&tables.chats) && is_apart(key) {
        take_recent(key, value).is_some()
    } else if is(&tables.chats) {
        take_chat(key, value).is_some()
    } else if is(&tables.users) && is_apart(key) {
        take_number(key, value).is_some()
    } else if is(&tables.users) {
        let is_group = take_group(key, value).is_some() || take_mark(key, value).is_some();
        let is_push = take_push_token(key, value).is_some()
            || take_owed(key, value).is_some()
            || take_dead(key, value).is_some();
        is_group || is_push || take_user(key, value).is_some()
    } else {
        true
    }
}

impl ReadError {
    /// Names the file, as far as it can be found.
    pub fn text(&self, tables: &Tables) -> String {
        match self {
            Self::Database { table, keys: (first, last), source } => {
                let path = tables.unreadable(table, first, last);
                format!("{}, a part of {}: {source}", path.display(), table.name())
            }
            Self::Row { table, key } => format!("row {key:02x?} of {table}: it makes no sense"),
        }
    }
}
