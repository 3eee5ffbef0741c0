//! Watches the generator threads to their end: hears their news, adds their seconds up, looks at
//! the server when measuring begins and ends. It judges nothing.

use super::args::Plan;
use super::commands::Commands;
use super::control::{News, Watch};
use super::counters::{Second, SecondRow};
use super::interval_logs::IntervalLogs;
use super::watched::{Sight, Watched};
use crate::clock::{now_ns, unix};
use crate::failure::Failure;
use crate::machine::Taken;
use crate::progress::Progress;
use crate::server_cost::Sample;
use crate::target::Target;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// From the last login to the first message: all threads have seen the start by then.
const START_DELAY_NS: u64 = 100_000_000;

pub(super) struct Watcher<'a> {
    plan: &'a Plan,
    pid: Option<u32>,
    progress: Progress,
    out: Option<&'a Path>,
    logs: Option<IntervalLogs>,
    /// When the next look at the server is due, and which it is.
    looks: Vec<u64>,
    commands: Commands,
    ready: usize,
    /// A thread reads everything back, which is said once.
    drains: bool,
    /// Seconds told by each thread; all, once it is done.
    told: Vec<usize>,
    /// Seconds that not all threads have told.
    open: VecDeque<Second>,
    /// The last look at the server beside a second, and when it was.
    beside: (u64, Option<Sample>),
    /// An empty one, for the next.
    spare: Option<Second>,
    watched: Watched,
}

impl<'a> Watcher<'a> {
    pub fn new(plan: &'a Plan, target: &Target, out: Option<&'a Path>) -> Self {
        let progress = Progress::new(&format!("logging in to {}", target.named()));
        let watched = Watched { started_ns: now_ns(), ..Default::default() };
        let mut new = Self {
            plan,
            pid: target.pid,
            progress,
            out,
            logs: None,
            looks: Vec::new(),
            commands: Commands::new(plan, target),
            ready: 0,
            drains: false,
            told: vec![0; plan.own_threads().len()],
            open: VecDeque::new(),
            beside: (0, None),
            spare: None,
            watched,
        };
        new.look();
        new
    }

    /// Until all threads are done.
    pub fn watch(mut self, watch: &Watch) -> Result<Watched, Failure> {
        loop {
            let next_ns = self.looks.first().copied().into_iter().chain(self.commands.next_ns());
            let wait_ns = next_ns.min().map_or(1_000_000_000, |at| at.saturating_sub(now_ns()));
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
            self.commands.turn();
            if self.watched.results.len() == self.plan.own_threads().len() {
                self.progress.finish();
                self.watched.outcomes = self.commands.end();
                return Ok(self.watched);
            }
        }
    }

    fn on_news(&mut self, thread: usize, news: News, watch: &Watch) -> Result<(), Failure> {
        match news {
            News::Ready(logged_in) => {
                self.ready += 1;
                self.watched.connections += logged_in;
                if self.ready == self.plan.own_threads().len() {
                    self.start(watch)?;
                }
            }
            News::Second(second) => {
                self.on_second(thread, &second)?;
                watch.give_back(thread, second);
            }
            // The interval ended early.
            News::Sent if !self.looks.is_empty() => {
                self.looks.clear();
                self.look();
            }
            News::Sent => {}
            News::Draining => {
                if !std::mem::replace(&mut self.drains, true) {
                    self.progress.say("reading everything back");
                }
            }
            News::Done(result) => {
                self.watched.results.push(*result);
                self.told[thread] = usize::MAX;
                self.close_seconds()?;
            }
            News::Failed(failure) => return Err(failure),
        }
        Ok(())
    }

    fn on_second(&mut self, thread: usize, second: &Second) -> Result<(), Failure> {
        let index = self.told[thread] - self.watched.seconds.len();
        self.told[thread] += 1;
        if self.open.len() <= index {
            self.open.push_back(self.spare.take().unwrap_or_default());
        }
        self.open[index].add(second);
        self.close_seconds()
    }

    /// Writes and shows the seconds that all threads have told, and keeps their numbers alone.
    fn close_seconds(&mut self) -> Result<(), Failure> {
        let told = self.told.iter().copied().min().unwrap_or(0);
        while self.watched.seconds.len() < told
            && let Some(mut second) = self.open.pop_front()
        {
            if let Some(logs) = &mut self.logs {
                let wrote = logs.write(&second);
                wrote.map_err(|error| Failure::preflight("write the interval logs", error))?;
            }
            let mut row = SecondRow::from(&second);
            self.look_beside(&mut row);
            self.progress.say(&row.line(self.watched.seconds.len() + 1));
            self.watched.seconds.push(row);
            second.clear();
            self.spare = Some(second);
        }
        Ok(())
    }

    /// The server in the second that has just been told.
    fn look_beside(&mut self, row: &mut SecondRow) {
        let now = (now_ns(), self.pid.and_then(Sample::of));
        let (at_ns, before) = std::mem::replace(&mut self.beside, now);
        row.server_rss = now.1.map(|sample| sample.rss_bytes);
        if let Some((before, after)) = before.zip(now.1) {
            let busy_ns = after.cpu_us.saturating_sub(before.cpu_us) * 1_000;
            #[allow(clippy::cast_precision_loss, reason = "ns of a second")]
            let cpus = busy_ns as f64 / now.0.saturating_sub(at_ns).max(1) as f64;
            row.server_cpus = Some(cpus);
        }
    }

    fn start(&mut self, watch: &Watch) -> Result<(), Failure> {
        self.look();
        let now = now_ns();
        self.beside = (now, self.pid.and_then(Sample::of));
        let start_ns = now + self.start_delay_ns()?;
        self.watched.login_ns = now - self.watched.started_ns;
        let measure_ns = start_ns + self.plan.warmup_ns;
        self.looks = vec![measure_ns, measure_ns + self.plan.duration_ns];
        self.commands.start(self.plan, measure_ns);
        if let Some(out) = self.out {
            let begun = IntervalLogs::begin(out, Duration::from_nanos(start_ns - now));
            self.logs =
                Some(begun.map_err(|error| Failure::preflight("begin the interval logs", error))?);
        }
        watch.start(start_ns);
        Ok(())
    }

    /// From now until the first message.
    fn start_delay_ns(&self) -> Result<u64, Failure> {
        let Some(start_at_s) = self.plan.start_at_s else { return Ok(START_DELAY_NS) };
        let delay = Duration::from_secs(start_at_s).checked_sub(unix());
        let delay_ns = delay.and_then(|delay| u64::try_from(delay.as_nanos()).ok());
        delay_ns.filter(|delay_ns| *delay_ns >= START_DELAY_NS).ok_or_else(|| {
            let late = "everybody was logged in after --start-at: give a later time";
            Failure::Preflight(late.into())
        })
    }

    /// Before the logins, after them, when measuring begins, when it ends.
    fn look(&mut self) {
        let sight = Sight { server: self.pid.and_then(Sample::of), taken: Taken::now() };
        self.watched.looks.push(sight);
    }
}
