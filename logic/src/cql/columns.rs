//! The columns of each table as values: how they are named, written and read. Numbers without a sign (user ids, chains) are
//! kept as the signed ones of the same bits. It knows no statement.

use super::config::BadRow;
use super::entry::{Entry, LogRow, bucket};
use super::keys::slot;
use crate::cluster::Position;
use bytes::Bytes;
use scylla::value::CqlVarint;
use scylla::{DeserializeRow, SerializeRow};
use shard::rows::{Chain, ChatRow, InboxRow, MessageRow};
use wire::{ClientMsgId, ConversationId, InboxSeq, MessageId, NUMBER_MAX, RowKind, Seq, Uid};

type Result<T> = std::result::Result<T, BadRow>;

/// A number of a row: every reader's kind of number holds it.
fn number(number: u64) -> i64 {
    assert!(number < NUMBER_MAX, "seqs, rows, times and counts fit a double");
    number.cast_signed()
}

/// A place that a client named: no log gets that long.
fn place(place: u64) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

fn row_kind(kind: i16) -> Result<RowKind> {
    let kind = u8::try_from(kind).map(RowKind);
    kind.map_err(|_| BadRow("row_kind is no byte".into()))
}

/// A conversation as every key but that of a chat names it: kind, a, b.
pub fn parts(conversation: ConversationId) -> (i8, i64, i64) {
    let (kind, a, b) = conversation.parts();
    (kind.cast_signed(), a.cast_signed(), b.cast_signed())
}

fn conversation(kind: i8, a: u64, b: u64) -> Result<ConversationId> {
    let found = ConversationId::from_parts(kind.cast_unsigned(), a, b);
    found.ok_or_else(|| BadRow(format!("{kind}, {a}, {b} is no conversation")))
}

/// A table's row with a message in it: columns of its own, then the message's, and what the writer knew to be committed
/// in the log of the row.
macro_rules! with_message {
    ($(#[$doc:meta])* $name:ident { $($column:ident: $type:ty),* }) => {
        $(#[$doc])*
        #[derive(Debug, SerializeRow, DeserializeRow)]
        pub struct $name<'a> {
            $($column: $type,)*
            kind: i8,
            a: i64,
            b: i64,
            seq: i64,
            number: i64,
            message_id: i64,
            sender: i64,
            time_ms: i64,
            row_kind: i16,
            row_flags: i32,
            row_chain: i64,
            client_msg_id: &'a [u8],
            body: Bytes,
            committed: i64,
            // A row of version 2 has none.
            seen: Option<i64>,
        }

        impl<'a> $name<'a> {
            /// The columns, for a statement.
            pub const NAMES: &'static str = concat!(
                $(stringify!($column), ", ",)*
                "kind, a, b, seq, number, message_id, sender, time_ms, row_kind, row_flags, row_chain, client_msg_id, \
                 body, committed, seen"
            );

            fn new($($column: $type,)* row: &'a MessageRow, committed: Position) -> Self {
                let (kind, a, b) = parts(row.conversation);
                Self {
                    $($column,)*
                    kind,
                    a,
                    b,
                    seq: number(row.seq.0),
                    number: number(row.number),
                    message_id: i64::try_from(row.message_id.0).expect("message ids have 63 bits"),
                    sender: row.sender.0.cast_signed(),
                    time_ms: number(row.time_ms),
                    row_kind: row.kind.0.into(),
                    row_flags: row.flags.into(),
                    row_chain: row.chain.0.cast_signed(),
                    client_msg_id: &row.client_msg_id.0,
                    body: row.body.clone(),
                    committed: number(committed.0),
                    seen: Some(place(row.seen.0)),
                }
            }

            fn message(&self) -> Result<MessageRow> {
                let id = self.client_msg_id.try_into().map(ClientMsgId);
                let flags = u16::try_from(self.row_flags);
                Ok(MessageRow {
                    conversation: conversation(
                        self.kind,
                        self.a.cast_unsigned(),
                        self.b.cast_unsigned(),
                    )?,
                    seq: Seq(self.seq.cast_unsigned()),
                    number: self.number.cast_unsigned(),
                    message_id: MessageId(self.message_id.cast_unsigned()),
                    sender: Uid(self.sender.cast_unsigned()),
                    time_ms: self.time_ms.cast_unsigned(),
                    kind: row_kind(self.row_kind)?,
                    flags: flags.map_err(|_| BadRow("row_flags has more than 16 bits".into()))?,
                    chain: Chain(self.row_chain.cast_unsigned()),
                    client_msg_id: id
                        .map_err(|_| BadRow("client_msg_id has not 16 bytes".into()))?,
                    body: self.body.clone(),
                    seen: Seq(self.seen.unwrap_or(0).cast_unsigned()),
                })
            }
        }
    };
}

with_message! {
    /// Of `messages`.
    MessageColumns {}
}

with_message! {
    /// Of `inbox`.
    InboxColumns { inbox_seq: i64, flags: i16, chain: i64 }
}

impl MessageColumns<'_> {
    /// The row of a conversation's log.
    pub fn entry(self) -> Result<Entry> {
        let row = self.message()?;
        let committed = Position(self.committed.cast_unsigned());
        Ok(Entry { position: row.seq.into(), committed, row: LogRow::Message(row) })
    }
}

impl InboxColumns<'_> {
    /// The row of a user's inbox.
    pub fn row(&self, uid: Uid) -> Result<InboxRow> {
        Ok(InboxRow {
            uid,
            inbox_seq: InboxSeq(self.inbox_seq.cast_unsigned()),
            flags: u8::try_from(self.flags).map_err(|_| BadRow("flags is no byte".into()))?,
            chain: Chain(self.chain.cast_unsigned()),
            message: self.message()?,
        })
    }

    /// The same with what was known to be committed.
    pub fn entry(self, uid: Uid) -> Result<Entry> {
        let row = self.row(uid)?;
        let committed = Position(self.committed.cast_unsigned());
        Ok(Entry { position: row.inbox_seq.into(), committed, row: LogRow::Inbox(row) })
    }
}

/// Of `chats`. Its conversation's numbers are varints: their order matters, also from 2^63 on.
#[derive(Debug, SerializeRow, DeserializeRow)]
pub struct ChatColumns {
    kind: i8,
    a: CqlVarint,
    b: CqlVarint,
    recent_seq: i64,
    recent_inbox_seq: i64,
    recent_number: i64,
    read_seq: i64,
    read_number: i64,
    read_time_ms: i64,
    version: i64,
    is_hidden: bool,
    // A row of version 4 has none.
    peer_read_seq: Option<i64>,
}

impl ChatColumns {
    /// The columns, for a statement.
    pub const NAMES: &'static str = "kind, a, b, recent_seq, recent_inbox_seq, recent_number, read_seq, read_number, \
                                     read_time_ms, version, is_hidden, peer_read_seq";

    fn new(row: &ChatRow) -> Self {
        let (kind, a, b) = chat_parts(Some(row.conversation));
        Self {
            kind,
            a,
            b,
            recent_seq: number(row.recent_seq.0),
            recent_inbox_seq: number(row.recent_inbox_seq.0),
            recent_number: number(row.recent_number),
            read_seq: number(row.read_seq.0),
            read_number: number(row.read_number),
            read_time_ms: number(row.read_time_ms),
            version: number(row.version),
            is_hidden: row.is_hidden,
            peer_read_seq: Some(number(row.peer_read_seq.0)),
        }
    }

    /// The chat of a user.
    pub fn row(self, uid: Uid) -> Result<ChatRow> {
        let [a, b] = [&self.a, &self.b].map(|it| from_varint(it.as_signed_bytes_be_slice()));
        Ok(ChatRow {
            uid,
            conversation: conversation(self.kind, a, b)?,
            recent_seq: Seq(self.recent_seq.cast_unsigned()),
            recent_inbox_seq: InboxSeq(self.recent_inbox_seq.cast_unsigned()),
            recent_number: self.recent_number.cast_unsigned(),
            read_seq: Seq(self.read_seq.cast_unsigned()),
            read_number: self.read_number.cast_unsigned(),
            read_time_ms: self.read_time_ms.cast_unsigned(),
            version: self.version.cast_unsigned(),
            is_hidden: self.is_hidden,
            peer_read_seq: Seq(self.peer_read_seq.unwrap_or(0).cast_unsigned()),
        })
    }
}

/// A conversation as the key of a chat names it; `None` comes before all.
pub fn chat_parts(conversation: Option<ConversationId>) -> (i8, CqlVarint, CqlVarint) {
    let (kind, a, b) = conversation.map_or((0, 0, 0), ConversationId::parts);
    (kind.cast_signed(), varint(a), varint(b))
}

/// What a write of a message binds.
#[derive(Debug, SerializeRow)]
pub struct PutMessage<'a> {
    bucket: i64,
    #[scylla(flatten)]
    row: MessageColumns<'a>,
    timestamp_us: i64,
}

impl<'a> PutMessage<'a> {
    /// Of a row.
    pub fn new(row: &'a MessageRow, committed: Position, timestamp_us: i64) -> Self {
        let bucket = number(bucket(row.seq.into()));
        Self { bucket, row: MessageColumns::new(row, committed), timestamp_us }
    }
}

/// What a write of an inbox row binds.
#[derive(Debug, SerializeRow)]
pub struct PutInbox<'a> {
    uid: i64,
    bucket: i64,
    #[scylla(flatten)]
    row: InboxColumns<'a>,
    timestamp_us: i64,
}

impl<'a> PutInbox<'a> {
    /// Of a row.
    pub fn new(row: &'a InboxRow, committed: Position, timestamp_us: i64) -> Self {
        let (place, chain) = (number(row.inbox_seq.0), row.chain.0.cast_signed());
        Self {
            uid: row.uid.0.cast_signed(),
            bucket: number(bucket(row.inbox_seq.into())),
            row: InboxColumns::new(place, row.flags.into(), chain, &row.message, committed),
            timestamp_us,
        }
    }
}

/// What a write of a chat binds.
#[derive(Debug, SerializeRow)]
pub struct PutChat {
    uid: i64,
    slot: i8,
    #[scylla(flatten)]
    row: ChatColumns,
    timestamp_us: i64,
}

impl PutChat {
    /// Of a row.
    pub fn new(row: &ChatRow, timestamp_us: i64) -> Self {
        let slot = slot(row.conversation);
        Self { uid: row.uid.0.cast_signed(), slot, row: ChatColumns::new(row), timestamp_us }
    }
}

/// A number as a varint: sorted as it is, also from 2^63 on.
fn varint(number: u64) -> CqlVarint {
    // The shortest form: the sign's bit is 0.
    let unused = usize::try_from(number.leading_zeros().saturating_sub(1) / 8).expect("below 8");
    let bytes = number.to_be_bytes();
    if number.leading_zeros() == 0 {
        let mut long = vec![0];
        long.extend_from_slice(&bytes);
        return CqlVarint::from_signed_bytes_be(long);
    }
    CqlVarint::from_signed_bytes_be_slice(&bytes[unused..])
}

fn from_varint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varint_is_short_has_no_sign_and_comes_back() {
        for (number, len) in [(0, 1), (127, 1), (128, 2), (300, 2), (32_768, 3), (u64::MAX, 9)] {
            let varint = varint(number);
            let bytes = varint.as_signed_bytes_be_slice();
            assert_eq!((bytes.len(), bytes[0] >> 7), (len, 0), "{number}");
            assert_eq!(from_varint(bytes), number);
        }
    }
}
