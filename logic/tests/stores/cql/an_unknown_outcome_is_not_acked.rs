//! A write whose outcome is not known is not acknowledged, and is resolved by being repeated; a read is given up in time;
//! the breaker tells. Between the driver and a real server is a proxy that keeps the server's answers back: what was sent has
//! happened, and nobody was told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::between::Between;
use super::keyspace::{Keyspace, RUNTIME, open};
use crate::driven::message;
use logic::cluster::Moment;
use logic::fence::Fence;
use logic::fence::moment;
use shard::rows::{Completion, Found, Read, Row, StoreError, Ticket};
use wire::{ConversationId, Uid};

/// Long beyond what anything here takes: a store that was mute is reached again after 10 s, and after 40 s on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Looks again and again until it is so; how long that took.
fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: never");
        RUNTIME.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
    }
    start.elapsed()
}

#[test]
fn an_unanswered_write_is_not_acked_until_it_is_repeated() {
    let (mut between, keyspace) = (Between::start(), Keyspace::new());
    let client = between.connect(&keyspace);
    let mut driven = open(&client, 1, Arc::new(Fence::always_open()));
    driven.store.commit(Ticket(1), vec![message(1, 9)]);
    assert_eq!(driven.settle(), [Completion::Committed(Ticket(1), Ok(()))]);

    between.mute();
    driven.store.commit(Ticket(2), vec![message(2, 9)]);
    let landed = until("the write lands", || keyspace.messages() == 2);
    let opened = until("the breaker opens", || client.breaker_is_open());
    let mut completions = Vec::new();
    driven.turn(&mut completions);
    assert_eq!(completions, [], "it is there, but nobody said so");
    let conversation = ConversationId::direct(Uid(1), Uid(2)).unwrap();
    let read = Read::Conversation { conversation };
    let mut other = open(&client, 2, Arc::new(Fence::always_open()));

    between.heal();
    let closed = until("the breaker closes", || !client.breaker_is_open());
    println!(
        "landed {landed:?}, breaker open {opened:?} after that, closed {closed:?} after the heal"
    );
    assert_eq!(driven.settle(), [Completion::Committed(Ticket(2), Ok(()))]);
    assert_eq!(keyspace.messages(), 2, "the same row again");
    let Row::Message(second) = message(2, 9) else { unreachable!() };
    assert_eq!(other.ask(read), Found::Messages(vec![second]));
    assert!(client.stats().failed() > 0);
}

#[test]
fn an_unanswered_read_is_given_up_and_the_store_goes_on() {
    let (mut between, keyspace) = (Between::start(), Keyspace::new());
    let client = between.connect(&keyspace);
    let mut driven = open(&client, 1, Arc::new(Fence::always_open()));
    driven.store.commit(Ticket(1), vec![message(1, 9)]);
    driven.settle();
    let conversation = ConversationId::direct(Uid(1), Uid(2)).unwrap();
    let read = Read::Conversation { conversation };
    between.mute();
    driven.store.read(Ticket(2), read);
    assert_eq!(driven.settle(), [Completion::Read(Ticket(2), Err(StoreError::Unavailable))]);
    between.heal();
    until("the store answers", || {
        driven.store.read(Ticket(3), read);
        matches!(driven.settle()[..], [Completion::Read(_, Ok(Found::Messages(_)))])
    });
}

#[test]
fn what_came_back_while_the_lease_did_not_count_is_held_until_it_does() {
    let keyspace = Keyspace::new();
    let fence = Arc::new(Fence::always_open());
    let mut driven = open(&keyspace.client, 1, fence.clone());
    // The first writes the bound of the ids before; then the second is one statement away from being durable.
    driven.store.commit(Ticket(0), vec![message(1, 9)]);
    driven.settle();
    driven.store.commit(Ticket(1), vec![message(2, 9)]);
    fence.set(Moment(0));
    until("the write lands", || keyspace.messages() == 2);
    let conversation = ConversationId::direct(Uid(1), Uid(2)).unwrap();
    let read = Read::Messages { conversation, before: wire::Seq(9), limit: 1, bytes_max: 99 };
    driven.store.read(Ticket(2), read);
    let mut completions = Vec::new();
    driven.turn(&mut completions);
    assert_eq!(completions, []);
    fence.set(moment().after(600_000));
    let done = driven.settle();
    assert_eq!(done[0], Completion::Committed(Ticket(1), Ok(())));
    assert_eq!(done.len(), 2);
}
