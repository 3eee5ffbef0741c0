//! Runs and their reports, one after the other against one target. A run knows nothing of its report.

use crate::about::About;
use crate::clock::unix;
use crate::failure::Failure;
use crate::out_dir;
use crate::report::Report;
use crate::run::{self, Plan, RunArgs};
use crate::target::{Target, TargetArgs};
use std::path::{Path, PathBuf};

/// Runs, reports, and says with which code to end.
///
/// # Errors
/// There is no result.
pub fn run(args: &RunArgs) -> Result<u8, Failure> {
    let plan = args.plan()?;
    let out = args.prepare(&plan)?;
    let runs = Runs::new(&args.target, out.map(Path::to_path_buf))?;
    let report = runs.watch(plan, out);
    runs.end();
    let report = report?;
    if let Some(out) = out {
        out_dir::write(out, |out| report.write(out))?;
    }
    report.print(out);
    Ok(report.exit_code())
}

/// Runs against one target, one after the other.
pub struct Runs {
    target: Target,
    /// For a person.
    named: String,
    out: Option<PathBuf>,
    count: usize,
}

impl Runs {
    /// Finds the target or starts it. Its log and the runs' files go into a directory.
    ///
    /// # Errors
    /// It is not there, or cannot be started.
    pub fn new(target: &TargetArgs, out: Option<PathBuf>) -> Result<Self, Failure> {
        out.as_deref().map_or(Ok(()), make)?;
        let named = target.named();
        Ok(Self { target: Target::find(target, out.as_deref())?, named, out, count: 0 })
    }

    /// One more, with its files in a directory of its own.
    ///
    /// # Errors
    /// There is no result.
    pub fn run(&mut self, plan: Plan) -> Result<Report, Failure> {
        self.count += 1;
        let Some(out) = self.out.as_ref().map(|out| out.join(format!("run-{:02}", self.count)))
        else {
            return self.watch(plan, None);
        };
        make(&out)?;
        let report = self.watch(plan, Some(&out))?;
        out_dir::write(&out, |out| report.write(out))?;
        Ok(report)
    }

    /// Ends the target, if it is ours.
    pub fn end(mut self) {
        self.target.stop();
    }

    fn watch(&self, plan: Plan, out: Option<&Path>) -> Result<Report, Failure> {
        let began = unix();
        let watched = run::watch_all(&plan, &self.target, out)?;
        Ok(Report::new(plan, &watched, About::ended(began, self.named.clone())))
    }
}

fn make(out: &Path) -> Result<(), Failure> {
    let made = std::fs::create_dir_all(out);
    made.map_err(|error| Failure::preflight(&format!("make {}", out.display()), error))
}
