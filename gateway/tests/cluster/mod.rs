//! A cluster as an entry sees it, small and bad: nodes that take commands only in the order of a
//! link, commit some of them, answer in any order, twice or not at all, lose links and partitions,
//! and are late to say so.

mod nodes;

use gateway::backend::remote::{Desk, Effects};
use link::Item;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shard::command::{Answer, Begin, Command, Delivery, Login, ReplyTo, Send, Session};
use shard::owner::{NodeId, OwnerRow};
use shard::partition::Partition;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use wire::{Bytes, ClientMsgId, ConversationId, DeviceId, Generation, RowKind, Seq, Uid};

/// Users whose partitions are the ones there are.
const UIDS: [u64; 3] = [1_001, 1_002, 1_003];
const NODES: usize = 3;

/// Bytes on their way to a node, and what it has refused of them. A link that is lost may be read
/// for a while.
#[derive(Default)]
struct Wire {
    entry: u16,
    to_node: VecDeque<Item>,
    to_desk: VecDeque<Item>,
    refused: HashMap<Partition, u32>,
}

/// A node's shard of one partition in one epoch.
struct Shard {
    node: usize,
    epoch: u32,
    is_open: bool,
    logins: u64,
    sessions: BTreeMap<u64, (u16, Generation)>,
    uncommitted: VecDeque<(u64, ReplyTo)>,
}

/// What a connection of the entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conn {
    LoggingIn(usize),
    Active(usize, Generation),
    Over,
}

pub struct World {
    random: StdRng,
    now_ms: u64,
    desk: Desk,
    effects: Effects,
    links: Vec<Option<Wire>>,
    dead_links: Vec<(usize, Wire)>,
    fenced: Vec<bool>,
    is_healing: bool,
    entries: u16,
    shards: Vec<Shard>,
    /// What each node has not yet told the entry.
    untold: Vec<Vec<OwnerRow>>,
    answers: Vec<(usize, Delivery)>,
    conns: Vec<Conn>,
    /// For each request how often it was answered, and whether by giving up.
    asked: BTreeMap<(u64, u64), (u32, bool)>,
    sends: Vec<(usize, u64, u64)>,
    /// The numbers of sends in the order in which they were committed, for each partition.
    logs: Vec<Vec<u64>>,
}

fn partition(at: usize) -> Partition {
    Partition::of_user(Uid(UIDS[at]))
}

fn place_of(partition: Partition) -> usize {
    UIDS.iter().position(|uid| Partition::of_user(Uid(*uid)) == partition).expect("one of ours")
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let shards = (0..UIDS.len())
            .map(|_| Shard {
                node: random.random_range(0..NODES),
                epoch: 1,
                is_open: true,
                logins: 0,
                sessions: BTreeMap::new(),
                uncommitted: VecDeque::new(),
            })
            .collect();
        Self {
            random,
            now_ms: 0,
            desk: Desk::default(),
            effects: Effects::default(),
            links: (0..NODES).map(|_| None).collect(),
            dead_links: vec![],
            fenced: vec![false; NODES],
            is_healing: false,
            entries: 0,
            shards,
            untold: vec![vec![]; NODES],
            answers: vec![],
            conns: vec![],
            asked: BTreeMap::new(),
            sends: vec![],
            logs: vec![vec![]; UIDS.len()],
        }
    }

    /// So many things happen, whatever they are; each turn of the entry sees some of them.
    pub fn live(&mut self, steps: usize) {
        for _ in 0..steps {
            let node = self.random.random_range(0..NODES);
            let at = self.random.random_range(0..UIDS.len());
            match self.random.random_range(0..100_u32) {
                0..22 => self.send(),
                22..26 => self.log_in(at),
                26..29 => self.disconnect(),
                29..45 => {
                    let items = self.random.random_range(1..20);
                    (0..items).for_each(|_| {
                        self.read_link(node);
                    });
                }
                45..52 => self.commit(at),
                52..64 => self.answer(),
                64..76 => self.hear(node),
                76..79 => self.tell(node),
                79..81 => self.lose_link(node),
                81..86 => self.link(node),
                86..88 => self.read_dead_link(),
                88..90 => self.give_to(at, node),
                90..93 => self.shards[at].is_open = true,
                93..94 => self.fenced[node] = !self.fenced[node],
                94..99 => self.now_ms += self.random.random_range(0..40_u64),
                _ => self.now_ms += self.random.random_range(0..4_000_u64),
            }
            if self.random.random_bool(0.5) {
                self.turn();
            }
        }
    }

    /// Everything works again, and goes on until nothing more happens.
    pub fn heal(&mut self) {
        self.is_healing = true;
        self.turn();
        while !self.dead_links.is_empty() {
            self.read_dead_link();
        }
        self.fenced.fill(false);
        self.shards.iter_mut().for_each(|shard| shard.is_open = true);
        for round in 0..400 {
            self.now_ms += 10;
            for node in 0..NODES {
                self.link(node);
                self.tell(node);
                while self.read_link(node) {}
                self.hear(node);
            }
            for at in 0..UIDS.len() {
                self.commit(at);
            }
            while !self.answers.is_empty() {
                self.answer();
            }
            self.turn();
            if round > 200 && self.desk.pending() == 0 {
                return;
            }
        }
        panic!("{} commands still wait", self.desk.pending());
    }

    /// Holds what came out against what was promised.
    pub fn check(&self) {
        for (request, (answers, _)) in &self.asked {
            assert_eq!(*answers, 1, "answers to {request:?}");
        }
        let given_up = |number: u64| {
            let (_, connection, ticket) = self.sends[usize::try_from(number).unwrap()];
            self.asked[&(connection, ticket)].1
        };
        for (at, log) in self.logs.iter().enumerate() {
            let in_time: Vec<u64> =
                log.iter().copied().filter(|number| !given_up(*number)).collect();
            assert!(in_time.is_sorted(), "partition {at} has them out of order: {in_time:?}");
            let committed: BTreeSet<u64> = log.iter().copied().collect();
            let acked = (0..).zip(&self.sends).filter(|(_, send)| send.0 == at);
            for (number, _) in acked.filter(|(number, _)| !given_up(*number)) {
                assert!(committed.contains(&number), "{number} was acknowledged, and is nowhere");
            }
        }
        for (at, shard) in self.shards.iter().enumerate() {
            let entry = self.links[shard.node].as_ref().expect("all are linked").entry;
            let live = self.conns.iter().zip(0..).filter_map(|(conn, connection)| match conn {
                Conn::Active(of, generation) if *of == at => {
                    Some((connection, (entry, *generation)))
                }
                Conn::Active(..) | Conn::LoggingIn(_) | Conn::Over => None,
            });
            assert_eq!(shard.sessions, live.collect(), "the owner knows the sessions");
        }
    }

    fn reply(connection: usize, ticket: u64) -> ReplyTo {
        ReplyTo { session: Session { entry: 0, key: connection as u64 }, ticket }
    }

    fn ask(&mut self, command: Command, connection: usize, ticket: u64) {
        self.asked.insert((connection as u64, ticket), (0, false));
        let reply = Self::reply(connection, ticket);
        self.desk.submit(command, reply, self.now_ms, &mut self.effects);
    }

    fn send(&mut self) {
        let active = (0..self.conns.len()).filter(|at| matches!(self.conns[*at], Conn::Active(..)));
        let active: Vec<usize> = active.collect();
        if active.is_empty() {
            return;
        }
        let connection = active[self.random.random_range(0..active.len())];
        let Conn::Active(at, _) = self.conns[connection] else { unreachable!("just seen") };
        let number = self.sends.len() as u64;
        self.sends.push((at, connection as u64, number + 10));
        let command = Command::Send(Send {
            conversation: ConversationId::direct(Uid(UIDS[at]), Uid(1)).unwrap(),
            sender: Uid(UIDS[at]),
            kind: RowKind::MESSAGE,
            flags: 0,
            seen: Seq(0),
            device: DeviceId(connection as u64),
            client_msg_id: ClientMsgId(u128::from(number).to_le_bytes()),
            body: Bytes::from_static(b"body"),
        });
        self.ask(command, connection, number + 10);
    }

    fn log_in(&mut self, at: usize) {
        if self.conns.len() < 40 {
            let connection = self.conns.len();
            self.conns.push(Conn::LoggingIn(at));
            let device = DeviceId(connection as u64);
            self.ask(Command::login(Uid(UIDS[at]), device, Begin::Head), connection, 1);
        }
    }

    fn disconnect(&mut self) {
        if self.conns.is_empty() {
            return;
        }
        let connection = self.random.random_range(0..self.conns.len());
        self.end(connection);
    }

    fn end(&mut self, connection: usize) {
        match std::mem::replace(&mut self.conns[connection], Conn::Over) {
            Conn::Active(at, generation) => self.log_out(at, generation, connection),
            Conn::LoggingIn(_) => {
                self.desk.withdraw_login(connection as u64, &mut self.effects);
            }
            Conn::Over => {}
        }
    }

    fn login(at: usize, generation: Generation, connection: usize) -> Login {
        Login { uid: Uid(UIDS[at]), device: DeviceId(connection as u64), generation }
    }

    fn log_out(&mut self, at: usize, generation: Generation, connection: usize) {
        let command = Command::Logout(Self::login(at, generation, connection));
        let reply = Self::reply(connection, 0);
        self.desk.submit(command, reply, self.now_ms, &mut self.effects);
    }

    /// What an entry does at the end of a turn.
    fn turn(&mut self) {
        loop {
            self.desk.tick(self.now_ms, &mut self.effects);
            self.desk.invariants();
            let deliveries = std::mem::take(&mut self.effects.deliveries);
            let late = std::mem::take(&mut self.effects.late);
            let register = std::mem::take(&mut self.effects.register);
            if deliveries.is_empty() && late.is_empty() && register.is_empty() {
                break;
            }
            deliveries.into_iter().for_each(|delivery| self.deliver(delivery));
            late.into_iter().for_each(|delivery| self.deliver_late(delivery));
            for connection in 0..self.conns.len() {
                let Conn::Active(at, generation) = self.conns[connection] else { continue };
                if register.contains(&partition(at)) {
                    let command = Command::register(Self::login(at, generation, connection));
                    let reply = Self::reply(connection, 0);
                    self.desk.submit(command, reply, self.now_ms, &mut self.effects);
                }
            }
        }
        for (NodeId(node), item) in self.effects.items.drain(..) {
            if let Item::Command { command: Command::Login { .. }, reply, .. } = &item {
                let conn = self.conns[usize::try_from(reply.session.key).unwrap()];
                assert_ne!(conn, Conn::Over, "a login is said for a session that is over");
            }
            let link = self.links[usize::from(node)].as_mut();
            link.expect("nothing is said where no link is").to_node.push_back(item);
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        let ReplyTo { session: Session { key: connection, .. }, ticket } = delivery.to;
        let at = usize::try_from(connection).unwrap();
        if let Answer::Closed(_) = delivery.answer {
            return self.end(at);
        }
        if ticket == 0 {
            return assert!(matches!(delivery.answer, Answer::News(_)), "{delivery:?}");
        }
        let asked = self.asked.get_mut(&(connection, ticket)).expect("was asked");
        asked.0 += 1;
        asked.1 |= matches!(delivery.answer, Answer::Refused { .. });
        match (&delivery.answer, self.conns[at]) {
            (Answer::LoggedIn { login, .. }, Conn::LoggingIn(of)) => {
                self.conns[at] = Conn::Active(of, login.generation);
            }
            (Answer::LoggedIn { .. }, Conn::Over) => self.deliver_late(delivery),
            (Answer::LoggedIn { .. }, Conn::Active(..)) => panic!("logged in twice"),
            (_, Conn::LoggingIn(_)) => self.conns[at] = Conn::Over,
            (_, Conn::Active(..) | Conn::Over) => {}
        }
    }

    fn deliver_late(&mut self, delivery: Delivery) {
        if let Answer::LoggedIn { login, .. } = delivery.answer {
            let at = UIDS.iter().position(|uid| *uid == login.uid.0).unwrap();
            let connection = usize::try_from(delivery.to.session.key).unwrap();
            self.log_out(at, login.generation, connection);
        }
    }
}
