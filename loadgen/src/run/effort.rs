//! What a thread used of its core in the measured time, and what it was kept from: the difference
//! of looks at its clocks.

use super::punctual::Kept;
use crate::clock::thread_cpu_ns;
use crate::machine::run_delay_ns;

/// Looks at a measured time: at its begin, in its middle, at its end.
const LOOKS: usize = 3;

/// A thread's use of its core in the measured time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Effort {
    /// Its CPU time, ns.
    pub cpu_ns: u64,
    /// The same as a share of a core.
    pub cpu_share: f64,
    /// Times that it was kept from running.
    pub kept: Kept,
    /// How long it waited for a core, ns, as the kernel counts; `None`: not counted.
    pub run_delay_ns: Option<u64>,
}

/// A look at the thread's use of its core.
#[derive(Clone, Copy)]
struct Look {
    cpu_ns: u64,
    kept: Kept,
    run_delay_ns: Option<u64>,
}

/// The looks so far.
#[derive(Default)]
pub(super) struct Looks(Vec<Look>);

impl Looks {
    /// Which look is due at a time, if one is.
    pub fn due(&self, now_ns: u64, measured: &std::ops::Range<u64>) -> Option<usize> {
        let times = [measured.start, measured.start.midpoint(measured.end), measured.end];
        let next = self.0.len();
        times.get(next).is_some_and(|at_ns| now_ns >= *at_ns).then_some(next)
    }

    /// Looks. At the first one, the longest time that the thread was kept from running begins anew.
    pub fn take(&mut self, kept: &mut Kept) {
        if self.0.is_empty() {
            kept.max_ns = 0;
        }
        let (cpu_ns, run_delay_ns) = (thread_cpu_ns(), run_delay_ns());
        self.0.push(Look { cpu_ns, kept: *kept, run_delay_ns });
    }

    /// Measuring ends before its time.
    pub fn end_early(&mut self, kept: &mut Kept) {
        while !self.0.is_empty() && self.0.len() < LOOKS {
            self.take(kept);
        }
    }

    /// From the first look to the last, in a measured time of such a length.
    pub fn effort(&self, length_ns: u64) -> Effort {
        let [from, .., to] = self.0.as_slice() else { return Effort::default() };
        let cpu_ns = to.cpu_ns - from.cpu_ns;
        #[allow(clippy::cast_precision_loss, reason = "ns of a run are below 2^53")]
        let cpu_share = if length_ns > 0 { cpu_ns as f64 / length_ns as f64 } else { 0.0 };
        let kept = Kept {
            count: to.kept.count - from.kept.count,
            total_ns: to.kept.total_ns - from.kept.total_ns,
            max_ns: to.kept.max_ns,
        };
        let run_delay_ns = to.run_delay_ns.zip(from.run_delay_ns).map(|(to, from)| to - from);
        Effort { cpu_ns, cpu_share, kept, run_delay_ns }
    }
}
