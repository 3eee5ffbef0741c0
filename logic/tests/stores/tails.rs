//! Where inboxes begin, for the suite of stores. It knows no store.

use shard::rows::Read;
use wire::{InboxSeq, Uid};

/// What a store is asked about the inbox of a user with 301 rows, and what it answers.
pub fn questions(uid: Uid) -> Vec<(Read, &'static str)> {
    let tail = |uid, from, head| Read::Tail { uid, from: InboxSeq(from), head: InboxSeq(head) };
    vec![
        (tail(uid, 1, 301), "1"),
        (tail(uid, 300, 301), "300"),
        (tail(uid, 301, 301), "301"),
        (tail(uid, 302, 20_000), "20001"),
        (tail(Uid(8), 1, 9), "10"),
    ]
}
