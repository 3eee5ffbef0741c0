//! Pages, and single rows. It knows neither tickets nor takeovers.

use super::entry::{Entry, bucket, bucket_start};
use super::load;
use super::statements::Statements;
use super::tail;
use super::write::Log;
use crate::cluster::Position;
use crate::cluster::takeover::tail_rows;
use crate::cql::limits::CQL_PAGE_ROWS;
use shard::limits::INBOX_WINDOW_MAX;
use shard::page::Page;
use shard::rows::{InboxRow, MessageRow};
use wire::{ClientMsgId, ConversationId, InboxSeq, Seq, Uid};

/// The messages before a place, ascending.
pub async fn messages(
    store: &impl Statements,
    conversation: ConversationId,
    before: Seq,
    (limit, bytes_max): (usize, usize),
) -> Vec<MessageRow> {
    let mut page = Page::new(limit, bytes_max);
    let (mut found, mut before) = (Vec::new(), before);
    let mut is_sure = false;
    while before.0 > 1 && !page.is_full() {
        let want = (limit - found.len()).min(CQL_PAGE_ROWS);
        let start = bucket_start(bucket(Position(before.0 - 1)));
        let rows = store.messages_before(conversation, before, want).await;
        if rows.is_empty() && !is_sure {
            // A place far above the end may be named: the end is looked for instead of going down bucket by bucket.
            let end = load::highest(store, conversation).await.next();
            (before, is_sure) = (before.min(end.into()), true);
            continue;
        }
        is_sure = true;
        let is_whole = rows.len() < want;
        for row in rows {
            before = row.seq;
            if !page.take_message(&row.body) {
                break;
            }
            found.push(row);
        }
        if is_whole {
            before = start.into();
        }
    }
    found.reverse();
    found
}

/// The message that a sender once sent to a conversation under an id. A row that was covered since may point to another's
/// place.
pub async fn by_client_msg_id(
    store: &impl Statements,
    conversation: ConversationId,
    (sender, id): (Uid, ClientMsgId),
) -> Option<MessageRow> {
    let seq = store.place(conversation, (sender, id)).await?;
    let rows = store.messages_before(conversation, seq.next(), 1).await;
    let is_it =
        |row: &MessageRow| row.seq == seq && row.sender == sender && row.client_msg_id == id;
    rows.into_iter().find(is_it)
}

/// Inbox rows after a place, ascending.
pub async fn inbox(
    store: &impl Statements,
    uid: Uid,
    after: InboxSeq,
    (limit, bytes_max): (usize, usize),
) -> Vec<InboxRow> {
    let mut page = Page::new(limit, bytes_max);
    let mut found = Vec::new();
    // The row before shows that the bucket was not left by age, so that one statement finds the end.
    let mut from = Position(after.0).max(Position(1));
    let mut through = None;
    while !page.is_full() {
        let want = (limit - found.len()).saturating_add(1).min(CQL_PAGE_ROWS);
        let rows = store.rows(Log::Inbox(uid), from, want).await;
        let (is_whole, last) = (rows.len() < want, rows.last().map(|entry| entry.position));
        let rows = rows.into_iter().filter(|entry| entry.position.0 > after.0).map(inbox_row);
        found.extend(rows.take_while(|row| page.take_message(&row.message.body)));
        let end = bucket_start(bucket(from).saturating_add(1));
        from = match last {
            Some(last) if !is_whole || last.next() >= end => last.next(),
            Some(_) => break,
            None => {
                let known = match through {
                    Some(through) => through,
                    None => store.user(uid).await.map_or(0, |row| row.chats_through.0),
                };
                through = Some(known);
                // The chats lag behind the inbox.
                if bucket(Position(known + tail_rows(INBOX_WINDOW_MAX))) < bucket(end) {
                    break;
                }
                // What has gone is passed over.
                let first = tail::first(store, uid, (end.into(), InboxSeq(known))).await;
                end.max(first.into())
            }
        };
    }
    found
}

fn inbox_row(entry: Entry) -> InboxRow {
    entry.row.into_inbox().expect("of that table")
}
