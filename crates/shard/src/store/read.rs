//! Questions to the tables, answered. Blocks; knows neither tickets nor threads.

use std::ops::Bound::{Excluded, Included};

use fjall::{Guard, Keyspace};
use wire::{ClientMsgId, ConversationId, InboxSeq, Seq, Uid};

use super::codec::{Key, is_apart, take_chat, take_group, take_id, take_inbox, take_mark};
use super::codec::{take_message, take_number, take_recent, take_user};
use super::tables::Tables;
use crate::page::Page;
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

/// Answers one question.
pub fn read(tables: &Tables, read: Read) -> Result<Found> {
    Ok(match read {
        Read::User { uid } => user(tables, uid)?,
        Read::Conversation { conversation } => {
            Found::Messages(messages(tables, conversation, Seq(u64::MAX), Page::new(1, 0))?)
        }
        Read::Group { group } => self::group(tables, group)?,
        Read::Marks { after, limit } => Found::Marks(marks(tables, after, limit)?),
        Read::Messages { conversation, before, limit, bytes_max } => {
            Found::Messages(messages(tables, conversation, before, Page::new(limit, bytes_max))?)
        }
        Read::ByClientMsgId { sender, conversation, client_msg_id } => {
            let found = by_client_msg_id(tables, sender, conversation, client_msg_id)?;
            Found::Messages(found.into_iter().collect())
        }
        Read::Inbox { uid, after, limit, bytes_max } => {
            let after = after.max(InboxSeq(tail(tables, uid)?.0.saturating_sub(1)));
            Found::Inbox(inbox(tables, uid, after, Page::new(limit, bytes_max))?)
        }
        Read::Tail { uid, from, head } => Found::Tail(first(tables, uid, (from, head))?),
        Read::Chat { uid, conversation } => {
            Found::Chat(get(&tables.chats, Key::chat(uid, conversation).as_ref(), take_chat)?)
        }
        Read::Chats { uid, after, limit, bytes_max } => {
            Found::Chats(chats(tables, uid, after, Page::new(limit, bytes_max))?)
        }
    })
}

fn user(tables: &Tables, uid: Uid) -> Result<Found> {
    let row = get(&tables.users, Key::user(uid).as_ref(), take_user)?;
    let through = row.map_or(InboxSeq(0), |row| row.chats_through);
    let tail = inbox(tables, uid, through, Page::unlimited())?;
    let last = match tail.last() {
        Some(row) => Some((row.inbox_seq, row.next_chain())),
        None => inbox_end(tables, uid)?.map(|row| (row.inbox_seq, row.next_chain())),
    };
    let (head, chain) = last.unwrap_or((InboxSeq(0), Chain::default()));
    Ok(Found::User { row, head, chain, tail })
}

fn inbox_end(tables: &Tables, uid: Uid) -> Result<Option<InboxRow>> {
    let keys = (Key::inbox(uid, InboxSeq(0)), Key::inbox(uid, InboxSeq(u64::MAX)));
    let last = tables.inbox.range(keys.0..=keys.1).next_back();
    last.map(|guard| decode((&tables.inbox, keys), guard, take_inbox)).transpose()
}

/// Below this place nothing of an inbox is shown, whatever is there; 0: nothing has gone.
pub fn tail(tables: &Tables, uid: Uid) -> Result<InboxSeq> {
    let place = get(&tables.users, Key::tail(uid).as_ref(), take_number)?;
    Ok(InboxSeq(place.unwrap_or(0)))
}

fn first(tables: &Tables, uid: Uid, (from, head): (InboxSeq, InboxSeq)) -> Result<InboxSeq> {
    let from = tail(tables, uid)?.max(from);
    if from > head {
        return Ok(head.next());
    }
    let keys = (Key::inbox(uid, from), Key::inbox(uid, head));
    let first = tables.inbox.range(keys.0..=keys.1).next();
    let first = first.map(|guard| decode((&tables.inbox, keys), guard, take_inbox)).transpose()?;
    Ok(first.map_or(head.next(), |row| row.inbox_seq))
}

fn messages(
    tables: &Tables,
    conversation: ConversationId,
    before: Seq,
    mut page: Page,
) -> Result<Vec<MessageRow>> {
    let keys = (Key::message(conversation, Seq(0)), Key::message(conversation, before));
    let range = tables.messages.range(keys.0..keys.1).rev();
    let fits = |row: &MessageRow| page.take_message(&row.body);
    let mut rows = collect((&tables.messages, keys), range, take_message, fits)?;
    rows.reverse();
    Ok(rows)
}

fn group(tables: &Tables, group: ConversationId) -> Result<Found> {
    let row = get(&tables.users, Key::group(group).as_ref(), take_group)?;
    let from = row.as_ref().map_or(Seq(0), |row| row.position);
    let keys = (Key::message(group, from), Key::message(group, Seq(u64::MAX)));
    let range = tables.messages.range(keys.0..keys.1);
    let entries = collect((&tables.messages, keys), range, take_message, |_| true)?;
    Ok(Found::Group(row, entries))
}

fn marks(
    tables: &Tables,
    after: Option<ConversationId>,
    limit: usize,
) -> Result<Vec<ConversationId>> {
    let keys = (Key::group_mark(after), Key::group_marks_end());
    let range = tables.users.range((Excluded(keys.0), Excluded(keys.1))).take(limit);
    collect((&tables.users, keys), range, take_mark, |_| true)
}

fn by_client_msg_id(
    tables: &Tables,
    sender: Uid,
    conversation: ConversationId,
    id: ClientMsgId,
) -> Result<Option<MessageRow>> {
    let key = Key::client_msg_id(id, conversation, sender);
    let Some(seq) = get(&tables.ids, key.as_ref(), take_id)? else { return Ok(None) };
    get(&tables.messages, Key::message(conversation, seq).as_ref(), take_message)
}

fn inbox(tables: &Tables, uid: Uid, after: InboxSeq, mut page: Page) -> Result<Vec<InboxRow>> {
    let keys = (Key::inbox(uid, after), Key::inbox(uid, InboxSeq(u64::MAX)));
    let range = tables.inbox.range((Excluded(keys.0), Included(keys.1)));
    collect((&tables.inbox, keys), range, take_inbox, |row| page.take_message(&row.message.body))
}

fn chats(
    tables: &Tables,
    uid: Uid,
    after: Option<ConversationId>,
    mut page: Page,
) -> Result<Vec<(ChatRow, Option<MessageRow>)>> {
    let range = match after {
        Some(after) => (Excluded(Key::chat(uid, after)), Included(Key::chats_end(uid))),
        None => (Included(Key::user(uid)), Included(Key::chats_end(uid))),
    };
    let mut rows = Vec::new();
    for guard in tables.chats.range(range) {
        if page.is_full() {
            break;
        }
        let keys = (Key::user(uid), Key::chats_end(uid));
        let row = with_message(tables, decode((&tables.chats, keys), guard, take_chat)?)?;
        if !page.take_chat(row.1.as_ref()) {
            break;
        }
        rows.push(row);
    }
    Ok(rows)
}

fn with_message(tables: &Tables, row: ChatRow) -> Result<(ChatRow, Option<MessageRow>)> {
    let key = Key::inbox(row.uid, row.recent_inbox_seq);
    let newest = get(&tables.inbox, key.as_ref(), take_inbox)?.map(|row| row.message);
    if newest.is_some() || row.recent_seq == Seq(0) {
        return Ok((row, newest));
    }
    let key = Key::recent(row.uid, row.conversation);
    let kept = get(&tables.chats, key.as_ref(), take_recent)?;
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

pub fn decode<T>(
    (table, keys): (&Keyspace, (Key, Key)),
    guard: Guard,
    decode: Decode<T>,
) -> Result<T> {
    let failed = |source| {
        let keys = (keys.0.as_ref().to_vec(), keys.1.as_ref().to_vec());
        ReadError::Database { table: table.clone(), keys, source }
    };
    let (key, value) = guard.into_inner().map_err(failed)?;
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
        is_group || take_user(key, value).is_some()
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
