//! One generator thread: its own users, who talk among themselves, its own sockets, its own judge.
//! The steps of a run, downward: log in, wait for the start, send, settle, drain, read the inboxes.

use super::args::{Load, Plan};
use super::changes::Talk;
use super::circles;
use super::control::{Control, News};
use super::counters::Phase;
use super::desk::{Desk, Due};
use super::effort::Looks;
use super::marks::Marks;
use super::offers::Offers;
use super::punctual::Punctual;
use super::reads::Reads;
use super::result::{EndedEarly, IslandResult};
use super::stages::StageLatencies;
use super::steps::Steps;
use crate::clock::{now_ns, thread_cpu_ns};
use crate::failure::Failure;
use crate::fleet::Fleet;
use crate::friends::Friends;
use crate::limits::{
    IN_FLIGHT_MAX, LOGINS_UNDER_WAY_MAX, OVERRUN_NS_MIN, READERS_UNDER_WAY_MAX, SENDS_PER_TURN,
};
use crate::schedule::Stage;
use crate::target::Target;
use crate::token::Tokens;
use client::machine::Credentials;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use wire::DeviceId;

const SECOND_NS: u64 = 1_000_000_000;
/// Longest a turn waits: how late a stop is seen.
const TURN_NS: u64 = 20_000_000;
/// Without a step forward for so long, no more is expected.
const PATIENCE_NS: u64 = 15 * SECOND_NS;
/// The same for a push after its ack: draining brings what was not pushed.
const PUSH_PATIENCE_NS: u64 = 2 * SECOND_NS;
/// The reader of an inbox is a device of its own; a user's devices are 1 to 4.
const READER_DEVICE: u64 = 1_000;

pub(super) struct Island<'a> {
    plan: &'a Plan,
    control: &'a Control,
    fleet: Fleet,
    desk: Desk,
    offers: Offers,
    punctual: Punctual,
    /// Users that are not away.
    online: Vec<usize>,
    start_ns: u64,
    /// When the second that is under way began, and whether seconds are told at their ends.
    second_ns: u64,
    tells: bool,
    looks: Looks,
    ended_early: Option<EndedEarly>,
    /// Since when nobody is logged in.
    dark_since_ns: Option<u64>,
}

/// Runs one thread to its end.
pub(super) fn run(
    plan: &Plan,
    control: &Control,
    target: &Target,
    thread: usize,
) -> Result<IslandResult, Failure> {
    be_punctual(plan);
    let mut island = Island::new(plan, control, target, thread)?;
    island.log_in()?;
    island.make_groups()?;
    let down = match island.carry_out(&target.tokens) {
        Ok(()) => None,
        Err(Failure::TargetDown(why)) => Some(why),
        Err(failure) => return Err(failure),
    };
    Ok(island.conclude(down))
}

/// The kernel's default timer slack of 50 us would be lateness.
fn be_punctual(plan: &Plan) {
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
    if plan.nice != 0 {
        // Without the privilege, lateness tells.
        let _ = rustix::process::setpriority_process(None, plan.nice);
    }
}

impl<'a> Island<'a> {
    fn new(
        plan: &'a Plan,
        control: &'a Control,
        target: &Target,
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
        let reads = Reads::new(plan.read_share);
        let making = circles::made(plan, thread, &away);
        #[allow(clippy::cast_precision_loss, reason = "a handful of threads")]
        let changes_per_s = plan.membership_changes / plan.threads as f64;
        let talk = Talk::new(making, changes_per_s, circles::random(plan, thread, 2));
        let desk = Desk::new(plan.run, plan.payload, friends, plan.devices, (away, reads, talk));
        let way = target.way();
        let mut fleet = Fleet::new(way, users * plan.devices, LOGINS_UNDER_WAY_MAX)?;
        if plan.ack_each {
            fleet.ack_each();
        }
        for index in 0..users * plan.devices {
            let (user, device) = (index / plan.devices, index % plan.devices);
            let token = target.tokens.sign(friends.uid(user));
            let credentials = Credentials { token, device: DeviceId(device as u64 + 1) };
            let seed = plan.run.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                ^ friends.uid(user) << 3
                ^ device as u64;
            fleet.add(credentials, seed);
        }
        let offers = Offers::new(plan, thread, friends, online.clone());
        Ok(Self {
            plan,
            control,
            fleet,
            desk,
            offers,
            punctual: Punctual::default(),
            online,
            start_ns: 0,
            second_ns: 0,
            tells: false,
            looks: Looks::default(),
            ended_early: None,
            dark_since_ns: None,
        })
    }

    /// From the start to the end, once everybody is logged in.
    fn carry_out(&mut self, tokens: &Tokens) -> Result<(), Failure> {
        self.wait_for_start()?;
        self.send()?;
        self.settle()?;
        if self.plan.drain && self.desk.verifier.totals().sent > 0 {
            self.drain()?;
            self.read_inboxes(tokens)?;
        }
        Ok(())
    }

    /// What was found, whether it came to its end or not.
    fn conclude(mut self, down: Option<String>) -> IslandResult {
        self.control.tell(News::Sent);
        self.desk.note_unanswered(now_ns());
        self.tell_rest(now_ns());
        let measured = &self.desk.measured;
        let effort = self.looks.effort(measured.end - measured.start);
        let Desk {
            verifier,
            latencies,
            own_sched,
            group_latencies,
            counters,
            measured,
            steps,
            marks,
            stages,
            ..
        } = self.desk;
        let (totals, faults) = verifier.finish();
        let ended_early = self.ended_early;
        IslandResult {
            totals,
            faults,
            latencies,
            own_sched,
            group_latencies,
            measured,
            counters,
            steps,
            marks,
            stages,
            effort,
            down,
            ended_early,
        }
    }

    fn log_in(&mut self) -> Result<(), Failure> {
        for user in self.online.clone() {
            for device in 0..self.plan.devices {
                self.fleet.connect(self.desk.lanes.device(user, device));
            }
        }
        let wanted = self.online.len() * self.plan.devices;
        let done = |island: &Self| island.desk.synced_count == wanted || island.control.stopped();
        if self.until(done)? {
            return Ok(());
        }
        let (logged_in, why) = (self.fleet.logged_in(), &self.desk.lost_why);
        Err(Failure::TargetDown(format!(
            "{logged_in} of {wanted} logged in, then nothing more; last: {why}"
        )))
    }

    /// All groups are there before anybody talks in one.
    fn make_groups(&mut self) -> Result<(), Failure> {
        while !self.desk.make_groups(&mut self.fleet) {
            self.turn(now_ns() + TURN_NS)?;
        }
        let done = |island: &Self| island.desk.unanswered() == 0 || island.control.stopped();
        if self.until(done)? && self.desk.counters.refused_for_good == 0 {
            return Ok(());
        }
        let (left, refusals) = (self.desk.unanswered(), &self.desk.counters.refusals);
        Err(Failure::TargetDown(format!(
            "groups could not be made: {left} without an answer, refusals {refusals:?}"
        )))
    }

    /// Everybody starts together.
    fn wait_for_start(&mut self) -> Result<(), Failure> {
        self.control.tell(News::Ready(self.fleet.logged_in() as u64));
        loop {
            if let Some(start_ns) = self.control.start_ns() {
                let measure_ns = start_ns + self.plan.warmup_ns;
                self.start_ns = start_ns;
                self.desk.measured = measure_ns..measure_ns + self.plan.duration_ns;
                self.desk.steps = Steps::new(start_ns);
                let events = self.plan.events.iter();
                let end_of = |at_ns: &mut u64, stage: &Stage| {
                    *at_ns += stage.length_ns;
                    Some(*at_ns)
                };
                let ends = self.plan.stages.iter().scan(measure_ns, end_of);
                self.desk.stages = StageLatencies::new(ends);
                self.desk.marks = Marks::new(events.map(|event| measure_ns + event.at_ns));
                return Ok(());
            }
            if self.control.abandoned() {
                return Err(Failure::Preflight("the run was given up before it began".into()));
            }
            self.turn(now_ns() + TURN_NS)?;
        }
    }

    /// Sends until the time is over and the schedule is run out, however late.
    fn send(&mut self) -> Result<(), Failure> {
        let end_ns = self.desk.measured.end;
        let overrun_ns = (end_ns - self.start_ns).max(OVERRUN_NS_MIN);
        (self.second_ns, self.tells) = (self.start_ns, true);
        self.desk.second.clear();
        self.desk.talk.change_from(Some(self.start_ns));
        loop {
            let now = now_ns();
            self.punctual.pass(now, thread_cpu_ns());
            self.look(now);
            if self.control.stopped() {
                self.end_early(now, EndedEarly::Interrupted);
                break;
            }
            if self.desk.in_flight >= IN_FLIGHT_MAX {
                self.end_early(now, EndedEarly::Overwhelmed);
                break;
            }
            let next_ns = if now >= end_ns && self.closed_window().is_some() {
                None
            } else {
                self.send_due(now)
            };
            self.desk.send_queued(&mut self.fleet);
            if (now >= end_ns && next_ns.is_none()) || now >= end_ns + overrun_ns {
                break;
            }
            self.turn(next_ns.unwrap_or(end_ns).min(end_ns.max(now)))?;
        }
        self.desk.talk.change_from(None);
        while let Some(due_ns) = self.next_due() {
            if due_ns >= self.desk.measured.end {
                break;
            }
            self.offers.take();
            self.desk.note_planned(due_ns);
        }
        Ok(())
    }

    /// Sending ends here, and measuring with it.
    fn end_early(&mut self, now: u64, why: EndedEarly) {
        self.ended_early = Some(why);
        let measured = &mut self.desk.measured;
        measured.end = measured.end.min(now.max(measured.start));
        self.looks.end_early(&mut self.punctual.kept);
    }

    /// When measuring begins, in its middle and at its end.
    fn look(&mut self, now: u64) {
        while let Some(nth) = self.looks.due(now, &self.desk.measured) {
            self.looks.take(&mut self.punctual.kept);
            if nth > 0 {
                self.desk.counters.backlog[nth - 1] = self.desk.unanswered() as u64;
            }
        }
    }

    fn next_due(&self) -> Option<u64> {
        self.offers.due().map(|after_ns| self.start_ns + after_ns)
    }

    /// This thread's part of a closed loop's window.
    fn closed_window(&self) -> Option<usize> {
        match self.plan.load {
            Load::Closed { window } => Some(window / self.plan.threads),
            Load::Open { .. } => None,
        }
    }

    /// Sends what is due, as much as a turn may, or fills the window. When something is due next;
    /// `None`: never.
    fn send_due(&mut self, now: u64) -> Option<u64> {
        if let Some(window) = self.closed_window() {
            while self.desk.in_flight < window {
                let (offer, now) = (self.offers.take(), now_ns());
                self.desk.send(&mut self.fleet, offer, Due { due_ns: now, reached_ns: now }, false);
            }
            return Some(now + TURN_NS);
        }
        for _ in 0..SENDS_PER_TURN {
            let due_ns = self.next_due()?;
            if due_ns > now {
                self.punctual.caught_up();
                return Some(due_ns);
            }
            let (offer, reached_ns) = (self.offers.take(), now_ns());
            let excused = self.punctual.excuses(reached_ns - due_ns);
            self.desk.send(&mut self.fleet, offer, Due { due_ns, reached_ns }, excused);
        }
        self.next_due()
    }

    /// Waits for what is in flight.
    fn settle(&mut self) -> Result<(), Failure> {
        self.control.tell(News::Sent);
        if !self.until_or(PUSH_PATIENCE_NS, |island| island.desk.in_flight == 0)? {
            self.until(|island| island.desk.unanswered() == 0)?;
        }
        // A mark may wait a second for others.
        self.until_or(PUSH_PATIENCE_NS, |island| island.desk.reads.unanswered == 0)?;
        self.tell_seconds(now_ns());
        self.tells = false;
        Ok(())
    }

    /// Everybody comes back, the absent too, and syncs from where they were.
    fn drain(&mut self) -> Result<(), Failure> {
        self.control.tell(News::Draining);
        self.desk.reads.is_over = true;
        self.desk.forget_synced();
        let places = self.desk.lanes.users * self.desk.lanes.devices;
        for index in 0..places {
            self.desk.may_be_passed(index);
            self.fleet.disconnect(index);
            self.fleet.connect(index);
        }
        let all =
            |island: &Self| island.desk.synced_count == places && island.desk.unanswered() == 0;
        self.until(all)?;
        // What is said in a group is acknowledged before everybody has it.
        while !self.desk.verifier.is_everybody_whole() {
            let progress = self.desk.progress;
            if !self.until(|island| island.desk.progress != progress)? {
                break;
            }
        }
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

    /// Turns until `done`; `false` if that does not come: no step forward for too long, or another
    /// thread failed.
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
        let now = now_ns();
        let mut deadline_ns = deadline_ns.min(now + TURN_NS);
        if self.tells {
            self.tell_seconds(now);
            deadline_ns = deadline_ns.min(self.second_ns + SECOND_NS);
        }
        self.desk.look_at_marks(now);
        self.punctual.may_wait(deadline_ns);
        self.fleet.turn(deadline_ns, &mut self.desk)?;
        self.desk.read_due(&mut self.fleet);
        self.desk.change_groups(&mut self.fleet, now);
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

    /// Tells the seconds that are over. Of several, the first has all that came.
    fn tell_seconds(&mut self, now: u64) {
        while now >= self.second_ns + SECOND_NS {
            self.tell_second(SECOND_NS);
        }
    }

    /// Tells all that came since the last second, however long that took.
    fn tell_rest(&mut self, now: u64) {
        if self.second_ns > 0 && now > self.second_ns {
            self.tell_second(now - self.second_ns);
        }
    }

    fn tell_second(&mut self, length_ns: u64) {
        let measured = &self.desk.measured;
        let second = &mut self.desk.second;
        second.counts.phase = match self.second_ns {
            at if at < measured.start => Phase::WarmUp,
            at if at < measured.end => Phase::Measured,
            _ => Phase::Settling,
        };
        second.counts.length_ns = length_ns;
        second.counts.logged_in = self.fleet.logged_in() as u64;
        self.control.tell_second(second);
        self.second_ns += length_ns;
    }
}
