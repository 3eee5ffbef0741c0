//! `cargo xtask cluster upgrade`: under load, every node and every gateway is replaced by the next release, one at a time;
//! then one of each by this release again.
//!
//! After each change all links must be of the highest version that both ends speak, and a client that knows only the
//! vectors must be served through both gateways. Nothing acknowledged may be lost, and nothing refused for long.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use super::faults::{LEASE_MS, wait};
use super::felt::{Felt, Step, unix_ms};
use super::former::{Former, Refused};
use super::links::{Links, Versions};
use super::rig::{self, Built, Rig};
use crate::drill::seen::{BROKEN, Seen};
use crate::process::Guarded;
use crate::programs::{self, Release};

/// How much.
#[derive(clap::Args)]
pub struct Args {
    /// Messages a second.
    #[arg(long, default_value_t = 100)]
    rate: u32,
}

/// After the start: Cassandra has compiled most of what it runs.
const CALM: Duration = Duration::from_secs(10);
/// From one change's end to the next one's beginning. A gateway's clients take up to 5 s until they are at another one.
const PAUSE: Duration = Duration::from_secs(6);
/// Refusals may go on for so long, in ms. How long messages wait is told and not enforced: that is the machine's, too.
const REFUSED_MS_MAX: u64 = 1_000;
/// How loadgen calls refusals because Cassandra does not answer, which are the machine's as well: where there are any, the
/// bound is told only. A node says it after 2 s without an answer.
const OF_THE_STORE: &str = "StoreUnavailable";
/// Links may take this long until all are up: they are dialed every 200 ms.
const LINKS_MAX: Duration = Duration::from_secs(10);
/// Between two looks at the logs.
const LOOK: Duration = Duration::from_millis(100);
/// A client of the former vectors is served within this.
const FORMER_MAX: Duration = Duration::from_secs(20);
/// Users whom loadgen does not use, at gateway 1 and at gateway 2.
const FORMER: [u64; 2] = [1, 2];

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Logic,
    Gateway,
}

/// A process of the cluster, by its number from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member(Role, usize);

const MEMBERS: [Member; 4] = [
    Member(Role::Logic, 1),
    Member(Role::Logic, 2),
    Member(Role::Gateway, 1),
    Member(Role::Gateway, 2),
];

/// In the order of the runbook; then a step back of each kind.
const CHANGES: [(Member, Release); 6] = [
    (MEMBERS[0], Release::Next),
    (MEMBERS[1], Release::Next),
    (MEMBERS[2], Release::Next),
    (MEMBERS[3], Release::Next),
    (MEMBERS[0], Release::This),
    (MEMBERS[2], Release::This),
];

impl Member {
    /// As its log is called.
    fn name(self) -> String {
        let Self(role, number) = self;
        match role {
            Role::Logic => format!("logic-{number}"),
            Role::Gateway => format!("gateway-{number}"),
        }
    }

    fn start(self, release: Release, rig: &Rig) -> Result<Guarded> {
        let Self(role, number) = self;
        match role {
            Role::Logic => rig.start_logic_of(number, release),
            Role::Gateway => rig.start_gateway_of(number, release),
        }
    }
}

/// The processes, in the order of [`MEMBERS`], and the release of each.
struct Cluster<'a> {
    rig: &'a Rig,
    processes: Vec<Option<Guarded>>,
    releases: [Release; MEMBERS.len()],
    links: Links,
    tokens: Vec<String>,
}

/// A change that was made, and when: Unix ms.
struct Changed {
    name: String,
    at_ms: u64,
    /// After so long all partitions were served again.
    whole_ms: u64,
    versions: String,
}

/// Exits with 0 only if nothing was broken.
pub fn run(args: &Args) -> Result<ExitCode> {
    programs::build_next()?;
    let built = Built { planted: None, lease_ms: LEASE_MS, can_part: false };
    let rig = Rig::new("cluster-upgrade", built)?;
    let mut cluster = Cluster::start(&rig)?;
    let mut loadgen = rig.endless_load(args.rate, 0)?;
    wait(CALM, &mut loadgen)?;
    cluster.serve_former(&mut loadgen)?;
    let mut changes = Vec::new();
    for (member, release) in CHANGES {
        changes.push(cluster.change(member, release, &mut loadgen)?);
        wait(PAUSE, &mut loadgen)?;
    }
    let end_ms = unix_ms();
    loadgen.signal(Signal::TERM)?;
    let summary = rig.summary(&mut loadgen)?;
    let refused_ms = report(&changes, &rig.steps()?, end_ms);
    println!("report and logs: {}", rig.dir().display());
    cluster.leave()?;
    let mut seen = Seen::default();
    seen.add(&summary)?;
    let of_the_store = summary["counters"]["refusals"][OF_THE_STORE].as_u64().unwrap_or(0);
    if of_the_store > 0 {
        println!(
            "{of_the_store} refusals because Cassandra did not answer: their time is not judged"
        );
    } else if refused_ms > REFUSED_MS_MAX && !seen.is_broken() {
        println!("a promise was broken: refusals went on for {refused_ms} ms");
        return Ok(BROKEN.into());
    }
    seen.conclude()
}

impl<'a> Cluster<'a> {
    /// All of this release, once they serve all partitions.
    fn start(rig: &'a Rig) -> Result<Self> {
        let start = |member: Member| member.start(Release::This, rig).map(Some);
        let mut processes: Vec<_> = MEMBERS.into_iter().map(start).collect::<Result<_>>()?;
        rig.wait_until_shared(&[1, 2], processes[0].as_mut().context("it was started")?)?;
        let names = MEMBERS.map(Member::name);
        let links = Links::new(rig.dir().to_owned(), &names.each_ref().map(String::as_str));
        let tokens = FORMER.into_iter().map(|uid| rig.token(uid)).collect::<Result<_>>()?;
        let releases = [Release::This; MEMBERS.len()];
        let mut cluster = Self { rig, processes, releases, links, tokens };
        println!("== {}", cluster.wait_for_links()?);
        Ok(cluster)
    }

    /// Replaces a process, and waits until the cluster is whole again.
    fn change(
        &mut self,
        member: Member,
        release: Release,
        loadgen: &mut Guarded,
    ) -> Result<Changed> {
        let name = format!("{}: {release:?} release", member.name());
        println!("== {name}");
        self.look_for_unknown_items()?;
        let at_ms = unix_ms();
        let index = MEMBERS.iter().position(|it| *it == member).context("it is one of these")?;
        let process = self.processes[index].take().context("it runs")?;
        rig::leave(process)?;
        self.links.end(&member.name())?;
        self.processes[index] = Some(member.start(release, self.rig)?);
        self.releases[index] = release;
        self.rig.wait_until_shared(&[1, 2], loadgen)?;
        let whole_ms = unix_ms() - at_ms;
        let versions = self.wait_for_links()?;
        self.serve_former(loadgen)?;
        println!("== whole after {whole_ms} ms; {versions}");
        Ok(Changed { name, at_ms, whole_ms, versions })
    }

    /// Which links there should be: from every process to every other node, in the highest version of both ends.
    fn expected(&self) -> Versions {
        let version = |release| if release == Release::Next { 2 } else { 1 };
        let mut expected = Versions::new();
        for (dialer, of_dialer) in MEMBERS.iter().zip(self.releases) {
            for (acceptor, of_acceptor) in MEMBERS.iter().zip(self.releases) {
                if acceptor.0 == Role::Logic && acceptor != dialer {
                    let common = version(of_dialer).min(version(of_acceptor));
                    expected.insert((dialer.name(), acceptor.name()), common);
                }
            }
        }
        expected
    }

    /// Waits until all links are up, each in its version; what they are.
    fn wait_for_links(&mut self) -> Result<String> {
        let (expected, until) = (self.expected(), Instant::now() + LINKS_MAX);
        let process = self.processes[0].as_mut().context("it runs")?;
        while *self.links.up()? != expected {
            if process.ends_within(LOOK) || Instant::now() > until {
                bail!("links are {:?}, not {expected:?}", self.links.up()?);
            }
        }
        let count = |version| expected.values().filter(|it| **it == version).count();
        Ok(format!("{} links of version 1, {} of version 2", count(1), count(2)))
    }

    /// Clients of the former vectors are served. What is refused for now is asked again: on a busy machine Cassandra may not
    /// answer in time.
    fn serve_former(&self, loadgen: &mut Guarded) -> Result<()> {
        let until = Instant::now() + FORMER_MAX;
        loop {
            let Err(error) = self.write_as_former() else { return Ok(()) };
            let retry = error.downcast_ref::<Refused>().map(|refused| refused.retry_after_ms);
            let Some(after_ms @ 1..) = retry.filter(|_| Instant::now() < until) else {
                return Err(error);
            };
            wait(Duration::from_millis(after_ms.into()), loadgen)?;
        }
    }

    /// Two of them, one at each gateway, log in and write to each other.
    fn write_as_former(&self) -> Result<()> {
        let mut clients = Vec::new();
        for (index, (uid, token)) in FORMER.into_iter().zip(&self.tokens).enumerate() {
            let gateway = self.rig.gateway(index + 1)?;
            let client = Former::login(gateway, uid, token);
            clients.push(client.with_context(|| format!("no login at gateway {}", index + 1))?);
        }
        for (from, to) in [(0, 1), (1, 0)] {
            let (id, body) = (client_msg_id(from), b"of a former release");
            let sent = clients[from].send(FORMER[to], id, body);
            sent.with_context(|| format!("no ack at gateway {}", from + 1))?;
            let received = clients[to].receive(id, body);
            received.with_context(|| format!("no push at gateway {}", to + 1))?;
        }
        Ok(())
    }

    /// A version that both ends speak has no item that one of them does not know.
    fn look_for_unknown_items(&self) -> Result<()> {
        for number in [1, 2] {
            let unknown = self.rig.unknown_items(number)?;
            if unknown > 0 {
                bail!("logic {number} heard {unknown} items of a version that is not in force");
            }
        }
        Ok(())
    }

    /// Gateways first: a node that leaves has nobody to hand the last partitions to.
    fn leave(self) -> Result<()> {
        self.look_for_unknown_items()?;
        self.processes.into_iter().rev().flatten().try_for_each(rig::leave)
    }
}

/// A UUIDv7 that no other is like: of this moment, and of one sender.
fn client_msg_id(sender: usize) -> [u8; 16] {
    let mut id = [0; 16];
    id[..6].copy_from_slice(&unix_ms().to_be_bytes()[2..]);
    (id[6], id[8]) = (0x70, 0x80);
    id[15] = u8::from(sender > 0);
    id
}

/// Prints what was felt of each change, from its beginning to the next one's; for how long refusals went on at worst.
fn report(changes: &[Changed], steps: &[Step], end_ms: u64) -> u64 {
    let first_ms = changes.first().map_or(end_ms, |first| first.at_ms);
    println!("before: {}", Felt::within(steps, &(0..first_ms)));
    for (nth, Changed { name, at_ms, whole_ms, versions }) in changes.iter().enumerate() {
        let next_ms = changes.get(nth + 1).map_or(end_ms, |next| next.at_ms);
        let felt = Felt::within(steps, &(*at_ms..next_ms));
        println!(
            "{name}: all served after {whole_ms} ms; {versions}; a former client served; {felt}"
        );
    }
    let all = Felt::within(steps, &(0..u64::MAX));
    println!(
        "upgrade: refusals went on for {} ms at most, {REFUSED_MS_MAX} allowed; longest wait {} ms",
        all.refused_ms, all.max_ms
    );
    all.refused_ms
}
