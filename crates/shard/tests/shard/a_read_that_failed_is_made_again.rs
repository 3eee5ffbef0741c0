//! What a read that failed was for is not forgotten. The store fails the first read of one kind, and no other request: a send
//! whose id could not be asked for is refused, and taken when it comes again; rows that could not be read for a device are
//! pushed to it later; which groups are to be loaded is asked for again after a while.

use crate::asked::Asked;
use bytes::Bytes;
use shard::ShardConfig;
use shard::command::{Answer, Begin, Command, Now, Send};
use shard::limits::{PUSH_TIMEOUT_MS, STORE_RETRY_MS};
use shard::partition::{ShardId, Share};
use shard::rows::Read;
use wire::{ClientMsgId, ConversationId, DeviceId, InboxSeq, RefusalCode, RowKind, Seq, Uid};

const INBOX_EPOCH: u64 = 1;

struct World {
    asked: Asked,
    /// Which reads fail the first time.
    is_failing: fn(&Read) -> bool,
    /// How many of those there were.
    reads: usize,
}

impl World {
    /// A shard that has taken over at a time when ids could be later than now: it must ask for every id.
    fn new(is_failing: fn(&Read) -> bool) -> Self {
        let share = Share::Of { id: ShardId(0), shards: 1 };
        let now = Now { unix_ms: 1_800_000_000_000, mono_ms: 1 };
        let usual = ShardConfig::new(share, 2, INBOX_EPOCH);
        let config = ShardConfig { newest_id_ms: now.unix_ms + 1_000, ..usual };
        Self { asked: Asked::new(config, now), is_failing, reads: 0 }
    }

    fn ask(&mut self, command: Command) -> Vec<Answer> {
        let Self { asked, is_failing, reads } = self;
        asked.ask(command, |read| fails(*is_failing, reads, read))
    }

    fn run(&mut self) -> Vec<Answer> {
        let Self { asked, is_failing, reads } = self;
        asked.run(|read| fails(*is_failing, reads, read))
    }

    fn send(&self) -> Send {
        Send {
            conversation: ConversationId::direct(Uid(1), Uid(2)).unwrap(),
            sender: Uid(1),
            device: DeviceId(1),
            client_msg_id: ClientMsgId::new(self.asked.now.unix_ms, 7),
            kind: RowKind::MESSAGE,
            flags: 0,
            seen: Seq(0),
            body: Bytes::from_static(b"again"),
        }
    }
}

/// Whether a read fails: the first of those that are meant.
fn fails(is_meant: fn(&Read) -> bool, reads: &mut usize, read: &Read) -> bool {
    let is_meant = is_meant(read);
    *reads += usize::from(is_meant);
    is_meant && *reads == 1
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
    let from = Begin::after(InboxSeq(0), INBOX_EPOCH);
    let answers = world.ask(Command::login(Uid(2), DeviceId(1), from));
    assert!(matches!(answers[..], [Answer::LoggedIn { .. }]), "{answers:?}");
    world.asked.now.mono_ms += PUSH_TIMEOUT_MS;
    let answers = world.run();
    assert!(matches!(answers[..], [Answer::Push { .. }]), "{answers:?}");
    assert_eq!(world.reads, 2);
}

/// At once, a block that cannot be read would be read for ever.
#[test]
fn marks_that_could_not_be_read_are_asked_for_after_a_while() {
    let mut world = World::new(|read| matches!(read, Read::Marks { .. }));
    world.run();
    assert_eq!(world.reads, 1);
    let due_ms = world.asked.now.mono_ms + u64::from(STORE_RETRY_MS);
    assert_eq!(world.asked.shard.next_timer_ms(), Some(due_ms));
    world.asked.now.mono_ms = due_ms - 1;
    world.run();
    assert_eq!(world.reads, 1);
    world.asked.now.mono_ms = due_ms;
    world.run();
    assert_eq!((world.reads, world.asked.shard.next_timer_ms()), (2, None));
}
