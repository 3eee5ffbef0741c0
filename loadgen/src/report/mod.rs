//! What came of a run: the summary, and the ways it is shown. It measures nothing.

mod summary;
mod table;
mod files;
mod interval_logs;
mod html;
mod svg;

pub use interval_logs::IntervalLogs;
pub use summary::{Generator, Machine, Measured, SUMMARY_VERSION, Summary};

use crate::histograms::Latencies;
use crate::run::{Plan, SecondRow, Steps, Watched};
use std::io::{self, Write};
use std::path::Path;

/// A run's result with all that its files need.
pub struct Report {
    /// The numbers.
    pub summary: Summary,
    /// The distributions.
    pub latencies: Latencies,
    /// Second by second.
    pub seconds: Vec<SecondRow>,
    /// In finer steps.
    pub steps: Steps,
}

impl Report {
    /// From what was seen.
    #[must_use]
    pub fn new(plan: Plan, watched: &Watched) -> Self {
        let (summary, latencies) = summary::summarise(plan, watched);
        Self { summary, latencies, seconds: watched.seconds.clone(), steps: watched.steps() }
    }

    /// The code to end with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.summary.verdict.exit_code()
    }

    /// The result, for a person, on stdout; and where the files are. Whoever stopped reading, as
    /// `head` does, gets the exit code all the same.
    pub fn print(&self, out: Option<&Path>) {
        let mut text = table::table(&self.summary);
        if let Some(out) = out {
            text.push_str(&format!("wrote        {}\n", out.join("report.html").display()));
        }
        let _ = io::stdout().write_all(text.as_bytes());
    }

    /// All files but the interval logs, into a directory that is there.
    ///
    /// # Errors
    /// One could not be written.
    pub fn write(&self, out: &Path) -> io::Result<()> {
        let mut json = serde_json::to_string_pretty(&self.summary)?;
        json.push('\n');
        std::fs::write(out.join("summary.json"), json)?;
        files::series(&out.join("series.csv"), &self.seconds)?;
        std::fs::write(out.join("steps.csv"), self.steps.csv())?;
        files::percentiles(out, &self.latencies)?;
        std::fs::write(out.join("report.html"), html::page(self))
    }
}
