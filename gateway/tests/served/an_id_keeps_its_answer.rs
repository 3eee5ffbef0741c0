//! A send that is repeated with its id gets its first answer, however often, on any connection, and after the gateway
//! was killed or stopped; with another body it is refused. One row is stored. An id is its sender's in one conversation:
//! in another it is of another message, whichever shards the two belong to.

use crate::peer::{Peer, Told, id, send};
use crate::process::{Gateway, between, block_on};
use rustix::process::Signal;
use std::collections::HashSet;
use wire::frames::SendAck;
use wire::{RefusalCode, Seq};

/// How a gateway ends before it is asked again.
const ENDS: [Option<Signal>; 3] = [None, Some(Signal::KILL), Some(Signal::TERM)];

/// What an ack says of the message; its row in the sender's inbox may be left out of a repeated one.
fn place(ack: &SendAck) -> (u64, u64, u64) {
    (ack.message_id, ack.seq, ack.time_ms)
}

/// The same directory's gateway after an end.
fn after(ends: Option<Signal>, gateway: Gateway, dir: &tempfile::TempDir) -> Gateway {
    let Some(signal) = ends else { return gateway };
    gateway.signal(signal);
    gateway.wait();
    Gateway::start(dir.path(), &[])
}

#[test]
fn a_repeated_send_gets_its_first_answer_across_kill_and_restart() {
    let dir = tempfile::tempdir().unwrap();
    let ids = [id(1), id(2), id(3)];
    let mut gateway = Gateway::start(dir.path(), &[]);
    let mut peer = Peer::logged_in(&gateway, 7, 1);
    let mut first = Vec::new();
    for (nth, id) in ids.iter().enumerate() {
        peer.say(&send(10, (7, 8), *id, &[u8::try_from(nth).unwrap(); 100]));
        first.push(place(&peer.acked()));
    }
    assert!(first.iter().map(|place| place.1).eq(1..=3));
    for ends in ENDS {
        gateway = after(ends, gateway, &dir);
        let mut peer = Peer::logged_in(&gateway, 7, 2);
        for (nth, id) in ids.iter().enumerate() {
            peer.say(&send(20, (7, 8), *id, &[u8::try_from(nth).unwrap(); 100]));
            assert_eq!(place(&peer.acked()), first[nth], "after {ends:?}");
            peer.say(&send(21, (7, 8), *id, b"another body"));
            assert_eq!(peer.told(), Some(Told::Refused(RefusalCode::IdConflict, 0)));
        }
    }
    let history = block_on(async {
        let (eight, _) = gateway.connect(8, 1).await;
        eight.history(between(7, 8), Seq(0), 256).await.unwrap()
    });
    assert!(history.iter().map(|message| message.client_msg_id.0).eq(ids));
}

#[test]
fn one_id_in_several_conversations_is_as_many_messages() {
    // A conversation lives with its greater uid: those with smaller ones are all in one shard, the others in both.
    let others: Vec<u64> = (1..=4).chain(8..=15).collect();
    let ends: Vec<(u64, u64)> = others.iter().map(|other| (7, *other)).collect();
    let (dir, id) = (tempfile::tempdir().unwrap(), id(1));
    let body = |(from, to): (u64, u64)| format!("from {from} to {to}");
    let mut gateway = Gateway::start(dir.path(), &[]);
    let mut seven = Peer::logged_in(&gateway, 7, 1);
    let mut first = Vec::new();
    for ends in &ends {
        seven.say(&send(10, *ends, id, body(*ends).as_bytes()));
        first.push(place(&seven.acked()));
        assert_eq!(first.last().unwrap().1, 1, "it is the first of its conversation");
    }
    let message_ids: HashSet<u64> = first.iter().map(|place| place.0).collect();
    assert_eq!(message_ids.len(), others.len(), "{first:?}");
    // Nor is it another sender's.
    let mut eight = Peer::logged_in(&gateway, 8, 1);
    eight.say(&send(10, (8, 7), id, b"back"));
    let back = place(&eight.acked());
    assert_eq!(back.1, 2);
    for end in ENDS {
        gateway = after(end, gateway, &dir);
        let mut seven = Peer::logged_in(&gateway, 7, 2);
        let mut eight = Peer::logged_in(&gateway, 8, 2);
        for (ends, first) in ends.iter().zip(&first) {
            seven.say(&send(20, *ends, id, body(*ends).as_bytes()));
            assert_eq!(place(&seven.acked()), *first, "{ends:?} after {end:?}");
            seven.say(&send(21, *ends, id, b"another body"));
            assert_eq!(seven.told(), Some(Told::Refused(RefusalCode::IdConflict, 0)));
        }
        eight.say(&send(20, (8, 7), id, b"back"));
        assert_eq!(place(&eight.acked()), back);
    }
    block_on(async {
        let (seven, _) = gateway.connect(7, 3).await;
        for other in others {
            let history = seven.history(between(7, other), Seq(0), 256).await.unwrap();
            let bodies: Vec<&[u8]> = history.iter().map(|it| it.body.as_ref()).collect();
            let sent = body((7, other));
            let all = [sent.as_bytes(), b"back"];
            assert_eq!(bodies, all[..if other == 8 { 2 } else { 1 }]);
        }
    });
}
