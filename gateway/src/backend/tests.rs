//! A backend driven by hand: two cores of one process with a store in memory, and a core whose
//! nodes do not answer. No ring, no clock.

use super::*;
use crate::config::Config;
use crate::limits::REMOTE_GIVE_UP_MS;
use crate::metrics::Metrics;
use remote::Cluster;
use service::mailbox::{Directory, OUTGOING_MAX};
use shard::command::{Answer, Begin, Delivery, Login, Session};
use shard::host::Host;
use shard::partition::{Partition, ShardId, Share};
use shard::store::{MemoryStore, Store};
use shard::{Shard, ShardConfig};
use wire::{DeviceId, Generation, InboxSeq, RefusalCode, Uid};

const CORES: u16 = 2;

fn at(mono_ms: u64) -> Now {
    Now { unix_ms: 1_700_000_000_000 + mono_ms, mono_ms }
}

/// A user of each core's shard.
fn user_of(core: u16) -> Uid {
    let of_core = |uid: &Uid| Partition::of_user(*uid).owner(CORES) == ShardId(core);
    (1..).map(Uid).find(of_core).unwrap()
}

fn reply(entry: u16, ticket: u64) -> ReplyTo {
    ReplyTo { session: Session { entry, key: 5 }, ticket }
}

fn log_in(uid: Uid) -> Command {
    Command::login(uid, DeviceId(1), Begin::Head)
}

fn host(core: u16) -> Host {
    let share = Share::Of { id: ShardId(core), shards: CORES };
    Host::new(
        Shard::new(ShardConfig::new(share, 1, 1), at(0)),
        Store::Memory(Box::new(MemoryStore::new())),
    )
}

/// The cores of a process, each with what it has for its entry.
struct Scene {
    cores: Vec<(Backend, News)>,
}

impl Scene {
    fn new() -> Self {
        let metrics = Metrics::new(CORES.into());
        let (directory, mailboxes) = Directory::new(CORES.into());
        let cores = (0..CORES).zip(mailboxes).map(|(id, mailbox)| {
            let cells = metrics.core(id.into());
            let local = Local::new((id, CORES), host(id), directory.clone(), mailbox, cells);
            (Backend::Local(local), News::default())
        });
        Self { cores: cores.collect() }
    }

    fn submit(&mut self, core: usize, command: Command, reply: ReplyTo) {
        let (backend, news) = &mut self.cores[core];
        backend.submit(command, reply, at(0), news);
    }

    /// Every core has some turns, so that all that follows has happened.
    fn turn(&mut self) {
        for _ in 0..4 {
            for (backend, news) in &mut self.cores {
                backend.poll(news);
                backend.step(at(0), news);
                assert!(!backend.has_work());
                let Backend::Local(local) = backend else { panic!("its shards are here") };
                local.flush();
            }
        }
    }

    fn told(&mut self, core: usize) -> Vec<Delivery> {
        std::mem::take(&mut self.cores[core].1.deliveries)
    }

    fn is_idle(&self) -> bool {
        self.cores.iter().all(|(backend, _)| backend.is_idle())
    }
}

#[test]
fn a_command_reaches_its_shard_and_the_answer_whoever_asked() {
    for (shard, core) in [(0, 0), (1, 0), (0, 1)] {
        let mut scene = Scene::new();
        // A shard first asks what an owner before it left to be done.
        scene.turn();
        let uid = user_of(shard);
        scene.submit(core, log_in(uid), reply(u16::try_from(core).unwrap(), 9));
        assert_eq!(scene.is_idle(), usize::from(shard) == core, "it waits in a mailbox, or a host");
        scene.turn();
        let told = scene.told(core);
        let [Delivery { to, answer: Answer::LoggedIn { login, .. } }] = &told[..] else {
            panic!("{told:?}")
        };
        assert_eq!((to.ticket, to.session.key, login.uid), (9, 5, uid));
        assert_eq!(scene.told(1 - core), []);
        assert!(scene.is_idle());
    }
}

#[test]
fn what_a_full_mailbox_would_hold_is_refused_but_a_logout() {
    let (directory, mailboxes) = Directory::new(CORES.into());
    let [mailbox, other] = mailboxes.try_into().expect("one a core");
    let mut local = Local::new((0, CORES), host(0), directory, mailbox, Metrics::new(1).core(0));
    let mut news = News::default();
    let login = Login { uid: user_of(1), device: DeviceId(1), generation: Generation(1) };
    let heartbeat = || Command::Heartbeat { uid: login.uid, time_ms: 1 };
    for _ in 0..OUTGOING_MAX {
        local.submit(heartbeat(), reply(0, 1), 0, &mut news);
    }
    assert_eq!(news.deliveries, []);
    local.submit(heartbeat(), reply(0, 2), 0, &mut news);
    let [Delivery { to, answer: Answer::Refused { code, .. } }] = news.deliveries[..] else {
        panic!("{:?}", news.deliveries)
    };
    assert_eq!((to, code), (reply(0, 2), RefusalCode::Busy));
    // A push is repeated, a logout is not.
    local.submit(Command::PushAck(login, InboxSeq(1)), reply(0, 0), 0, &mut news);
    local.submit(Command::Logout(login), reply(0, 0), 0, &mut news);
    local.flush();
    let posts = other.try_recv().expect("they are handed over");
    let (last, before) = posts.split_last().expect("some");
    assert!(matches!(last, Post::Command(Command::Logout(of), _) if *of == login), "{last:?}");
    assert_eq!(before.len(), OUTGOING_MAX);
    let is_heartbeat = |post: &Post| matches!(post, Post::Command(Command::Heartbeat { .. }, _));
    assert!(before.iter().all(is_heartbeat));
}

/// Another core may have logged the device in since.
#[test]
fn a_login_that_waits_goes_nowhere_when_its_session_is_over() {
    for shard in [0, 1] {
        let mut scene = Scene::new();
        let (uid, over, alive) = (user_of(shard), reply(0, 9), reply(1, 10));
        scene.submit(0, log_in(uid), over);
        scene.submit(1, log_in(uid), alive);
        let (backend, news) = &mut scene.cores[0];
        backend.withdraw_login(over.session, news);
        scene.turn();
        let told = scene.told(0);
        let [Delivery { to, answer: Answer::Refused { .. } }] = told[..] else {
            panic!("{told:?}")
        };
        assert_eq!(to, over, "its ticket is given back");
        let told = scene.told(1);
        assert!(matches!(told[..], [Delivery { answer: Answer::LoggedIn { .. }, .. }]), "{told:?}");
        assert!(scene.is_idle());
    }
}

#[test]
fn what_no_node_takes_is_refused_in_time() {
    let mut config = Config::default();
    config.logic.0.push("127.0.0.1:1".to_owned());
    let cluster = Cluster::open(&config).unwrap().expect("a node is named");
    let mut backend = Backend::Remote(Box::new(Remote::new(&cluster, 0, rand::make_rng())));
    let mut news = News::default();
    backend.submit(Command::Heartbeat { uid: Uid(7), time_ms: 1 }, reply(0, 9), at(0), &mut news);
    backend.step(at(REMOTE_GIVE_UP_MS - 1), &mut news);
    assert!(news.deliveries.is_empty() && !backend.is_idle());
    backend.step(at(2 * REMOTE_GIVE_UP_MS), &mut news);
    let [Delivery { to, answer: Answer::Refused { code, .. } }] = &news.deliveries[..] else {
        panic!("{:?}", news.deliveries)
    };
    assert_eq!((*to, *code), (reply(0, 9), RefusalCode::StoreUnavailable));
    assert!(backend.is_idle());
}
