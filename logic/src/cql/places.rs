//! How many logs are taken over, and chats loaded, at a time, so that a takeover keeps nobody else waiting: more while the store takes its usual
//! time for a write, fewer while it takes much longer. What the others do are writes; what a takeover does are mostly reads.

use crate::cql::limits::{CQL_TAKEOVERS_FIRST, CQL_TAKEOVERS_MAX, CQL_TAKEOVERS_MIN};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::Semaphore;

/// The places, of all stores of a process: first come, first served.
pub struct Places {
    free: Semaphore,
    /// Places that are to go with whoever has them.
    surplus: AtomicUsize,
    writes: AtomicU64,
    writes_us: AtomicU64,
}

/// A place, until it is dropped.
pub struct Place<'a>(&'a Places);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.free_one();
    }
}

impl Default for Places {
    fn default() -> Self {
        Self {
            free: Semaphore::new(CQL_TAKEOVERS_FIRST),
            surplus: AtomicUsize::new(0),
            writes: AtomicU64::new(0),
            writes_us: AtomicU64::new(0),
        }
    }
}

impl Places {
    /// Waits for a place.
    pub async fn take(&self) -> Place<'_> {
        self.free.acquire().await.expect("it is never closed").forget();
        Place(self)
    }

    /// A write took so long.
    pub fn wrote(&self, took: Duration) {
        self.writes.fetch_add(1, Relaxed);
        self.writes_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Makes as many as the pace allows. To be called at a steady rate, by one.
    pub fn keep_to(&self, pace: &mut Pace) {
        let (us, writes) = (self.writes_us.swap(0, Relaxed), self.writes.swap(0, Relaxed));
        let (before, is_wanted) = (pace.places, self.free.available_permits() == 0);
        pace.tick(us.checked_div(writes), is_wanted);
        (before..pace.places).for_each(|_| self.free_one());
        let less = before.saturating_sub(pace.places);
        self.surplus.fetch_add(less - self.free.forget_permits(less), Relaxed);
    }

    /// One more is free, unless one is to go.
    fn free_one(&self) {
        let gone = self.surplus.try_update(Relaxed, Relaxed, |surplus| surplus.checked_sub(1));
        if gone.is_err() {
            self.free.add_permits(1);
        }
    }
}

/// How many places there are to be. Pure.
#[derive(Debug)]
pub struct Pace {
    places: usize,
    /// What a write takes in quiet times; `None`: there was none yet.
    usual_us: Option<u64>,
}

/// A write that takes longer than so many times what is usual, and a ms, is late.
const LATE: u64 = 2;
/// Above what is usual only this part counts at each tick: quiet times are remembered through a minute of others.
const SLOWER_PART: u64 = 512;
/// Below it, this part.
const FASTER_PART: u64 = 4;

impl Default for Pace {
    fn default() -> Self {
        Self { places: CQL_TAKEOVERS_FIRST, usual_us: None }
    }
}

impl Pace {
    /// Takes what a write took on average since the last tick (`None`: there was none), and whether all places are in use.
    pub fn tick(&mut self, write_us: Option<u64>, is_wanted: bool) {
        let is_late = write_us.is_some_and(|us| self.is_late(us));
        self.places = match () {
            () if !is_wanted => CQL_TAKEOVERS_FIRST,
            () if is_late => (self.places / 2).max(CQL_TAKEOVERS_MIN),
            () => (self.places + self.places / 2).min(CQL_TAKEOVERS_MAX),
        };
    }

    fn is_late(&mut self, us: u64) -> bool {
        let usual = self.usual_us.get_or_insert(us);
        let is_late = us > *usual * LATE + 1_000;
        if us < *usual {
            *usual -= (*usual - us) / FASTER_PART;
        } else {
            *usual += (us - *usual) / SLOWER_PART;
        }
        is_late
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const USUAL: Option<u64> = Some(4_000);
    const SLOW: Option<u64> = Some(20_000);

    fn after(ticks: &[(Option<u64>, bool)]) -> usize {
        let mut pace = Pace::default();
        ticks.iter().for_each(|(write_us, is_wanted)| pace.tick(*write_us, *is_wanted));
        pace.places
    }

    #[test]
    fn there_are_more_places_while_others_do_not_wait_and_fewer_while_they_do() {
        assert_eq!(after(&[(USUAL, false)]), 8);
        assert_eq!(after(&[(USUAL, true)]), 12);
        assert_eq!(after(&[(USUAL, true), (SLOW, true)]), 6);
        assert_eq!(after(&[(USUAL, false), (SLOW, true), (SLOW, true)]), CQL_TAKEOVERS_MIN);
        assert_eq!(after(&[(USUAL, true), (SLOW, true), (SLOW, false)]), 8, "nobody wants one");
        assert_eq!(after(&[(None, true); 30]), CQL_TAKEOVERS_MAX, "there is nobody to wait");
    }

    #[test]
    fn what_lasts_becomes_usual_slowly_and_quiet_times_at_once() {
        let slow = [vec![(USUAL, false)], vec![(SLOW, true); 50]].concat();
        assert_eq!(after(&slow), CQL_TAKEOVERS_MIN);
        let slower = [slow, vec![(SLOW, true); 250]].concat();
        assert!(after(&slower) > CQL_TAKEOVERS_FIRST);
        let quiet = [slower, vec![(USUAL, false); 9], vec![(SLOW, true); 9]].concat();
        assert_eq!(after(&quiet), CQL_TAKEOVERS_MIN);
    }

    #[test]
    fn a_place_too_many_goes_with_whoever_has_it() {
        let (places, mut pace) = (Places::default(), Pace::default());
        let take = || places.take().now_or_never();
        let mut taken: Vec<_> = (0..CQL_TAKEOVERS_FIRST).map(|_| take().unwrap()).collect();
        assert!(take().is_none());
        places.wrote(Duration::from_millis(4));
        places.keep_to(&mut pace);
        taken.extend((0..4).map(|_| take().unwrap()));
        assert!(take().is_none());
        places.wrote(Duration::from_millis(20));
        places.keep_to(&mut pace);
        taken.truncate(6);
        assert!(take().is_none(), "12 were taken, 6 are allowed");
        taken.truncate(5);
        assert!(take().is_some());
    }
}
