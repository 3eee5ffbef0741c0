//! `run`: messages between users, each verified. Here the threads are started and watched, and the server is looked at;
//! what a thread does is in `island`.

mod args;
mod control;
mod counters;
mod steps;
mod lanes;
mod desk;
mod island;
mod watched;

pub(crate) use args::duration;
pub use args::{Load, Plan, RunArgs};
pub use counters::{Counters, Second};
pub use island::IslandResult;
pub use steps::Steps;
pub use watched::Watched;

use crate::clock::now_ns;
use crate::failure::{Failure, PASS};
use crate::progress::Progress;
use crate::report::Report;
use crate::server_cost::Sample;
use crate::stalls::StallMeter;
use crate::target::Target;
use control::{News, Watch};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// From the last login to the first message: all threads have seen the start by then.
const START_DELAY_NS: u64 = 100_000_000;

/// Runs, reports, and says with which code to end.
///
/// # Errors
/// There is no result.
pub fn run(args: &RunArgs) -> Result<u8, Failure> {
    let plan = args.plan()?;
    crate::doctor::check_connections(plan.users * plan.devices)?;
    let out = args.out.prepare()?;
    let mut target = Target::find(&args.target, out)?;
    // A closed loop is not judged by lag.
    let meter = matches!(plan.load, Load::Open { .. }).then(StallMeter::start);
    let watched = watch_all(&plan, &target);
    let stalls = meter.map(StallMeter::stop).unwrap_or_default();
    target.stop();
    let report = Report::new(plan, &Watched { stalls, ..watched? });
    report.print();
    if let Some(out) = out {
        let wrote = report.write(out);
        wrote.map_err(|error| Failure::preflight(&format!("write to {}", out.display()), error))?;
        println!("wrote {}", out.join("report.html").display());
    }
    let code = report.exit_code();
    debug_assert!(code != PASS || !report.has_faults());
    Ok(code)
}

/// Starts the threads and watches them to their end.
fn watch_all(plan: &Plan, target: &Target) -> Result<Watched, Failure> {
    let (watch, controls) = control::pair(plan.threads);
    stop_on_signals(&watch)?;
    std::thread::scope(|scope| {
        for (thread, control) in controls.into_iter().enumerate() {
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
        let mut watcher = Watcher::new(plan, target);
        let watched = watcher.watch(&watch);
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

struct Watcher<'a> {
    plan: &'a Plan,
    pid: Option<u32>,
    progress: Progress,
    /// When the next look at the server is due, and which it is.
    looks: Vec<u64>,
    ready: usize,
    /// Seconds told by each thread.
    told: Vec<usize>,
    watched: Watched,
}

impl<'a> Watcher<'a> {
    fn new(plan: &'a Plan, target: &Target) -> Self {
        let progress = Progress::new(&format!("logging in to {}", target.named()));
        let watched = Watched { started_ns: now_ns(), ..Default::default() };
        let told = vec![0; plan.threads];
        let mut new =
            Self { plan, pid: target.pid, progress, looks: Vec::new(), ready: 0, told, watched };
        new.look();
        new
    }

    fn watch(&mut self, watch: &Watch) -> Result<Watched, Failure> {
        loop {
            let wait_ns =
                self.looks.first().map_or(1_000_000_000, |at| at.saturating_sub(now_ns()));
            match watch.news.recv_timeout(Duration::from_nanos(wait_ns)) {
                Ok((thread, news)) => self.on_news(thread, news, watch)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Failure::Preflight(
                        "a generator thread ended without a word".into(),
                    ));
                }
            }
            if self.looks.first().is_some_and(|at| now_ns() >= *at) {
                self.looks.remove(0);
                self.look();
            }
            if self.watched.results.len() == self.plan.threads {
                self.progress.finish();
                return Ok(std::mem::take(&mut self.watched));
            }
        }
    }

    fn on_news(&mut self, thread: usize, news: News, watch: &Watch) -> Result<(), Failure> {
        match news {
            News::Ready => {
                self.ready += 1;
                if self.ready == self.plan.threads {
                    self.start(watch);
                }
            }
            News::Second(second) => {
                let index = self.told[thread];
                self.told[thread] += 1;
                self.watched.add_second(index, &second);
                let all = self.told.iter().all(|told| *told > index);
                if all {
                    self.progress.second(index + 1, &self.watched.seconds[index]);
                }
            }
            // The interval ended early.
            News::Sent if !self.looks.is_empty() => {
                self.looks.clear();
                self.look();
            }
            News::Sent => {}
            News::Draining => self.progress.say("reading everything back"),
            News::Done(result) => self.watched.results.push(*result),
            News::Failed(failure) => return Err(failure),
        }
        Ok(())
    }

    fn start(&mut self, watch: &Watch) {
        self.look();
        let now = now_ns();
        let start_ns = now + START_DELAY_NS;
        self.watched.login_ns = now - self.watched.started_ns;
        let measure_ns = start_ns + self.plan.warmup_ns;
        self.looks = vec![measure_ns, measure_ns + self.plan.duration_ns];
        watch.start(start_ns);
    }

    /// Before the logins, after them, when measuring begins, when it ends.
    fn look(&mut self) {
        let sample = self.pid.and_then(Sample::of);
        self.watched.looks.push((now_ns(), sample));
    }
}
