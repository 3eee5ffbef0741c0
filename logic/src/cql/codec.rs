//! Columns as values. Numbers without a sign are kept as the signed ones of the same bits. It knows no statement.

use super::client::BadRow;
use super::statements::{Entry, LogId};
use super::write::Log;
use crate::cluster::Position;
use bytes::Bytes;
use scylla::deserialize::row::DeserializeRow;
use scylla::response::query_result::QueryRowsResult;
use scylla::value::CqlVarint;
use shard::limits::PARTITIONS;
use shard::partition::Partition;
use shard::rows::{ContactRow, InboxRow, MessageRow, Row};
use std::collections::HashMap;
use wire::{ClientMsgId, Conversation, InboxSeq, MessageId, Seq, Uid};

/// From the big uid.
const FROM_BIG: i8 = 0;

type Result<T> = std::result::Result<T, BadRow>;

/// Columns of a message after its place: id, direction, time, client's id, body.
type Content<'a> = (i64, i8, i64, &'a [u8], Bytes);

/// Partitions of a slice, as a power of two: 128, so a batch has at most 128 statements of some 60 bytes, far below the
/// 50 KiB at which Cassandra refuses one.
const SLICE_BITS: u32 = 7;

/// The slice of a partition's owner and bound.
pub fn slice(partition: Partition) -> u16 {
    partition.number() >> SLICE_BITS
}

/// The columns that name a partition: slice, partition.
pub fn key(partition: Partition) -> (i32, i32) {
    (slice(partition).into(), partition.number().into())
}

/// A partition by its number.
pub fn partition(number: i32) -> Result<Partition> {
    let number = usize::try_from(number).ok();
    let partition = number.and_then(|number| Partition::all(PARTITIONS).nth(number));
    partition.ok_or_else(|| BadRow("there is no partition of that number".into()))
}

/// Each row of an answer, decoded.
pub fn all<'a, R, T>(rows: &'a QueryRowsResult, decode: impl Fn(R) -> Result<T>) -> Result<Vec<T>>
where
    R: DeserializeRow<'a, 'a>,
{
    let bad = |error: &dyn std::fmt::Display| BadRow(error.to_string());
    let typed = rows.rows::<R>().map_err(|error| bad(&error))?;
    typed.map(|row| decode(row.map_err(|error| bad(&error))?)).collect()
}

/// The `direction` of a message.
pub fn direction(row: &MessageRow) -> i8 {
    if row.from == row.conversation.big() { FROM_BIG } else { 1 }
}

fn sender(conversation: Conversation, direction: i8) -> Uid {
    if direction == FROM_BIG { conversation.big() } else { conversation.small() }
}

fn client_msg_id(bytes: &[u8]) -> Result<ClientMsgId> {
    let bytes = bytes.try_into();
    bytes.map(ClientMsgId).map_err(|_| BadRow("client_msg_id has not 16 bytes".into()))
}

/// The conversation of two users, as columns name them.
pub fn between(a: Uid, b: Uid) -> Result<Conversation> {
    Conversation::between(a, b).ok_or_else(|| BadRow(format!("{a} and {b} have no conversation")))
}

fn message(conversation: Conversation, seq: i64, content: Content<'_>) -> Result<MessageRow> {
    let (message_id, direction, time_ms, id, body) = content;
    Ok(MessageRow {
        conversation,
        seq: Seq(seq.cast_unsigned()),
        message_id: MessageId(message_id.cast_unsigned()),
        from: sender(conversation, direction),
        time_ms: time_ms.cast_unsigned(),
        client_msg_id: client_msg_id(id)?,
        body,
    })
}

/// Messages of a conversation, with what was known to be committed.
pub fn messages(conversation: Conversation, rows: &QueryRowsResult) -> Result<Vec<Entry>> {
    all(rows, |row: (i64, i64, i8, i64, &[u8], Bytes, i64)| {
        let (seq, message_id, direction, time_ms, id, body, committed) = row;
        let row = message(conversation, seq, (message_id, direction, time_ms, id, body))?;
        let position = Position::from(row.seq);
        let committed = Position(committed.cast_unsigned());
        Ok(Entry { position, committed, row: Row::Message(row) })
    })
}

/// Rows of an inbox, with what was known to be committed.
pub fn inbox(uid: Uid, rows: &QueryRowsResult) -> Result<Vec<Entry>> {
    all(rows, |row: (i64, i64, i64, i64, i8, i64, &[u8], Bytes, i64)| {
        let (place, peer, seq, message_id, direction, time_ms, id, body, committed) = row;
        let conversation = between(uid, Uid(peer.cast_unsigned()))?;
        let message = message(conversation, seq, (message_id, direction, time_ms, id, body))?;
        let inbox_seq = InboxSeq(place.cast_unsigned());
        let committed = Position(committed.cast_unsigned());
        let row = Row::Inbox(InboxRow { uid, inbox_seq, message });
        Ok(Entry { position: inbox_seq.into(), committed, row })
    })
}

/// Places of a log and the ids there.
pub fn ids(log: Log, rows: &QueryRowsResult) -> Result<Vec<(Position, LogId)>> {
    let place = |place: i64| Position(place.cast_unsigned());
    match log {
        Log::Conversation(conversation) => all(rows, |row: (i64, i8, &[u8])| {
            let id = LogId::Sent(sender(conversation, row.1), client_msg_id(row.2)?);
            Ok((place(row.0), id))
        }),
        Log::Inbox(_) => all(rows, |row: (i64, i64)| {
            Ok((place(row.0), LogId::Message(MessageId(row.1.cast_unsigned()))))
        }),
    }
}

/// Contacts of a user.
pub fn contacts(uid: Uid, rows: &QueryRowsResult) -> Result<Vec<ContactRow>> {
    all(rows, |row: (CqlVarint, i64, i64, i64, i64, bool)| {
        let (peer, recent_seq, recent_inbox_seq, read_seq, read_time_ms, is_deleted) = row;
        Ok(ContactRow {
            uid,
            peer: Uid(from_varint(peer.as_signed_bytes_be_slice())),
            recent_seq: Seq(recent_seq.cast_unsigned()),
            recent_inbox_seq: InboxSeq(recent_inbox_seq.cast_unsigned()),
            read_seq: Seq(read_seq.cast_unsigned()),
            read_time_ms: read_time_ms.cast_unsigned(),
            is_deleted,
        })
    })
}

/// The first column of the only row, if there is one.
pub fn number(rows: &QueryRowsResult) -> Result<Option<u64>> {
    Ok(all(rows, |row: (i64,)| Ok(row.0.cast_unsigned()))?.pop())
}

/// Bounds by partition.
pub fn bounds(rows: &QueryRowsResult) -> Result<HashMap<Partition, u64>> {
    let decode = |row: (i32, i64)| Ok((partition(row.0)?, row.1.cast_unsigned()));
    Ok(all(rows, decode)?.into_iter().collect())
}

/// A number as a varint: sorted as it is, also from 2^63 on.
pub fn varint(number: u64) -> CqlVarint {
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
