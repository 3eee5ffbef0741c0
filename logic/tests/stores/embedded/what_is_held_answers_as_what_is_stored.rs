//! What waits in memory for the index is answered as what is in it. How: rows are committed at random, as shards commit them, and
//! the index is filled at random, also while it is asked, and opened again at random; a store that has nothing but a map of rows
//! is told the same, and whatever is asked, both answer alike.

use std::collections::HashMap;
use std::path::Path;

use crate::driven::{Driven, config};
use bytes::Bytes;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use shard::command::Now;
use shard::group::{GroupRow, MarkRow, Members};
use shard::rows::{Chain, ChatRow, InboxRow, MessageRow, Read, Row, Ticket, UserRow};
use shard::store::{MemoryStore, Store};
use wire::{ClientMsgId, ConversationId, InboxSeq, MessageId, RowKind, Seq, Uid};

const USERS: u64 = 6;
/// Some of which are never written to.
const GROUPS: u64 = 8;
const STEPS: u64 = 60;
/// Longer than from one round of what goes to the next: the index is filled at the begin of each.
const ROUND_MS: u64 = 3_600_000;

/// Both stores, and the ends of their logs.
struct World {
    random: Xoshiro256PlusPlus,
    stored: Driven,
    model: Driven,
    seqs: HashMap<ConversationId, u64>,
    inbox_seqs: HashMap<Uid, u64>,
    mono_ms: u64,
}

impl World {
    fn new(seed: u64, dir: &Path) -> Self {
        Self {
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            stored: Driven::open(config(dir)).unwrap(),
            model: Driven::unwoken(Store::Memory(Box::new(MemoryStore::new()))),
            seqs: HashMap::new(),
            inbox_seqs: HashMap::new(),
            mono_ms: 0,
        }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random.random_range(0..end)
    }

    /// Two users, one of whom is of few.
    fn pair(&mut self) -> (Uid, ConversationId) {
        let one = Uid(1 + self.below(USERS));
        let other = Uid(1 + USERS + self.below(60));
        (one, ConversationId::direct(one, other).unwrap())
    }

    fn group(&mut self) -> ConversationId {
        ConversationId::group(1 + self.below(GROUPS)).unwrap()
    }

    fn row(
        &mut self,
        (sender, conversation): (Uid, ConversationId),
        body_bytes: usize,
    ) -> MessageRow {
        let seq = self.seqs.entry(conversation).or_default();
        *seq += 1;
        let seq = *seq;
        let mut body = vec![0; body_bytes];
        self.random.fill(&mut body[..]);
        MessageRow {
            conversation,
            seq: Seq(seq),
            number: seq,
            message_id: MessageId(self.random.random()),
            sender,
            time_ms: seq,
            kind: RowKind::MESSAGE,
            flags: 0,
            chain: Chain(self.random.random()),
            client_msg_id: ClientMsgId::new(seq, 0),
            body: Bytes::from(body),
            seen: Seq(0),
        }
    }

    /// What is written of an entry of a group, now and then with how far everybody has it, and with its mark.
    fn entry(&mut self, body_bytes: usize) -> Vec<Row> {
        let group = self.group();
        let row = self.row((Uid(1), group), body_bytes);
        let (seq, position) = (row.seq.0, Seq(self.below(row.seq.0 + 1)));
        let mut rows = vec![Row::Message(row)];
        if self.below(3) == 0 {
            let members = Members::default();
            rows.push(Row::Group(GroupRow { group, position, members }));
        }
        if self.below(2) == 0 {
            rows.push(Row::Mark(MarkRow { group, is_open: seq % 3 > 0 }));
        }
        rows
    }

    fn message(&mut self, body_bytes: usize) -> Vec<Row> {
        let (sender, conversation) = self.pair();
        let message = self.row((sender, conversation), body_bytes);
        let seq = message.seq.0;
        let mut rows = vec![Row::Message(message.clone())];
        for uid in conversation.users() {
            let place = self.inbox_seqs.entry(uid).or_default();
            *place += 1;
            let (inbox_seq, chain) = (InboxSeq(*place), Chain(self.random.random()));
            rows.push(Row::Inbox(InboxRow {
                uid,
                inbox_seq,
                flags: 0,
                chain,
                message: message.clone(),
            }));
            // Chats come behind, each time another part of them.
            if self.below(4) == 0 {
                let (recent_seq, recent_number) = (Seq(seq), seq);
                let empty = ChatRow::empty(uid, conversation);
                let row =
                    ChatRow { recent_seq, recent_number, recent_inbox_seq: inbox_seq, ..empty };
                rows.push(Row::Chat(row));
                let chats_version = self.random.random();
                let chats_through = inbox_seq;
                let row = UserRow { chats_through, chats_version, ..UserRow::empty(uid) };
                rows.push(Row::User(row));
            }
        }
        rows
    }

    fn commit(&mut self) {
        let (count, body_bytes) =
            (1 + self.below(30), [10, 300, 20_000][usize::try_from(self.below(3)).unwrap()]);
        let mut batch = Vec::new();
        for _ in 0..count {
            let is_entry = self.below(5) == 0;
            batch.extend(if is_entry { self.entry(body_bytes) } else { self.message(body_bytes) });
        }
        for driven in [&mut self.stored, &mut self.model] {
            driven.store.commit(Ticket(1), batch.clone());
            driven.turn(&mut Vec::new());
        }
    }

    /// The index begins to be filled, if there is anything for it.
    fn fill(&mut self) {
        self.mono_ms += ROUND_MS;
        self.stored.store.pass_time(Now { unix_ms: 0, mono_ms: self.mono_ms });
    }

    fn question(&mut self) -> Read {
        let (uid, conversation) = self.pair();
        let uid = if self.below(2) == 0 { uid } else { conversation.peer_of(uid).unwrap() };
        let head = self.inbox_seqs.get(&uid).copied().unwrap_or(0);
        let seqs = self.seqs.get(&conversation).copied().unwrap_or(0);
        let limit = usize::try_from(self.below(20)).unwrap();
        let bytes_max = usize::try_from(self.below(100_000)).unwrap();
        let after = InboxSeq(self.below(head + 2));
        let group = self.group();
        let conversation = if self.below(6) == 0 { group } else { conversation };
        match self.below(10) {
            0 => Read::User { uid },
            1 => Read::Conversation { conversation },
            2 => {
                let before = Seq(self.below(seqs + 3));
                Read::Messages { conversation, before, limit, bytes_max }
            }
            3 => {
                let client_msg_id = ClientMsgId::new(self.below(seqs + 2), 0);
                Read::ByClientMsgId { sender: uid, conversation, client_msg_id }
            }
            4 => Read::Inbox { uid, after, limit, bytes_max },
            5 => {
                let from = InboxSeq(self.below(head + 1));
                Read::Tail { uid, from, head: InboxSeq(head) }
            }
            6 => Read::Chat { uid, conversation },
            7 => Read::Group { group },
            8 => Read::Marks { after: (limit > 9).then_some(group), limit },
            _ => {
                let after = (limit > 9).then_some(conversation);
                Read::Chats { uid, after, limit, bytes_max }
            }
        }
    }

    fn ask(&mut self) {
        let question = self.question();
        let (found, expect) = (self.stored.ask(question), self.model.ask(question));
        assert_eq!(found, expect, "{question:?}");
    }
}

fn run(seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new(seed, dir.path());
    for _ in 0..STEPS {
        match world.below(8) {
            0 | 1 => world.fill(),
            2 if world.below(4) == 0 => {
                world.stored.store.close().unwrap();
                world.stored = Driven::open(config(dir.path())).unwrap();
                world.mono_ms = 0;
            }
            _ => world.commit(),
        }
        (0..10).for_each(|_| world.ask());
    }
    world.stored.store.close().unwrap();
}

#[test]
fn held_and_stored_rows_are_answered_alike() {
    let first = std::env::var("SEED").ok().and_then(|it| it.parse().ok());
    for seed in first.map_or(0..12, |seed| seed..seed + 1) {
        println!("SEED={seed}");
        run(seed);
    }
}
