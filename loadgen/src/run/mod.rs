//! `run`: messages between users, each verified. Here the threads are started and watched, and the server is looked at;
//! what a thread does is in `island`.

mod print_plan;
mod shard;
mod stages;
mod args;
mod result;
mod control;
mod counters;
mod steps;
mod marks;
mod commands;
mod lanes;
mod offers;
mod circles;
mod changes;
mod group_latencies;
mod punctual;
mod reading;
mod reads;
mod effort;
mod desk;
mod answers;
mod talk;
mod told;
mod island;
mod interval_logs;
mod watched;
mod watcher;

pub use args::{Load, Plan, PlannedEvent, RunArgs};
pub use commands::Outcome;
pub use counters::{Counters, Phase, Second, SecondCounts, SecondRow};
pub use effort::Effort;
pub use group_latencies::{GroupLatencies, SizeFigures};
pub use marks::{Felt, Marks};
pub use print_plan::{PlanArgs, print_plan};
pub use punctual::Kept;
pub use result::{EndedEarly, IslandResult};
pub use shard::Shard;
pub use stages::{StageFigures, StageLatencies};
pub use steps::Steps;
pub use watched::Watched;

use crate::failure::Failure;
use crate::target::Target;
use control::{News, Watch};
use std::path::Path;
use std::sync::Arc;
use watcher::Watcher;

/// Starts the threads and watches them to their end.
pub(crate) fn watch_all(
    plan: &Plan,
    target: &Target,
    out: Option<&Path>,
) -> Result<Watched, Failure> {
    let (watch, controls) = control::pair(plan.own_threads().len());
    stop_on_signals(&watch)?;
    std::thread::scope(|scope| {
        for (thread, control) in plan.own_threads().zip(controls) {
            let body = move || {
                let news = match island::run(plan, &control, target, thread) {
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
