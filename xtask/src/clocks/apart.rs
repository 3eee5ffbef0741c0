//! A cluster whose hosts' clocks are apart, are set while it runs and across restarts; and what a node says whose clock is
//! not that of the others.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rand::RngExt;
use tokio::runtime::Runtime;

use super::known::Known;
use super::phone::{Phone, pass, settle};
use super::raw::unix_ms;
use super::steps::set;
use crate::process::Guarded;
use crate::promises::place::{LEASE_MS, LOOK, Place};
use crate::servers::node::Commitlog;

const HOUR_MS: i64 = 3_600_000;
/// How far hosts are apart at most.
const APART_MS_MAX: i64 = 2 * HOUR_MS;
/// One node's clock alone, by more than any id may be old.
const FAR_MS: i64 = 48 * HOUR_MS;
/// Every process, as its clock is named.
const HOSTS: [&str; 4] = ["logic-1", "logic-2", "gateway-1", "gateway-2"];
/// Users, each at one of the gateways.
const USERS: u64 = 6;
/// How far the clocks of phones are off.
const OFF_MS: [i64; 3] = [0, -30 * 365 * 24 * HOUR_MS, 5 * 365 * 24 * HOUR_MS];
/// All have their answers within this time: a takeover, and much room for a busy machine.
const SETTLED_MAX: Duration = Duration::from_secs(90);
/// What is said of a clock is said within this time.
const SAID_MAX: Duration = Duration::from_secs(20);

struct Rig {
    place: Place,
    nodes: Vec<Guarded>,
    phones: Vec<Phone>,
}

/// Runs it.
pub fn show(runtime: &Runtime, is_short: bool, known: &mut Known) -> Result<()> {
    let place = Place::new("clocks-cluster", Commitlog::Periodic)?;
    let cql = place.cassandra.address();
    let nodes = vec![place.start_logic(1, &cql, LEASE_MS)?, place.start_logic(2, &cql, LEASE_MS)?];
    let _gateways = [place.start_gateway(1)?, place.start_gateway(2)?];
    let mut rig = Rig { place, nodes, phones: Vec::new() };
    rig.place.wait_until_shared(&[1, 2], &mut rig.nodes[1])?;
    for uid in 1..=USERS {
        let server = rig.place.gateway(1 + usize::try_from(uid % 2)?).to_string();
        let begun_ms = unix_ms(OFF_MS[usize::try_from(uid % 3)?])?;
        rig.phones.push(Phone::new(uid, rig.place.token(uid)?, server, begun_ms));
    }
    rig.says_whose_clock_is_wrong(known)?;
    for _ in 0..if is_short { 2 } else { 10 } {
        runtime.block_on(rig.hosts_apart(known))?;
        rig.restart(known)?;
        runtime.block_on(rig.settles("a node came back with another clock"))?;
    }
    for far_ms in [FAR_MS, -FAR_MS] {
        runtime.block_on(rig.one_far_off(far_ms, known))?;
    }
    let server = rig.place.gateway(1);
    runtime.block_on(known.check(&rig.phones, server, |uid| rig.place.token(uid)))
}

impl Rig {
    fn set(&self, host: &str, ms: i64, known: &mut Known) -> Result<()> {
        known.sets += 1;
        set(&self.clock(host), ms)
    }

    fn clock(&self, host: &str) -> PathBuf {
        self.place.clock(host)
    }

    /// Each to each other.
    fn say(&mut self) -> Result<()> {
        for phone in &mut self.phones {
            let uid = phone.uid;
            for to in (1..=USERS).filter(|to| *to != uid) {
                phone.say(to)?;
            }
        }
        Ok(())
    }

    async fn settles(&mut self, when: &str) -> Result<()> {
        self.say()?;
        let all = settle(&mut self.phones, SETTLED_MAX).await?;
        let pending: usize = self.phones.iter().map(Phone::pending).sum();
        ensure!(all, "{pending} messages have no answer: {when}");
        let is_refused = |phone: &Phone| phone.told.sent.iter().any(|sent| sent.is_refused);
        ensure!(!self.phones.iter().any(is_refused), "refused for good: {when}");
        Ok(())
    }

    /// Every host's clock shows something else, then one is set after the other.
    async fn hosts_apart(&mut self, known: &mut Known) -> Result<()> {
        for host in HOSTS {
            self.set(host, rand::rng().random_range(0..APART_MS_MAX), known)?;
        }
        self.settles("all clocks are apart").await?;
        for host in HOSTS {
            self.set(host, rand::rng().random_range(0..APART_MS_MAX), known)?;
            self.settles(&format!("{host} was set")).await?;
        }
        Ok(())
    }

    /// A node dies, the other takes over under a clock of its own, and it comes back with another.
    fn restart(&mut self, known: &mut Known) -> Result<()> {
        self.say()?;
        self.nodes[1].kill()?;
        self.place.wait_until_shared(&[1], &mut self.nodes[0])?;
        self.set("logic-2", rand::rng().random_range(0..APART_MS_MAX), known)?;
        self.nodes[1] = self.place.start_logic(2, &self.place.cassandra.address(), LEASE_MS)?;
        self.place.wait_until_shared(&[1, 2], &mut self.nodes[0])
    }

    /// What a node refuses whose clock is days off is taken when that is set right.
    async fn one_far_off(&mut self, far_ms: i64, known: &mut Known) -> Result<()> {
        for host in HOSTS {
            self.set(host, 0, known)?;
        }
        self.set("logic-2", far_ms, known)?;
        self.say()?;
        pass(&mut self.phones, Duration::from_secs(10)).await?;
        self.set("logic-2", 0, known)?;
        let server = self.place.gateway(1);
        known.send_anew(&mut self.phones, server, |uid| self.place.token(uid)).await?;
        self.settles(&format!("after a node's clock was off by {far_ms} ms")).await
    }

    /// The node whose clock is an hour from all others says so and is not ready; the other is.
    fn says_whose_clock_is_wrong(&mut self, known: &mut Known) -> Result<()> {
        self.says(2, "yes")?;
        self.set("logic-2", HOUR_MS, known)?;
        self.says(2, "ms ahead of what most others have")?;
        self.says(1, "yes")?;
        self.set("logic-2", 0, known)?;
        self.says(2, "yes")
    }

    fn says(&mut self, node: usize, what: &str) -> Result<()> {
        let deadline = Instant::now() + SAID_MAX;
        loop {
            let status = self.place.status(node)?;
            let ready = status["ready"].as_str().context("a status says whether it is ready")?;
            if ready.contains(what) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("node {node} says {ready:?}, and not {what:?}; clocks: {}", status["clocks"]);
            }
            ensure!(!self.nodes[node - 1].ends_within(LOOK), "node {node} ended");
        }
    }
}
