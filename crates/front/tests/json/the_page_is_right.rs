//! The examples of PROTOCOL.md are JSON as it is spoken: each line of a block is a message that is read, and what the page says
//! of its refusal is what it gets.

use crate::forms::{bytes, text};
use crate::sayable::KINDS;
use wire::{FRAME_BEFORE_LOGIN_BYTES_MAX, Kind};

const PROTOCOL: &str = include_str!("../../../wire/PROTOCOL.md");

/// The lines of all blocks that begin so.
fn lines(fence: &str) -> Vec<&'static str> {
    let mut lines = PROTOCOL.lines();
    let mut found = Vec::new();
    while lines.by_ref().any(|line| line == fence) {
        found.extend(lines.by_ref().take_while(|line| *line != "```"));
    }
    found
}

#[test]
fn every_example_is_read() {
    let mut kinds = Vec::new();
    for line in lines("```json") {
        let frame = bytes(line).unwrap_or_else(|unclear| panic!("{line}\n{unclear:?}"));
        kinds.extend(Kind::from_wire(frame[4]));
        // What a server says is written so; a request may also be said in other ways.
        let again = text(&frame);
        assert_eq!(bytes(&again), Ok(frame.clone()), "{line}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        if !line.contains("\"to\":") && !line.contains("\"from_head\":false") {
            assert_eq!(value(&again), value(line), "{line}");
        }
    }
    let lacks: Vec<_> = KINDS.iter().filter(|kind| !kinds.contains(kind)).collect();
    assert!(lacks.is_empty(), "the page has no example of {lacks:?}");
}

#[test]
fn every_refusal_is_what_the_page_says() {
    let lines = lines("```json refused");
    assert!(lines.len() >= 8 && lines.len().is_multiple_of(2), "a request and what it gets");
    for pair in lines.chunks(2) {
        let unclear = bytes(pair[0]).expect_err(pair[0]);
        let mut answer = Vec::new();
        let text = wire::Bytes::from(unclear.text);
        let (code, retry_after_ms) = (unclear.code as u16, 0);
        let refusal = wire::frames::Refusal { code, retry_after_ms, text };
        wire::encode(&mut answer, unclear.request_id.expect(pair[0]), refusal);
        assert_eq!(crate::forms::text(&answer), pair[1], "{}", pair[0]);
    }
}

#[test]
fn the_page_has_the_limits() {
    let grouped = |number: usize| format!("{},{:03}", number / 1_000, number % 1_000);
    for (number, what) in [
        (FRAME_BEFORE_LOGIN_BYTES_MAX, "before login"),
        (front::JSON_BYTES_MAX, "of a client"),
        (front::SAID_BYTES_MAX, "of a server"),
    ] {
        assert!(PROTOCOL.contains(&format!("{} bytes", grouped(number))), "{number} {what}");
    }
}
