//! The sessions of a herd: connected, logged in, and still there.

use super::desk::Desk;
use crate::clock::{now_ns, run_number};
use crate::failure::Failure;
use crate::fleet::Fleet;
use crate::target::Target;
use client::machine::{Credentials, Heartbeats};
use std::path::Path;
use wire::DeviceId;

pub(super) const SECOND_NS: u64 = 1_000_000_000;
/// Longest a turn waits.
pub(super) const TURN_NS: u64 = 20_000_000;
/// Without another login for so long, no more are expected.
pub(super) const PATIENCE_NS: u64 = 15 * SECOND_NS;
/// How long an answer to a heartbeat may take before it counts as missing.
pub(super) const ANSWER_NS: u64 = 5 * SECOND_NS;

/// Heartbeats of all sessions.
pub(super) struct HeartbeatSum {
    pub sent: u64,
    /// Of those sent.
    pub unanswered: u64,
    /// Sessions that sent none.
    pub without: u64,
}

/// The sessions.
pub(super) struct Herd {
    pub fleet: Fleet,
    pub desk: Desk,
    pub connections: usize,
}

impl Herd {
    /// Sessions of users that no earlier run has used, not connected.
    pub fn new(target: &Target, connections: usize, under_way_max: usize) -> Result<Self, Failure> {
        let mut fleet = Fleet::new(target.way(), connections, under_way_max)?;
        let run = run_number();
        let uid_first = (((run >> 12) & 0x3f_ffff_ffff) << 24) | 1;
        for uid in (uid_first..).take(connections) {
            let credentials = Credentials { token: target.tokens.sign(uid), device: DeviceId(1) };
            fleet.add(credentials, run ^ uid);
        }
        Ok(Self { fleet, desk: Desk::default(), connections })
    }

    /// Connects everybody; returns when all are logged in, telling each second how many are. How long it took.
    pub fn log_in(&mut self, mut tell: impl FnMut(usize)) -> Result<u64, Failure> {
        let start_ns = now_ns();
        for index in 0..self.connections {
            self.fleet.connect(index);
        }
        let (mut most, mut since_ns, mut told_ns) = (0, start_ns, start_ns);
        while self.fleet.logged_in() < self.connections {
            let now = now_ns();
            if self.fleet.logged_in() > most {
                (most, since_ns) = (self.fleet.logged_in(), now);
            }
            if now - since_ns > PATIENCE_NS {
                let (connections, why) = (self.connections, &self.desk.lost_why);
                return Err(Failure::TargetDown(format!(
                    "{most} of {connections} logged in, then nothing more; last: {why}"
                )));
            }
            if now - told_ns > SECOND_NS {
                told_ns = now;
                tell(self.fleet.logged_in());
            }
            self.fleet.turn(now + TURN_NS, &mut self.desk)?;
        }
        Ok(now_ns() - start_ns)
    }
}

impl Herd {
    /// Counts the heartbeats sent until now, and waits for their answers.
    pub fn heartbeats(&mut self) -> Result<HeartbeatSum, Failure> {
        let of = |fleet: &Fleet, index| fleet.machine(index).heartbeats();
        let asked: Vec<_> = (0..self.connections).map(|index| of(&self.fleet, index)).collect();
        let end_ns = now_ns() + ANSWER_NS;
        loop {
            let missing = |(index, asked): (usize, &Heartbeats)| {
                u64::from(asked.sent.saturating_sub(of(&self.fleet, index).answered))
            };
            let unanswered = asked.iter().enumerate().map(missing).sum();
            if unanswered == 0 || now_ns() > end_ns {
                let sent = asked.iter().map(|asked| u64::from(asked.sent)).sum();
                let without = asked.iter().filter(|asked| asked.sent == 0).count() as u64;
                return Ok(HeartbeatSum { sent, unanswered, without });
            }
            self.fleet.turn(now_ns() + TURN_NS, &mut self.desk)?;
        }
    }
}

/// Writes `summary.json` into a directory.
pub(super) fn write_summary(
    out: Option<&Path>,
    summary: &impl serde::Serialize,
) -> Result<(), Failure> {
    let Some(out) = out else { return Ok(()) };
    let mut json = serde_json::to_string_pretty(summary).expect("a summary is plain data");
    json.push('\n');
    let wrote = std::fs::write(out.join("summary.json"), json);
    wrote.map_err(|error| Failure::preflight(&format!("write to {}", out.display()), error))
}
