//! Questions to the tables, answered. Blocks; knows neither tickets nor threads.

use std::ops::Bound::{self, Excluded, Included};

use fjall::{Guard, Keyspace};
use wire::{ClientMsgId, Conversation, InboxSeq, Seq, Uid};

use super::codec::{Key, take_contact, take_inbox, take_inbox_seq, take_message, take_user};
use super::page::Page;
use super::tables::Tables;
use crate::rows::{ContactRow, Found, InboxRow, MessageRow, Read};

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] fjall::Error),
    /// A row is not what it must be.
    #[error("row {key:02x?} of {table} is damaged; restore the data directory from a backup")]
    Damaged {
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
        Read::Conversation { conversation, .. } => {
            Found::Messages(messages(tables, conversation, Seq(u64::MAX), Page::new(1, 0))?)
        }
        Read::Messages { conversation, before, limit, bytes_max } => {
            Found::Messages(messages(tables, conversation, before, Page::new(limit, bytes_max))?)
        }
        Read::ByClientMsgId { from, client_msg_id } => {
            Found::Messages(by_client_msg_id(tables, from, client_msg_id)?.into_iter().collect())
        }
        Read::Inbox { uid, after, limit, bytes_max } => {
            Found::Inbox(inbox(tables, uid, after, Page::new(limit, bytes_max))?)
        }
        Read::Contact { uid, peer } => {
            let row = get(&tables.contacts, Key::contact(uid, peer).as_ref(), take_contact)?;
            Found::Contact(row)
        }
        Read::Contacts { uid, after, limit, bytes_max } => {
            Found::Contacts(contacts(tables, uid, after, Page::new(limit, bytes_max))?)
        }
    })
}

fn user(tables: &Tables, uid: Uid) -> Result<Found> {
    let row = get(&tables.users, Key::user(uid).as_ref(), take_user)?;
    let through = row.map_or(InboxSeq(0), |row| row.contacts_through);
    let tail = inbox(tables, uid, through, Page::unlimited())?;
    let head = match tail.last() {
        Some(row) => row.inbox_seq,
        None => inbox_head(tables, uid)?,
    };
    Ok(Found::User { row, head, tail })
}

fn inbox_head(tables: &Tables, uid: Uid) -> Result<InboxSeq> {
    let range = Key::inbox(uid, InboxSeq(0))..=Key::inbox(uid, InboxSeq(u64::MAX));
    let Some(last) = tables.inbox.range(range).next_back() else { return Ok(InboxSeq(0)) };
    let key = last.key()?;
    take_inbox_seq(&key).ok_or_else(|| damaged(&tables.inbox, &key))
}

fn messages(
    tables: &Tables,
    conversation: Conversation,
    before: Seq,
    mut page: Page,
) -> Result<Vec<MessageRow>> {
    let range = Key::message(conversation, Seq(0))..Key::message(conversation, before);
    let range = tables.messages.range(range);
    let mut rows =
        collect(&tables.messages, range.rev(), take_message, |row| page.take(row.body.len()))?;
    rows.reverse();
    Ok(rows)
}

fn by_client_msg_id(tables: &Tables, from: Uid, id: ClientMsgId) -> Result<Option<MessageRow>> {
    let Some(key) = tables.places.get(Key::client_msg_id(id, from)).map_err(ReadError::from)?
    else {
        return Ok(None);
    };
    get(&tables.messages, &key, take_message)
}

fn inbox(tables: &Tables, uid: Uid, after: InboxSeq, mut page: Page) -> Result<Vec<InboxRow>> {
    let range = after_key(Key::inbox(uid, after), Key::inbox(uid, InboxSeq(u64::MAX)));
    let range = tables.inbox.range(range);
    collect(&tables.inbox, range, take_inbox, |row| page.take(row.message.body.len()))
}

fn contacts(
    tables: &Tables,
    uid: Uid,
    after: Uid,
    mut page: Page,
) -> Result<Vec<(ContactRow, Option<MessageRow>)>> {
    let range = after_key(Key::contact(uid, after), Key::contact(uid, Uid(u64::MAX)));
    let mut rows = Vec::new();
    for guard in tables.contacts.range(range) {
        if page.is_full() {
            break;
        }
        let row = decode(&tables.contacts, guard, take_contact)?;
        let row = with_message(tables, row)?;
        if !page.take(row.1.as_ref().map_or(0, |message| message.body.len())) {
            break;
        }
        rows.push(row);
    }
    Ok(rows)
}

fn with_message(tables: &Tables, row: ContactRow) -> Result<(ContactRow, Option<MessageRow>)> {
    let key = Key::inbox(row.uid, row.recent_inbox_seq);
    let newest = get(&tables.inbox, key.as_ref(), take_inbox)?;
    Ok((row, newest.map(|row| row.message)))
}

fn after_key(after: Key, last: Key) -> (Bound<Key>, Bound<Key>) {
    (Excluded(after), Included(last))
}

fn get<T>(table: &Keyspace, key: &[u8], decode: Decode<T>) -> Result<Option<T>> {
    let Some(value) = table.get(key)? else { return Ok(None) };
    decode(key, &value).map(Some).ok_or_else(|| damaged(table, key))
}

fn decode<T>(table: &Keyspace, guard: Guard, decode: Decode<T>) -> Result<T> {
    let (key, value) = guard.into_inner()?;
    decode(&key, &value).ok_or_else(|| damaged(table, &key))
}

fn collect<T>(
    table: &Keyspace,
    guards: impl Iterator<Item = Guard>,
    take: Decode<T>,
    mut fits: impl FnMut(&T) -> bool,
) -> Result<Vec<T>> {
    let rows = guards.map(|guard| decode(table, guard, take));
    rows.take_while(|row| row.as_ref().map_or(true, &mut fits)).collect()
}

fn damaged(table: &Keyspace, key: &[u8]) -> ReadError {
    ReadError::Damaged { table: table.name().to_string(), key: key.to_vec() }
}
