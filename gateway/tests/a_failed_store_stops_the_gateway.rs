//! When the store cannot write any more, the gateway refuses what it cannot store and ends with 74; started again, it has
//! everything that was acknowledged, and takes what was not. A real process with a planted fault: it needs the feature
//! `planted`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "served/peer.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod peer;
#[path = "served/process.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod process;

use peer::{Peer, id, send};
use process::{Gateway, between, block_on};
use wire::{RefusalCode, Seq, frames};

/// Commits that succeed.
const COMMITS: u64 = 20;
/// More messages than those can be.
const SENDS: u64 = 200;

#[test]
fn what_was_acked_is_there_after_it_stopped_with_74() {
    let dir = tempfile::tempdir().unwrap();
    let fault = format!("store-io-error-after={COMMITS}");
    let settings = ["--user-rate", "0", "--connection-rate", "0"];
    let gateway = Gateway::start_with(dir.path(), &settings, [("PLANTED_FAULT", &fault)]);
    let mut peer = Peer::logged_in(&gateway, 7, 1);
    let ids: Vec<_> = (0..SENDS).map(|nth| id(nth.into())).collect();
    let mut acked = 0;
    // One at a time: each is a commit, or two if the users are of different shards.
    while acked < ids.len() {
        peer.say(&send(1, (7, 8), ids[acked], b"a body"));
        let heard = peer.hear(|frame| match frame.read::<frames::Refusal>() {
            Ok(refusal) => Err((refusal.code, refusal.retry_after_ms)),
            Err(_) => frame.read::<frames::SendAck>().map_err(|_| (0, 0)),
        });
        match heard {
            Some(Ok(_)) => acked += 1,
            Some(Err((code, retry_after_ms))) => {
                assert_eq!(code, RefusalCode::StoreUnavailable as u16);
                assert!(retry_after_ms > 0);
                break;
            }
            // The end may come before the refusal has left.
            None => break,
        }
    }
    assert!((1..ids.len()).contains(&acked), "{acked} acked");
    let end = gateway.wait();
    assert_eq!(end.code, Some(74), "{}", end.told);
    assert!(end.told.contains("what was acknowledged is stored"), "{}", end.told);

    let gateway = Gateway::start(dir.path(), &settings);
    let mut peer = Peer::logged_in(&gateway, 7, 1);
    for (nth, id) in ids.iter().enumerate() {
        peer.say(&send(1, (7, 8), *id, b"a body"));
        assert_eq!(peer.acked().seq, nth as u64 + 1);
    }
    let history = block_on(async {
        let (eight, _) = gateway.connect(8, 1).await;
        eight.history(between(7, 8), Seq(0), 256).await.unwrap()
    });
    assert!(history.iter().map(|message| message.client_msg_id.0).eq(ids));
}
