//! A body is copied twice in user space between the receive and the send, counted by the gateway itself: out of the
//! receive buffer, and into the recipient's outbox. Once more when its frame comes in pieces, and for each page that
//! shows it; the store's own encoding is beside this path. A real gateway.

use crate::peer::{Peer, direct, framed, id, send};
use crate::process::Gateway;
use wire::frames;

const BODY_BYTES: [u8; 1_000] = [7; 1_000];
const BODY: u64 = BODY_BYTES.len() as u64;
const MESSAGES: u64 = 200;

fn copied(gateway: &Gateway, stage: &str) -> u64 {
    gateway.metric(&format!("longline_body_copies_bytes_total{{stage=\"{stage}\"}}"))
}

/// Sends one message and waits until it is pushed and acked.
fn pass(from: &mut Peer, to: &mut Peer, nth: u64, pieces: usize) {
    let frame = send(nth, (7, 8), id(nth.into()), &BODY_BYTES);
    for piece in frame.chunks(frame.len().div_ceil(pieces)) {
        from.say(piece);
    }
    from.acked();
    let push = to.hear(|frame| frame.read::<frames::Push>().unwrap()).unwrap();
    to.say(&framed(0, frames::PushAck { inbox_seq: push.message.inbox_seq }));
}

#[test]
fn whole_frames_are_copied_twice_and_split_ones_once_more() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &["--user-rate", "0", "--connection-rate", "0"]);
    let (mut seven, mut eight) = (Peer::logged_in(&gateway, 7, 1), Peer::logged_in(&gateway, 8, 1));
    // Logins are frames too, and may come in pieces.
    let before = copied(&gateway, "reassembly");
    (0..MESSAGES).for_each(|nth| pass(&mut seven, &mut eight, nth, 1));
    let bodies = MESSAGES * BODY;
    let (submit, outbox) = (copied(&gateway, "submit"), copied(&gateway, "outbox"));
    assert_eq!(copied(&gateway, "reassembly") - before, 0, "whole frames are read where they lie");
    assert_eq!(submit + outbox, 2 * bodies, "{submit} and {outbox} of {bodies}");
    (0..MESSAGES).for_each(|nth| pass(&mut seven, &mut eight, MESSAGES + nth, 3));
    // The kernel may hand several pieces over as one.
    let more = copied(&gateway, "reassembly") - before;
    assert!(more > 0, "pieces are put together in memory");
    assert!(more <= bodies * 12 / 10, "{more}: each piece is copied once");
    assert_eq!(copied(&gateway, "submit") + copied(&gateway, "outbox"), 4 * bodies);
}

#[test]
fn a_page_copies_what_it_shows() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    let mut seven = Peer::logged_in(&gateway, 7, 1);
    seven.say(&send(1, (7, 8), id(1), &BODY_BYTES));
    seven.acked();
    assert_eq!(copied(&gateway, "outbox"), 0, "the recipient is away");
    for (nth, page) in (1..).zip([
        framed(2, frames::Sync { cursor: 0, limit: 10 }),
        framed(3, frames::History { conversation: direct(7, 8), before_seq: 0, limit: 10 }),
        framed(4, frames::Chats { after: frames::Conversation::NONE, limit: 10 }),
    ]) {
        seven.say(&page);
        seven.hear(|_| ()).expect("a page");
        assert_eq!(copied(&gateway, "outbox"), nth * BODY);
    }
}
