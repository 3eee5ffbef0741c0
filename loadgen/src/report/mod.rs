//! What came of a run: the summary, and the ways it is shown. It measures nothing.

mod summary;
mod result;
mod table;
mod files;
pub(crate) mod svg;
pub(crate) mod plots;
pub(crate) mod page;
mod html;

pub use result::Report;
pub use summary::{Event, Generator, Machine, Measured, SUMMARY_VERSION, Summary};
pub(crate) use table::table;

use crate::histograms::{Latencies, Latency};
use crate::out_dir;
use crate::run::GroupLatencies;
use std::io::{self, Write};
use std::path::Path;

impl Report {
    /// The result, for a person.
    pub fn print(&self, out: Option<&Path>) {
        print(&table(&self.summary), out.map(|out| out.join("report.html")).as_deref());
    }

    /// All files but the interval logs, into a directory that is there.
    ///
    /// # Errors
    /// One could not be written.
    pub fn write(&self, out: &Path) -> io::Result<()> {
        write_numbers(out, &self.summary, (&self.latencies, &self.groups), &self.own_sched)?;
        files::series(&out.join("series.csv"), &self.seconds)?;
        std::fs::write(out.join("steps.csv"), self.steps.csv())?;
        std::fs::write(out.join("report.html"), html::page(self))
    }
}

/// The JSON Schema of `summary.json`, as `loadgen/summary.schema.json` has it.
///
/// # Panics
/// Never: a schema is JSON.
#[must_use]
pub fn schema() -> String {
    let schema = schemars::schema_for!(Summary);
    serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n"
}

/// The distribution that is no part of [`Latencies`].
pub(crate) const OWN_SCHED: &str = "own-sched";

/// The file of a distribution, in HdrHistogram's compressed V2.
pub(crate) fn distribution_file(name: &str) -> String {
    format!("{name}.hdr")
}

/// The summary and the distributions.
///
/// # Errors
/// One could not be written.
pub(crate) fn write_numbers(
    out: &Path,
    summary: &Summary,
    (latencies, groups): (&Latencies, &GroupLatencies),
    own_sched: &Latency,
) -> io::Result<()> {
    out_dir::json(out, "summary.json", summary)?;
    for (name, latency) in latencies.named().into_iter().chain([(OWN_SCHED, own_sched)]) {
        std::fs::write(out.join(distribution_file(name)), latency.bytes())?;
    }
    for (name, latency) in groups.named() {
        std::fs::write(out.join(distribution_file(&name)), latency.bytes())?;
    }
    files::percentiles(out, latencies, groups)
}

/// Prints a result on stdout, and where its page is. Whoever stopped reading, as `head` does, gets
/// the exit code all the same.
pub(crate) fn print(table: &str, page: Option<&Path>) {
    let wrote = page.map_or_else(String::new, |page| format!("wrote        {}\n", page.display()));
    let _ = io::stdout().write_all(format!("{table}{wrote}").as_bytes());
}
