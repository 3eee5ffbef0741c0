//! One generator thread: its own users, who talk among themselves, its own sockets, its own judge. The steps of a run,
//! downward: log in, wait for the start, send, settle, drain, read the inboxes.

use super::args::{Load, Plan};
use super::control::{Control, News};
use super::counters::Counters;
use super::desk::Desk;
use super::steps::Steps;
use crate::clock::{now_ns, thread_cpu_ns};
use crate::failure::Failure;
use crate::fleet::Fleet;
use crate::friends::Friends;
use crate::histograms::{Four, Latency};
use crate::limits::{LOGINS_UNDER_WAY_MAX, READERS_UNDER_WAY_MAX};
use crate::schedule::Schedule;
use crate::token::Tokens;
use crate::verify::{Faults, Totals};
use client::machine::Credentials;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::net::SocketAddr;
use wire::DeviceId;

const SECOND_NS: u64 = 1_000_000_000;
/// Longest a turn waits: how late a stop is seen.
const TURN_NS: u64 = 20_000_000;
/// Without a step forward for so long, no more is expected.
const PATIENCE_NS: u64 = 15 * SECOND_NS;
/// The same for a push after its ack: draining brings what was not pushed.
const PUSH_PATIENCE_NS: u64 = 2 * SECOND_NS;
/// Nice value of a generator thread.
const PRIORITY: i32 = -10;
/// The reader of an inbox is a device of its own; a user's devices are 1 to 4.
const READER_DEVICE: u64 = 1_000;

/// What a thread found.
pub struct IslandResult {
    /// Totals of its judge.
    pub totals: Totals,
    /// Faults found by its judge.
    pub faults: Faults,
    /// Latencies.
    pub four: Four,
    /// Lag of what was written in time.
    pub punctual: Latency,
    /// When the rest was due, and its lag.
    pub late: Vec<(u64, u64)>,
    /// The measured time.
    pub measured: std::ops::Range<u64>,
    /// Counts.
    pub counters: Counters,
    /// Step by step from the first message on.
    pub steps: Steps,
    /// Its share of a core in the measured time.
    pub cpu_share: f64,
    /// Its CPU in that time, ns.
    pub cpu_ns: u64,
}

pub(super) struct Island<'a> {
    plan: &'a Plan,
    control: &'a Control,
    fleet: Fleet,
    desk: Desk,
    random: StdRng,
    online: Vec<usize>,
    /// Since when nobody is logged in.
    dark_since_ns: Option<u64>,
}

/// Runs one thread to its end.
pub(super) fn run(
    plan: &Plan,
    control: &Control,
    (targets, tokens): (&[SocketAddr], &Tokens),
    thread: usize,
) -> Result<IslandResult, Failure> {
    be_punctual();
    let mut island = Island::new(plan, control, (targets, tokens), thread)?;
    island.log_in()?;
    let start_ns = island.wait_for_start()?;
    let cpu_ns = island.send(start_ns)?;
    island.settle()?;
    if plan.drain {
        island.drain()?;
        island.read_inboxes(tokens)?;
    }
    let Desk { verifier, four, punctual, late, counters, measured, steps, .. } = island.desk;
    let (totals, faults) = verifier.finish();
    #[allow(clippy::cast_precision_loss, reason = "ns of a run are below 2^53")]
    let cpu_share = cpu_ns as f64 / (measured.end - measured.start).max(1) as f64;
    Ok(IslandResult {
        totals,
        faults,
        four,
        punctual,
        late,
        measured,
        counters,
        steps,
        cpu_share,
        cpu_ns,
    })
}

/// The kernel's default timer slack of 50 us would be lag, and so would waiting for a core behind the server that is
/// measured. Where either cannot be set (the priority needs privileges), lag tells.
fn be_punctual() {
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    let _ = rustix::process::setpriority_process(None, PRIORITY);
}

impl<'a> Island<'a> {
    fn new(
        plan: &'a Plan,
        control: &'a Control,
        (targets, tokens): (&[SocketAddr], &Tokens),
        thread: usize,
    ) -> Result<Self, Failure> {
        let first = plan.users * thread / plan.threads;
        let users = plan.users * (thread + 1) / plan.threads - first;
        let friends = Friends::new(plan.uid_base + first as u64, users, plan.friends);
        let mut random = StdRng::seed_from_u64(plan.seed.wrapping_add((thread as u64) << 32));
        let away: Vec<bool> =
            (0..users).map(|_| random.random::<f64>() < plan.offline_share).collect();
        let online: Vec<usize> = (0..users).filter(|user| !away[*user]).collect();
        if online.is_empty() {
            return Err(Failure::Usage("--offline-share leaves nobody to send: lower it".into()));
        }
        let desk = Desk::new(plan.run, plan.payload, friends, plan.devices, away);
        let mut fleet = Fleet::new(targets, users * plan.devices, LOGINS_UNDER_WAY_MAX)?;
        for index in 0..users * plan.devices {
            let (user, device) = (index / plan.devices, index % plan.devices);
            let token = tokens.sign(friends.uid(user));
            let credentials = Credentials { token, device: DeviceId(device as u64 + 1) };
            let seed = plan.run.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                ^ friends.uid(user) << 3
                ^ device as u64;
            fleet.add(credentials, seed);
        }
        Ok(Self { plan, control, fleet, desk, random, online, dark_since_ns: None })
    }

    fn log_in(&mut self) -> Result<(), Failure> {
        for user in self.online.clone() {
            for device in 0..self.plan.devices {
                self.fleet.connect(self.desk.lanes.device(user, device));
            }
        }
        let wanted = self.online.len() * self.plan.devices;
        let done = self.until(|island| island.desk.synced_count == wanted)?;
        if done || self.control.stopped() {
            return Ok(());
        }
        let (logged_in, why) = (self.fleet.logged_in(), &self.desk.lost_why);
        Err(Failure::TargetDown(format!(
            "{logged_in} of {wanted} logged in, then nothing more; last: {why}"
        )))
    }

    /// Everybody starts together. When.
    fn wait_for_start(&mut self) -> Result<u64, Failure> {
        self.control.tell(News::Ready);
        loop {
            if let Some(start_ns) = self.control.start_ns() {
                return Ok(start_ns);
            }
            self.turn(now_ns() + TURN_NS)?;
        }
    }

    /// Sends until the time is over. The thread's CPU in the measured time.
    fn send(&mut self, start_ns: u64) -> Result<u64, Failure> {
        let measure_ns = start_ns + self.plan.warmup_ns;
        let mut end_ns = measure_ns + self.plan.duration_ns;
        self.desk.measured = measure_ns..end_ns;
        self.desk.steps = Steps::new(start_ns);
        let mut schedule = self.schedule();
        let mut second_ns = start_ns + SECOND_NS;
        let mut cpu_before = None;
        self.desk.second = Default::default();
        loop {
            let now = now_ns();
            if now >= measure_ns && cpu_before.is_none() {
                cpu_before = Some(thread_cpu_ns());
            }
            if self.control.stopped() && end_ns > now {
                end_ns = now;
                self.desk.measured.end = now.max(measure_ns);
            }
            while now >= second_ns {
                self.tell_second();
                second_ns += SECOND_NS;
            }
            if now >= end_ns {
                break;
            }
            let next_ns = self.send_due(start_ns, now, &mut schedule);
            self.desk.send_queued(&mut self.fleet);
            self.turn(next_ns.min(second_ns).min(end_ns))?;
        }
        Ok(thread_cpu_ns() - cpu_before.unwrap_or_else(thread_cpu_ns))
    }

    fn schedule(&self) -> Option<Schedule> {
        let Load::Open { rate, arrivals } = self.plan.load else { return None };
        #[allow(clippy::cast_precision_loss, reason = "a handful of threads")]
        let rate = rate / self.plan.threads as f64;
        let end_ns = self.plan.warmup_ns + self.plan.duration_ns;
        Some(Schedule::new(arrivals, rate, end_ns, self.plan.seed ^ self.desk.friends.uid(0)))
    }

    /// Sends all that is due, or fills the window. When something is due next.
    fn send_due(&mut self, start_ns: u64, now: u64, schedule: &mut Option<Schedule>) -> u64 {
        if let Some(schedule) = schedule {
            while let Some(due_ns) = schedule.peek().map(|after| start_ns + after) {
                if due_ns > now {
                    return due_ns;
                }
                schedule.step();
                let stream = self.pick();
                self.desk.send(&mut self.fleet, stream, due_ns);
            }
            return u64::MAX;
        }
        let Load::Closed { window } = self.plan.load else { return u64::MAX };
        while self.desk.in_flight < window / self.plan.threads {
            let stream = self.pick();
            self.desk.send(&mut self.fleet, stream, now_ns());
        }
        now + TURN_NS
    }

    fn pick(&mut self) -> crate::friends::StreamId {
        let from = self.online[self.random.random_range(0..self.online.len())];
        let nth = self.random.random_range(0..self.desk.friends.degree());
        self.desk.friends.stream(from, nth)
    }

    /// Waits for what is in flight.
    fn settle(&mut self) -> Result<(), Failure> {
        self.control.tell(News::Sent);
        if !self.until_or(PUSH_PATIENCE_NS, |island| island.desk.in_flight == 0)? {
            self.until(|island| island.desk.unanswered() == 0)?;
        }
        self.tell_second();
        Ok(())
    }

    /// Everybody comes back, the absent too, and syncs from where they were.
    fn drain(&mut self) -> Result<(), Failure> {
        self.control.tell(News::Draining);
        self.desk.forget_synced();
        let places = self.desk.lanes.users * self.desk.lanes.devices;
        for index in 0..places {
            // What is unacked may now be passed by others.
            crate::fleet::Observer::lost(&mut self.desk, index, true, "drain");
            self.desk.counters.disconnects -= 1;
            self.fleet.disconnect(index);
            self.fleet.connect(index);
        }
        let all =
            |island: &Self| island.desk.synced_count == places && island.desk.unanswered() == 0;
        self.until(all)?;
        for index in 0..places {
            self.fleet.disconnect(index);
        }
        Ok(())
    }

    /// A device that has nothing reads each inbox from its first row.
    fn read_inboxes(&mut self, tokens: &Tokens) -> Result<(), Failure> {
        let lanes = self.desk.lanes;
        for user in 0..lanes.users {
            let token = tokens.sign(self.desk.friends.uid(user));
            let credentials = Credentials { token, device: DeviceId(READER_DEVICE) };
            let index = self.fleet.add(credentials, self.plan.run ^ user as u64);
            assert_eq!(index, lanes.reader(user), "readers come after the devices, in order");
        }
        let (mut next, mut done) = (0, 0);
        while done < lanes.users {
            while next < lanes.users && next - done < READERS_UNDER_WAY_MAX {
                self.fleet.connect(lanes.reader(next));
                next += 1;
            }
            if !self.until(|island| !island.desk.finished.is_empty())? {
                break;
            }
            while let Some(index) = self.desk.finished.pop() {
                self.fleet.disconnect(index);
                done += 1;
            }
        }
        Ok(())
    }

    /// Turns until `done`; `false` if that does not come: no step forward for too long, or another thread failed.
    fn until(&mut self, done: impl Fn(&Self) -> bool) -> Result<bool, Failure> {
        self.until_or(PATIENCE_NS.max(self.plan.outage_ns_max), done)
    }

    fn until_or(
        &mut self,
        patience_ns: u64,
        done: impl Fn(&Self) -> bool,
    ) -> Result<bool, Failure> {
        let (mut progress, mut since_ns) = (self.desk.progress, now_ns());
        while !done(self) {
            let now = now_ns();
            if progress != self.desk.progress {
                (progress, since_ns) = (self.desk.progress, now);
            }
            if now - since_ns > patience_ns || self.control.abandoned() {
                return Ok(false);
            }
            self.desk.send_queued(&mut self.fleet);
            self.turn(now + TURN_NS)?;
        }
        Ok(true)
    }

    fn turn(&mut self, deadline_ns: u64) -> Result<(), Failure> {
        self.fleet.turn(deadline_ns.min(now_ns() + TURN_NS), &mut self.desk)?;
        if self.fleet.logged_in() > 0 {
            self.dark_since_ns = None;
            return Ok(());
        }
        let now = now_ns();
        let since_ns = *self.dark_since_ns.get_or_insert(now);
        if now - since_ns > self.plan.outage_ns_max {
            let seconds = (now - since_ns) / SECOND_NS;
            let why = &self.desk.lost_why;
            return Err(Failure::TargetDown(format!(
                "nobody was logged in for {seconds} s; last: {why}"
            )));
        }
        Ok(())
    }

    fn tell_second(&mut self) {
        self.desk.second.logged_in = self.fleet.logged_in() as u64;
        let second = std::mem::take(&mut self.desk.second);
        self.control.tell(News::Second(Box::new(second)));
    }
}
