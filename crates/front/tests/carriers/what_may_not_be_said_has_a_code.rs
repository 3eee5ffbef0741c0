//! What is against the rules of WebSocket ends a connection with the code that says so; a message that is too large is known
//! by its header. What is within them is heard.

use crate::scene::{Kept, Scene, frame, masked};
use front::{FRAGMENTS_MAX, Fault, JSON_BYTES_MAX};
use wire::{FRAME_BEFORE_LOGIN_BYTES_MAX, RefusalCode};

/// Says it on an open WebSocket; the code with which that ends, none if it goes on.
#[track_caller]
fn code(says: &[u8]) -> Option<u16> {
    let mut scene = Scene::open();
    scene.hear(says);
    let is_broken = scene.heard.last() == Some(&Kept::Broken(Fault::WebSocket));
    let heard = scene.heard.len();
    scene.hear(&masked(0x82, &frame(1)));
    assert_eq!(scene.heard.len() > heard, !is_broken, "nothing is heard behind it");
    is_broken.then(|| scene.code().expect("it is told"))
}

#[test]
fn frames_that_may_not_be_said_end_it() {
    let unmasked = [&[0x82, 32][..], &frame(1)].concat();
    let long_form = |length: u64| [&[0x82, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
    for (says, expected) in [
        (unmasked, 1002),
        (masked(0xc2, &frame(1)), 1002),
        (masked(0x83, b""), 1002),
        (masked(0x8b, b""), 1002),
        (masked(0x80, &frame(1)), 1002),
        ([masked(0x02, &frame(1)), masked(0x82, &frame(2))].concat(), 1002),
        (masked(0x09, b"a ping in parts"), 1002),
        (masked(0x89, &[0; 126]), 1002),
        (masked(0x88, &[3]), 1002),
        (masked(0x88, &1005_u16.to_be_bytes()), 1002),
        (masked(0x88, &[3, 0xe8, 0xff]), 1007),
        (masked(0x81, b"{}"), 1003),
        (long_form(32), 1002),
        (vec![0x82, 0xfe, 0, 125, 0, 0, 0, 0], 1002),
        (long_form(65_537), 1009),
        (long_form(u64::MAX), 1009),
        // Half a frame is no message.
        (masked(0x82, &frame(1)[..24]), 1007),
        (masked(0x82, &[1]), 1007),
    ] {
        assert_eq!(code(&says), Some(expected), "{says:02x?}");
    }
}

/// The same on one whose messages are JSON.
#[track_caller]
fn json_code(says: &[u8]) -> Option<u16> {
    let mut scene = Scene::open_json();
    scene.frame_bytes_max = FRAME_BEFORE_LOGIN_BYTES_MAX;
    scene.hear(says);
    let is_broken = scene.heard.last() == Some(&Kept::Broken(Fault::WebSocket));
    is_broken.then(|| scene.code().expect("it is told"))
}

#[test]
fn a_message_of_json_is_text_and_one_object() {
    for (says, expected) in [
        (masked(0x82, &frame(1)), 1003),
        (masked(0x81, b"{\"id\":1,\xff}"), 1007),
        (masked(0x81, b"{\"id\":1,\"login\":{\"token\":\"\xff"), 1007),
        (masked(0x81, b""), 1007),
        (masked(0x81, b"{}"), 1007),
        (masked(0x81, b"[]"), 1007),
        (masked(0x81, b"{\"sand\":{}}"), 1007),
        (masked(0x81, &b"[".repeat(4_096)), 1007),
        (masked(0x81, &b"{\"a\":".repeat(682)), 1007),
        (masked(0x81, &[b' '; 4_097]), 1009),
        ([masked(0x01, &[b' '; 4_000]), masked(0x80, &[b' '; 97])].concat(), 1009),
        (masked(0xc1, b"{}"), 1002),
        ([masked(0x01, b"{"), masked(0x81, b"}")].concat(), 1002),
    ] {
        assert_eq!(json_code(&says), Some(expected), "{says:02x?}");
    }
    for says in [
        masked(0x81, br#"{"id":1,"login":{"token":"t","device":"1"}}"#),
        masked(0x81, br#"{"id":1,"sand":{}}"#),
        masked(0x01, b"{"),
        [
            masked(0x01, b"{\"id\":1,"),
            masked(0x00, b""),
            masked(0x80, b"\"heartbeat\":{\"time_ms\":1}}"),
        ]
        .concat(),
    ] {
        assert_eq!(json_code(&says), None, "{says:02x?}");
    }
}

#[test]
fn a_close_says_what_to_do() {
    for (mut scene, says, word) in [
        (Scene::open(), masked(0x81, b"{}"), "longline.v1.json"),
        (Scene::open_json(), masked(0x82, &frame(1)), "frames are for longline.v1"),
        (Scene::open_json(), masked(0x81, b"hello"), "one JSON object"),
        (Scene::open_json(), masked(0x81, &vec![b' '; JSON_BYTES_MAX + 1]), "131072"),
    ] {
        scene.hear(&says);
        let last = scene.part(Some(RefusalCode::Malformed));
        assert!(String::from_utf8_lossy(&last[4..]).contains(word), "{last:02x?}");
    }
}

#[test]
fn a_message_of_json_may_be_larger_than_its_frame_after_the_login() {
    let text =
        format!(r#"{{"id":4,"heartbeat":{{{}"time_ms":1}}}}"#, " ".repeat(JSON_BYTES_MAX - 40));
    let mut scene = Scene::open_json();
    masked(0x81, text.as_bytes()).chunks(1_000).for_each(|piece| scene.hear(piece));
    assert_eq!(scene.heard, [Kept::Frame(Ok(4))]);
}

#[test]
fn what_is_within_the_rules_goes_on() {
    let most = [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for says in [
        masked(0x82, b""),
        masked(0x82, &[frame(1), frame(2)].concat()),
        [masked(0x02, b""), masked(0x00, &frame(1)), masked(0x80, b"")].concat(),
        masked(0x89, &[0; 125]),
        masked(0x8a, b"nobody asked"),
    ] {
        assert_eq!(code(&says), None, "{says:02x?}");
    }
    let mut scene = Scene::open();
    scene.hear(&most);
    assert_eq!(scene.heard, [], "a message of 65,536 bytes may come");
}

#[test]
fn a_message_is_bounded_over_all_of_its_fragments() {
    let fragments = |count: u8| {
        let mut says = masked(0x02, b"");
        (1..count).for_each(|_| says.extend(masked(0x00, b"")));
        says
    };
    let last = [fragments(FRAGMENTS_MAX - 1), masked(0x80, &frame(1))].concat();
    assert_eq!(code(&last), None);
    assert_eq!(code(&[fragments(FRAGMENTS_MAX), masked(0x80, &frame(1))].concat()), Some(1009));

    let mut scene = Scene::open();
    scene.frame_bytes_max = 4_096;
    (0..4_096 / 32).for_each(|nth| {
        scene.hear(&masked(if nth == 0 { 2 } else { 0 }, &frame(nth))[..]);
        if nth == 60 {
            assert_eq!(scene.heard.len(), 61, "each is heard when it came");
        }
    });
    // More fragments than may be, and before that more bytes than may be.
    assert_eq!(scene.code(), Some(1009));
    let mut scene = Scene::open();
    scene.frame_bytes_max = 4_096;
    scene.hear(&masked(0x02, &frame(1)));
    scene.hear(&masked(0x80, &[0; 4_096])[..8]);
    assert_eq!(scene.heard.last(), Some(&Kept::Broken(Fault::WebSocket)));
    assert_eq!(scene.code(), Some(1009), "by its header");
}

#[test]
fn a_close_is_answered_with_its_code_and_nothing_is_heard_behind_it() {
    for (payload, code) in [(&[][..], 1000), (&[3, 0xe8], 1000), (&[0x0f, 0xa0, b'x'], 4000)] {
        let mut scene = Scene::open();
        scene.hear(&[masked(0x88, payload), masked(0x82, &frame(1))].concat());
        assert_eq!(scene.heard, [Kept::Closes]);
        assert_eq!(scene.code(), Some(code));
    }
}
