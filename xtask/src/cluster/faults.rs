//! The faults of the chaos drill: what each does to a running cluster, and whom it concerns.

use std::mem;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use super::felt::unix_ms;
use super::rig::{self, Rig};
use crate::drill::nodes::PARTITIONS;
use crate::process::Guarded;

/// One thing that goes wrong, or is done to the cluster while it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL to a logic node, which stays away.
    KillLogic(usize),
    /// SIGKILL to a gateway, which is started again at once.
    KillGateway(usize),
    /// A logic node and the gateway of the same number stand still for so long, and go on.
    Freeze(usize, u64),
    /// A logic node and the gateway of the same number hear of no other process for a while, and the node cannot see the
    /// tables of ownership. Both go on, and the node can write messages.
    Part(usize),
    /// SIGKILL to Redis, which starts again, empty.
    Redis,
    /// SIGKILL to Cassandra, which starts again with what it had synced.
    Cassandra,
    /// A logic node joins: one that is new, or comes back.
    Join(usize),
    /// A logic node is asked to leave; it must end well.
    Drain(usize),
}

/// How long a lease lasts, in ms.
pub const LEASE_MS: u64 = 2_000;
/// Shorter than a lease: nobody may take anything over.
const BRIEF_MS: u64 = LEASE_MS * 4 / 5;
/// Others have taken everything over long before, and had time to serve it.
const LONG_MS: u64 = LEASE_MS * 3;
/// With a planted fault a part lasts until each side has acknowledged so many messages after the others took everything over:
/// each reads back three logs, so many of 600 that the other then writes to.
const BOTH_ACKS: u64 = 30;
/// And no longer than this, in ms.
const BOTH_SERVE_MS_MAX: u64 = 40_000;

/// Between two looks at what nodes say.
const LOOK: Duration = Duration::from_millis(100);

/// Every fault once.
pub const ALL: &[Fault] = &[
    Fault::KillLogic(1),
    Fault::Join(1),
    Fault::KillGateway(1),
    Fault::Freeze(2, BRIEF_MS),
    Fault::Freeze(2, LONG_MS),
    Fault::Part(1),
    Fault::Redis,
    Fault::Cassandra,
    Fault::Join(3),
    Fault::Drain(1),
];
/// Those in which two nodes serve the same partitions, each for a gateway of its own, where leases are not kept.
pub const OF_LEASES: &[Fault] = &[Fault::Part(1), Fault::Part(2)];

impl Fault {
    /// In a report.
    pub fn name(self) -> String {
        match self {
            Self::KillLogic(number) => format!("kill -9 logic {number}"),
            Self::KillGateway(number) => format!("kill -9 gateway {number}"),
            Self::Freeze(number, ms) => format!("freeze logic and gateway {number} for {ms} ms"),
            Self::Part(number) => format!("part logic and gateway {number} for {LONG_MS} ms"),
            Self::Redis => "kill -9 Redis".to_owned(),
            Self::Cassandra => "kill -9 Cassandra".to_owned(),
            Self::Join(number) => format!("logic {number} joins"),
            Self::Drain(number) => format!("logic {number} drains"),
        }
    }
}

/// A fault that was, and when: Unix ms.
pub struct Suffered {
    pub fault: Fault,
    pub at_ms: u64,
    /// After so long nodes that ran served all partitions.
    pub whole_ms: u64,
    pub concerned: String,
}

/// The processes of the cluster, by number from 1; one that has left is gone.
pub struct Processes {
    pub logics: Vec<Option<Guarded>>,
    pub gateways: Vec<Guarded>,
}

impl Processes {
    /// Two of each, once they serve all partitions.
    pub fn start(rig: &Rig) -> Result<Self> {
        let mut first = rig.start_logic(1)?;
        let second = rig.start_logic(2)?;
        let gateways = vec![rig.start_gateway(1)?, rig.start_gateway(2)?];
        rig.wait_until_shared(&[1, 2], &mut first)?;
        Ok(Self { logics: vec![Some(first), Some(second), None], gateways })
    }

    /// Waits until those that run serve all partitions. Where leases are not kept some have two owners for good, and they
    /// never add up: there it waits for a while.
    fn settle(&self, rig: &Rig, loadgen: &mut Guarded) -> Result<()> {
        if rig.is_planted() {
            return wait(Duration::from_millis(LONG_MS), loadgen);
        }
        let running = (1..).zip(&self.logics).filter(|(_, logic)| logic.is_some());
        let numbers: Vec<usize> = running.map(|(number, _)| number).collect();
        rig.wait_until_shared(&numbers, loadgen)
    }

    /// Does it, and waits until the cluster is whole again.
    pub fn go_through(
        &mut self,
        fault: Fault,
        rig: &mut Rig,
        loadgen: &mut Guarded,
    ) -> Result<Suffered> {
        println!("== {}", fault.name());
        let at_ms = unix_ms();
        let concerned = self.suffer(fault, rig, loadgen)?;
        self.settle(rig, loadgen)?;
        let whole_ms = unix_ms() - at_ms;
        println!("== whole after {whole_ms} ms");
        Ok(Suffered { fault, at_ms, whole_ms, concerned })
    }

    /// Does it; returns when the cluster could be whole again, with whom it concerns.
    fn suffer(&mut self, fault: Fault, rig: &mut Rig, loadgen: &mut Guarded) -> Result<String> {
        let held = |rig: &Rig, number| -> Result<String> {
            Ok(format!("{} partitions of logic {number}", rig.held(number)?))
        };
        match fault {
            Fault::KillLogic(number) => {
                let concerned = held(rig, number)?;
                self.take(number)?.kill()?;
                Ok(concerned)
            }
            Fault::KillGateway(number) => {
                self.gateways[number - 1].kill()?;
                self.gateways[number - 1] = rig.start_gateway(number)?;
                Ok(format!("users of gateway {number}, no partition"))
            }
            Fault::Freeze(number, ms) => {
                let concerned = held(rig, number)?;
                self.freeze(number, Duration::from_millis(ms), loadgen)?;
                Ok(format!("{concerned}, users of gateway {number}"))
            }
            Fault::Part(number) => {
                let concerned = held(rig, number)?;
                rig.part(number)?;
                if rig.is_planted() {
                    both_serve(number, rig, loadgen)?;
                } else {
                    wait(Duration::from_millis(LONG_MS), loadgen)?;
                }
                rig.mend(number)?;
                Ok(format!("{concerned}, users of gateway {number}"))
            }
            Fault::Redis => {
                rig.redis.kill_and_restart()?;
                Ok("nobody".to_owned())
            }
            Fault::Cassandra => {
                rig.cassandra.kill_and_restart()?;
                Ok(format!("all {PARTITIONS} partitions"))
            }
            Fault::Join(number) => {
                self.logics[number - 1] = Some(rig.start_logic(number)?);
                self.settle(rig, loadgen)?;
                Ok(format!("{}, handed to it", held(rig, number)?))
            }
            Fault::Drain(number) => {
                let concerned = held(rig, number)?;
                rig::leave(self.take(number)?)?;
                Ok(concerned)
            }
        }
    }

    /// SIGSTOP to a whole host, and SIGCONT.
    fn freeze(&mut self, number: usize, time: Duration, loadgen: &mut Guarded) -> Result<()> {
        let started = Instant::now();
        self.signal(number, Signal::STOP)?;
        wait(time.saturating_sub(started.elapsed()), loadgen)?;
        self.signal(number, Signal::CONT)
    }

    fn signal(&mut self, number: usize, signal: Signal) -> Result<()> {
        self.logic(number)?.signal(signal)?;
        self.gateways[number - 1].signal(signal)
    }

    /// A logic node that does not come back by itself.
    fn take(&mut self, number: usize) -> Result<Guarded> {
        let taken = mem::take(&mut self.logics[number - 1]);
        taken.with_context(|| format!("logic {number} does not run"))
    }

    fn logic(&mut self, number: usize) -> Result<&mut Guarded> {
        self.logics[number - 1].as_mut().with_context(|| format!("logic {number} does not run"))
    }
}

/// Waits until a node that is parted and the other one have both served everything for a while.
fn both_serve(number: usize, rig: &Rig, loadgen: &mut Guarded) -> Result<()> {
    let until = Instant::now() + Duration::from_millis(BOTH_SERVE_MS_MAX);
    let acks = || Ok::<_, anyhow::Error>([rig.acks(number)?, rig.acks(3 - number)?]);
    let mut first = None;
    while Instant::now() < until {
        wait(LOOK, loadgen)?;
        match first {
            None if rig.held(3 - number)? == PARTITIONS => first = Some(acks()?),
            None => {}
            Some(first) => {
                let more = acks()?;
                if (0..2).all(|side| more[side] >= first[side] + BOTH_ACKS) {
                    println!("== both sides served everything");
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Lets time pass under load.
pub fn wait(time: Duration, loadgen: &mut Guarded) -> Result<()> {
    if loadgen.ends_within(time) {
        bail!("loadgen ended before the faults did: see what it said above");
    }
    Ok(())
}
