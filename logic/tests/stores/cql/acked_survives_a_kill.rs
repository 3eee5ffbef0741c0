//! What was acknowledged is found by the next owner after the process was killed. A child process (this test again, told
//! by a variable) commits as a shard does over this store, a message and then its inbox rows, and reports each commit; it is
//! killed in the middle; the next child, or the check, takes the logs over under the next epoch.
//!
//! A batch is not atomic here. What holds instead: a log is whole up to its head, what was acknowledged lies below, an
//! inbox never has what the conversation lacks, and every message is found by its sender's id.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::keyspace::{Keyspace, RUNTIME, open, server};
use crate::alone;
use crate::driven::{Driven, inbox, message};
use logic::cql::{CqlClient, CqlConfig};
use logic::fence::Fence;
use shard::rows::{Completion, Found, MessageRow, Read, Row, Ticket};
use std::sync::Arc;
use wire::{ConversationId, InboxSeq, Seq, Uid};

/// The keyspace and the epoch.
const CHILD: &str = "LONGLINE_TEST_CQL_CHILD";
/// Messages of a commit.
const BATCH: u64 = 16;
const USERS: [Uid; 2] = [Uid(1), Uid(2)];

fn body(seq: u64) -> MessageRow {
    let Row::Message(row) = message(seq, 300) else { unreachable!("it makes messages") };
    row
}

fn heads(driven: &mut Driven) -> (u64, [u64; 2]) {
    let conversation = ConversationId::direct(USERS[0], USERS[1]).unwrap();
    let read = Read::Conversation { conversation };
    let Found::Messages(newest) = driven.ask(read) else { panic!("no messages") };
    let inboxes = USERS.map(|uid| {
        let Found::User { head, .. } = driven.ask(Read::User { uid }) else { panic!("no user") };
        head.0
    });
    (newest.last().map_or(0, |row| row.seq.0), inboxes)
}

fn commit(driven: &mut Driven, rows: Vec<Row>) {
    driven.store.commit(Ticket(1), rows);
    assert_eq!(driven.settle(), [Completion::Committed(Ticket(1), Ok(()))]);
}

#[test]
fn child_commits_until_it_is_killed() {
    let Ok(child) = std::env::var(CHILD) else { return };
    let (keyspace, epoch) = child.split_once(' ').unwrap();
    let config = CqlConfig::new(vec![server()], keyspace.to_string());
    let client = RUNTIME.block_on(CqlClient::connect(config, RUNTIME.handle())).unwrap();
    let fence = Arc::new(Fence::always_open());
    let mut driven = open(&client, epoch.parse().unwrap(), fence);
    let (mut head, mut inboxes) = heads(&mut driven);
    let mut stdout = std::io::stdout();
    loop {
        let last = head + BATCH;
        let mut rows: Vec<_> = (head + 1..=last).map(|seq| Row::Message(body(seq))).collect();
        // The inbox rows of the commit before, which is durable.
        for (uid, place) in USERS.into_iter().zip(&mut inboxes) {
            rows.extend((*place + 1..=head).map(|seq| Row::Inbox(inbox(uid, seq, 300))));
            *place = head;
        }
        commit(&mut driven, rows);
        writeln!(stdout, "acked {head} {last}").unwrap();
        stdout.flush().unwrap();
        head = last;
    }
}

#[test]
fn acked_messages_are_found_by_the_next_owner_after_a_kill() {
    let keyspace = Keyspace::new();
    let mut acked = (0, 0);
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(alone(module_path!(), "child_commits_until_it_is_killed"))
            .env(CHILD, format!("{} {}", keyspace.config.keyspace, 2 * round))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let wanted = acked.1 + 150 + 7 * u64::from(round);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        for line in lines {
            let Some(places) = line.strip_prefix("acked ") else { continue };
            let (inboxes, messages) = places.split_once(' ').unwrap();
            acked = (inboxes.parse().unwrap(), messages.parse().unwrap());
            if acked.1 >= wanted {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        check(&mut keyspace.open(2 * round + 1, Fence::always_open()), acked);
    }
}

fn check(driven: &mut Driven, acked: (u64, u64)) {
    let (head, inboxes) = heads(driven);
    println!("acked {acked:?}, found {head} and {inboxes:?}");
    assert!(head >= acked.1, "{head} of {} are there", acked.1);
    let conversation = ConversationId::direct(USERS[0], USERS[1]).unwrap();
    let (before, limit) = (Seq(head + 1), usize::MAX);
    let read = Read::Messages { conversation, before, limit, bytes_max: usize::MAX };
    let Found::Messages(messages) = driven.ask(read) else { panic!("no messages") };
    assert!(messages.iter().cloned().eq((1..=head).map(body)), "whole and in order");
    for (uid, place) in USERS.into_iter().zip(inboxes) {
        assert!(acked.0 <= place && place <= head, "the inbox of {uid} ends at {place}");
        let read = Read::Inbox { uid, after: InboxSeq(0), limit, bytes_max: usize::MAX };
        let Found::Inbox(mut rows) = driven.ask(read) else { panic!("no inbox") };
        rows.retain(|row| row.inbox_seq.0 <= place);
        assert!(rows.into_iter().map(|row| row.message).eq((1..=place).map(body)));
    }
    for row in [&messages[0], messages.last().unwrap()] {
        let MessageRow { sender, conversation, client_msg_id, .. } = *row;
        let found = driven.ask(Read::ByClientMsgId { sender, conversation, client_msg_id });
        assert_eq!(found, Found::Messages(vec![row.clone()]));
    }
}
