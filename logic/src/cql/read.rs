//! Pages, and single rows. It knows neither tickets nor takeovers.

use super::load;
use super::statements::{Entry, Statements, bucket, bucket_start};
use super::write::Log;
use crate::cluster::Position;
use crate::cluster::takeover::tail_rows;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use shard::limits::INBOX_WINDOW_MAX;
use shard::rows::{ContactRow, InboxRow, MessageRow, Row};
use shard::store::limits::CQL_PAGE_ROWS;
use shard::store::page::Page;
use wire::{ClientMsgId, Conversation, InboxSeq, Seq, Uid};

/// The messages before a place, ascending.
pub async fn messages(
    store: &impl Statements,
    conversation: Conversation,
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
            if !page.take(row.body.len()) {
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

/// The message that a sender once sent under an id. A row that was covered since may point to another's place.
pub async fn by_client_msg_id(
    store: &impl Statements,
    from: Uid,
    id: ClientMsgId,
) -> Option<MessageRow> {
    let (conversation, seq) = store.place(from, id).await?;
    let rows = store.messages_before(conversation, seq.next(), 1).await;
    let is_it = |row: &MessageRow| row.seq == seq && row.from == from && row.client_msg_id == id;
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
        found.extend(rows.take_while(|row| page.take(row.message.body.len())));
        let end = bucket_start(bucket(from).saturating_add(1));
        from = match last {
            Some(last) if !is_whole || last.next() >= end => last.next(),
            Some(_) => break,
            None => {
                let known = match through {
                    Some(through) => through,
                    None => store.user(uid).await.map_or(0, |row| row.contacts_through.0),
                };
                through = Some(known);
                // The contacts lag behind the inbox.
                if bucket(Position(known + tail_rows(INBOX_WINDOW_MAX))) < bucket(end) {
                    break;
                }
                end
            }
        };
    }
    found
}

fn inbox_row(entry: Entry) -> InboxRow {
    match entry.row {
        Row::Inbox(row) => row,
        Row::Message(_) | Row::Contact(_) | Row::User(_) => unreachable!("of that table"),
    }
}

/// Contacts by peer, ascending, with their newest messages.
pub async fn contacts(
    store: &impl Statements,
    uid: Uid,
    after: Uid,
    (limit, bytes_max): (usize, usize),
) -> Vec<(ContactRow, Option<MessageRow>)> {
    let mut page = Page::new(limit, bytes_max);
    let (mut found, mut after) = (Vec::new(), after);
    while !page.is_full() {
        let want = (limit - found.len()).min(CQL_PAGE_ROWS);
        let rows = store.contacts(uid, after, want).await;
        let is_whole = rows.len() < want;
        let mut rows: FuturesOrdered<_> =
            rows.into_iter().map(|row| with_message(store, row)).collect();
        while let Some(row) = rows.next().await {
            if !page.take(row.1.as_ref().map_or(0, |message| message.body.len())) {
                break;
            }
            after = row.0.peer;
            found.push(row);
        }
        if is_whole {
            break;
        }
    }
    found
}

async fn with_message(
    store: &impl Statements,
    row: ContactRow,
) -> (ContactRow, Option<MessageRow>) {
    if row.recent_inbox_seq == InboxSeq(0) {
        return (row, None);
    }
    let place = Position::from(row.recent_inbox_seq);
    let newest = store.rows(Log::Inbox(row.uid), place, 1).await.pop();
    let newest = newest.filter(|entry| entry.position == place).map(inbox_row);
    (row, newest.map(|row| row.message))
}
