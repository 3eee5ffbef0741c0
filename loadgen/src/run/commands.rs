//! Runs the commands of a run's timeline when they are due. It waits for nothing: it is asked again and again.

use super::args::Plan;
use crate::clock::now_ns;
use crate::target::Target;
use rustix::process::{Pid, Signal, kill_process_group};
use schemars::JsonSchema;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Between looks at commands that run.
const LOOK_EVERY_NS: u64 = 20_000_000;

/// Commands that are due, run, or ran.
pub(super) struct Commands {
    /// Their times, monotonic ns, once the start is known.
    due: Vec<u64>,
    /// Those that were begun.
    begun: Vec<Begun>,
    lines: Vec<String>,
    /// What each is told of the target.
    environment: Vec<(&'static str, String)>,
}

struct Begun {
    at_ns: u64,
    /// `Err`: it could not be started.
    child: Result<Child, String>,
    outcome: Option<Outcome>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, JsonSchema)]
pub struct Outcome {
    /// In words: its exit code, its signal, or why it could not be started.
    pub ended: String,
    /// It did what it was to do.
    pub is_well: bool,
    /// From its start to its end, ms.
    pub took_ms: u64,
}

impl Commands {
    pub fn new(plan: &Plan, target: &Target) -> Self {
        let lines = plan.events.iter().map(|event| event.command.clone()).collect();
        let mut environment = vec![("LOADGEN_TARGET", target.list())];
        environment.extend(target.pid.map(|pid| ("LOADGEN_SERVER_PID", pid.to_string())));
        Self { due: Vec::new(), begun: Vec::new(), lines, environment }
    }

    /// Measuring begins then.
    pub fn start(&mut self, plan: &Plan, measure_ns: u64) {
        self.due = plan.events.iter().map(|event| measure_ns + event.at_ns).collect();
    }

    /// When [`Self::turn`] is needed next. A command that has ended does not call.
    pub fn next_ns(&self) -> Option<u64> {
        let is_running = self.begun.iter().any(|begun| begun.outcome.is_none());
        let look_ns = is_running.then(|| now_ns() + LOOK_EVERY_NS);
        self.due().into_iter().chain(look_ns).min()
    }

    fn due(&self) -> Option<u64> {
        self.due.get(self.begun.len()).copied()
    }

    /// Starts what is due, and looks what has ended.
    pub fn turn(&mut self) {
        while self.due().is_some_and(|at_ns| at_ns <= now_ns()) {
            let line = &self.lines[self.begun.len()];
            eprintln!("starting {line}");
            let child = self.spawn(line).map_err(|error| format!("could not be started: {error}"));
            self.begun.push(Begun { at_ns: now_ns(), child, outcome: None });
        }
        self.begun.iter_mut().for_each(Begun::look);
    }

    /// Ends what still runs. How each ended, in order; `None`: its time did not come.
    pub fn end(mut self) -> Vec<Option<Outcome>> {
        for begun in &mut self.begun {
            begun.look();
            if let (Ok(child), None) = (&mut begun.child, &begun.outcome) {
                let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
                if let Some(group) = group {
                    let _ = kill_process_group(group, Signal::KILL);
                }
                let _ = child.wait();
                let ended = "still ran at the end of the run, and was killed".to_owned();
                begun.outcome = Some(Outcome { ended, is_well: false, took_ms: begun.took_ms() });
            }
        }
        let count = self.lines.len();
        let mut outcomes: Vec<_> = self.begun.into_iter().map(|begun| begun.outcome).collect();
        outcomes.resize(count, None);
        outcomes
    }

    fn spawn(&self, line: &str) -> std::io::Result<Child> {
        let told = std::io::stderr().as_fd().try_clone_to_owned()?;
        let mut command = Command::new("sh");
        command.arg("-c").arg(line).envs(self.environment.iter().cloned());
        // stdout has the result alone.
        command.stdin(Stdio::null()).stdout(Stdio::from(told)).process_group(0).spawn()
    }
}

impl Begun {
    fn took_ms(&self) -> u64 {
        now_ns().saturating_sub(self.at_ns) / 1_000_000
    }

    fn look(&mut self) {
        if self.outcome.is_some() {
            return;
        }
        let (ended, is_well) = match &mut self.child {
            Ok(child) => match child.try_wait() {
                Ok(None) => return,
                Ok(Some(status)) => (words(status), status.success()),
                Err(error) => (format!("could not be waited for: {error}"), false),
            },
            Err(why) => (why.clone(), false),
        };
        self.outcome = Some(Outcome { ended, is_well, took_ms: self.took_ms() });
    }
}

fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".into(),
    }
}
