//! Between the generator threads and the one that watches them: a start time, a stop, and news.

use super::counters::Second;
use super::result::IslandResult;
use crate::failure::Failure;
use crate::limits::{SNAPSHOTS_MAX, SPARES_MAX};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// What a thread tells.
pub(super) enum News {
    /// Its users are logged in, with so many sessions.
    Ready(u64),
    /// A second is over.
    Second(Box<Second>),
    /// It has sent everything.
    Sent,
    /// It waits for nothing any more, and lets everybody sync.
    Draining,
    /// It is done.
    Done(Box<IslandResult>),
    /// It is not.
    Failed(Failure),
}

/// A thread's end.
pub(super) struct Control {
    /// 0 until it is set.
    start_ns: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    abandon: Arc<AtomicBool>,
    news: SyncSender<(usize, News)>,
    /// Seconds that came back empty.
    spares: Receiver<Box<Second>>,
    thread: usize,
}

impl Control {
    pub fn start_ns(&self) -> Option<u64> {
        Some(self.start_ns.load(Ordering::Acquire)).filter(|start_ns| *start_ns > 0)
    }

    /// End early: stop sending, then drain and judge as always.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Another thread failed: do not wait for anything.
    pub fn abandoned(&self) -> bool {
        self.abandon.load(Ordering::Relaxed)
    }

    /// Tells a second, and has an empty one for the next: one that the watcher gave back, for a
    /// megabyte of zeros is not made in no time.
    pub fn tell_second(&self, second: &mut Box<Second>) {
        let spare = self.spares.try_recv().unwrap_or_default();
        self.tell(News::Second(std::mem::replace(second, spare)));
    }

    /// A watcher that hangs for a minute makes the generator wait; one that is gone does not mind.
    pub fn tell(&self, news: News) {
        let _ = self.news.send((self.thread, news));
    }
}

/// The watcher's end.
pub(super) struct Watch {
    start_ns: Arc<AtomicU64>,
    /// Set: end early.
    pub stop: Arc<AtomicBool>,
    abandon: Arc<AtomicBool>,
    pub news: Receiver<(usize, News)>,
    spares: Vec<SyncSender<Box<Second>>>,
}

impl Watch {
    pub fn start(&self, start_ns: u64) {
        self.start_ns.store(start_ns, Ordering::Release);
    }

    /// Gives a second that was told back to its thread, empty.
    pub fn give_back(&self, thread: usize, mut second: Box<Second>) {
        second.clear();
        // A thread that has enough of them, or is gone, needs none.
        let _ = self.spares[thread].try_send(second);
    }

    pub fn abandon(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.abandon.store(true, Ordering::Relaxed);
    }
}

pub(super) fn pair(threads: usize) -> (Watch, Vec<Control>) {
    let (sender, news) = sync_channel(SNAPSHOTS_MAX * threads);
    let (start_ns, stop, abandon) = <(Arc<AtomicU64>, Arc<AtomicBool>, Arc<AtomicBool>)>::default();
    let mut given = Vec::new();
    let control = |thread| {
        let (give, spares) = sync_channel(SPARES_MAX);
        given.push(give);
        Control {
            start_ns: Arc::clone(&start_ns),
            stop: Arc::clone(&stop),
            abandon: Arc::clone(&abandon),
            news: sender.clone(),
            spares,
            thread,
        }
    };
    let controls = (0..threads).map(control).collect();
    (Watch { start_ns, stop, abandon, news, spares: given }, controls)
}
