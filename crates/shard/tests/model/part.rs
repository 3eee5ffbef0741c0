//! What is left of a batch that a crash has cut off, in a store that does not write it whole. As over CQL: it goes out in
//! phases, each once the one before is durable, and the rows of a phase land in any order. Of a log the next owner keeps
//! the rows below the first hole; what lies above is as if it had not been written.

use super::Rng;
use shard::rows::Row;
use std::collections::BTreeMap;
use wire::{ConversationId, Uid};

/// The phase that a crash cuts off: 0 rows of logs, 1 chats, 2 users; 3 none. Most batches have rows of logs only.
const CUT_OFF: [usize; 6] = [0, 0, 0, 1, 2, 3];

/// The phase of a row, and what it shares its fate with: the log, or the row's key.
fn place(row: &Row) -> (usize, (Option<Uid>, Option<ConversationId>)) {
    match row {
        Row::Message(row) => (0, (None, Some(row.conversation))),
        Row::Inbox(row) => (0, (Some(row.uid), None)),
        Row::Chat(row) => (1, (Some(row.uid), Some(row.conversation))),
        Row::User(row) => (2, (Some(row.uid), None)),
        Row::Group(_) | Row::Mark(_) | Row::PushToken(_) | Row::Owed(_) | Row::Dead(_) => {
            unreachable!("nobody makes a group here")
        }
    }
}

/// The rows that the next owner finds.
pub fn written(mut batch: Vec<Row>, rng: &mut Rng) -> Vec<Row> {
    let cut_off = CUT_OFF[rng.index(CUT_OFF.len())];
    let mut fates = BTreeMap::new();
    batch.retain(|row| {
        let (phase, key) = place(row);
        if phase != cut_off {
            return phase < cut_off;
        }
        let lives = fates.entry(key).or_insert_with(|| rng.chance(60));
        // A log may end at each of its rows; of a chat's rows only the last goes out.
        *lives = *lives && (phase > 0 || rng.chance(80));
        *lives
    });
    batch
}
