//! Loading a log, which is taking it over: what a former owner left half done is made good before the answer. It knows
//! neither tickets nor the fence, and repeats nothing: the statements do.
//!
//! What is committed is found from what is known to be: a conversation's head, what a user's chats tell of, and what every
//! row says of the rows below it. [`longest_run`] says where the log ends. What it keeps above the known part is written
//! again under the own epoch, before anything is answered.
//!
//! Whatever head is read is good: it says what its writer knew to be committed, so everything up to there is whole and
//! stays as it is, whoever wrote the head and however late. From there every row is read, so an old head costs rows
//! and changes nothing.
//!
//! A rewriting that was begun must be finished as it was begun: another reading may find another end, and then a late
//! statement of the first would meet a new row at the same place under the same timestamp. So what was decided is a
//! value, kept until it is done.

use super::entry::{Entry, LogRow, bucket, bucket_start};
use super::statements::Statements;
use super::write::{Log, Write};
use crate::cluster::Position;
use crate::cluster::takeover::{TailRow, longest_run, tail_rows};
use crate::cql::limits::CQL_PAGE_ROWS;
use crate::plant::{self, Fault};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use shard::limits::{CONVERSATION_WINDOW_MAX, INBOX_WINDOW_MAX};
use shard::rows::{Chain, Found, InboxRow};
use wire::{ClientMsgId, ConversationId, InboxSeq, MessageId, Seq, Uid};

/// What is kept of a log, and what must be written before it is served.
#[derive(Debug, PartialEq, Eq)]
pub struct Takeover {
    /// To be written under the own epoch.
    pub rewrite: Vec<Write>,
    /// Of a conversation its newest message, of a user all there is to load.
    pub found: Found,
}

/// What was read of a log: from the known part upward.
struct Scan {
    /// Everything up to here is committed.
    base: Position,
    /// Ascending.
    entries: Vec<Entry>,
}

/// How many rows an owner may have had in flight.
fn window(log: Log) -> u64 {
    match log {
        Log::Conversation(_) => CONVERSATION_WINDOW_MAX as u64,
        Log::Inbox(_) => INBOX_WINDOW_MAX,
    }
}

/// Decides what to keep of a conversation.
pub async fn conversation(store: &impl Statements, conversation: ConversationId) -> Takeover {
    let log = Log::Conversation(conversation);
    let known = store.head(conversation).await;
    let scan = scan(store, log, known.into()).await;
    let (head, rewrite) = decide(log, &scan);
    let newest = scan.entries.into_iter().find(|entry| entry.position == head);
    let rows = newest.into_iter().filter_map(|entry| entry.row.into_message());
    Takeover { rewrite, found: Found::Messages(rows.collect()) }
}

/// Decides what to keep of a group: its row, and its entries from the position there on.
pub async fn group(store: &impl Statements, group: ConversationId) -> Takeover {
    // What a row tells of is in the log, whoever wrote it.
    let row = store.group(group).await;
    let position = row.as_ref().map_or(Seq(0), |row| row.position);
    let log = Log::Conversation(group);
    let known = store.head(group).await;
    let scan = scan(store, log, known.into()).await;
    let (head, rewrite) = decide(log, &scan);
    // What was judged is what is answered; below it everything is committed.
    let first = scan.entries.first().map_or(scan.base.next(), |entry| entry.position);
    let from = Position(position.0.max(1));
    let mut entries = between(store, log, (from, first)).await;
    let is_kept = |entry: &Entry| from <= entry.position && entry.position <= head;
    entries.extend(scan.entries.into_iter().filter(is_kept));
    let rows = entries.into_iter().filter_map(|entry| entry.row.into_message());
    Takeover { rewrite, found: Found::Group(row, rows.collect()) }
}

/// Rows of a log from a place to before another; all of them are there.
async fn between(
    store: &impl Statements,
    log: Log,
    (from, to): (Position, Position),
) -> Vec<Entry> {
    let (mut found, mut from) = (Vec::<Entry>::new(), from);
    while from < to {
        let rows = store.rows(log, from, CQL_PAGE_ROWS).await;
        let end = bucket_start(bucket(from) + 1);
        from = match rows.last() {
            Some(last) if rows.len() == CQL_PAGE_ROWS => last.position.next(),
            _ => end,
        };
        found.extend(rows.into_iter().filter(|entry| entry.position < to));
    }
    found
}

/// Decides what to keep of a user's inbox.
pub async fn user(store: &impl Statements, uid: Uid) -> Takeover {
    let log = Log::Inbox(uid);
    let row = store.user(uid).await;
    let through = row.map_or(InboxSeq(0), |row| row.chats_through);
    let scan = scan(store, log, through.into()).await;
    let (head, rewrite) = decide(log, &scan);
    let head = InboxSeq::from(head);
    let rows = scan.entries.into_iter().filter_map(|entry| entry.row.into_inbox());
    let rows: Vec<InboxRow> = rows.filter(|row| row.inbox_seq <= head).collect();
    // The last row may be gone by age: then the chain begins anew, and the next row is held against none.
    let last = rows.last().filter(|row| row.inbox_seq == head);
    let chain = last.map_or(Chain::default(), InboxRow::next_chain);
    let tail = rows.into_iter().filter(|row| through < row.inbox_seq).collect();
    Takeover { rewrite, found: Found::User { row, head, chain, tail } }
}

/// The highest place of a conversation that has a row, whoever wrote it.
pub async fn highest(store: &impl Statements, conversation: ConversationId) -> Position {
    let known = store.head(conversation).await.into();
    let scan = scan(store, Log::Conversation(conversation), known).await;
    scan.entries.last().map_or(known, |entry| entry.position)
}

/// Reads a log from a place that is known to be committed. Above a bucket whose last place is free nothing is committed;
/// but in an inbox that row may be gone by age, so a bucket that may have been begun since is looked into.
async fn scan(store: &impl Statements, log: Log, known: Position) -> Scan {
    let (mut base, mut entries) = (known, Vec::<Entry>::new());
    let mut from = known.max(Position(1));
    loop {
        let rows = store.rows(log, from, CQL_PAGE_ROWS).await;
        let is_full = rows.len() == CQL_PAGE_ROWS;
        base = rows.iter().map(|entry| entry.committed).fold(base, Position::max);
        entries.extend(rows);
        if let Log::Conversation(_) = log {
            // Of what is known to be committed only the newest may be asked for.
            entries.retain(|entry| entry.position >= base);
        }
        let end = bucket_start(bucket(from) + 1);
        let next = entries.last().map_or(from, |entry| entry.position.next()).max(from);
        let is_near = base.0 + tail_rows(window(log)) >= end.0;
        from = match () {
            () if is_full && next < end => next,
            () if next >= end || is_near => end,
            () => return Scan { base, entries },
        };
    }
}

/// Where the log ends, and what must be written again for that. Ids from below what was read are not looked at: a row
/// whose chain fits was written by somebody who had them.
fn decide(log: Log, scan: &Scan) -> (Position, Vec<Write>) {
    let Scan { base, entries } = scan;
    if entries.last().is_none_or(|highest| highest.position <= *base) {
        return (*base, Vec::new());
    }
    let tail: Vec<_> = entries.iter().map(tail_row).collect();
    let run = longest_run(window(log), *base, &tail);
    let first = run.kept.first().map_or(run.head.next(), |kept| kept.0);
    let committed = Position(first.0 - 1);
    let is_kept = |entry: &&Entry| first <= entry.position && entry.position <= run.head;
    let rewrite = entries.iter().filter(is_kept).map(|entry| match &entry.row {
        LogRow::Message(row) => Write::Message { row: row.clone(), committed },
        LogRow::Inbox(row) => Write::Inbox { row: row.clone(), committed },
    });
    let rewrite: Vec<_> = rewrite.filter(|_| !plant::has(Fault::SkipRewrite)).collect();
    tracing::debug!(?log, head = run.head.0, end = ?run.end, rows = rewrite.len(), "took over");
    (run.head, rewrite)
}

/// What a row of a log carries again if it is written twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum LogId {
    /// A conversation's: the sender's.
    Sent(Uid, ClientMsgId),
    /// An inbox's.
    Message(MessageId),
}

fn tail_row(entry: &Entry) -> TailRow<LogId> {
    let (id, chain, next_chain) = match &entry.row {
        LogRow::Message(row) => {
            (LogId::Sent(row.sender, row.client_msg_id), row.chain, row.next_chain())
        }
        LogRow::Inbox(row) => (LogId::Message(row.message.message_id), row.chain, row.next_chain()),
    };
    TailRow { position: entry.position, id, chain, next_chain }
}

/// Writes all of them, until they are durable.
pub async fn write_all(store: &impl Statements, writes: &[Write], timestamp_us: i64) {
    if let [write] = writes {
        return store.write(write, timestamp_us).await;
    }
    let writes = writes.iter().map(|write| store.write(write, timestamp_us));
    let mut under_way: FuturesUnordered<_> = writes.collect();
    while under_way.next().await.is_some() {}
}
