//! Tells whether a thread was late by its own doing or because the machine did not let it run. A
//! thread that is off its core for longer than it asked to wait was kept from running: stopped,
//! throttled, behind others, or its whole machine stood still. That needs two clocks and no
//! privilege, and cannot stop with the thread. It reads no clock itself.

use crate::limits::LATE_NS;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Times that a thread was kept from running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Kept {
    /// How many.
    pub count: u64,
    /// How long together, ns.
    pub total_ns: u64,
    /// The longest, ns.
    pub max_ns: u64,
}

impl Kept {
    /// Adds another thread's.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.total_ns += other.total_ns;
        self.max_ns = self.max_ns.max(other.max_ns);
    }
}

/// A thread's passes.
#[derive(Debug, Default)]
pub(super) struct Punctual {
    /// When the pass before began, on the wall and on the thread's CPU clock, ns.
    began: Option<(u64, u64)>,
    /// Until when it may have waited.
    until_ns: u64,
    /// Kept from running, and not caught up with what is due since.
    is_behind: bool,
    pub kept: Kept,
}

impl Punctual {
    /// A pass begins: now, and the thread's CPU time.
    pub fn pass(&mut self, now_ns: u64, cpu_ns: u64) {
        if let Some((began_ns, began_cpu_ns)) = self.began.replace((now_ns, cpu_ns)) {
            let off_core_ns = (now_ns - began_ns).saturating_sub(cpu_ns - began_cpu_ns);
            let kept_ns = off_core_ns.saturating_sub(self.until_ns.saturating_sub(began_ns));
            if kept_ns > LATE_NS {
                self.is_behind = true;
                self.kept.add(Kept { count: 1, total_ns: kept_ns, max_ns: kept_ns });
            }
        }
        self.until_ns = now_ns;
    }

    /// In this pass the thread may wait until then.
    pub fn may_wait(&mut self, until_ns: u64) {
        self.until_ns = until_ns;
    }

    /// A message is reached so long after it was due. Whether its lateness is the machine's.
    pub fn excuses(&self, late_ns: u64) -> bool {
        self.is_behind && late_ns > LATE_NS
    }

    /// All that was due is reached.
    pub fn caught_up(&mut self) {
        self.is_behind = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// A pass from 100 ms on: it may wait so long, takes so long, so much of it on a core. How long
    /// it was kept.
    #[track_caller]
    fn check((waits_ms, took_ms, on_core_ms): (u64, u64, u64), kept_ms: u64) {
        let mut punctual = Punctual::default();
        punctual.pass(100 * MS, 7 * MS);
        punctual.may_wait((100 + waits_ms) * MS);
        punctual.pass((100 + took_ms) * MS, (7 + on_core_ms) * MS);
        assert_eq!(punctual.kept.total_ns, kept_ms * MS);
        assert_eq!(punctual.excuses(MS), kept_ms > 0);
        assert!(!punctual.excuses(LATE_NS), "what is in time needs no excuse");
        punctual.caught_up();
        assert!(!punctual.excuses(MS));
    }

    #[test]
    fn only_time_off_the_core_beyond_the_wait_is_excused() {
        check((20, 20, 0), 0);
        check((20, 5, 1), 0);
        check((0, 30, 30), 0);
        check((20, 50, 30), 0);
        check((20, 120, 0), 100);
        check((0, 100, 8), 92);
        check((1, 100, 9), 90);
    }

    #[test]
    fn passes_add_up() {
        let mut punctual = Punctual::default();
        for (now_ms, cpu_ms) in [(0, 0), (10, 0), (40, 5), (41, 6)] {
            punctual.pass(now_ms * MS, cpu_ms * MS);
        }
        assert_eq!(punctual.kept, Kept { count: 2, total_ns: 35 * MS, max_ns: 25 * MS });
    }
}
