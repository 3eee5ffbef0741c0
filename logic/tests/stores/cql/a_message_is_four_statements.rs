//! Statements a message, counted on a real server: the message, its sender's id, two inbox rows; what is written behind is
//! shared by many messages.

use std::sync::Arc;

use super::keyspace::Keyspace;
use bytes::Bytes;
use logic::cluster::Fence;
use logic::cql::{CqlStore, Kind};
use shard::command::{Answer, Command, Effects, Input, Now, ReplyTo, Send, Session};
use shard::host::Host;
use shard::owner::Epoch;
use shard::partition::{Partition, ShardId, Share};
use shard::{Shard, ShardConfig};
use wire::{ClientMsgId, Conversation, DeviceId, Uid};

const MESSAGES: u64 = 200;
const UNIX_MS: u64 = 1_700_000_000_000;

fn send(number: u64) -> Input {
    let (from, to) = (Uid(1 + number % 2), Uid(2 - number % 2));
    let send = Send {
        conversation: Conversation::between(from, to).unwrap(),
        from,
        device: DeviceId(1),
        client_msg_id: ClientMsgId::new(UNIX_MS, u128::from(number)),
        body: Bytes::from_static(b"hello"),
    };
    let session = Session { entry: 0, connection: 1 };
    Input::Command(Command::Send(send), ReplyTo { session, request_id: number })
}

#[test]
fn a_message_is_four_statements_and_a_share_of_the_contacts() {
    let keyspace = Keyspace::new();
    let (wake, woken) = flume::bounded(1);
    let wake = Arc::new(move || {
        let _ = wake.try_send(());
    });
    let partition = Partition::of_user(Uid(1));
    let fence = Arc::new(Fence::always_open());
    let mut store = CqlStore::open(&keyspace.client, partition, Epoch(1), fence, wake);
    while store.opened().is_none() {
        woken.recv().unwrap();
    }
    let share = Share::Of { id: ShardId(0), shards: 1 };
    let config = ShardConfig { is_atomic: false, ..ShardConfig::new(share, 1) };
    let mut now = Now { unix_ms: UNIX_MS, mono_ms: 0 };
    let mut host = Host::new(Shard::new(config, now), store);
    let (mut effects, mut acked) = (Effects::default(), 0);
    for number in 0..MESSAGES {
        host.take(send(number));
        while acked <= number {
            host.step(now, &mut effects);
            let answers = effects.deliveries.drain(..);
            acked += answers.filter(|it| matches!(it.answer, Answer::Acked { .. })).count() as u64;
            if acked <= number && !host.has_inputs() {
                woken.recv().unwrap();
                host.poll(|_| {});
            }
        }
    }
    // The contacts' time has come.
    now.mono_ms += 60_000;
    host.step(now, &mut effects);
    while host.store_in_flight() > 0 {
        woken.recv().unwrap();
        host.poll(|_| {});
        host.step(now, &mut effects);
    }
    let sent = |kind| keyspace.client.stats().sent(kind);
    let counts = [
        Kind::Message,
        Kind::Dedup,
        Kind::Inbox,
        Kind::Contact,
        Kind::User,
        Kind::Bound,
        Kind::Read,
    ]
    .map(|kind| (kind, sent(kind)));
    println!("statements for {MESSAGES} messages, one at a time: {counts:?}");
    // A try that a busy machine did not answer in time was made again.
    let failed = keyspace.client.stats().failed();
    let check = |kind, expected| {
        let tries = sent(kind);
        assert!(
            (expected..=expected + failed).contains(&tries),
            "{kind:?}: {tries}, {failed} failed"
        );
    };
    check(Kind::Message, MESSAGES);
    check(Kind::Dedup, MESSAGES);
    check(Kind::Inbox, 2 * MESSAGES);
    check(Kind::Contact, 2);
    check(Kind::User, 2);
    check(Kind::Bound, 1);
    // The bound, and a conversation, two users, two contacts that were not there; nothing a message.
    assert!(sent(Kind::Read) < 20 + failed);
}
