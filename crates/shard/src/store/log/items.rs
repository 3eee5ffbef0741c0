//! Rows as the items of the index that they become: what a record carries.
//!
//! An item is a table (1 byte), the key's length (1), the value's length (4, little-endian), the key, the value.
//! An inbox row whose message stands right before it in the record leaves the content out: it shares the message's.

use wire::{ConversationId, Seq};

use super::Buffer;
use crate::rows::{InboxRow, MessageRow, Row};
use crate::store::codec::{
    Key, put_chat, put_group, put_id, put_inbox, put_inbox_head, put_mark, put_message, put_user,
};
use crate::store::offline_codec::{put_dead, put_owed, put_push_token};

/// Bytes before an item's key.
const HEAD_BYTES: usize = 6;
/// What a row needs beside its body, in all its items: two heads, two keys, the fields.
const ROW_BYTES_MAX: usize = 256;
/// What a member of a group needs in its row.
const MEMBER_BYTES_MAX: usize = 32;
/// The table's bit for a value that goes on with the content of the last message.
const SHARES: u8 = 0x80;

/// Which table of the index an item is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the tables say what they hold")]
pub enum Table {
    Messages,
    Ids,
    Inbox,
    Chats,
    Users,
    Groups,
    Marks,
    Pushes,
}

/// In the order of their numbers.
pub const TABLES: [Table; 8] = [
    Table::Messages,
    Table::Ids,
    Table::Inbox,
    Table::Chats,
    Table::Users,
    Table::Groups,
    Table::Marks,
    Table::Pushes,
];

impl Table {
    /// The number of the keyspace that has its rows.
    pub fn keyspace(self) -> usize {
        match self {
            Self::Messages => 0,
            Self::Ids => 1,
            Self::Inbox => 2,
            Self::Chats => 3,
            Self::Users | Self::Groups | Self::Marks | Self::Pushes => 4,
        }
    }
}

/// A key, and its value in two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// Where it belongs.
    pub table: Table,
    /// Its key.
    pub key: &'a [u8],
    /// The value begins with this ...
    pub head: &'a [u8],
    /// ... and ends with this.
    pub content: &'a [u8],
}

impl Item<'_> {
    /// It says that there is nothing at its key.
    pub fn is_removal(&self) -> bool {
        matches!(self.table, Table::Marks | Table::Pushes) && self.head.is_empty()
    }
}

/// Where an item is in its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    at: u32,
    /// Where the content that it shares is, and how long.
    content: (u32, u32),
}

/// Writes rows one after the other into one buffer.
#[derive(Debug, Default)]
pub struct Writer {
    last: Option<(ConversationId, Seq)>,
}

impl Writer {
    /// Appends a row's items.
    pub fn put(&mut self, out: &mut Buffer, row: &Row) {
        let content = |message: &MessageRow| message.body.len();
        match row {
            Row::Message(message) => {
                out.reserve(ROW_BYTES_MAX + content(message));
                let key = Key::message(message.conversation, message.seq);
                put(out, Table::Messages as u8, key, |value| put_message(value, message));
                let MessageRow { client_msg_id, conversation, sender, .. } = *message;
                let key = Key::client_msg_id(client_msg_id, conversation, sender);
                put(out, Table::Ids as u8, key, |value| put_id(value, message));
                self.last = Some((message.conversation, message.seq));
            }
            Row::Inbox(row) => {
                // One that points holds the beginning of the body only.
                let is_whole = row.flags & InboxRow::POINTS == 0;
                let shares =
                    is_whole && self.last == Some((row.message.conversation, row.message.seq));
                let key = Key::inbox(row.uid, row.inbox_seq);
                if shares {
                    out.reserve(ROW_BYTES_MAX);
                    put(out, Table::Inbox as u8 | SHARES, key, |value| put_inbox_head(value, row));
                } else {
                    out.reserve(ROW_BYTES_MAX + content(&row.message));
                    put(out, Table::Inbox as u8, key, |value| put_inbox(value, row));
                }
            }
            Row::Chat(row) => {
                out.reserve(ROW_BYTES_MAX);
                let key = Key::chat(row.uid, row.conversation);
                put(out, Table::Chats as u8, key, |value| put_chat(value, row));
            }
            Row::User(row) => {
                out.reserve(ROW_BYTES_MAX);
                put(out, Table::Users as u8, Key::user(row.uid), |value| put_user(value, row));
            }
            Row::Group(row) => {
                out.reserve(ROW_BYTES_MAX + row.members.known().len() * MEMBER_BYTES_MAX);
                let key = Key::group(row.group);
                put(out, Table::Groups as u8, key, |value| put_group(value, row));
            }
            Row::Mark(row) => {
                out.reserve(ROW_BYTES_MAX);
                let key = Key::group_mark(Some(row.group));
                put(out, Table::Marks as u8, key, |value| put_mark(value, row));
            }
            Row::PushToken(row) => {
                out.reserve(ROW_BYTES_MAX + row.token.len());
                let key = Key::push_token(row.uid, row.device);
                put(out, Table::Pushes as u8, key, |value| put_push_token(value, row));
            }
            Row::Owed(row) => {
                out.reserve(ROW_BYTES_MAX);
                let key = Key::owed(Some(row.uid));
                put(out, Table::Pushes as u8, key, |value| put_owed(value, row));
            }
            Row::Dead(row) => {
                out.reserve(ROW_BYTES_MAX);
                let key = Key::dead(row.uid, row.through);
                put(out, Table::Pushes as u8, key, |value| put_dead(value, row));
            }
        }
    }

    /// Another buffer begins: nothing of the last is shared.
    pub fn begin(&mut self) {
        self.last = None;
    }
}

fn put(out: &mut Buffer, table: u8, key: Key, value: impl FnOnce(&mut Vec<u8>)) {
    let tail = out.tail();
    let key = key.as_ref();
    tail.push(table);
    tail.push(u8::try_from(key.len()).expect("a key is bounded"));
    let at = tail.len();
    tail.extend_from_slice(&[0; 4]);
    tail.extend_from_slice(key);
    let start = tail.len();
    value(tail);
    let len = u32::try_from(tail.len() - start).expect("a body is bounded");
    tail[at..at + 4].copy_from_slice(&len.to_le_bytes());
}

/// Reads the items of a payload in order; ends early, with an error item, where they make no sense.
pub struct Items<'a> {
    payload: &'a [u8],
    at: usize,
    /// Where the last message's value is, and how long.
    content: (u32, u32),
}

/// A payload whose checksum was right and whose items are not: written by another program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadItem;

impl<'a> Items<'a> {
    pub fn new(payload: &'a [u8]) -> Self {
        Self { payload, at: 0, content: (0, 0) }
    }

    /// All of the items' bytes.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The next item, and where it is.
    pub fn next_with_spot(&mut self) -> Option<Result<(Spot, Item<'a>), BadItem>> {
        if self.at == self.payload.len() {
            return None;
        }
        let item = self.read();
        if item.is_none() {
            self.at = self.payload.len();
        }
        Some(item.ok_or(BadItem))
    }

    fn read(&mut self) -> Option<(Spot, Item<'a>)> {
        let at = u32::try_from(self.at).ok()?;
        let (item, shares, end) = read(self.payload, self.at)?;
        if item.table == Table::Messages {
            let len = item.head.len();
            self.content = (u32::try_from(end - len).ok()?, u32::try_from(len).ok()?);
        }
        let spot = Spot { at, content: if shares { self.content } else { (0, 0) } };
        self.at = end;
        Some((spot, Item { content: content(self.payload, spot)?, ..item }))
    }
}

/// The item at a place, without what it shares; whether it shares; where it ends.
fn read(payload: &[u8], at: usize) -> Option<(Item<'_>, bool, usize)> {
    let (head, rest) = payload.get(at..)?.split_first_chunk::<HEAD_BYTES>()?;
    let [tag, key_len, len @ ..] = *head;
    let table = *TABLES.get(usize::from(tag & !SHARES))?;
    let len = usize::try_from(u32::from_le_bytes(len)).ok()?;
    let (key, rest) = rest.split_at_checked(usize::from(key_len))?;
    let (head, _) = rest.split_at_checked(len)?;
    let end = at + HEAD_BYTES + key.len() + len;
    Some((Item { table, key, head, content: &[] }, tag & SHARES != 0, end))
}

fn content(payload: &[u8], spot: Spot) -> Option<&[u8]> {
    let [from, len] = [spot.content.0, spot.content.1].map(|it| usize::try_from(it).ok());
    payload.get(from?..)?.get(..len?)
}

impl Spot {
    /// The item there.
    ///
    /// # Panics
    /// The payload is not the one that it was found in.
    pub fn item(self, payload: &[u8]) -> Item<'_> {
        let at = usize::try_from(self.at).expect("it was an index");
        let item = read(payload, at).map(|(item, ..)| item).zip(content(payload, self));
        let (item, content) = item.expect("it was found there");
        Item { content, ..item }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>, BadItem>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.next_with_spot()?.map(|(_, item)| item))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wire::{InboxSeq, Uid};

    use super::*;
    use crate::rows::{Chain, sample};
    use crate::store::codec::{take_inbox, take_message};

    #[test]
    fn an_inbox_row_shares_the_content_of_its_message_only() {
        let (mut out, mut writer) = (Buffer::default(), Writer::default());
        let inbox = |uid: u64, seq| InboxRow {
            uid: Uid(uid),
            inbox_seq: InboxSeq(seq),
            flags: 0,
            chain: Chain(7),
            message: sample(seq, 100),
        };
        let rows = [
            Row::Message(sample(1, 100)),
            Row::Inbox(inbox(1, 1)),
            Row::Inbox(inbox(2, 1)),
            Row::Inbox(inbox(2, 5)),
        ];
        rows.iter().for_each(|row| writer.put(&mut out, row));
        let items: Vec<_> = Items::new(out.content()).map(Result::unwrap).collect();
        assert_eq!(items.len(), 5);
        assert_eq!(take_message(items[0].key, items[0].head), Some(sample(1, 100)));
        for (item, row) in items[2..].iter().zip(&rows[1..]) {
            let value = [item.head, item.content].concat();
            assert_eq!(take_inbox(item.key, &value).map(Row::Inbox), Some(row.clone()));
        }
        assert!(items[4].content.is_empty(), "another message's content is not its own");
        assert!(out.len() < 600, "two bodies, not four");
    }

    proptest! {
        #[test]
        fn any_payload_is_read_without_panic(payload: Vec<u8>) {
            let count = Items::new(&payload).count();
            prop_assert!(count <= payload.len());
        }
    }
}
