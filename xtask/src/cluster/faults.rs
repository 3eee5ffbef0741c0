//! The faults of the chaos drill: what each does to a running cluster, and whom it concerns.

use std::mem;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use super::rig::{self, Rig};
use crate::drill::nodes::PARTITIONS;
use crate::process::Guarded;

/// One thing that goes wrong, or is done to the cluster while it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL to a logic node, which is started again at once.
    KillLogic(usize),
    /// SIGKILL to a gateway, which is started again at once.
    KillGateway(usize),
    /// A logic node and the gateway of the same number stand still for so long, and go on.
    Freeze(usize, u64),
    /// SIGKILL to Redis, which starts again, empty.
    Redis,
    /// SIGKILL to Cassandra, which starts again with what it had synced.
    Cassandra,
    /// A third logic node joins.
    Join,
    /// A logic node is asked to leave; it must end well.
    Drain(usize),
}

/// How long a lease lasts, in ms.
pub const LEASE_MS: u64 = 2_000;
/// Shorter than a lease: nobody may take anything over. Longer than what is planted by `takeover-without-waiting`.
const BRIEF_MS: u64 = LEASE_MS * 4 / 5;
/// Others have taken everything over long before.
const LONG_MS: u64 = LEASE_MS * 3;

/// Every fault once.
pub const ALL: &[Fault] = &[
    Fault::KillLogic(1),
    Fault::KillGateway(1),
    Fault::Freeze(2, BRIEF_MS),
    Fault::Freeze(2, LONG_MS),
    Fault::Redis,
    Fault::Cassandra,
    Fault::Join,
    Fault::Drain(1),
];
/// Those that make two nodes believe that they own a partition, where leases are not kept.
pub const OF_LEASES: &[Fault] = &[
    Fault::Freeze(2, BRIEF_MS),
    Fault::Freeze(1, LONG_MS),
    Fault::Freeze(1, BRIEF_MS),
    Fault::Freeze(2, LONG_MS),
];

impl Fault {
    /// In a report.
    pub fn name(self) -> String {
        match self {
            Self::KillLogic(number) => format!("kill -9 logic {number}"),
            Self::KillGateway(number) => format!("kill -9 gateway {number}"),
            Self::Freeze(number, ms) => format!("freeze logic and gateway {number} for {ms} ms"),
            Self::Redis => "kill -9 Redis".to_owned(),
            Self::Cassandra => "kill -9 Cassandra".to_owned(),
            Self::Join => "logic 3 joins".to_owned(),
            Self::Drain(number) => format!("logic {number} drains"),
        }
    }

    /// Whether it ends with others taking over from a node that did not say so.
    pub fn is_takeover(self) -> bool {
        matches!(self, Self::KillLogic(_))
    }
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

    /// Waits until those that run serve all partitions.
    pub fn settle(&self, rig: &Rig, loadgen: &mut Guarded) -> Result<()> {
        let running = (1..).zip(&self.logics).filter(|(_, logic)| logic.is_some());
        let numbers: Vec<usize> = running.map(|(number, _)| number).collect();
        rig.wait_until_shared(&numbers, loadgen)
    }

    /// Does it; returns when the cluster could be whole again, with whom it concerns.
    pub fn suffer(&mut self, fault: Fault, rig: &mut Rig, loadgen: &mut Guarded) -> Result<String> {
        let held = |rig: &Rig, number| -> Result<String> {
            Ok(format!("{} partitions of logic {number}", rig.held(number)?))
        };
        match fault {
            Fault::KillLogic(number) => {
                let concerned = held(rig, number)?;
                self.logic(number)?.kill()?;
                self.logics[number - 1] = Some(rig.start_logic(number)?);
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
            Fault::Redis => {
                rig.redis.kill_and_restart()?;
                Ok("nobody".to_owned())
            }
            Fault::Cassandra => {
                rig.cassandra.kill_and_restart()?;
                Ok(format!("all {PARTITIONS} partitions"))
            }
            Fault::Join => {
                self.logics[2] = Some(rig.start_logic(3)?);
                self.settle(rig, loadgen)?;
                Ok(format!("{}, handed to it", held(rig, 3)?))
            }
            Fault::Drain(number) => {
                let concerned = held(rig, number)?;
                let leaving = mem::take(&mut self.logics[number - 1]);
                rig::leave(leaving.context("it runs")?)?;
                Ok(concerned)
            }
        }
    }

    /// SIGSTOP to a whole host, and SIGCONT.
    fn freeze(&mut self, number: usize, time: Duration, loadgen: &mut Guarded) -> Result<()> {
        let started = Instant::now();
        self.logic(number)?.signal(Signal::STOP)?;
        self.gateways[number - 1].signal(Signal::STOP)?;
        let over = loadgen.ends_within(time.saturating_sub(started.elapsed()));
        self.logic(number)?.signal(Signal::CONT)?;
        self.gateways[number - 1].signal(Signal::CONT)?;
        if over {
            bail!("loadgen ended during a fault: see what it said above");
        }
        Ok(())
    }

    fn logic(&mut self, number: usize) -> Result<&mut Guarded> {
        self.logics[number - 1].as_mut().with_context(|| format!("logic {number} does not run"))
    }
}
