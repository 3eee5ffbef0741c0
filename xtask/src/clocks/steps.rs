//! One gateway whose clock is set, both ways, while it runs and across restarts, under clients whose clocks show anything.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use rand::RngExt;
use rustix::process::Signal;

use super::known::Known;
use super::phone::{Phone, pass, settle};
use super::raw::{Raw, unix_ms};
use crate::drill::alone::Alone;

const HOUR_MS: i64 = 3_600_000;
/// By how much the clock is set, either way.
const STEPS_MS: [i64; 7] =
    [1_000, 11_000, 60_000, 2 * HOUR_MS, 23 * HOUR_MS, 25 * HOUR_MS, 48 * HOUR_MS];
/// In the short form.
const SHORT_MS: [i64; 2] = [11_000, 48 * HOUR_MS];
/// How far the clocks of phones are off: by years, a day, not at all.
const OFF_MS: [i64; 4] = [0, -60 * 365 * 24 * HOUR_MS, 24 * HOUR_MS, 1_000 * 365 * 24 * HOUR_MS];
/// Messages of each phone after each step.
const MESSAGES: usize = 3;
/// All have their answers within this time.
const SETTLED_MAX: Duration = Duration::from_secs(60);
/// The gateway ends within this time.
const END_MAX: Duration = Duration::from_secs(60);
/// The users who say things by hand.
const HANDS: (u64, u64) = (21, 22);

struct Rig {
    dir: PathBuf,
    scratch: PathBuf,
    gateway: Alone,
    phones: Vec<Phone>,
    hand: Raw,
}

/// Sets the clock of a process, from its next look on.
pub fn set(file: &Path, ms: i64) -> Result<()> {
    let draft = file.with_extension("draft");
    fs::write(&draft, ms.to_string())?;
    Ok(fs::rename(draft, file)?)
}

/// Runs it.
pub async fn show(scratch: &Path, is_short: bool, known: &mut Known) -> Result<()> {
    let mut rig = Rig::start(scratch)?;
    let steps = if is_short { &SHORT_MS[..] } else { &STEPS_MS };
    for step_ms in steps.iter().flat_map(|ms| [*ms, -*ms]) {
        rig.step(step_ms, known).await?;
        rig.step(0, known).await?;
    }
    for (at, step_ms) in steps.iter().flat_map(|ms| [*ms, -*ms]).enumerate() {
        rig.restart(step_ms, at % 2 == 0, known).await?;
        rig.restart(0, at % 2 == 1, known).await?;
    }
    let Rig { gateway, phones, .. } = &rig;
    known.check(phones, gateway.listen.parse()?, |uid| gateway.token(uid)).await
}

impl Rig {
    fn start(scratch: &Path) -> Result<Self> {
        let (dir, scratch) = (scratch.join("data"), scratch.to_path_buf());
        let gateway = Alone::start(&dir, &scratch)?;
        let mut phones = Vec::new();
        for (uid, off_ms) in (1..).zip(OFF_MS) {
            let (token, server) = (gateway.token(uid)?, gateway.listen.clone());
            phones.push(Phone::new(uid, token, server, unix_ms(off_ms)?));
        }
        let hand = Raw::new(HANDS.0, HANDS.1, gateway.token(HANDS.0)?);
        Ok(Self { dir, scratch, gateway, phones, hand })
    }

    fn server(&self) -> Result<SocketAddr> {
        Ok(self.gateway.listen.parse()?)
    }

    fn set(&self, ms: i64) -> Result<()> {
        set(&self.scratch.join("gateway.clock"), ms)
    }

    /// The clock is set while it runs.
    async fn step(&mut self, set_ms: i64, known: &mut Known) -> Result<()> {
        known.sets += 1;
        self.set(set_ms)?;
        self.say()?;
        ensure!(
            settle(&mut self.phones, SETTLED_MAX).await?,
            "not all are acknowledged: {set_ms} ms"
        );
        self.by_hand(set_ms, known).await
    }

    /// The clock is set while it is away, and messages are under way when it goes.
    async fn restart(&mut self, set_ms: i64, is_kill: bool, known: &mut Known) -> Result<()> {
        known.sets += 1;
        self.say()?;
        pass(&mut self.phones, Duration::from_millis(rand::rng().random_range(0..30))).await?;
        if is_kill {
            self.gateway.process.kill()?;
        } else {
            self.gateway.process.signal(Signal::TERM)?;
            self.gateway.process.wait_exit(END_MAX)?;
        }
        self.set(set_ms)?;
        self.gateway = Alone::start(&self.dir, &self.scratch)?;
        self.phones.iter_mut().for_each(|phone| phone.server.clone_from(&self.gateway.listen));
        settle(&mut self.phones, Duration::from_secs(10)).await?;
        let server = self.server()?;
        known.send_anew(&mut self.phones, server, |uid| self.gateway.token(uid)).await?;
        self.by_hand(set_ms, known).await?;
        if set_ms == 0 {
            // What was written twice and is ahead of the clock waits until that has come so far.
            let is_settled = settle(&mut self.phones, SETTLED_MAX).await?;
            ensure!(is_settled, "not all are acknowledged after the clock was set right");
        }
        Ok(())
    }

    fn say(&mut self) -> Result<()> {
        let users = u64::try_from(OFF_MS.len())?;
        for phone in &mut self.phones {
            for _ in 0..MESSAGES {
                phone.say(phone.uid % users + 1)?;
            }
        }
        Ok(())
    }

    async fn by_hand(&mut self, set_ms: i64, known: &mut Known) -> Result<()> {
        let server = self.server()?;
        self.hand.repeat(server, set_ms, known).await?;
        let ahead_ms = rand::rng().random_range(15_000..48 * HOUR_MS.unsigned_abs());
        let clock = self.scratch.join("gateway.clock");
        let set = |ms| set(&clock, ms);
        self.hand.wait_for_hint(server, (set_ms, ahead_ms), set, known).await
    }
}
