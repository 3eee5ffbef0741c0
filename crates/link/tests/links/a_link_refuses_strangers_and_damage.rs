//! A link lets in only who knows the secret, belongs to the cluster and is not fenced; and what was changed on its way, or
//! cannot be meant, ends it with a reason: no panic, no memory for what was only announced.
//!
//! Every frame of the handshake and a batch of samples are damaged in every place; a peer with the secret says nonsense.

use crate::ends::{ADMISSION, End, frames, gateway, open, seal, terms, terms_of, usual_terms};
use crate::items::{samples, small_talk};
use bytes::Bytes;
use link::{
    Event, FrameError, HANDSHAKE_VERSION, HEADER_BYTES, Item, Kind, LINK_FRAME_BYTES_MAX,
    LINK_HANDSHAKE_BYTES_MAX, LINK_TEXT_BYTES_MAX, LINK_VERSIONS, LinkError, Terms,
};
use proptest::collection::vec;
use proptest::prelude::*;
use shard::command::{Answer, Command, Delivery, ReplyTo, Session};
use shard::owner::Epoch;
use shard::rows::ChatRow;
use wire::{InboxSeq, Seq, Uid};

/// How a dialer with these terms fares: the acceptor's reason, and what the dialer is told.
fn strangers(dialer_terms: Terms) -> (Option<LinkError>, Option<LinkError>) {
    let mut acceptor = End::acceptor(usual_terms());
    let mut dialer = End::dialer(dialer_terms, gateway(1));
    assert_eq!(dialer.fate(&acceptor.said()), None);
    let reason = acceptor.fate(&dialer.said());
    let told = dialer.fate(&acceptor.said());
    assert!(!dialer.link.is_open() && !acceptor.link.is_open());
    (reason, told)
}

fn refused(text: &str) -> Option<LinkError> {
    Some(LinkError::Refused(text.to_owned()))
}

#[test]
fn a_dialer_without_the_secret_is_refused() {
    let (reason, told) = strangers(terms("blue", "another secret of the tests"));
    assert_eq!(reason, Some(LinkError::WrongSecret));
    assert_eq!(told, refused("you do not know this cluster's secret"));
}

#[test]
fn a_dialer_of_another_cluster_is_refused() {
    let (reason, told) = strangers(terms("green", "a secret of the tests"));
    assert_eq!(reason, Some(LinkError::OtherCluster));
    assert_eq!(told, refused("this is cluster blue"));
}

/// An acceptor that only plays one: it takes every hello, but cannot answer for the secret.
#[test]
fn an_acceptor_without_the_secret_is_refused() {
    let Handshake { welcome, .. } = handshake();
    for at in 0..welcome.len() - HEADER_BYTES {
        let mut payload = welcome[HEADER_BYTES..].to_vec();
        payload[at] ^= 1;
        let (mut honest, mut dialer) = (End::acceptor(usual_terms()), end_of_dialer());
        dialer.read(&honest.said());
        let fate = dialer.fate(&seal(Kind::Welcome as u8, HANDSHAKE_VERSION, &payload));
        assert_eq!(fate, Some(LinkError::WrongSecret), "byte {at}");
    }
}

/// Somebody in between that lowers what one side says it speaks, or adds to it, is found out by both proofs.
#[test]
fn a_handshake_that_was_changed_on_its_way_is_refused() {
    let change = |frame: &[u8], at: usize, to: &[u8]| {
        let mut payload = frame[HEADER_BYTES..].to_vec();
        let at = at.min(payload.len());
        payload.splice(at..(at + to.len()).min(payload.len()), to.iter().copied());
        seal(frame[4], HANDSHAKE_VERSION, &payload)
    };
    let newer = || terms_of(1, 2);
    // The nonce, the highest version, the features, and behind the end; in a hello all behind its proof.
    for (at, to) in [(0, &[7][..]), (33, &[1]), (34, &[1]), (usize::MAX, &[0])] {
        let (mut acceptor, mut dialer) = (End::acceptor(newer()), End::dialer(newer(), gateway(1)));
        dialer.read(&change(&acceptor.said(), at, to));
        assert_eq!(acceptor.fate(&dialer.said()), Some(LinkError::WrongSecret), "challenge {at}");

        let (mut acceptor, mut dialer) = (End::acceptor(newer()), End::dialer(newer(), gateway(1)));
        dialer.read(&acceptor.said());
        let fate = acceptor.fate(&change(&dialer.said(), at.saturating_add(32), to));
        assert_eq!(fate, Some(LinkError::WrongSecret), "hello {at}");
    }
}

fn end_of_dialer() -> End {
    End::dialer(usual_terms(), gateway(1))
}

/// What is said until a dialer is let in, in order, and the end that let it in.
struct Handshake {
    challenge: Vec<u8>,
    hello: Vec<u8>,
    welcome: Vec<u8>,
    acceptor: End,
}

fn handshake() -> Handshake {
    let (mut acceptor, mut dialer) = (End::acceptor(usual_terms()), end_of_dialer());
    let challenge = acceptor.said();
    dialer.read(&challenge);
    let hello = dialer.said();
    acceptor.read(&hello);
    acceptor.link.admit(0, ADMISSION, &mut acceptor.out).unwrap();
    let welcome = acceptor.said();
    Handshake { challenge, hello, welcome, acceptor }
}

/// What an acceptor says that lets nobody in.
fn refusal() -> Vec<u8> {
    let mut refusing = End::acceptor(usual_terms());
    refusing.said();
    refusing.link.refuse("not now", &mut refusing.out);
    refusing.said()
}

/// What was overheard proves nothing to an acceptor, or a dialer, with another nonce.
#[test]
fn a_proof_is_good_for_one_handshake() {
    let Handshake { hello, welcome, .. } = handshake();
    let mut out = vec![];
    let later = link::Link::accept(usual_terms(), [9; 32], &mut out);
    let mut later = End { link: later, out: vec![], events: vec![] };
    assert_eq!(later.fate(&hello), Some(LinkError::WrongSecret));

    let link = link::Link::dial(usual_terms(), [9; 32], gateway(1));
    let mut later = End { link, out: vec![], events: vec![] };
    later.read(&out);
    assert_eq!(later.fate(&welcome), Some(LinkError::WrongSecret));
}

/// Nobody can have its own proof sent back to it.
#[test]
fn a_reflected_hello_is_refused() {
    let (mut acceptor, mut dialer) = (End::acceptor(usual_terms()), end_of_dialer());
    dialer.read(&acceptor.said());
    let hello = dialer.said();
    assert_eq!(dialer.fate(&hello), Some(LinkError::OutOfTurn(Kind::Hello)));
}

#[test]
fn a_peer_is_let_in_only_above_its_last_generation() {
    for (generation, last, fits) in [(1, 0, true), (6, 5, true), (5, 5, false), (4, 5, false)] {
        let mut acceptor = End::acceptor(usual_terms());
        let mut dialer = End::dialer(usual_terms(), gateway(generation));
        dialer.read(&acceptor.said());
        assert_eq!(acceptor.read(&dialer.said()), [Event::Asked(gateway(generation))]);
        let admitted = acceptor.link.admit(last, ADMISSION, &mut acceptor.out);
        let fenced = LinkError::Fenced { generation, last };
        assert_eq!(admitted, if fits { Ok(()) } else { Err(fenced.clone()) });
        let told = dialer.fate(&acceptor.said());
        assert_eq!(told, if fits { None } else { refused(&fenced.to_string()) });
    }
}

#[test]
fn an_acceptor_may_say_no_in_any_number_of_words() {
    let mut acceptor = End::acceptor(usual_terms());
    let mut dialer = end_of_dialer();
    dialer.read(&acceptor.said());
    acceptor.link.refuse(&"ü".repeat(LINK_TEXT_BYTES_MAX), &mut acceptor.out);
    assert_eq!(dialer.fate(&acceptor.said()), refused(&"ü".repeat(LINK_TEXT_BYTES_MAX / 2)));
    assert_eq!(acceptor.read(b"anything"), [], "nothing is heard any more");
}

/// A release from before versions were agreed on says 1 in every header.
#[test]
fn a_handshake_of_another_layout_is_refused_by_name() {
    let (mut acceptor, mut dialer) = (End::acceptor(usual_terms()), end_of_dialer());
    let challenge = acceptor.said();
    let other = seal(Kind::Challenge as u8, 1, &challenge[HEADER_BYTES..]);
    let version = Some(LinkError::Frame(FrameError::Version(1, 0)));
    assert_eq!(dialer.fate(&other), version);
    assert_eq!(acceptor.fate(&other), version);
    let (mut dialer, told) = (end_of_dialer(), acceptor.said());
    dialer.read(&challenge);
    let Some(LinkError::Refused(text)) = dialer.fate(&told) else { panic!("not told") };
    assert!(text.contains("frame of version 1 where version 0 is in force"), "{text}");
}

/// Each state of each end with each frame that may not come then.
#[test]
fn frames_out_of_turn_end_the_link() {
    let Handshake { challenge, hello, welcome, mut acceptor } = handshake();
    let batch = acceptor.say(&[Item::Ping(1)]);
    let refused = refusal();
    let all = [&challenge, &hello, &welcome, &refused, &batch];

    let asked = || {
        let mut acceptor = End::acceptor(usual_terms());
        acceptor.read(&hello);
        acceptor
    };
    let greeted = || {
        let mut dialer = end_of_dialer();
        dialer.read(&challenge);
        dialer
    };
    let ends: [(&dyn Fn() -> End, &[usize]); 6] = [
        (&|| End::acceptor(usual_terms()), &[1]),
        (&asked, &[]),
        (&end_of_dialer, &[0, 3]),
        (&greeted, &[2, 3]),
        (&|| open().0, &[4]),
        (&|| open().1, &[4]),
    ];
    for (state, (end, in_turn)) in ends.iter().enumerate() {
        for (kind, bytes) in all.iter().enumerate() {
            let fate = end().fate(bytes);
            let is_out = matches!(
                fate,
                Some(LinkError::OutOfTurn(_) | LinkError::Frame(FrameError::Version(..)))
            );
            assert_eq!(is_out, !in_turn.contains(&kind), "state {state}, frame {kind}: {fate:?}");
        }
    }
}

type MakeEnd = fn() -> End;

/// Every frame of a conversation, each with an end that waits for it.
fn waiting_ends() -> Vec<(Vec<u8>, MakeEnd)> {
    fn greeted() -> End {
        let mut dialer = end_of_dialer();
        dialer.read(&End::acceptor(usual_terms()).said());
        dialer
    }
    let Handshake { challenge, hello, welcome, mut acceptor } = handshake();
    let batch = acceptor.say(&samples()[..12]);
    vec![
        (challenge, end_of_dialer),
        (hello, || End::acceptor(usual_terms())),
        (welcome, greeted),
        (refusal(), greeted),
        (batch, || open().0),
    ]
}

#[test]
fn a_truncated_frame_is_waited_for() {
    for (frame, end) in waiting_ends() {
        for length in 0..frame.len() {
            let mut end = end();
            let before = end.link.memory_bytes();
            assert_eq!(end.read(&frame[..length]), [], "{length} of {frame:?}");
            let bound = before.max(2 * length).max(HEADER_BYTES);
            assert!(end.link.memory_bytes() <= bound, "{length} of {frame:?}");
        }
    }
}

/// A batch may end behind any item: then it is one of fewer items.
#[test]
fn a_shortened_payload_is_refused() {
    for (frame, end) in waiting_ends() {
        for length in HEADER_BYTES..frame.len() {
            let cut = seal(frame[4], frame[5], &frame[HEADER_BYTES..length]);
            match &end().read(&cut)[..] {
                [Event::Ended(LinkError::Frame(_))] => {}
                [Event::Items(items)] => assert_eq!(items[..], samples()[..items.len()]),
                events => panic!("{length} of {frame:?}: {events:?}"),
            }
        }
    }
}

#[test]
fn no_flipped_bit_passes() {
    for (frame, end) in waiting_ends() {
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let events = end().read(&damaged);
            // A length that grew waits for the rest; everything else is an error.
            let waits = events.is_empty() && bit < 32;
            let ended = matches!(events[..], [Event::Ended(LinkError::Frame(_))]);
            assert!(waits || ended, "bit {bit} of {frame:?}: {events:?}");
        }
    }
}

#[test]
fn a_payload_under_another_kind_is_refused() {
    for (frame, end) in waiting_ends() {
        for kind in (0..=u8::MAX).filter(|kind| *kind != frame[4]) {
            let fate = end().fate(&seal(kind, frame[5], &frame[HEADER_BYTES..]));
            let expected = matches!(
                fate,
                Some(
                    LinkError::Frame(FrameError::Kind(_) | FrameError::Payload(_))
                        | LinkError::OutOfTurn(_)
                )
            );
            assert!(expected, "kind {kind} of {frame:?}: {fate:?}");
        }
    }
}

/// Strays behind a frame are the head of no other, and items are read to the last byte.
#[test]
fn stray_bytes_are_refused() {
    for (frame, end) in waiting_ends() {
        for stray in [1_u8, 0xff] {
            let trailing = [&frame[..], &[stray; HEADER_BYTES]].concat();
            assert!(end().fate(&trailing).is_some(), "{stray} behind {frame:?}");
        }
    }
    let (mut dialer, _) = open();
    let frame = dialer.say(&samples());
    for stray in 1..5 {
        let payload = [&frame[HEADER_BYTES..], &[0xff; 5][..stray]].concat();
        let fate = open().1.fate(&seal(frame[4], frame[5], &payload));
        assert_eq!(fate, Some(LinkError::Frame(FrameError::Payload(Kind::Batch))), "{stray}");
    }
}

#[test]
fn a_length_is_judged_before_the_rest_arrives() {
    let header = |kind: Kind, version: u8, length: usize| {
        let mut header = seal(kind as u8, version, &[]);
        header[..4].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
        header
    };
    let possible = |length: usize, max: usize| length > HEADER_BYTES && length <= max;
    let lengths = (0..4096).chain((0..LINK_FRAME_BYTES_MAX + 64).step_by(509));
    for length in lengths.chain([LINK_FRAME_BYTES_MAX, u32::MAX as usize]) {
        let mut stranger = End::acceptor(usual_terms());
        let waits = stranger.fate(&header(Kind::Hello, HANDSHAKE_VERSION, length)).is_none();
        assert_eq!(waits, possible(length, LINK_HANDSHAKE_BYTES_MAX), "before: {length}");
        let mut peer = open().0;
        let before = peer.link.memory_bytes();
        let waits = peer.fate(&header(Kind::Batch, LINK_VERSIONS.max, length)).is_none();
        assert_eq!(waits, possible(length, LINK_FRAME_BYTES_MAX), "after: {length}");
        assert!(peer.link.memory_bytes() <= before.max(4 * HEADER_BYTES), "nothing is set aside");
    }
}

/// A partition's number as it lies in a batch of one such item, which is changed to one that does not exist.
#[test]
fn a_partition_that_does_not_exist_is_refused() {
    let partition = shard::partition::Partition::from_number(1023).unwrap();
    let (mut dialer, _) = open();
    let frame = dialer.say(&[Item::NotHere { round: 0, partition }]);
    let at = frame.windows(2).position(|bytes| bytes == 1023_u16.to_le_bytes()).unwrap();
    let mut payload = frame[HEADER_BYTES..].to_vec();
    payload[at - HEADER_BYTES..at - HEADER_BYTES + 2].copy_from_slice(&1024_u16.to_le_bytes());
    let sealed = seal(frame[4], frame[5], &payload);
    assert_eq!(open().1.fate(&sealed), Some(LinkError::Frame(FrameError::Payload(Kind::Batch))));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let reply = ReplyTo { session: Session { entry: 1, key: 2 }, ticket: 3 };
    let command = |command| Item::Command { round: 0, epoch: Epoch(1), command, reply };
    let answer = |answer| Item::Delivery(Delivery { to: reply, answer });
    let send = |sender, body: usize| {
        Command::Send(shard::command::Send {
            conversation: small_talk(),
            sender: Uid(sender),
            device: wire::DeviceId(1),
            client_msg_id: wire::ClientMsgId([1; 16]),
            kind: wire::RowKind::MESSAGE,
            flags: 0,
            body: Bytes::from(vec![0; body]),
            seen: Seq(0),
        })
    };
    let sync = |limit| Command::Sync { uid: Uid(1), after: InboxSeq(0), limit };
    let chat = |read| {
        let empty = ChatRow::empty(Uid(1), small_talk());
        Answer::Chat(ChatRow { recent_seq: Seq(4), read_seq: Seq(read), ..empty })
    };
    let cases = [
        (command(send(1, wire::BODY_BYTES_MAX)), true),
        (command(send(3, 1)), false),
        (command(send(1, wire::BODY_BYTES_MAX + 1)), false),
        (command(sync(256)), true),
        (command(sync(257)), false),
        (command(sync(0)), false),
        (answer(chat(4)), true),
        (answer(chat(5)), false),
    ];
    for (item, fits) in cases {
        let (mut dialer, mut acceptor) = open();
        let fate = acceptor.fate(&dialer.say(std::slice::from_ref(&item)));
        let senseless = Some(LinkError::Frame(FrameError::Senseless));
        assert_eq!(fate, if fits { None } else { senseless }, "{item:?}");
    }
}

proptest! {
    #[test]
    fn random_bytes_are_refused_without_panic(bytes in vec(any::<u8>(), HEADER_BYTES..600)) {
        prop_assert!(End::acceptor(usual_terms()).fate(&bytes).is_some());
        prop_assert!(end_of_dialer().fate(&bytes).is_some());
        prop_assert!(open().0.fate(&bytes).is_some());
    }

    /// With a header that fits, so that the payload itself is judged.
    #[test]
    fn random_payloads_never_panic(payload in vec(any::<u8>(), 1..400), kind in 1..=5_u8) {
        for version in [HANDSHAKE_VERSION, LINK_VERSIONS.max] {
            let frame = seal(kind, version, &payload);
            for mut end in [End::acceptor(usual_terms()), end_of_dialer(), open().0] {
                end.read(&frame);
            }
        }
    }

    /// A peer that knows the secret, and whose memory is damaged, or which lies.
    #[test]
    fn damage_under_a_right_checksum_never_panics(
        at in any::<prop::sample::Index>(),
        with in vec(any::<u8>(), 1..9),
    ) {
        let (mut dialer, mut acceptor) = open();
        let bytes = dialer.say(&samples());
        let mut payload = frames(&bytes)[0][HEADER_BYTES..].to_vec();
        let start = at.index(payload.len() - with.len());
        payload[start..start + with.len()].copy_from_slice(&with);
        for event in acceptor.read(&seal(bytes[4], bytes[5], &payload)) {
            if let Event::Items(items) = event {
                // What was let through can be said again: every bound holds.
                dialer.say(&items);
            }
        }
    }
}
