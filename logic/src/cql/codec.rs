//! Answers of the server as values. It knows no statement.

use super::columns::{ChatColumns, InboxColumns, MessageColumns};
use super::config::BadRow;
use super::entry::Entry;
use super::keys::partition;
use scylla::deserialize::row::DeserializeRow;
use scylla::response::query_result::QueryRowsResult;
use shard::group::GroupRow;
use shard::partition::Partition;
use shard::rows::{ChatRow, InboxRow};
use std::collections::HashMap;
use wire::{ConversationId, Seq, Uid};

type Result<T> = std::result::Result<T, BadRow>;

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

/// The row of a group.
pub fn groups(group: ConversationId, rows: &QueryRowsResult) -> Result<Vec<GroupRow>> {
    all(rows, |(position, members): (i64, &[u8])| {
        let row = GroupRow::from_parts(group, Seq(position.cast_unsigned()), members);
        row.ok_or_else(|| BadRow("members are no list of them".into()))
    })
}

/// Groups by their numbers.
pub fn marks(rows: &QueryRowsResult) -> Result<Vec<ConversationId>> {
    all(rows, |(gid,): (i64,)| {
        let group = ConversationId::group(gid.cast_unsigned());
        group.ok_or_else(|| BadRow("no group has number 0".into()))
    })
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
