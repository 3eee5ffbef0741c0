//! What was acknowledged survives, whole. A child process (this test again, told by a variable) commits and reports
//! each acknowledged batch on its stdout; it is killed in the middle; the store is opened again and read.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes fails the test")]

use std::io::Write;
use std::path::Path;

use super::kill_a_child;
use crate::alone;
use crate::driven::{Driven, config};
use bytes::Bytes;
use shard::rows::{Chain, Completion, Found, InboxRow, MessageRow, Read, Row, Ticket};
use shard::store::EmbeddedConfig;
use wire::{ClientMsgId, ConversationId, InboxSeq, MessageId, RowKind, Seq, Uid};

const CHILD: &str = "LONGLINE_TEST_STORE_DIR";
const BIG: Uid = Uid(2);
const SMALL: Uid = Uid(1);
/// Commits in flight, so that groups are written.
const WINDOW: u64 = 64;

fn open(dir: &Path) -> Driven {
    let config = EmbeddedConfig { filling_bytes: 1024 * 1024, ..config(dir) };
    Driven::open(config).unwrap()
}

/// A message and its two inbox rows, all with the number `seq`.
fn batch(seq: u64) -> Vec<Row> {
    let message = MessageRow {
        conversation: ConversationId::direct(BIG, SMALL).unwrap(),
        seq: Seq(seq),
        number: seq,
        message_id: MessageId(seq),
        sender: SMALL,
        time_ms: seq,
        kind: RowKind::MESSAGE,
        flags: 0,
        chain: Chain::default(),
        client_msg_id: ClientMsgId::new(seq, u128::from(seq)),
        body: Bytes::from(vec![seq.to_le_bytes()[0]; 700]),
        seen: Seq(0),
    };
    let inbox = |uid| {
        let (inbox_seq, chain) = (InboxSeq(seq), Chain::default());
        InboxRow { uid, inbox_seq, flags: 0, chain, message: message.clone() }
    };
    vec![Row::Inbox(inbox(BIG)), Row::Message(message.clone()), Row::Inbox(inbox(SMALL))]
}

#[test]
fn child_commits_until_it_is_killed() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let mut driven = open(Path::new(&dir));
    let mut next = last(&mut driven) + 1;
    let mut stdout = std::io::stdout();
    loop {
        while (driven.store.in_flight() as u64) < WINDOW {
            driven.store.commit(Ticket(next), batch(next));
            next += 1;
        }
        for completion in driven.wait() {
            let Completion::Committed(Ticket(seq), Ok(())) = completion else {
                panic!("{completion:?}")
            };
            writeln!(stdout, "acked {seq}").unwrap();
        }
        stdout.flush().unwrap();
    }
}

fn last(driven: &mut Driven) -> u64 {
    let found = driven.ask(Read::User { uid: BIG });
    let Found::User { head, .. } = found else { panic!("{found:?}") };
    head.0
}

#[test]
fn acked_batches_survive_a_kill_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut acked = 0;
    for round in 1..=5 {
        // The kill falls while later groups are being written.
        let wanted = acked + 1_000 + 37 * round;
        let test = alone(module_path!(), "child_commits_until_it_is_killed");
        kill_a_child(test, (CHILD, dir.path()), |seq| {
            assert!(seq <= acked + 1 || round > 1 && seq > acked, "in order");
            acked = acked.max(seq);
            acked == wanted
        });
        check(dir.path(), acked);
    }
}

fn check(dir: &Path, acked: u64) {
    let mut driven = open(dir);
    let all = (usize::MAX, usize::MAX);
    let conversation = ConversationId::direct(BIG, SMALL).unwrap();
    let found = driven.ask(Read::Messages {
        conversation,
        before: Seq(u64::MAX),
        limit: all.0,
        bytes_max: all.1,
    });
    let Found::Messages(messages) = found else { panic!("{found:?}") };
    assert!(messages.len() as u64 >= acked, "{} of {acked} are there", messages.len());
    for uid in [BIG, SMALL] {
        let read = Read::Inbox { uid, after: InboxSeq(0), limit: all.0, bytes_max: all.1 };
        let Found::Inbox(rows) = driven.ask(read) else { panic!("no inbox") };
        assert!(rows.iter().map(|row| &row.message).eq(&messages), "a batch is there whole or not");
    }
    for (seq, message) in (1..).zip(&messages) {
        assert_eq!(Row::Message(message.clone()), batch(seq)[1]);
    }
    let newest = messages.last().unwrap();
    let MessageRow { sender, conversation, client_msg_id, .. } = *newest;
    let found = driven.ask(Read::ByClientMsgId { sender, conversation, client_msg_id });
    assert_eq!(found, Found::Messages(vec![newest.clone()]));
    driven.store.close().unwrap();
}
