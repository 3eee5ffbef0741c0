//! `run`: messages between users, each verified. Here the threads are started and watched, and the server is looked at;
//! what a thread does is in `island`.

mod shard;
mod args;
mod control;
mod counters;
mod steps;
mod marks;
mod commands;
mod lanes;
mod offers;
mod punctual;
mod effort;
mod desk;
mod island;
mod watched;
mod watcher;

pub use args::{Load, Plan, PlannedEvent, RunArgs};
pub use commands::Outcome;
pub use counters::{Counters, Phase, Second, SecondCounts, SecondRow};
pub use effort::Effort;
pub use island::{EndedEarly, IslandResult};
pub use marks::{Felt, Marks};
pub use punctual::Kept;
pub use shard::Shard;
pub use steps::Steps;
pub use watched::Watched;

use crate::failure::Failure;
use crate::report::Report;
use crate::target::{Target, TargetArgs};
use control::{News, Watch};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use watcher::Watcher;

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
        write(&report, out)?;
    }
    report.print(out);
    Ok(report.exit_code())
}

/// Runs against one target, one after the other.
pub struct Runs {
    target: Target,
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
        Ok(Self { target: Target::find(target, out.as_deref())?, out, count: 0 })
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
        write(&report, &out)?;
        Ok(report)
    }

    /// Ends the target, if it is ours.
    pub fn end(mut self) {
        self.target.stop();
    }

    fn watch(&self, plan: Plan, out: Option<&Path>) -> Result<Report, Failure> {
        let watched = watch_all(&plan, &self.target, out)?;
        Ok(Report::new(plan, &watched))
    }
}

fn make(out: &Path) -> Result<(), Failure> {
    let made = std::fs::create_dir_all(out);
    made.map_err(|error| Failure::preflight(&format!("make {}", out.display()), error))
}

fn write(report: &Report, out: &Path) -> Result<(), Failure> {
    let wrote = report.write(out);
    wrote.map_err(|error| Failure::preflight(&format!("write to {}", out.display()), error))
}

/// Starts the threads and watches them to their end.
fn watch_all(plan: &Plan, target: &Target, out: Option<&Path>) -> Result<Watched, Failure> {
    let (watch, controls) = control::pair(plan.own_threads().len());
    stop_on_signals(&watch)?;
    std::thread::scope(|scope| {
        for (thread, control) in plan.own_threads().zip(controls) {
            let login = (target.addresses.as_slice(), &target.tokens);
            let body = move || {
                let news = match island::run(plan, &control, login, thread) {
                    Ok(result) => News::Done(Box::new(result)),
                    Err(failure) => News::Failed(failure),
                };
                control.tell(news);
            };
            let spawned = std::thread::Builder::new()
                .name(format!("island-{thread}"))
                .spawn_scoped(scope, body);
            spawned.map_err(|error| Failure::preflight("start a thread", error))?;
        }
        let watched = Watcher::new(plan, target, out).watch(&watch);
        if watched.is_err() {
            watch.abandon();
        }
        watched
    })
}

/// The first signal ends the run early, with everything verified; the second ends the program.
fn stop_on_signals(watch: &Watch) -> Result<(), Failure> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let second =
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&watch.stop));
        let both =
            second.and_then(|_| signal_hook::flag::register(signal, Arc::clone(&watch.stop)));
        both.map_err(|error| Failure::preflight("watch for signals", error))?;
    }
    Ok(())
}
