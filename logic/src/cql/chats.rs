//! A page of a user's chats: the slots of its list, merged in order, and the newest messages. It knows no takeovers.

use super::entry::bucket;
use super::statements::Statements;
use crate::cql::limits::{CQL_CHAT_SLOTS, CQL_PAGE_ROWS, CQL_PLACES_MAX};
use futures_util::future::join_all;
use shard::page::Page;
use shard::rows::{ChatRow, MessageRow};
use std::collections::{HashMap, VecDeque};
use wire::{ConversationId, InboxSeq, Seq, Uid};

/// Chats by conversation, ascending, with their newest messages.
pub async fn page(
    store: &impl Statements,
    uid: Uid,
    after: Option<ConversationId>,
    (limit, bytes_max): (usize, usize),
) -> Vec<(ChatRow, Option<MessageRow>)> {
    let mut page = Page::new(limit, bytes_max);
    let mut slots = Slots::new(uid, after);
    let mut found = Vec::new();
    while !page.is_full() {
        let want = (limit - found.len()).min(CQL_PAGE_ROWS);
        let rows = slots.next(store, want).await;
        if rows.is_empty() {
            break;
        }
        let mut newest = newest(store, uid, &rows).await;
        for row in rows {
            let recent = newest.remove(&row.conversation);
            if !page.take_chat(recent.as_ref()) {
                break;
            }
            found.push((row, recent));
        }
    }
    found
}

/// A user's list as it is stored: what was read of each slot and not given out yet.
struct Slots {
    uid: Uid,
    slots: Vec<Slot>,
}

struct Slot {
    number: i8,
    /// The last one that was read.
    after: Option<ConversationId>,
    rows: VecDeque<ChatRow>,
    /// There is nothing after it.
    is_whole: bool,
}

impl Slot {
    async fn read(&mut self, store: &impl Statements, uid: Uid, limit: usize) {
        let rows = store.chats(uid, self.number, self.after, limit).await;
        self.is_whole = rows.len() < limit;
        self.after = rows.last().map(|row| row.conversation).or(self.after);
        self.rows = rows.into();
    }
}

impl Slots {
    fn new(uid: Uid, after: Option<ConversationId>) -> Self {
        let numbers = (0..).take(usize::try_from(CQL_CHAT_SLOTS).expect("a few"));
        let slot = |number| Slot { number, after, rows: VecDeque::new(), is_whole: false };
        Self { uid, slots: numbers.map(slot).collect() }
    }

    /// The next `want` chats, fewer at the end of the list. Of each slot twice its share is read at once, so that one rarely
    /// runs dry before the others.
    async fn next(&mut self, store: &impl Statements, want: usize) -> Vec<ChatRow> {
        let share = 2 * want.div_ceil(self.slots.len());
        let mut found = Vec::with_capacity(want);
        while found.len() < want {
            let dry = self.slots.iter_mut().filter(|slot| slot.rows.is_empty() && !slot.is_whole);
            join_all(dry.map(|slot| slot.read(store, self.uid, share))).await;
            let first = |slot: &&mut Slot| slot.rows.front().map(|row| row.conversation);
            let with_rows = self.slots.iter_mut().filter(|slot| !slot.rows.is_empty());
            let Some(slot) = with_rows.min_by_key(first) else { break };
            found.extend(slot.rows.pop_front());
        }
        found
    }
}

/// The newest messages of chats: from the inbox, one statement for those of a bucket; what has gone there, from the conversations. A
/// message that was in an inbox is committed, so it is the one at its place.
async fn newest(
    store: &impl Statements,
    uid: Uid,
    chats: &[ChatRow],
) -> HashMap<ConversationId, MessageRow> {
    let mut of_inbox = newest_of_inbox(store, uid, chats).await;
    let (mut found, mut gone) = (HashMap::with_capacity(chats.len()), Vec::new());
    for row in chats {
        match of_inbox.remove(&row.recent_inbox_seq) {
            Some(message) => drop(found.insert(row.conversation, message)),
            None if row.recent_seq > Seq(0) => gone.push(row),
            None => {}
        }
    }
    for rows in gone.chunks(CQL_PLACES_MAX) {
        let reads = rows
            .iter()
            .map(|row| store.messages_before(row.conversation, row.recent_seq.next(), 1));
        let messages = rows.iter().zip(join_all(reads).await);
        let newest = messages.filter_map(|(row, messages)| {
            let message = messages.into_iter().find(|message| message.seq == row.recent_seq)?;
            Some((row.conversation, message))
        });
        found.extend(newest);
    }
    found
}

async fn newest_of_inbox(
    store: &impl Statements,
    uid: Uid,
    chats: &[ChatRow],
) -> HashMap<InboxSeq, MessageRow> {
    let mut places: Vec<InboxSeq> = chats.iter().map(|row| row.recent_inbox_seq).collect();
    places.retain(|place| *place > InboxSeq(0));
    places.sort_unstable();
    let buckets = places.chunk_by(|a, b| bucket((*a).into()) == bucket((*b).into()));
    let statements = buckets.flat_map(|places| places.chunks(CQL_PLACES_MAX));
    let rows = join_all(statements.map(|places| store.inbox_at(uid, places))).await;
    rows.into_iter().flatten().map(|row| (row.inbox_seq, row.message)).collect()
}
