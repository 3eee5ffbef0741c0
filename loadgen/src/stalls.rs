//! Times when the machine itself stood still: a core that wakes nobody in time, because its hypervisor
//! took it away or the kernel did not let go of it. On every core a thread sleeps half a millisecond at a time and
//! notes when it is woken late. So a generator that is late with the whole machine is told from one that is late alone.
//! It knows nothing of messages.

use crate::clock::now_ns;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A thread's sleep. 2,000 wakes a second cost about 1 % of a core.
const SLEEP_NS: u64 = 500_000;
/// A wake that is later than this is a stall. A turn of the generator, which could delay it, handles 32 events at
/// less than 10 us each.
const LATE_NS: u64 = 320_000;
/// Stalls remembered of a core; 16 bytes each. At ten a second that is three hours.
const STALLS_MAX: usize = 100_000;
/// Highest nice value that matters here: before the generator, which it judges.
const PRIORITY: i32 = -20;

/// Watches every core that this process may use.
pub struct StallMeter {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Range<u64>>>>,
}

impl StallMeter {
    /// Starts to watch. What cannot be watched (no permission, no thread) counts as never stalled.
    #[must_use]
    pub fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let allowed = sched_getaffinity(None).unwrap_or_default();
        let cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let watch = |core| {
            let stop = Arc::clone(&stop);
            let named = std::thread::Builder::new().name(format!("stalls-{core}"));
            named.spawn(move || watch(core, &stop)).ok()
        };
        let threads = cores.filter_map(watch).collect();
        Self { stop, threads }
    }

    /// Ends. The stalls, of all cores.
    #[must_use]
    pub fn stop(self) -> Stalls {
        self.stop.store(true, Ordering::Relaxed);
        let mut stalls = Stalls::default();
        for thread in self.threads {
            stalls.spans.extend(thread.join().unwrap_or_default());
        }
        stalls.spans.sort_by_key(|span| span.start);
        stalls
    }
}

fn watch(core: usize, stop: &AtomicBool) -> Vec<Range<u64>> {
    let mut only = CpuSet::new();
    only.set(core);
    let pinned = sched_setaffinity(None, &only).is_ok();
    let urgent = rustix::process::setpriority_process(None, PRIORITY).is_ok();
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    let mut spans = Vec::new();
    // Without its core or its priority it would take others' work for a stall.
    while pinned && urgent && !stop.load(Ordering::Relaxed) && spans.len() < STALLS_MAX {
        let slept_ns = now_ns();
        std::thread::park_timeout(Duration::from_nanos(SLEEP_NS));
        let woken_ns = now_ns();
        if woken_ns > slept_ns + SLEEP_NS + LATE_NS {
            spans.push(slept_ns..woken_ns);
        }
    }
    spans
}

/// When some core stood still.
#[derive(Clone, Debug, Default)]
pub struct Stalls {
    /// Ascending by start; those of two cores may overlap.
    spans: Vec<Range<u64>>,
}

/// Stalls in a few numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StallBrief {
    /// How many, over all cores.
    pub count: u64,
    /// How long together, ns.
    pub total_ns: u64,
    /// The longest, ns.
    pub max_ns: u64,
}

impl Stalls {
    /// Whether some core stood still at a time.
    #[must_use]
    pub fn cover(&self, at_ns: u64) -> bool {
        let after = self.spans.partition_point(|span| span.start <= at_ns);
        // Two cores' stalls overlap at most; a few more to be sure.
        self.spans[..after].iter().rev().take(64).any(|span| span.contains(&at_ns))
    }

    /// Those that began in a time.
    #[must_use]
    pub fn brief(&self, during: &Range<u64>) -> StallBrief {
        let spans = self.spans.iter().filter(|span| during.contains(&span.start));
        spans.fold(StallBrief::default(), |sum, span| {
            let ns = (span.end - span.start).saturating_sub(SLEEP_NS);
            StallBrief {
                count: sum.count + 1,
                total_ns: sum.total_ns + ns,
                max_ns: sum.max_ns.max(ns),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_their_times() {
        let spans = vec![10_000_000..15_000_000, 12_000_000..13_500_000, 30_000_000..34_000_000];
        let stalls = Stalls { spans };
        for (at_ns, covered) in
            [(9, false), (10, true), (14, true), (15, false), (29, false), (33, true), (34, false)]
        {
            assert_eq!(stalls.cover(at_ns * 1_000_000), covered, "{at_ns} ms");
        }
        let brief = StallBrief { count: 2, total_ns: 5_500_000, max_ns: 4_500_000 };
        assert_eq!(stalls.brief(&(0..20_000_000)), brief);
    }
}
