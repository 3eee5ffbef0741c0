//! What a message costs in the embedded store, printed; it asserts nothing about time. Run with
//! `cargo test --release -p logic --test stores cost -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use crate::driven::Driven;
use bytes::Bytes;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rustix::time::{ClockId, clock_gettime};
use shard::rows::{Chain, Completion, InboxRow, MessageRow, Read, Row, Ticket};
use shard::store::{EmbeddedConfig, Home};
use wire::{ClientMsgId, ConversationId, InboxSeq, MessageId, RowKind, Seq, Uid};

const USERS: u64 = 100_000;
const FRIENDS: u64 = 20;

/// CPU time of all threads, kernel included.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// Messages between random friends.
struct Traffic {
    random: Xoshiro256PlusPlus,
    seqs: Vec<u64>,
    inbox_seqs: Vec<u64>,
    count: u64,
    body: Bytes,
}

impl Traffic {
    fn new() -> Self {
        let seqs = vec![0; usize::try_from((USERS + 1) * (FRIENDS + 1)).unwrap()];
        let inbox_seqs = vec![0; usize::try_from(USERS + FRIENDS + 1).unwrap()];
        let body = Bytes::from(vec![7; 128]);
        Self { random: Xoshiro256PlusPlus::seed_from_u64(1), seqs, inbox_seqs, count: 0, body }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random.random_range(0..below)
    }

    /// A message and its inbox rows, as a shard commits them.
    fn batch(&mut self) -> Vec<Row> {
        let from = 1 + self.random(USERS);
        let friend = 1 + self.random(FRIENDS);
        self.count += 1;
        let seq = &mut self.seqs[usize::try_from(from * (FRIENDS + 1) + friend).unwrap()];
        *seq += 1;
        let message = MessageRow {
            conversation: ConversationId::direct(Uid(from), Uid(from + friend)).unwrap(),
            seq: Seq(*seq),
            number: *seq,
            message_id: MessageId(self.count),
            sender: Uid(from),
            time_ms: 1_700_000_000_000 + self.count / 8,
            kind: RowKind::MESSAGE,
            flags: 0,
            chain: Chain::default(),
            client_msg_id: ClientMsgId::new(
                1_700_000_000_000 + self.count / 8,
                self.random.random(),
            ),
            body: self.body.clone(),
            seen: Seq(0),
        };
        let mut inbox = |uid: u64| {
            let inbox_seq = &mut self.inbox_seqs[usize::try_from(uid).unwrap()];
            *inbox_seq += 1;
            let (inbox_seq, message) = (InboxSeq(*inbox_seq), message.clone());
            let chain = Chain::default();
            Row::Inbox(InboxRow { uid: Uid(uid), inbox_seq, flags: 0, chain, message })
        };
        vec![inbox(from), inbox(from + friend), Row::Message(message)]
    }
}

struct Bench {
    driven: Driven,
    traffic: Traffic,
    times: Vec<Duration>,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let driven =
            Driven::open(EmbeddedConfig::new(Home::alone(&dir.path().join("shard-0")).unwrap()))
                .unwrap();
        Self { driven, traffic: Traffic::new(), times: Vec::new(), _dir: dir }
    }

    /// Commits `total` messages, `size` a commit, and prints the cost of one.
    fn commit(&mut self, size: u64, total: u64) {
        self.times.clear();
        let (start, start_cpu) = (Instant::now(), cpu());
        let mut made = Duration::ZERO;
        for ticket in 0..total / size {
            let making = cpu();
            let batch = (0..size).flat_map(|_| self.traffic.batch()).collect();
            made += cpu() - making;
            let asked = Instant::now();
            self.driven.store.commit(Ticket(ticket), batch);
            let done = self.driven.settle();
            assert_eq!(done, [Completion::Committed(Ticket(ticket), Ok(()))]);
            self.times.push(asked.elapsed());
        }
        let (wall, used) = (start.elapsed(), cpu() - start_cpu);
        let each =
            |time: Duration| time.as_secs_f64() * 1e6 / u32::try_from(total).map_or(0.0, f64::from);
        println!(
            "commits of {size:2}: {:6.2} us CPU a message ({:.2} of it making the rows), {:6.2} us wall, {}",
            each(used),
            each(made),
            each(wall),
            self.percentiles()
        );
    }

    /// Asks `total` questions one at a time and prints the cost of one.
    fn ask(&mut self, what: &str, total: u64, question: impl Fn(&mut Traffic) -> Read) {
        self.times.clear();
        let start_cpu = cpu();
        for ticket in 0..total {
            let read = question(&mut self.traffic);
            let asked = Instant::now();
            self.driven.store.read(Ticket(ticket), read);
            for completion in self.driven.settle() {
                assert!(matches!(completion, Completion::Read(_, Ok(_))));
            }
            self.times.push(asked.elapsed());
        }
        let each = (cpu() - start_cpu) / u32::try_from(total).unwrap();
        println!("{what}: {each:?} CPU, {}", self.percentiles());
    }

    fn percentiles(&mut self) -> String {
        self.times.sort();
        let at = |part| self.times[(self.times.len() - 1) * part / 1_000];
        format!("p50 {:?} p99 {:?} max {:?}", at(500), at(990), at(1_000))
    }
}

#[test]
#[ignore = "prints a measurement; takes a minute"]
fn cost() {
    let mut bench = Bench::new();
    let total = std::env::var("MESSAGES").map_or(500_000, |it| it.parse().unwrap());
    bench.commit(64, total);
    bench.commit(8, total / 10);
    bench.commit(1, total / 50);
    let user = |traffic: &mut Traffic| Uid(1 + traffic.random(USERS));
    bench.ask("user", 5_000, |traffic| Read::User { uid: user(traffic) });
    bench.ask("inbox page of 50", 5_000, |traffic| {
        let uid = user(traffic);
        Read::Inbox { uid, after: InboxSeq(0), limit: 50, bytes_max: 1 << 20 }
    });
    bench.ask("conversation's newest 20", 5_000, |traffic| {
        let uid = user(traffic);
        let conversation = ConversationId::direct(uid, Uid(uid.0 + 3)).unwrap();
        Read::Messages { conversation, before: Seq(u64::MAX), limit: 20, bytes_max: 1 << 20 }
    });
    bench.ask("client's id that is not there", 5_000, |traffic| {
        let time = 1_700_000_000_000 + traffic.random(60_000);
        let client_msg_id = ClientMsgId::new(time, traffic.random.random());
        let sender = user(traffic);
        let conversation = ConversationId::direct(sender, Uid(sender.0 + 1)).unwrap();
        Read::ByClientMsgId { sender, conversation, client_msg_id }
    });
    bench.ask("chat that is not there", 5_000, |traffic| {
        let uid = user(traffic);
        let conversation = ConversationId::direct(uid, Uid(u64::MAX)).unwrap();
        Read::Chat { uid, conversation }
    });
    bench.driven.store.close().unwrap();
}
