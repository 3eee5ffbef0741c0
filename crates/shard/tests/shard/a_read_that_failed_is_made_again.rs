//! What a read that failed was for is not forgotten. The store fails the first read of one kind, and no other request: a send
//! whose id could not be asked for is refused, and taken when it comes again; rows that could not be read for a device are
//! pushed to it later.

use bytes::Bytes;
use shard::command::{Answer, Begin, Command, Effects, Input, Inputs, Now, ReplyTo, Send, Session};
use shard::limits::PUSH_TIMEOUT_MS;
use shard::partition::{ShardId, Share};
use shard::rows::{Read, StoreError};
use shard::store::MemoryStore;
use shard::{Shard, ShardConfig};
use wire::{ClientMsgId, ConversationId, DeviceId, InboxSeq, RefusalCode, RowKind, Uid};

const INBOX_EPOCH: u64 = 1;

struct World {
    shard: Shard,
    store: MemoryStore,
    inputs: Inputs,
    now: Now,
    /// Which reads fail the first time.
    is_failing: fn(&Read) -> bool,
    /// How many of those there were.
    reads: usize,
    requests: u64,
}

impl World {
    /// A shard that has taken over at a time when ids could be later than now: it must ask for every id.
    fn new(is_failing: fn(&Read) -> bool) -> Self {
        let share = Share::Of { id: ShardId(0), shards: 1 };
        let now = Now { unix_ms: 1_800_000_000_000, mono_ms: 1 };
        let usual = ShardConfig::new(share, 2, INBOX_EPOCH);
        let shard = Shard::new(ShardConfig { newest_id_ms: now.unix_ms + 1_000, ..usual }, now);
        let (store, inputs) = (MemoryStore::new(), Inputs::default());
        Self { shard, store, inputs, now, is_failing, reads: 0, requests: 0 }
    }

    fn ask(&mut self, command: Command) -> Vec<Answer> {
        self.requests += 1;
        let session = Session { entry: 0, connection: 1 };
        let reply = ReplyTo { session, request_id: self.requests };
        self.inputs.inputs.push(Input::Command(command, reply));
        self.run()
    }

    /// Steps until nothing follows any more; what was said.
    fn run(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        loop {
            let mut effects = Effects::default();
            self.shard.step(&mut self.inputs, self.now, &mut effects);
            if let Some((ticket, rows)) = effects.commit {
                self.store.commit(ticket, rows);
            }
            let mut fails = false;
            for (ticket, read) in effects.reads {
                let is_meant = (self.is_failing)(&read);
                self.reads += usize::from(is_meant);
                fails |= is_meant && self.reads == 1;
                self.store.read(ticket, read);
            }
            answers.extend(effects.deliveries.into_iter().map(|delivery| delivery.answer));
            if self.store.in_flight() == 0 {
                return answers;
            }
            self.store.refuse(fails.then_some(StoreError::Unavailable));
            self.store.poll(&mut self.inputs.completions);
        }
    }

    fn send(&self) -> Send {
        Send {
            conversation: ConversationId::direct(Uid(1), Uid(2)).unwrap(),
            sender: Uid(1),
            device: DeviceId(1),
            client_msg_id: ClientMsgId::new(self.now.unix_ms, 7),
            kind: RowKind::MESSAGE,
            flags: 0,
            body: Bytes::from_static(b"again"),
        }
    }
}

#[test]
fn a_send_is_taken_after_a_look_up_that_failed() {
    let mut world = World::new(|read| matches!(read, Read::ByClientMsgId { .. }));
    let send = world.send();
    let answers = world.ask(Command::Send(send.clone()));
    let [Answer::Refused { code: RefusalCode::StoreUnavailable, .. }] = answers[..] else {
        panic!("{answers:?}")
    };
    let answers = world.ask(Command::Send(send));
    assert!(matches!(answers[..], [Answer::Acked { .. }]), "{answers:?}");
    assert_eq!(world.reads, 2);
}

#[test]
fn rows_that_could_not_be_read_for_a_device_are_pushed_later() {
    let mut world = World::new(|read| matches!(read, Read::Inbox { .. }));
    let send = world.send();
    world.ask(Command::Send(send));
    let from = Begin::After(InboxSeq(0), INBOX_EPOCH);
    let answers = world.ask(Command::Login { uid: Uid(2), device: DeviceId(1), from });
    assert!(matches!(answers[..], [Answer::LoggedIn { .. }]), "{answers:?}");
    world.now.mono_ms += PUSH_TIMEOUT_MS;
    let answers = world.run();
    assert!(matches!(answers[..], [Answer::Push { .. }]), "{answers:?}");
    assert_eq!(world.reads, 2);
}
