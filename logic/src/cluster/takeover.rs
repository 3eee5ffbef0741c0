//! What a new owner keeps of a log, on a store without batches that are all or nothing. Pure: rows in, what to do out.
//! It does not know what a row holds, nor how it is read.
//!
//! Up to W rows of the old owner were in flight, in any order, and those of still older owners may land at any time,
//! even hours later. Everything committed is whole and lies below; above it there may be holes, rows that were given
//! up, and the same message twice. So the new owner reads the last [`tail_rows`] and
//! 1. keeps the longest run without a hole and without a repeated id ([`longest_run`]): above a hole nothing was ever
//!    committed, and the second of two rows with one id is a late one of an older owner;
//! 2. before it serves, rewrites under its own epoch the rows of the run that may not have been committed
//!    ([`Debts::rewrite`]), or a late write of another owner could cover what is adopted here. Derived rows exist only
//!    for committed ones, so everything up to the last derived row is safe;
//! 3. takes ids and positions into memory, and stores the derived rows that are missing ([`Debts::derive`]).

use super::ids::Position;
use std::collections::HashSet;
use std::hash::Hash;

/// Rows to read from the end of a log: `window` that may have been in flight above the last committed one, and as many
/// below it whose derived rows may be missing.
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

/// What must be written because of a takeover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debts {
    /// Rows of the log to write again, unchanged, under the new epoch, before anything is served.
    pub rewrite: Vec<Position>,
    /// Rows whose derived row is missing. It may be stored behind, within the window.
    pub derive: Vec<Position>,
}

/// The longest run that counts, in the last [`tail_rows`] places up to the highest row and above `base`. `rows` are in
/// order; more of them than needed, from below, do no harm. The id is what a retry carries again: the sender's for a
/// conversation, the message's for an inbox.
///
/// Everything up to `base` is known to be committed (0: nothing is known): rows there may be gone by age, and are no
/// holes; the ids of those that are left count.
pub fn longest_run<Id: Copy + Eq + Hash>(
    window: u64,
    base: Position,
    rows: &[(Position, Id)],
) -> Run<Id> {
    assert!(window > 0, "a log has a window");
    assert!(rows.is_sorted_by(|a, b| a.0 < b.0), "a tail is read in order, each place once");
    let highest = rows.last().map_or(0, |row| row.0.0);
    let below = base.max(Position(highest.saturating_sub(tail_rows(window))));
    let mut run = Run { head: below, kept: Vec::new(), end: End::Whole };
    let (old, new) = rows.split_at(rows.partition_point(|row| row.0 <= below));
    let mut ids: HashSet<Id> = old.iter().map(|row| row.1).collect();
    for (position, id) in new {
        if *position != run.head.next() {
            run.end = End::Hole(run.head.next());
            break;
        }
        if !ids.insert(*id) {
            run.end = End::Repeat(*position);
            break;
        }
        run.kept.push((*position, *id));
        run.head = *position;
    }
    run
}

impl<Id: Copy> Run<Id> {
    /// What must be written, once it is known which kept rows have their derived row.
    pub fn debts(&self, is_derived: impl Fn(Position, Id) -> bool) -> Debts {
        let mut debts = Debts { rewrite: Vec::new(), derive: Vec::new() };
        for (position, id) in &self.kept {
            if is_derived(*position, *id) {
                debts.rewrite.clear();
            } else {
                debts.rewrite.push(*position);
                debts.derive.push(*position);
            }
        }
        debts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows as letters by place, `.` for a hole; how many places are kept, why it ends, what is rewritten and derived.
    #[track_caller]
    fn check(rows: &str, derived: &str, expect: (u64, End, &[u64], &[u64])) {
        let place = |index: usize| Position(index as u64 + 1);
        let stored: Vec<(Position, char)> = rows
            .chars()
            .enumerate()
            .filter(|row| row.1 != '.')
            .map(|(i, id)| (place(i), id))
            .collect();
        let run = longest_run(2, Position(0), &stored);
        let debts = run.debts(|_, id| derived.contains(id));
        let numbers = |places: &[Position]| places.iter().map(|place| place.0).collect::<Vec<_>>();
        let found = (run.head.0, run.end, numbers(&debts.rewrite), numbers(&debts.derive));
        assert_eq!(found, (expect.0, expect.1, expect.2.to_vec(), expect.3.to_vec()));
    }

    #[test]
    fn keeps_what_is_whole() {
        check("", "", (0, End::Whole, &[], &[]));
        check("ab", "", (2, End::Whole, &[1, 2], &[1, 2]));
        check("abcd", "abcd", (4, End::Whole, &[], &[]));
        check("abcdefgh", "abcdef", (8, End::Whole, &[7, 8], &[7, 8]));
    }

    #[test]
    fn stops_at_a_hole_and_at_a_repeated_id() {
        check("ab.d", "ab", (2, End::Hole(Position(3)), &[], &[]));
        check(".b", "", (0, End::Hole(Position(1)), &[], &[]));
        check("aba", "", (2, End::Repeat(Position(3)), &[1, 2], &[1, 2]));
        check("xaba.", "x", (3, End::Repeat(Position(4)), &[2, 3], &[2, 3]));
    }

    #[test]
    fn below_the_last_derived_row_nothing_is_rewritten_but_all_is_derived() {
        check("abcd", "ac", (4, End::Whole, &[4], &[2, 4]));
    }

    #[test]
    fn below_what_is_known_rows_may_be_gone_and_their_ids_count() {
        let run = |base, rows: &[(u64, char)]| {
            let rows: Vec<_> = rows.iter().map(|row| (Position(row.0), row.1)).collect();
            let run = longest_run(2, Position(base), &rows);
            (run.head.0, run.kept.len(), run.end)
        };
        assert_eq!(run(3, &[(2, 'b'), (4, 'd')]), (4, 1, End::Whole));
        assert_eq!(run(3, &[(3, 'c'), (4, 'c')]), (3, 0, End::Repeat(Position(4))));
        assert_eq!(run(3, &[(5, 'e')]), (3, 0, End::Hole(Position(4))));
        assert_eq!(run(9, &[(2, 'b')]), (9, 0, End::Whole));
        assert_eq!(run(9, &[]), (9, 0, End::Whole));
    }

    #[test]
    fn rows_from_below_do_no_harm() {
        check("a.cdefgh", "abcd", (8, End::Whole, &[5, 6, 7, 8], &[5, 6, 7, 8]));
    }
}
