//! What a new owner keeps of a log, on a store without batches that are all or nothing. Pure: rows in, what to do out.
//! It does not know what a row holds, nor how it is read.
//!
//! Up to W rows of the old owner were in flight, in any order, and those of still older owners may land at any time,
//! even hours later. Everything committed is whole and lies below; above it there may be holes, rows that were given
//! up, and the same message twice. So the new owner reads from what is known to be committed up to the end, and keeps
//! the longest run without a hole, without a repeated id and whose chain fits ([`longest_run`]): above a hole
//! nothing was ever committed, the second of two rows with one id is a late one of an older owner, and so is a row
//! whose chain tells of other rows before it. Before it serves it writes the run again under its own epoch, or a late
//! write of another owner could cover what is adopted here.

use super::ids::Position;
use crate::plant::{self, Fault};
use shard::rows::Chain;
use std::collections::HashSet;
use std::hash::Hash;

/// Places from the end of a log in which a run is looked for: `window` that may have been in flight above the last
/// committed one, and as many below it.
#[must_use]
pub fn tail_rows(window: u64) -> u64 {
    2 * window
}

/// Why a run ends before the log does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The log ends there too.
    Whole,
    /// Nothing is stored here.
    Hole(Position),
    /// This row's id is in the run already.
    Repeat(Position),
    /// This row was written behind other rows than those of the run.
    Stranger(Position),
}

/// A row of a tail, as far as it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TailRow<Id> {
    /// Where.
    pub position: Position,
    /// What a retry carries again: the sender's id for a conversation, the message's for an inbox.
    pub id: Id,
    /// Of the rows before it.
    pub chain: Chain,
    /// The same of the row after it.
    pub next_chain: Chain,
}

/// What is kept of a log's tail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run<Id> {
    /// The last place that counts; the next message comes after it.
    pub head: Position,
    /// Places and ids, in order, up to the head.
    pub kept: Vec<(Position, Id)>,
    /// Why it goes no further.
    pub end: End,
}

/// The longest run that counts, in the last [`tail_rows`] places up to the highest row and above `base`. `rows` are in
/// order; more of them than needed, from below, do no harm.
///
/// Everything up to `base` is known to be committed (0: nothing is known): rows there may be gone by age, and are no
/// holes; the ids of those that are left count. If the row right below the run is gone, the first of the run is held
/// against no chain.
pub fn longest_run<Id: Copy + Eq + Hash>(
    window: u64,
    base: Position,
    rows: &[TailRow<Id>],
) -> Run<Id> {
    assert!(window > 0, "a log has a window");
    assert!(
        rows.is_sorted_by(|a, b| a.position < b.position),
        "a tail is read in order, each place once"
    );
    let highest = rows.last().map_or(0, |row| row.position.0);
    let below = base.max(Position(highest.saturating_sub(tail_rows(window))));
    let mut run = Run { head: below, kept: Vec::new(), end: End::Whole };
    let (old, new) = rows.split_at(rows.partition_point(|row| row.position <= below));
    let mut ids: HashSet<Id> = old.iter().map(|row| row.id).collect();
    let mut chain = match old.last() {
        Some(row) if row.position == below => Some(row.next_chain),
        _ => (below == Position(0)).then(Chain::default),
    };
    for row in new {
        if row.position != run.head.next() {
            if !plant::has(Fault::KeepOverHoles) {
                run.end = End::Hole(run.head.next());
                break;
            }
            chain = None;
        }
        if !ids.insert(row.id) && !plant::has(Fault::KeepRepeats) {
            run.end = End::Repeat(row.position);
            break;
        }
        let is_stranger = chain.is_some_and(|chain| chain != row.chain);
        if is_stranger && !plant::has(Fault::KeepStrangers) {
            run.end = End::Stranger(row.position);
            break;
        }
        chain = Some(row.next_chain);
        run.kept.push((row.position, row.id));
        run.head = row.position;
    }
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chain of what follows rows with these ids.
    fn chain(ids: &str) -> Chain {
        Chain::default().after(&ids.chars().map(u64::from).collect::<Vec<_>>())
    }

    /// A row with an id behind others with theirs.
    fn row(position: u64, before: &str, id: char) -> TailRow<char> {
        let next_chain = chain(&format!("{before}{id}"));
        TailRow { position: Position(position), id, chain: chain(before), next_chain }
    }

    /// Rows as letters by place, each behind those before it, `.` for a hole.
    fn stored(rows: &str) -> Vec<TailRow<char>> {
        let places = (1..).zip(rows.char_indices()).filter(|place| place.1.1 != '.');
        places.map(|(position, (at, id))| row(position, &rows[..at], id)).collect()
    }

    #[track_caller]
    fn check(rows: &str, expect: (u64, End)) {
        let run = longest_run(2, Position(0), &stored(rows));
        assert_eq!((run.head.0, run.end), expect);
    }

    #[track_caller]
    fn check_run(base: u64, rows: &[TailRow<char>], expect: (u64, usize, End)) {
        let run = longest_run(2, Position(base), rows);
        assert_eq!((run.head.0, run.kept.len(), run.end), expect);
    }

    #[test]
    fn keeps_what_is_whole() {
        check("", (0, End::Whole));
        check("ab", (2, End::Whole));
        check("abcd", (4, End::Whole));
        check("abcdefgh", (8, End::Whole));
    }

    #[test]
    fn stops_at_a_hole_and_at_a_repeated_id() {
        check("ab.d", (2, End::Hole(Position(3))));
        check(".b", (0, End::Hole(Position(1))));
        check("aba", (2, End::Repeat(Position(3))));
        check("xaba.", (3, End::Repeat(Position(4))));
    }

    #[test]
    fn stops_at_a_row_that_was_written_behind_others() {
        let stranger = |position| End::Stranger(Position(position));
        let [a, b] = [row(1, "", 'a'), row(2, "a", 'b')];
        check_run(0, &[a, b, row(3, "ax", 'c')], (2, 2, stranger(3)));
        check_run(0, &[row(1, "x", 'a')], (0, 0, stranger(1)));
        check_run(1, &[a, row(2, "x", 'b')], (1, 0, stranger(2)));
        check_run(2, &[a, row(3, "ax", 'c')], (3, 1, End::Whole));
        check_run(2, &[row(3, "ax", 'c'), row(4, "abc", 'd')], (3, 1, stranger(4)));
    }

    #[test]
    fn below_what_is_known_rows_may_be_gone_and_their_ids_count() {
        check_run(3, &stored(".b.d"), (4, 1, End::Whole));
        check_run(3, &stored("..cc"), (3, 0, End::Repeat(Position(4))));
        check_run(3, &stored("....e"), (3, 0, End::Hole(Position(4))));
        check_run(9, &stored(".b"), (9, 0, End::Whole));
        check_run(9, &[], (9, 0, End::Whole));
    }

    #[test]
    fn rows_from_below_do_no_harm() {
        check("a.cdefgh", (8, End::Whole));
    }
}
