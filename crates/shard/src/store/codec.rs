//! Keys and values as bytes. It knows no tables.
//!
//! A number in a key is its count of significant bytes, then these, big first: it sorts as the number does, and most keys
//! stay within the 20 bytes that fjall keeps without a pointer, with what differs in front.
//!
//! A value is a head, and the body of a message behind it. A head is its own length (1 byte) and its fields. A later release
//! adds fields at a head's end: one that does not know them passes over them, and one that misses them takes zero.

use bytes::Bytes;
use wire::{ClientMsgId, ConversationId, DeviceId, Generation, InboxSeq, MessageId, RowKind};
use wire::{Seq, Uid};

use crate::group::{GroupRow, MarkRow};
use crate::offline::PushPlace;
use crate::rows::{Chain, ChatRow, InboxRow, MessageRow, Revoked, UserRow};

/// Bytes of the longest key: a client's id (16), a conversation (19), a number (9).
const KEY_BYTES_MAX: usize = 44;
/// Begins a key that stands apart: behind every number, before every mark.
const APART: u8 = 0x10;
/// What the key of a group's row begins with, and that of its mark: no number has so many bytes.
const GROUP_PREFIX: u8 = 0xf0;
const GROUP_MARK_PREFIX: u8 = 0xf1;
/// And those of what is kept for offline push: tokens, marks of users, what a receiver did not take.
pub(super) const PUSH_TOKEN_PREFIX: u8 = 0xf2;
pub(super) const OWED_PREFIX: u8 = 0xf3;
pub(super) const DEAD_PREFIX: u8 = 0xf4;
/// The bit of a chat that is hidden.
const HIDDEN: u8 = 1;

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
        let (len, bytes) = significant(number);
        self.raw(&[len]).raw(&bytes[8 - usize::from(len)..])
    }

    fn conversation(self, conversation: ConversationId) -> Self {
        let (kind, a, b) = conversation.parts();
        self.raw(&[kind]).number(a).number(b)
    }

    /// Of a message.
    pub fn message(conversation: ConversationId, seq: Seq) -> Self {
        Self::new().conversation(conversation).number(seq.0)
    }

    /// What the keys of a conversation's messages begin with, and no others.
    pub fn messages(conversation: ConversationId) -> Self {
        Self::new().conversation(conversation)
    }

    /// Of a client's id: time first, so that new ones are appended.
    pub fn client_msg_id(id: ClientMsgId, conversation: ConversationId, sender: Uid) -> Self {
        Self::new().raw(&id.0).conversation(conversation).number(sender.0)
    }

    /// Of an inbox row.
    pub fn inbox(uid: Uid, inbox_seq: InboxSeq) -> Self {
        Self::new().number(uid.0).number(inbox_seq.0)
    }

    /// Of a chat.
    pub fn chat(uid: Uid, conversation: ConversationId) -> Self {
        Self::new().number(uid.0).conversation(conversation)
    }

    /// After every chat of a user, for no kind of conversation has this number.
    pub fn chats_end(uid: Uid) -> Self {
        Self::new().number(uid.0).raw(&[u8::MAX])
    }

    /// Of the newest message of a chat whose inbox row has gone.
    pub fn recent(uid: Uid, conversation: ConversationId) -> Self {
        Self::new().raw(&[APART]).number(uid.0).conversation(conversation)
    }

    /// Of the place where the inbox of a user begins.
    pub fn tail(uid: Uid) -> Self {
        Self::new().raw(&[APART]).number(uid.0)
    }

    /// After every user.
    pub fn users_end() -> Self {
        Self::new().raw(&[APART])
    }

    /// Of the time by which things go, in the table of users: behind these, before every tail.
    pub fn goes_by() -> Self {
        Self::users_end()
    }

    /// Of a user. What the keys of its inbox and of its chats begin with, and no others: before all of them.
    pub fn user(uid: Uid) -> Self {
        Self::new().number(uid.0)
    }
}

impl Key {
    /// Of a group's row, in the keyspace of users.
    pub fn group(group: ConversationId) -> Self {
        Self::new().raw(&[GROUP_PREFIX]).number(group.home())
    }

    /// Of a group whose mark is open, in the keyspace of users. 0: before the first.
    pub fn group_mark(group: Option<ConversationId>) -> Self {
        Self::new().raw(&[GROUP_MARK_PREFIX]).number(group.map_or(0, ConversationId::home))
    }

    /// After every mark.
    pub fn group_marks_end() -> Self {
        Self::new().raw(&[GROUP_MARK_PREFIX + 1])
    }

    /// Of a device's token, in the keyspace of users.
    pub fn push_token(uid: Uid, device: DeviceId) -> Self {
        Self::new().raw(&[PUSH_TOKEN_PREFIX]).number(uid.0).number(device.0)
    }

    /// Of the mark of a user that may be owed something, in the keyspace of users. `None`: before the first.
    pub fn owed(uid: Option<Uid>) -> Self {
        let key = Self::new().raw(&[OWED_PREFIX]);
        uid.map_or(key, |uid| key.number(uid.0))
    }

    /// Of what a receiver did not take of a user, in the keyspace of users: behind every such mark.
    pub fn dead(uid: Uid, through: InboxSeq) -> Self {
        Self::new().raw(&[DEAD_PREFIX]).number(uid.0).number(through.0)
    }

    /// After all that it did not take.
    pub fn dead_end() -> Self {
        Self::new().raw(&[DEAD_PREFIX + 1])
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// How many bytes a number needs, and its bytes, big first: the last so many are they.
fn significant(number: u64) -> (u8, [u8; 8]) {
    let zeros = u8::try_from(number.leading_zeros() / 8).expect("at most 8");
    (8 - zeros, number.to_be_bytes())
}

/// Reads fields off the front; `None` when they do not hold what is asked for.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn raw<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn u64(&mut self) -> Option<u64> {
        self.raw().map(u64::from_le_bytes)
    }

    pub fn number(&mut self) -> Option<u64> {
        let [len] = self.raw::<1>()?;
        let (digits, rest) = self.0.split_at_checked(usize::from(len)).filter(|_| len <= 8)?;
        self.0 = rest;
        Some(digits.iter().fold(0, |number, &digit| number << 8 | u64::from(digit)))
    }

    /// One that a former release did not write.
    pub fn later_number(&mut self) -> Option<u64> {
        if self.0.is_empty() { Some(0) } else { self.number() }
    }

    fn conversation(&mut self) -> Option<ConversationId> {
        let [kind] = self.raw()?;
        ConversationId::from_parts(kind, self.number()?, self.number()?)
    }

    /// The fields of a head, and what lies behind it.
    pub fn head(mut self) -> Option<(Self, Self)> {
        let [len] = self.raw()?;
        let (head, behind) = self.0.split_at_checked(usize::from(len))?;
        Some((Self(head), Self(behind)))
    }

    pub fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// Appends fields to a value.
pub(super) struct Head<'a>(&'a mut Vec<u8>);

impl Head<'_> {
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn number(&mut self, number: u64) -> &mut Self {
        let (len, bytes) = significant(number);
        self.raw(&[len]).raw(&bytes[8 - usize::from(len)..])
    }

    fn conversation(&mut self, conversation: ConversationId) -> &mut Self {
        let (kind, a, b) = conversation.parts();
        self.raw(&[kind]).number(a).number(b)
    }
}

/// Appends a head with these fields.
pub(super) fn put_head(value: &mut Vec<u8>, fields: impl FnOnce(&mut Head<'_>)) {
    let at = value.len();
    value.push(0);
    fields(&mut Head(value));
    value[at] = u8::try_from(value.len() - at - 1).expect("a head has at most 255 bytes");
}

/// The value of a message.
pub fn put_message(value: &mut Vec<u8>, row: &MessageRow) {
    put_head(value, |head| {
        head.raw(&row.message_id.0.to_le_bytes()).raw(&row.client_msg_id.0);
        head.raw(&row.chain.0.to_le_bytes()).raw(&[row.kind.0]).raw(&row.flags.to_le_bytes());
        head.number(row.sender.0).number(row.number).number(row.time_ms).number(row.seen.0);
    });
    value.extend_from_slice(&row.body);
}

fn take_content(value: Fields<'_>, conversation: ConversationId, seq: Seq) -> Option<MessageRow> {
    let (mut head, body) = value.head()?;
    let message_id = MessageId(head.u64()?);
    let client_msg_id = ClientMsgId(head.raw()?);
    let chain = Chain(head.u64()?);
    let [kind] = head.raw()?;
    let flags = u16::from_le_bytes(head.raw()?);
    Some(MessageRow {
        conversation,
        seq,
        message_id,
        client_msg_id,
        chain,
        kind: RowKind(kind),
        flags,
        sender: Uid(head.number()?),
        number: head.number()?,
        time_ms: head.number()?,
        seen: Seq(head.later_number()?),
        body: Bytes::copy_from_slice(body.0),
    })
}

/// The message at a key.
pub fn take_message(key: &[u8], value: &[u8]) -> Option<MessageRow> {
    let mut key = Fields(key);
    let conversation = key.conversation()?;
    let seq = Seq(key.number()?);
    key.end()?;
    take_content(Fields(value), conversation, seq)
}

/// The value of a client's id: its message's seq; the key has the conversation.
pub fn put_id(value: &mut Vec<u8>, row: &MessageRow) {
    put_head(value, |head| _ = head.number(row.seq.0));
}

/// The seq that a client's id stands for.
pub fn take_id(_: &[u8], value: &[u8]) -> Option<Seq> {
    let (mut head, _) = Fields(value).head()?;
    Some(Seq(head.number()?))
}

/// Before this one are all ids that were made before `unix_ms`.
pub fn ids_until(unix_ms: u64) -> [u8; 6] {
    let [_, _, time @ ..] = unix_ms.to_be_bytes();
    time
}

/// When an id was made, in ms, by its key.
pub fn id_made_ms(key: &[u8]) -> Option<u64> {
    let &[a, b, c, d, e, f] = key.first_chunk::<6>()?;
    Some(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

/// A value that is one number: the place where an inbox begins, the time by which things go.
pub fn put_number(value: &mut Vec<u8>, number: u64) {
    put_head(value, |head| _ = head.number(number));
}

/// That number.
pub fn take_number(_: &[u8], value: &[u8]) -> Option<u64> {
    let (mut head, _) = Fields(value).head()?;
    head.number()
}

/// The newest message of a chat whose inbox row has gone: the value is as an inbox row's.
pub fn take_recent(_: &[u8], value: &[u8]) -> Option<MessageRow> {
    let (mut head, content) = Fields(value).head()?;
    let (_chain, [_flags]) = (head.u64()?, head.raw()?);
    let (conversation, seq) = (head.conversation()?, Seq(head.number()?));
    take_content(content, conversation, seq)
}

/// How many bytes of a message's key name its conversation.
pub fn conversation_len(key: &[u8]) -> usize {
    let a = uid_len(key.get(1..).unwrap_or_default());
    1 + a + uid_len(key.get(1 + a..).unwrap_or_default())
}

/// How many bytes of the key of an inbox row or a chat name its user.
pub fn uid_len(key: &[u8]) -> usize {
    1 + usize::from(key.first().copied().unwrap_or(0))
}

/// Whether a key stands apart from the rows that its table has its name of.
pub fn is_apart(key: &[u8]) -> bool {
    key.first() == Some(&APART)
}

/// The value of an inbox row: a head of its own, then as a message's.
pub fn put_inbox(value: &mut Vec<u8>, row: &InboxRow) {
    put_inbox_head(value, row);
    put_message(value, &row.message);
}

/// The same without what is the message's.
pub fn put_inbox_head(value: &mut Vec<u8>, row: &InboxRow) {
    put_head(value, |head| {
        head.raw(&row.chain.0.to_le_bytes()).raw(&[row.flags]);
        head.conversation(row.message.conversation).number(row.message.seq.0);
    });
}

/// The inbox row at a key.
pub fn take_inbox(key: &[u8], value: &[u8]) -> Option<InboxRow> {
    let mut key = Fields(key);
    let (uid, inbox_seq) = (Uid(key.number()?), InboxSeq(key.number()?));
    key.end()?;
    let (mut head, content) = Fields(value).head()?;
    let chain = Chain(head.u64()?);
    let [flags] = head.raw()?;
    let (conversation, seq) = (head.conversation()?, Seq(head.number()?));
    let message = take_content(content, conversation, seq)?;
    Some(InboxRow { uid, inbox_seq, flags, chain, message })
}

/// The value of a chat.
pub fn put_chat(value: &mut Vec<u8>, row: &ChatRow) {
    put_head(value, |head| {
        head.raw(&[if row.is_hidden { HIDDEN } else { 0 }]);
        let ChatRow { recent_seq, recent_inbox_seq, recent_number, .. } = row;
        head.number(recent_seq.0).number(recent_inbox_seq.0).number(*recent_number);
        head.number(row.read_seq.0).number(row.read_number).number(row.read_time_ms);
        head.number(row.version).number(row.peer_read_seq.0);
    });
}

/// The chat at a key.
pub fn take_chat(key: &[u8], value: &[u8]) -> Option<ChatRow> {
    let (mut key, (mut head, _)) = (Fields(key), Fields(value).head()?);
    let [flags] = head.raw()?;
    let row = ChatRow {
        uid: Uid(key.number()?),
        conversation: key.conversation()?,
        recent_seq: Seq(head.number()?),
        recent_inbox_seq: InboxSeq(head.number()?),
        recent_number: head.number()?,
        read_seq: Seq(head.number()?),
        read_number: head.number()?,
        read_time_ms: head.number()?,
        version: head.number()?,
        is_hidden: flags & HIDDEN != 0,
        peer_read_seq: Seq(head.later_number()?),
    };
    key.end().map(|()| row).filter(|row| row.read_number <= row.recent_number)
}

/// The value of a user.
pub fn put_user(value: &mut Vec<u8>, row: &UserRow) {
    let UserRow { chats_through, chats_version, revoked, push, .. } = row;
    put_head(value, |head| {
        head.number(chats_through.0).number(*chats_version);
        // Of hardly any user, and every byte is written at each flush.
        if *revoked != Revoked::default() || push.is_some() {
            head.number(revoked.tokens_s).number(revoked.logins.0);
        }
        if let Some(PushPlace { through, asked }) = push {
            head.number(through.0 + 1).number(asked.0);
        }
    });
}

/// The user at a key.
pub fn take_user(key: &[u8], value: &[u8]) -> Option<UserRow> {
    let (mut key, (mut head, _)) = (Fields(key), Fields(value).head()?);
    let mut row = UserRow {
        uid: Uid(key.number()?),
        chats_through: InboxSeq(head.number()?),
        chats_version: head.number()?,
        revoked: Revoked {
            tokens_s: head.later_number()?,
            logins: Generation(head.later_number()?),
        },
        push: None,
    };
    let (through, asked) = (head.later_number()?, InboxSeq(head.later_number()?));
    row.push =
        through.checked_sub(1).map(|through| PushPlace { through: InboxSeq(through), asked });
    key.end().map(|()| row)
}

/// The value of a group.
pub fn put_group(value: &mut Vec<u8>, row: &GroupRow) {
    put_head(value, |head| _ = head.number(row.position.0));
    value.extend_from_slice(&row.member_bytes());
}

/// The group at a key.
pub fn take_group(key: &[u8], value: &[u8]) -> Option<GroupRow> {
    let group = group_of(GROUP_PREFIX, key)?;
    let (mut head, members) = Fields(value).head()?;
    GroupRow::from_parts(group, Seq(head.number()?), members.0)
}

/// The value of an open mark. A closed one is none: its key is removed.
pub fn put_mark(value: &mut Vec<u8>, row: &MarkRow) {
    if row.is_open {
        put_head(value, |_| ());
    }
}

/// The group of a mark at a key.
pub fn take_mark(key: &[u8], value: &[u8]) -> Option<ConversationId> {
    Fields(value).head()?;
    group_of(GROUP_MARK_PREFIX, key)
}

fn group_of(prefix: u8, key: &[u8]) -> Option<ConversationId> {
    let mut key = Fields(key.strip_prefix(&[prefix])?);
    let group = ConversationId::group(key.number()?);
    key.end().and(group)
}

#[cfg(test)]
mod tests;
