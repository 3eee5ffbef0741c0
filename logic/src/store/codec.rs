//! Keys and values as bytes. It knows no tables.
//!
//! A number in a key is its count of significant bytes, then these, big first: it sorts as the number does, and most keys
//! stay within the 20 bytes that fjall keeps without a pointer, with what differs in front. A value is
//! little-endian fields of fixed size, then the body.

use bytes::Bytes;
use wire::{ClientMsgId, Conversation, InboxSeq, MessageId, Seq, Uid};

use crate::rows::{ContactRow, InboxRow, MessageRow, UserRow};

/// Bytes of the longest key: three numbers, or a client's id and a number.
const KEY_BYTES_MAX: usize = 27;
/// The value's bit for [`Conversation::big`] as the sender.
const FROM_BIG: u8 = 1;

/// A key being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    bytes: [u8; KEY_BYTES_MAX],
    len: usize,
}

impl Key {
    fn new() -> Self {
        Self { bytes: [0; KEY_BYTES_MAX], len: 0 }
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
        self
    }

    fn number(self, number: u64) -> Self {
        let bytes = number.to_be_bytes();
        let len = (8u8..).zip(&bytes).find(|(_, byte)| **byte != 0).map_or(0, |(at, _)| 16 - at);
        self.raw(&[len]).raw(&bytes[8 - usize::from(len)..])
    }

    /// Of a message.
    pub fn message(conversation: Conversation, seq: Seq) -> Self {
        Self::new().number(conversation.big().0).number(conversation.small().0).number(seq.0)
    }

    /// Of a client's id: time first, so that new ones are appended.
    pub fn client_msg_id(id: ClientMsgId, from: Uid) -> Self {
        Self::new().raw(&id.0).number(from.0)
    }

    /// Of an inbox row.
    pub fn inbox(uid: Uid, inbox_seq: InboxSeq) -> Self {
        Self::new().number(uid.0).number(inbox_seq.0)
    }

    /// Of a contact.
    pub fn contact(uid: Uid, peer: Uid) -> Self {
        Self::new().number(uid.0).number(peer.0)
    }

    /// Of a user.
    pub fn user(uid: Uid) -> Self {
        Self::new().number(uid.0)
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Reads fields off the front; `None` when they do not hold what is asked for.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn raw<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u64(&mut self) -> Option<u64> {
        self.raw().map(u64::from_le_bytes)
    }

    fn key_number(&mut self) -> Option<u64> {
        let [len] = self.raw::<1>()?;
        let (digits, rest) = self.0.split_at_checked(usize::from(len)).filter(|_| len <= 8)?;
        self.0 = rest;
        Some(digits.iter().fold(0, |number, &digit| number << 8 | u64::from(digit)))
    }

    fn rest(self) -> Bytes {
        Bytes::copy_from_slice(self.0)
    }

    fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

fn put_content(value: &mut Vec<u8>, row: &MessageRow) {
    let from = if row.from == row.conversation.big() { FROM_BIG } else { 0 };
    value.push(from);
    value.extend_from_slice(&row.message_id.0.to_le_bytes());
    value.extend_from_slice(&row.time_ms.to_le_bytes());
    value.extend_from_slice(&row.client_msg_id.0);
    value.extend_from_slice(&row.body);
}

fn take_content(mut value: Fields<'_>, conversation: Conversation, seq: Seq) -> Option<MessageRow> {
    let [from] = value.raw()?;
    Some(MessageRow {
        conversation,
        seq,
        from: if from == FROM_BIG { conversation.big() } else { conversation.small() },
        message_id: MessageId(value.u64()?),
        time_ms: value.u64()?,
        client_msg_id: ClientMsgId(value.raw()?),
        body: value.rest(),
    })
}

/// The value of a message.
pub fn put_message(value: &mut Vec<u8>, row: &MessageRow) {
    put_content(value, row);
}

/// The message at a key.
pub fn take_message(key: &[u8], value: &[u8]) -> Option<MessageRow> {
    let mut key = Fields(key);
    let conversation = Conversation::between(Uid(key.key_number()?), Uid(key.key_number()?))?;
    let seq = Seq(key.key_number()?);
    key.end()?;
    take_content(Fields(value), conversation, seq)
}

/// The value of a client's id: where its message is, as that message's key.
pub fn put_place(value: &mut Vec<u8>, row: &MessageRow) {
    value.extend_from_slice(Key::message(row.conversation, row.seq).as_ref());
}

/// The value of an inbox row: the peer and the seq, then as a message's.
pub fn put_inbox(value: &mut Vec<u8>, row: &InboxRow) {
    put_inbox_head(value, row);
    put_content(value, &row.message);
}

/// The same without what is the message's.
pub fn put_inbox_head(value: &mut Vec<u8>, row: &InboxRow) {
    let peer = row.message.conversation.peer_of(row.uid);
    value.extend_from_slice(&peer.0.to_le_bytes());
    value.extend_from_slice(&row.message.seq.0.to_le_bytes());
}

/// The inbox row at a key.
pub fn take_inbox(key: &[u8], value: &[u8]) -> Option<InboxRow> {
    let (mut key, mut value) = (Fields(key), Fields(value));
    let (uid, inbox_seq) = (Uid(key.key_number()?), InboxSeq(key.key_number()?));
    key.end()?;
    let conversation = Conversation::between(uid, Uid(value.u64()?))?;
    let seq = Seq(value.u64()?);
    Some(InboxRow { uid, inbox_seq, message: take_content(value, conversation, seq)? })
}

/// The place of an inbox row, from its key.
pub fn take_inbox_seq(key: &[u8]) -> Option<InboxSeq> {
    let mut key = Fields(key);
    let (_uid, inbox_seq) = (key.key_number()?, InboxSeq(key.key_number()?));
    key.end().map(|()| inbox_seq)
}

/// The value of a contact.
pub fn put_contact(value: &mut Vec<u8>, row: &ContactRow) {
    for number in [row.recent_seq.0, row.recent_inbox_seq.0, row.read_seq.0, row.read_time_ms] {
        value.extend_from_slice(&number.to_le_bytes());
    }
    value.push(u8::from(row.is_deleted));
}

/// The contact at a key.
pub fn take_contact(key: &[u8], value: &[u8]) -> Option<ContactRow> {
    let (mut key, mut value) = (Fields(key), Fields(value));
    let row = ContactRow {
        uid: Uid(key.key_number()?),
        peer: Uid(key.key_number()?),
        recent_seq: Seq(value.u64()?),
        recent_inbox_seq: InboxSeq(value.u64()?),
        read_seq: Seq(value.u64()?),
        read_time_ms: value.u64()?,
        is_deleted: value.raw()? == [1],
    };
    key.end().and(value.end()).map(|()| row)
}

/// The value of a user.
pub fn put_user(value: &mut Vec<u8>, row: &UserRow) {
    value.extend_from_slice(&row.contacts_through.0.to_le_bytes());
}

/// The user at a key.
pub fn take_user(key: &[u8], value: &[u8]) -> Option<UserRow> {
    let (mut key, mut value) = (Fields(key), Fields(value));
    let row = UserRow { uid: Uid(key.key_number()?), contacts_through: InboxSeq(value.u64()?) };
    key.end().and(value.end()).map(|()| row)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(a: u64, b: u64, seq: u64) -> MessageRow {
        let conversation = Conversation::between(Uid(a), Uid(b)).unwrap();
        MessageRow {
            conversation,
            seq: Seq(seq),
            message_id: MessageId(seq ^ 5),
            from: Uid(a),
            time_ms: 7,
            client_msg_id: ClientMsgId([9; 16]),
            body: Bytes::from_static(b"hello"),
        }
    }

    proptest! {
        #[test]
        fn keys_sort_as_their_numbers(a in any::<[u64; 2]>(), b in any::<[u64; 2]>(), shift in 0..64u32) {
            let [a, b] = [a, b].map(|key| key.map(|number| number >> shift));
            let key = |[uid, inbox_seq]: [u64; 2]| Key::inbox(Uid(uid), InboxSeq(inbox_seq));
            prop_assert_eq!(a.cmp(&b), key(a).as_ref().cmp(key(b).as_ref()));
        }

        #[test]
        fn rows_come_back_as_they_were(a in 1u64.., b in 1u64.., seq: u64, is_deleted: bool) {
            prop_assume!(a != b);
            let mut value = Vec::new();

            let row = message(a, b, seq);
            put_message(&mut value, &row);
            let key = Key::message(row.conversation, row.seq);
            prop_assert_eq!(take_message(key.as_ref(), &value), Some(row.clone()));

            value.clear();
            let row = InboxRow { uid: Uid(b), inbox_seq: InboxSeq(seq), message: row };
            put_inbox(&mut value, &row);
            let key = Key::inbox(row.uid, row.inbox_seq);
            prop_assert_eq!(take_inbox_seq(key.as_ref()), Some(row.inbox_seq));
            prop_assert_eq!(take_inbox(key.as_ref(), &value), Some(row));

            value.clear();
            let row = ContactRow {
                uid: Uid(a), peer: Uid(b), recent_seq: Seq(seq), recent_inbox_seq: InboxSeq(a),
                read_seq: Seq(b), read_time_ms: seq, is_deleted,
            };
            put_contact(&mut value, &row);
            prop_assert_eq!(take_contact(Key::contact(row.uid, row.peer).as_ref(), &value), Some(row));

            value.clear();
            let row = UserRow { uid: Uid(a), contacts_through: InboxSeq(seq) };
            put_user(&mut value, &row);
            prop_assert_eq!(take_user(Key::user(row.uid).as_ref(), &value), Some(row));
        }

        #[test]
        fn damaged_rows_are_refused_without_panic(key: Vec<u8>, value: Vec<u8>) {
            let _ = take_message(&key, &value);
            let _ = take_inbox(&key, &value);
            let _ = take_inbox_seq(&key);
            let _ = take_contact(&key, &value);
            let _ = take_user(&key, &value);
        }
    }

    #[test]
    fn usual_keys_stay_inline() {
        let (a, b) = (Uid(1 << 40), Uid(1 << 39));
        let conversation = Conversation::between(a, b).unwrap();
        assert!(Key::message(conversation, Seq(1 << 24)).as_ref().len() <= 20);
        assert!(Key::inbox(a, InboxSeq(1 << 40)).as_ref().len() <= 20);
    }

    #[test]
    fn a_value_that_is_cut_is_refused() {
        let (row, mut value) = (message(1, 2, 3), Vec::new());
        put_message(&mut value, &row);
        let key = Key::message(row.conversation, row.seq);
        assert_eq!(take_message(key.as_ref(), &value[..32]), None);
        assert_eq!(take_message(&key.as_ref()[1..], &value), None);
    }
}
