//! A send that is repeated with its id gets its first answer, however often, on any connection, and after the gateway
//! was killed or stopped; with another body or recipient it is refused. One row is stored.

use crate::peer::{Peer, Told, id, send};
use crate::process::{Gateway, block_on};
use rustix::process::Signal;
use wire::frames::SendAck;
use wire::{RefusalCode, Seq, Uid};

/// What an ack says of the message; its row in the sender's inbox may be left out of a repeated one.
fn place(ack: &SendAck) -> (u64, u64, u64) {
    (ack.message_id, ack.seq, ack.time_ms)
}

#[test]
fn a_repeated_send_gets_its_first_answer_across_kill_and_restart() {
    let dir = tempfile::tempdir().unwrap();
    let ids = [id(1), id(2), id(3)];
    let mut gateway = Gateway::start(dir.path(), &[]);
    let mut peer = Peer::logged_in(&gateway, 7, 1);
    let mut first = Vec::new();
    for (nth, id) in ids.iter().enumerate() {
        peer.say(&send(10, 8, *id, &[u8::try_from(nth).unwrap(); 100]));
        first.push(place(&peer.acked()));
    }
    assert!(first.iter().map(|place| place.1).eq(1..=3));
    for ends in [None, Some(Signal::KILL), Some(Signal::TERM)] {
        if let Some(signal) = ends {
            gateway.signal(signal);
            gateway.wait();
            gateway = Gateway::start(dir.path(), &[]);
        }
        let mut peer = Peer::logged_in(&gateway, 7, 2);
        for (nth, id) in ids.iter().enumerate() {
            peer.say(&send(20, 8, *id, &[u8::try_from(nth).unwrap(); 100]));
            assert_eq!(place(&peer.acked()), first[nth], "after {ends:?}");
            for other in [send(21, 8, *id, b"another body"), send(22, 9, *id, &[0; 100])] {
                peer.say(&other);
                assert_eq!(peer.told(), Some(Told::Refused(RefusalCode::IdConflict, 0)));
            }
        }
    }
    let history = block_on(async {
        let (eight, _) = gateway.connect(8, 1).await;
        eight.history(Uid(7), Seq(0), 256).await.unwrap()
    });
    assert!(history.iter().map(|message| message.client_msg_id.0).eq(ids));
}
