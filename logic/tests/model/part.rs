//! What is left of a batch that a crash has cut off, in a store that does not write it whole. As over CQL: it goes out in
//! phases, each once the one before is durable, and the rows of a phase land in any order. Of a log the next owner keeps
//! the rows below the first hole; what lies above is as if it had not been written.

use super::Rng;
use logic::rows::Row;
use std::collections::BTreeMap;
use wire::Uid;

/// The phase that a crash cuts off: 0 rows of logs, 1 contacts, 2 users; 3 none. Most batches have rows of logs only.
const CUT_OFF: [usize; 6] = [0, 0, 0, 1, 2, 3];

/// The phase of a row, and what it shares its fate with: the log, or the row's key. A conversation is of two users.
fn place(row: &Row) -> (usize, (Uid, Uid)) {
    match row {
        Row::Message(row) => (0, (row.conversation.big(), row.conversation.small())),
        Row::Inbox(row) => (0, (row.uid, row.uid)),
        Row::Contact(row) => (1, (row.uid, row.peer)),
        Row::User(row) => (2, (row.uid, row.uid)),
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
        // A log may end at each of its rows; of a contact's rows only the last goes out.
        *lives = *lives && (phase > 0 || rng.chance(80));
        *lives
    });
    batch
}
