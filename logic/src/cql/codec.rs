//! Answers of the server as values, and the keys of partitions. It knows no statement.

use super::client::BadRow;
use super::columns::{ChatColumns, InboxColumns, MessageColumns};
use super::statements::Entry;
use scylla::deserialize::row::DeserializeRow;
use scylla::response::query_result::QueryRowsResult;
use shard::limits::PARTITIONS;
use shard::partition::Partition;
use shard::rows::{ChatRow, InboxRow};
use std::collections::HashMap;
use wire::Uid;

type Result<T> = std::result::Result<T, BadRow>;

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

/// Messages of a conversation, with what was known to be committed.
pub fn messages(rows: &QueryRowsResult) -> Result<Vec<Entry>> {
    all(rows, MessageColumns::entry)
}

/// Rows of an inbox, with what was known to be committed.
pub fn inbox(uid: Uid, rows: &QueryRowsResult) -> Result<Vec<Entry>> {
    all(rows, |row: InboxColumns<'_>| row.entry(uid))
}

/// Rows of an inbox.
pub fn inbox_rows(uid: Uid, rows: &QueryRowsResult) -> Result<Vec<InboxRow>> {
    all(rows, |row: InboxColumns<'_>| row.row(uid))
}

/// Chats of a user.
pub fn chats(uid: Uid, rows: &QueryRowsResult) -> Result<Vec<ChatRow>> {
    all(rows, |row: ChatColumns| row.row(uid))
}

/// The only column of the only row, if there is one.
pub fn number(rows: &QueryRowsResult) -> Result<Option<u64>> {
    Ok(all(rows, |row: (i64,)| Ok(row.0.cast_unsigned()))?.pop())
}

/// Bounds by partition.
pub fn bounds(rows: &QueryRowsResult) -> Result<HashMap<Partition, u64>> {
    let decode = |row: (i32, i64)| Ok((partition(row.0)?, row.1.cast_unsigned()));
    Ok(all(rows, decode)?.into_iter().collect())
}
