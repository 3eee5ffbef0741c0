//! What came of a run: the summary, and the ways it is shown. It measures nothing.

mod summary;
mod table;
mod files;
mod html;
mod svg;

pub use summary::{Generator, Measured, SUMMARY_VERSION, Summary};

use crate::failure::{CORRECTNESS, GENERATOR_LIMITED, PASS, SLO_MISSED, TARGET_DOWN};
use crate::histograms::Four;
use crate::run::{Plan, Second, Steps, Watched};
use crate::verdict::Verdict;
use std::io;
use std::path::Path;

/// A run's result with all that its files need.
pub struct Report {
    /// The numbers.
    pub summary: Summary,
    /// The distributions.
    pub four: Four,
    /// Second by second.
    pub seconds: Vec<Second>,
    /// In finer steps.
    pub steps: Steps,
}

impl Report {
    /// From what was seen.
    #[must_use]
    pub fn new(plan: Plan, watched: &Watched) -> Self {
        let (summary, four) = summary::summarise(plan, watched);
        Self { summary, four, seconds: watched.seconds.clone(), steps: watched.steps() }
    }

    /// Whether a promise was broken.
    #[must_use]
    pub fn has_faults(&self) -> bool {
        self.summary.faults() > 0
    }

    /// The code to end with. What was broken comes before what was slow.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let summary = &self.summary;
        let too_slow = summary.plan.slo_e2e_p99_ns.is_some_and(|slo| {
            #[allow(clippy::cast_precision_loss, reason = "at most 60 s in ns")]
            let p99 = summary.e2e_ns.p99.map_or(f64::INFINITY, |p99| p99 as f64);
            p99 > slo || summary.verdict != Verdict::Valid
        });
        if self.has_faults() {
            CORRECTNESS
        } else if summary.plan.drain && summary.unread_users > 0 {
            TARGET_DOWN
        } else if summary.verdict == Verdict::GeneratorLimited {
            GENERATOR_LIMITED
        } else if too_slow {
            SLO_MISSED
        } else {
            PASS
        }
    }

    /// The result, for a person, on stdout.
    pub fn print(&self) {
        print!("{}", table::table(&self.summary));
    }

    /// All files, into a directory that is there.
    ///
    /// # Errors
    /// One could not be written.
    pub fn write(&self, out: &Path) -> io::Result<()> {
        let mut json = serde_json::to_string_pretty(&self.summary)?;
        json.push('\n');
        std::fs::write(out.join("summary.json"), json)?;
        files::series(&out.join("series.csv"), &self.seconds)?;
        std::fs::write(out.join("steps.csv"), self.steps.csv())?;
        files::histograms(out, &self.four, self.summary.measured.seconds)?;
        std::fs::write(out.join("report.html"), html::page(self))
    }
}
