//! From which row on an inbox is there. Rows go by age, oldest first, and nothing says how far it has come: it is looked for. Never by
//! a range, which would have to pass over what is gone: a server refuses to pass over much.

use super::entry::{bucket, bucket_start};
use super::statements::Statements;
use crate::cluster::Position;
use crate::cql::limits::CQL_PLACES_MAX;
use wire::{InboxSeq, Uid};

/// The first row from `from` up to `head` that is there; if none is, the place above `head`. One statement if it is `from`, some
/// four more within a bucket, and one each time that the number of buckets doubles.
pub async fn first(
    store: &impl Statements,
    uid: Uid,
    (from, head): (InboxSeq, InboxSeq),
) -> InboxSeq {
    let mut search = Search::new(from, head);
    while !search.places.is_empty() {
        let there = store.inbox_there(uid, &search.places).await;
        search.on_found(there.into_iter().min());
    }
    search.high
}

/// What is known, and where to look next. Pure.
struct Search {
    /// Nothing below it is there.
    low: InboxSeq,
    /// It is there, or is the end.
    high: InboxSeq,
    /// Of one bucket, ascending; none: it is found.
    places: Vec<InboxSeq>,
}

impl Search {
    /// Most often nothing has gone: the first place is looked at by itself.
    fn new(from: InboxSeq, head: InboxSeq) -> Self {
        let places = if from <= head { vec![from] } else { Vec::new() };
        Self { low: from, high: head.next(), places }
    }

    /// Takes the first of the places that is there.
    fn on_found(&mut self, there: Option<InboxSeq>) {
        self.high = there.unwrap_or(self.high);
        let gone = self.places.iter().filter(|place| **place < self.high).max();
        self.low = gone.map_or(self.low, |gone| gone.next());
        self.places = self.next();
    }

    /// Within a bucket at even distances, the first place among them; else the first of the middle one of the buckets.
    fn next(&self) -> Vec<InboxSeq> {
        let (low, high) = (self.low.0, self.high.0);
        if low >= high {
            return Vec::new();
        }
        let [first, last] = [low, high - 1].map(|place| bucket(Position(place)));
        if first < last {
            return vec![bucket_start(first + (last - first).div_ceil(2)).into()];
        }
        let step = (high - low).div_ceil(CQL_PLACES_MAX as u64);
        (low..high).step_by(usize::try_from(step).expect("below a bucket")).map(InboxSeq).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first row that is there, and after how many statements it was found.
    fn found(from: u64, head: u64, tail: u64) -> (u64, usize) {
        let (mut search, mut count) = (Search::new(InboxSeq(from), InboxSeq(head)), 0);
        while !search.places.is_empty() {
            count += 1;
            let places = &search.places;
            let buckets = places.chunk_by(|a, b| bucket((*a).into()) == bucket((*b).into()));
            assert_eq!(buckets.count(), 1, "a statement names one bucket");
            assert!(places.is_sorted() && places.len() <= CQL_PLACES_MAX);
            let there = places.iter().find(|place| place.0 >= tail).copied();
            search.on_found(there);
        }
        (search.high.0, count)
    }

    #[test]
    fn the_first_row_is_found_by_few_statements_wherever_it_is() {
        for (from, head) in [(1, 1), (1, 9), (1, 8_191), (5_000, 20_000), (1, 3_000_000)] {
            let span = head + 1 - from;
            for tail in (0..=200).map(|part| from + span * part / 200) {
                let (place, count) = found(from, head, tail);
                assert_eq!(place, tail, "{from} to {head}");
                let doublings = usize::try_from(span.div_ceil(8_192).ilog2()).unwrap() + 1;
                assert!(count <= 1 + 4 + doublings, "{count} for {from} to {head} at {tail}");
            }
        }
        assert_eq!(found(7, 3_000_000, 7), (7, 1), "nothing has gone");
    }
}
