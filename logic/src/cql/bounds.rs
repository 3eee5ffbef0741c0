//! The bounds of message ids, read a slice of partitions at a time: a takeover opens hundreds of partitions at once. It keeps
//! none: an answer is of a reading that began after it was asked for.

use super::keys::slice;
use arc_swap::ArcSwapOption;
use shard::limits::PARTITIONS;
use shard::partition::Partition;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;

/// By slice.
pub struct Bounds(Vec<Slice>);

struct Slice {
    /// One reads at a time.
    turn: Semaphore,
    last: ArcSwapOption<Reading>,
}

struct Reading {
    begun: Instant,
    found: HashMap<Partition, u64>,
}

impl Default for Bounds {
    fn default() -> Self {
        let last = Partition::all(PARTITIONS).map(slice).max().unwrap_or(0);
        let slice = |_| Slice { turn: Semaphore::new(1), last: ArcSwapOption::empty() };
        Self((0..=last).map(slice).collect())
    }
}

impl Bounds {
    /// The bound of a partition, 0 if there is none; `read` reads those of its slice. Who asks while a reading is under way waits
    /// for the next one, with all others who do.
    pub async fn of<R>(&self, partition: Partition, read: impl FnOnce() -> R) -> u64
    where
        R: Future<Output = HashMap<Partition, u64>>,
    {
        let asked = Instant::now();
        let Slice { turn, last } = &self.0[usize::from(slice(partition))];
        let _turn = turn.acquire().await.expect("it is never closed");
        let reading = match last.load_full().filter(|last| last.begun > asked) {
            Some(reading) => reading,
            None => {
                let begun = Instant::now();
                let reading = Arc::new(Reading { begun, found: read().await });
                last.store(Some(reading.clone()));
                reading
            }
        };
        reading.found.get(&partition).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use futures_util::future::join_all;
    use std::pin::pin;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    #[test]
    fn those_who_ask_together_share_a_reading_that_began_after_they_asked() {
        let (bounds, begun) = (Bounds::default(), AtomicU64::new(0));
        let (answer, answered) = flume::bounded(1);
        let ask = |partition| {
            bounds.of(partition, async || {
                let number = begun.fetch_add(1, Relaxed) + 1;
                answered.recv_async().await.unwrap();
                HashMap::from([(Partition::FIRST, number)])
            })
        };
        let mut first = pin!(ask(Partition::FIRST));
        assert_eq!((&mut first).now_or_never(), None);
        let other = Partition::all(2).last().unwrap();
        let mut later = pin!(join_all([Partition::FIRST, Partition::FIRST, other].map(ask)));
        assert_eq!((&mut later).now_or_never(), None);
        answer.send(()).unwrap();
        assert_eq!(first.now_or_never(), Some(1));
        assert_eq!((&mut later).now_or_never(), None);
        answer.send(()).unwrap();
        assert_eq!(later.now_or_never(), Some(vec![2, 2, 0]));
        answer.send(()).unwrap();
        assert_eq!(ask(Partition::FIRST).now_or_never(), Some(3), "nothing is kept");
    }
}
