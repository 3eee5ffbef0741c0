//! Whether the process lives and whether it should get traffic: from numbers and a state, pure.

use crate::metrics::CoreMetrics;
use service::admin::TICK_AGE_MS_MAX;
use service::lifecycle::State;
use shard::limits::PARTITIONS;
use std::sync::Arc;

/// What is known at a time.
#[derive(Clone, Copy, Debug)]
pub struct Health<'a> {
    /// Every core.
    pub cores: &'a [Arc<CoreMetrics>],
    /// What the process is doing.
    pub state: State,
    /// The process's age.
    pub age_ms: u64,
    /// The shards are in other processes.
    pub is_remote: bool,
}

impl Health<'_> {
    /// Whether the loop of every core comes round; if not, a restart helps. A core that starts is
    /// given as long as one that runs.
    ///
    /// # Errors
    /// Which core's loop does not.
    pub fn alive(&self) -> Result<(), String> {
        for (core, metrics) in self.cores.iter().enumerate() {
            let age_ms = self.age_ms.saturating_sub(metrics.last_tick_ms.get());
            // A shard that is being opened may read for long.
            if age_ms > TICK_AGE_MS_MAX && metrics.shard_ready.get() == 1 {
                return Err(format!("core {core} has not gone round for {age_ms} ms"));
            }
        }
        Ok(())
    }

    /// Whether clients should be sent here.
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self) -> Result<(), String> {
        match self.state {
            State::Running => {}
            State::Draining => return Err("draining".into()),
            State::Stopping => return Err("stopping".into()),
        }
        for (core, metrics) in self.cores.iter().enumerate() {
            if metrics.shard_ready.get() != 1 {
                return Err(format!("starting: shard {core} is not open yet"));
            }
            if metrics.store_full.get() != 0 {
                return Err(format!(
                    "the store of shard {core} has no room: sends are refused until more than store_reserve_bytes \
                     are free"
                ));
            }
            if metrics.store_failing.get() != 0 {
                return Err(format!("the store of shard {core} cannot write; see the log"));
            }
        }
        if self.is_remote {
            self.reaches_as_others_do()?;
        }
        self.delivers()?;
        self.alive()
    }

    fn delivers(&self) -> Result<(), String> {
        for (core, metrics) in self.cores.iter().enumerate() {
            if metrics.canary_failing.get() != 0 {
                let since_ms = self.age_ms.saturating_sub(metrics.canary_ok_ms.get());
                return Err(format!(
                    "delivery does not work: the canary of core {core} has not had its message for {since_ms} ms"
                ));
            }
        }
        Ok(())
    }

    /// Whether clients would be served no better by another gateway. What is away for all is no
    /// reason to send them there.
    fn reaches_as_others_do(&self) -> Result<(), String> {
        for (core, metrics) in self.cores.iter().enumerate() {
            let missed = metrics.nodes_missed.get();
            if missed > 0 {
                return Err(format!(
                    "core {core} has no link to {missed} of the nodes that others reach"
                ));
            }
            if let Some(why) =
                lacks(core, metrics).filter(|_| metrics.partitions_reachable.get() == 0)
            {
                return Err(why);
            }
        }
        Ok(())
    }

    /// What a gateway that is ready cannot do now, if anything.
    #[must_use]
    pub fn degraded(&self) -> Option<String> {
        let mut cores = self.cores.iter().enumerate().filter(|_| self.is_remote);
        cores.find_map(|(core, metrics)| lacks(core, metrics))
    }
}

/// What a core does not reach, if anything.
fn lacks(core: usize, metrics: &CoreMetrics) -> Option<String> {
    let lacks = u64::from(PARTITIONS).saturating_sub(metrics.partitions_reachable.get());
    (lacks > 0)
        .then(|| format!("core {core} reaches no owner of {lacks} of {PARTITIONS} partitions"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn check(change: impl Fn(&CoreMetrics), state: State, age_ms: u64, alive: bool, ready: &str) {
        let metrics = Metrics::new(2);
        for core in metrics.cores() {
            core.shard_ready.set(1);
            core.last_tick_ms.set(1_000);
        }
        change(&metrics.cores()[1]);
        let health = Health { cores: metrics.cores(), state, age_ms, is_remote: false };
        assert_eq!(health.alive().is_ok(), alive, "{:?}", health.alive());
        match health.ready() {
            Ok(()) => assert_eq!(ready, "yes"),
            Err(why) => assert!(why.contains(ready), "{why} / {ready}"),
        }
    }

    #[test]
    fn each_cause_is_named() {
        let running = State::Running;
        check(|_| {}, running, 6_000, true, "yes");
        check(|_| {}, running, 6_001, false, "core 0 has not gone round for 5001 ms");
        check(|core| core.shard_ready.set(0), running, 2_000, true, "shard 1 is not open");
        check(|core| core.store_failing.set(1), running, 2_000, true, "store of shard 1");
        check(|core| core.store_full.set(1), running, 2_000, true, "shard 1 has no room");
        let canary = |core: &CoreMetrics| {
            core.canary_failing.set(1);
            core.canary_ok_ms.set(500);
        };
        check(canary, running, 2_000, true, "canary of core 1 has not had its message for 1500 ms");
        check(|_| {}, State::Draining, 2_000, true, "draining");
        check(|_| {}, State::Stopping, 2_000, true, "stopping");
    }

    #[test]
    fn a_gateway_is_ready_while_it_reaches_as_much_as_others() {
        let metrics = Metrics::new(1);
        let cells = metrics.core(0);
        cells.shard_ready.set(1);
        let health = || {
            let cores = metrics.cores();
            Health { cores, state: State::Running, age_ms: 0, is_remote: true }
        };
        assert!(health().ready().unwrap_err().contains("1024 of 1024"));
        cells.partitions_reachable.set(1);
        assert_eq!(health().ready(), Ok(()));
        assert!(health().degraded().unwrap().contains("1023 of 1024"));
        cells.nodes_missed.set(1);
        assert!(health().ready().unwrap_err().contains("no link to 1 of the nodes"));
        cells.nodes_missed.set(0);
        cells.partitions_reachable.set(1_024);
        assert_eq!((health().ready(), health().degraded()), (Ok(()), None));
    }

    #[test]
    fn a_core_that_still_opens_its_shard_is_alive() {
        let metrics = Metrics::new(1);
        let health = Health {
            cores: metrics.cores(),
            state: State::Running,
            age_ms: 60_000,
            is_remote: false,
        };
        assert!(health.alive().is_ok());
        assert!(health.ready().is_err());
    }
}
