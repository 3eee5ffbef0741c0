//! What `run` is told, and what that means.

use super::shard::Shard;
use crate::doctor::check_run;
use crate::failure::Failure;
use crate::limits::{
    BODY_BYTES_MIN, DEVICES_MAX, EVENTS_MAX, GROUPS_MAX, RATE_PER_THREAD_MAX, STAGES_MAX,
    STREAMS_MAX,
};
use crate::out_dir::OutArgs;
use crate::schedule::{Arrivals, Stage};
use crate::slo::Slo;
use crate::target::TargetArgs;
use crate::units::{amount, count, duration, sizes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;
use wire::GROUP_MEMBERS_MAX;

/// Sends messages between users and verifies every one.
#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Users that talk to each other.
    #[arg(long, default_value = "1000", value_parser = count)]
    users: usize,
    /// Messages a second, due whether or not earlier ones were answered.
    #[arg(long, default_value = "1000", value_parser = amount, conflicts_with = "window")]
    pub(crate) rate: f64,
    /// Instead of --rate and --duration: a time at a rate, such as 30s:1k, or from one to another,
    /// such as 1m:1k-20k; repeat it, and each is told by itself.
    #[arg(long, value_name = "TIME:RATE", conflicts_with_all = ["window", "rate", "duration"])]
    stage: Vec<Stage>,
    /// How arrivals are spread.
    #[arg(long, value_enum, default_value_t = Arrivals::Poisson)]
    arrivals: Arrivals,
    /// Closed loop instead of a rate: so many messages in flight in all, each until acked and
    /// delivered.
    #[arg(long, value_parser = count)]
    window: Option<usize>,
    /// Measured time, after the warm-up.
    #[arg(long, default_value = "10s", value_parser = duration)]
    duration: Duration,
    /// Time before it, at the same load, that is verified and not measured.
    #[arg(long, default_value = "2s", value_parser = duration)]
    warmup: Duration,
    /// Bytes of a message's body.
    #[arg(long, default_value_t = 128)]
    payload: usize,
    /// Devices of each user; the first one sends.
    #[arg(long, default_value_t = 1)]
    devices: usize,
    /// Share of users, 0 to 1, that are away until the end and get everything by sync.
    #[arg(long, default_value_t = 0.0)]
    offline_share: f64,
    /// Share of pushed messages, 0 to 1, up to which the device that got one marks its conversation as read. Of the same share
    /// of messages the sender says what it has seen. At the end the numbers of unread messages are checked.
    #[arg(long, default_value_t = 0.0)]
    read_share: f64,
    /// Groups that the users make before the warm-up, and talk in.
    #[arg(long, default_value = "0", value_parser = count)]
    groups: usize,
    /// Members of a group, from few, as most have, to many.
    #[arg(long, value_name = "MIN..MAX", default_value = "3..50", value_parser = sizes)]
    group_size: [usize; 2],
    /// Share of messages, 0 to 1, that go to groups, from members who are there.
    #[arg(long, default_value_t = 0.3)]
    group_share: f64,
    /// Changes of members a second: some are removed or leave, others are added or come back.
    #[arg(long, value_name = "PER_S", default_value_t = 0.0)]
    membership_changes: f64,
    /// Friends that a user talks to.
    #[arg(long, default_value_t = 16)]
    friends: usize,
    /// Seed of who talks when to whom.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Generator threads of this process. Users of different threads do not talk to each other.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Be the process I of N of one run, from 0: it takes its part of --users, --rate or --window.
    /// All get the same options; `loadgen merge` puts their results together.
    #[arg(long, value_name = "I/N", requires = "run", default_value_t)]
    shard: Shard,
    /// A number that all processes of a run share and no earlier run had, such as that of
    /// `date +%s%3N`.
    #[arg(long, value_name = "NUMBER")]
    run: Option<u64>,
    /// When the first message is due, in seconds since 1970, such as that of `date -d '+30 sec'
    /// +%s`: all processes begin together.
    #[arg(long, value_name = "SECONDS")]
    start_at: Option<u64>,
    /// First uid; by default users that no earlier run has used.
    #[arg(long)]
    uid_base: Option<u64>,
    #[command(flatten)]
    out: OutArgs,
    /// Time that nobody is logged in, after which the target counts as down.
    #[arg(long, default_value = "10s", value_parser = duration)]
    outage_max: Duration,
    /// For a target that stores nothing: believe deliveries, do not read inboxes at the end.
    #[arg(long)]
    no_drain: bool,
    /// Acknowledge pushes as soon as they come, as clients do that gather nothing. By default a
    /// client gathers them for half a second, 16 rows or until its next message.
    #[arg(long)]
    ack_each: bool,
    /// Let messages be that the server never answers: by default they fail the run.
    #[arg(long)]
    allow_unanswered: bool,
    /// Nice value of the generator's threads. Below 0 takes the CPU from a server on the same
    /// cores, and needs a privilege.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true,
          value_parser = clap::value_parser!(i32).range(-20..=19))]
    nice: i32,
    /// Run a shell command so long after measuring begins, such as --at 10s 'kill -STOP
    /// $LOADGEN_SERVER_PID', and report what was felt of it; repeat it. It is told
    /// LOADGEN_TARGET, and LOADGEN_SERVER_PID if that is known.
    #[arg(long, num_args = 2, value_names = ["TIME", "COMMAND"])]
    at: Vec<String>,
    /// Fail with exit code 3 unless this holds, such as e2e.p99<20ms or ack.max<1s; repeat it.
    #[arg(long, value_name = "BOUND")]
    slo: Vec<Slo>,
}

/// How messages are offered.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// At a rate, messages a second.
    Open {
        /// Messages a second, on average.
        rate: f64,
        /// How they are spread.
        arrivals: Arrivals,
    },
    /// So many in flight.
    Closed {
        /// Messages in flight.
        window: usize,
    },
}

/// The arguments, checked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Users.
    pub users: usize,
    /// How messages are offered.
    pub load: Load,
    /// The measured time of an open loop in parts.
    pub stages: Vec<Stage>,
    /// Measured time, ns.
    pub duration_ns: u64,
    /// Time before it, ns.
    pub warmup_ns: u64,
    /// Bytes of a body.
    pub payload: usize,
    /// Devices of a user.
    pub devices: usize,
    /// Share of users that are away.
    pub offline_share: f64,
    /// Share of messages that are read.
    #[serde(default)]
    pub read_share: f64,
    /// Groups of all threads.
    #[serde(default)]
    pub groups: usize,
    /// Members of a group, at least and at most.
    #[serde(default)]
    pub group_sizes: [usize; 2],
    /// Share of messages that go to groups.
    #[serde(default)]
    pub group_share: f64,
    /// Changes of members a second, in all groups.
    #[serde(default)]
    pub membership_changes: f64,
    /// Friends of a user.
    pub friends: usize,
    /// Seed.
    pub seed: u64,
    /// Generator threads of all processes.
    pub threads: usize,
    /// Which of the processes this is.
    pub shard: Shard,
    /// When the first message is due, in s since the Unix epoch; `None`: when all are logged in.
    pub start_at_s: Option<u64>,
    /// First uid.
    pub uid_base: u64,
    /// Names the run in bodies.
    pub run: u64,
    /// Outage that is survived, ns.
    pub outage_ns_max: u64,
    /// Read the inboxes at the end.
    pub drain: bool,
    /// Pushes are acknowledged as soon as they come.
    #[serde(default)]
    pub ack_each: bool,
    /// Messages may stay unanswered.
    pub allow_unanswered: bool,
    /// Nice value of the generator's threads.
    pub nice: i32,
    /// Bounds on what was measured.
    pub slos: Vec<Slo>,
    /// Commands that are run meanwhile, in order.
    pub events: Vec<PlannedEvent>,
}

/// A command on the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedEvent {
    /// Since measuring began, ns.
    pub at_ns: u64,
    /// For a shell.
    pub command: String,
}

impl Plan {
    /// The warm-up, at the rate of the first stage, and all stages.
    #[must_use]
    pub fn schedule(&self) -> Vec<Stage> {
        let rate = self.stages.first().map_or(0.0, |stage| stage.from.max(1.0));
        let warm_up = Stage { length_ns: self.warmup_ns, from: rate, to: rate };
        let is_warm = |stage: &Stage| stage.length_ns > 0;
        Some(warm_up).filter(is_warm).into_iter().chain(self.stages.iter().copied()).collect()
    }

    /// The threads of this process, of all.
    #[must_use]
    pub fn own_threads(&self) -> Range<usize> {
        let own = self.threads / self.shard.count;
        self.shard.index * own..(self.shard.index + 1) * own
    }
}

impl RunArgs {
    /// The same at another rate.
    #[must_use]
    pub fn at_rate(&self, rate: f64) -> Self {
        Self { rate, ..self.clone() }
    }

    /// Looks whether the machine can carry the plan, and where its files go.
    ///
    /// # Errors
    /// It cannot, or they cannot go there.
    pub fn prepare(&self, plan: &Plan) -> Result<Option<&Path>, Failure> {
        self.check_machine(plan)?;
        self.out.prepare()
    }

    /// Looks whether the machine can carry the plan.
    ///
    /// # Errors
    /// It cannot: what to change.
    pub fn check_machine(&self, plan: &Plan) -> Result<(), Failure> {
        let users = plan.users / plan.shard.count;
        let pairs = users * plan.friends.min(plan.users / plan.threads);
        check_run(users, plan.devices, pairs)
    }

    /// Whether they are sent at one rate from begin to end.
    #[must_use]
    pub fn has_one_rate(&self) -> bool {
        self.window.is_none() && self.stage.is_empty()
    }

    /// As [`Self::plan`], of the first of several runs.
    ///
    /// # Errors
    /// A value that makes no sense, and what would.
    pub fn first_plan(&self) -> Result<Plan, Failure> {
        if self.uid_base.is_some() || self.run.is_some() || self.start_at.is_some() {
            let what = "each run takes users and a start of its own: leave out --uid-base, --run and --start-at";
            return Err(Failure::Usage(what.into()));
        }
        self.plan()
    }

    /// Checks what was typed.
    ///
    /// # Errors
    /// A value that makes no sense, and what would.
    pub fn plan(&self) -> Result<Plan, Failure> {
        check((1..=DEVICES_MAX).contains(&self.devices), "--devices must be 1 to 4")?;
        let threads = self.threads.saturating_mul(self.shard.count);
        check(threads >= 1, "--threads must be at least 1")?;
        check(self.users / threads.max(1) >= 2, "--users must be at least 2 for each thread")?;
        check(!self.duration.is_zero(), "--duration must be above 0")?;
        let stages = self.stages(threads)?;
        let duration_ns =
            stages.iter().fold(0, |sum: u64, stage| sum.saturating_add(stage.length_ns));
        let users = self.users / threads;
        let pairs = users.checked_mul(self.friends.min(users - 1));
        check(
            self.friends >= 1 && pairs.is_some_and(|pairs| pairs <= STREAMS_MAX),
            &format!(
                "--users times --friends must be at most {STREAMS_MAX} for each thread, and --friends at least 1"
            ),
        )?;
        check(
            self.window.is_none_or(|window| window >= threads),
            "--window must be at least the number of threads",
        )?;
        let sizes = BODY_BYTES_MIN..=wire::BODY_BYTES_MAX;
        let size = format!("--payload must be {} to {}", sizes.start(), sizes.end());
        check(sizes.contains(&self.payload), &size)?;
        self.check_shares()?;
        self.check_groups(threads)?;
        check(self.uid_base != Some(0), "--uid-base must be at least 1")?;
        let events = self.events(duration_ns)?;
        // As if it had been taken from the clock.
        let run = self.run.map_or_else(crate::clock::run_number, |run| run << 12);
        Ok(Plan {
            users: self.users,
            load: match self.window {
                Some(window) => Load::Closed { window },
                None => Load::Open { rate: mean(&stages), arrivals: self.arrivals },
            },
            stages: if self.window.is_some() { Vec::new() } else { stages },
            duration_ns,
            warmup_ns: ns(self.warmup),
            payload: self.payload,
            devices: self.devices,
            offline_share: self.offline_share,
            read_share: self.read_share,
            groups: self.groups,
            group_sizes: self.group_size,
            group_share: if self.groups > 0 { self.group_share } else { 0.0 },
            membership_changes: self.membership_changes,
            friends: self.friends,
            seed: self.seed,
            threads,
            shard: self.shard,
            start_at_s: self.start_at,
            // 24 bits of users above 38 of the clock in ms, which repeat after 8 years.
            uid_base: self.uid_base.unwrap_or((((run >> 12) & 0x3f_ffff_ffff) << 24) | 1),
            run,
            outage_ns_max: ns(self.outage_max),
            drain: !self.no_drain,
            ack_each: self.ack_each,
            allow_unanswered: self.allow_unanswered,
            nice: self.nice,
            slos: self.slo.clone(),
            events,
        })
    }

    fn check_shares(&self) -> Result<(), Failure> {
        check(
            (0.0..1.0).contains(&self.offline_share),
            "--offline-share must be 0 up to, not including, 1",
        )?;
        check((0.0..=1.0).contains(&self.read_share), "--read-share must be 0 to 1")?;
        check(
            self.read_share == 0.0 || !self.no_drain,
            "--read-share is checked by reading inboxes: drop --no-drain",
        )
    }

    fn check_groups(&self, threads: usize) -> Result<(), Failure> {
        if self.groups == 0 {
            return Ok(());
        }
        let [least, most] = self.group_size;
        let users = self.users / threads;
        let sizes = 2..=GROUP_MEMBERS_MAX;
        check(
            sizes.contains(&least) && (least..=GROUP_MEMBERS_MAX).contains(&most),
            &format!(
                "--group-size must be MIN..MAX with MIN at least 2 and MAX at most {GROUP_MEMBERS_MAX}, as many members as a group may have"
            ),
        )?;
        check(
            most <= users,
            &format!("--group-size needs {most} users for each thread, and there are {users}"),
        )?;
        check((0.0..=1.0).contains(&self.group_share), "--group-share must be 0 to 1")?;
        check(
            self.groups >= threads && self.groups / threads <= GROUPS_MAX,
            &format!("--groups must be 1 to {GROUPS_MAX} for each thread"),
        )?;
        check(
            (0.0..=1_000.0).contains(&self.membership_changes),
            "--membership-changes must be 0 to 1000 a second",
        )
    }

    fn stages(&self, threads: usize) -> Result<Vec<Stage>, Failure> {
        #[allow(clippy::cast_precision_loss, reason = "a handful of threads")]
        let rate_max = RATE_PER_THREAD_MAX * threads as f64;
        let single = Stage { length_ns: ns(self.duration), from: self.rate, to: self.rate };
        let (name, stages) = match self.stage.as_slice() {
            [] => ("--rate", vec![single]),
            stages => ("the rates of a --stage", stages.to_vec()),
        };
        let fits = |stage: &Stage| (0.0..=rate_max).contains(&stage.from.max(stage.to));
        if !stages.iter().all(fits) || stages.iter().any(|stage| stage.messages() <= 0.0) {
            return Err(usage(&format!(
                "{name} must be above 0 and at most {rate_max} for so many threads"
            )));
        }
        check(stages.len() <= STAGES_MAX, &format!("--stage can be given {STAGES_MAX} times"))?;
        Ok(stages)
    }

    fn events(&self, duration_ns: u64) -> Result<Vec<PlannedEvent>, Failure> {
        let (pairs, _) = self.at.as_chunks();
        let mut events = Vec::new();
        for [at, command] in pairs {
            let at = duration(at).map_err(|why| usage(&format!("--at {at}: {why}")))?;
            check(
                ns(at) < duration_ns,
                &format!("--at {at:?} is not before the end of the measured time"),
            )?;
            events.push(PlannedEvent { at_ns: ns(at), command: command.clone() });
        }
        check(events.len() <= EVENTS_MAX, &format!("--at can be given {EVENTS_MAX} times"))?;
        events.sort_by_key(|event| event.at_ns);
        Ok(events)
    }
}

fn check(fits: bool, what: &str) -> Result<(), Failure> {
    if fits { Ok(()) } else { Err(usage(what)) }
}

fn usage(what: &str) -> Failure {
    Failure::Usage(format!("{what}; see loadgen run --help"))
}

/// Messages a second over all stages.
#[allow(clippy::cast_precision_loss, reason = "ns of a run are below 2^53")]
fn mean(stages: &[Stage]) -> f64 {
    let length_ns: u64 = stages.iter().map(|stage| stage.length_ns).sum();
    stages.iter().map(Stage::messages).sum::<f64>() / (length_ns as f64 / 1e9)
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
