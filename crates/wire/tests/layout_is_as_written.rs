//! The bytes of a frame are those that PROTOCOL.md describes: an encoder made from that page alone gives the same.
//!
//! `support::plain` is that encoder. The tables of PROTOCOL.md are compared with it, and with literal offsets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use proptest::prelude::*;
use std::fmt::Write;
use support::plain::{self, Value};
use support::{any_frame, samples, seal};
use wire::{Kind, RefusalCode};

const PROTOCOL: &str = include_str!("../PROTOCOL.md");

proptest! {
    #[test]
    fn any_frame_is_encoded_by_the_rules(frame in any_frame(), request_id in any::<u64>()) {
        let kind = frame.kind() as u8;
        let parts = plain::payload(&frame.plain(), kind);
        let payload: Vec<u8> = parts.into_iter().flat_map(|part| part.bytes).collect();
        prop_assert_eq!(seal(kind, request_id, &payload), frame.encode(request_id));
    }
}

/// The table of a struct: offset, bytes, field, type.
fn table(value: &Value) -> String {
    let Value::Struct(fields) = value else { panic!("a frame is a struct") };
    let mut table = "| offset | bytes | field | type |\n|---|---|---|---|\n".to_owned();
    for ((name, value), offset) in fields.iter().zip(value.offsets()) {
        let field_type = match value {
            Value::Number(_, size) => format!("u{}", size * 8),
            Value::Id(_) => "16 bytes".to_owned(),
            Value::Bytes(_) => "string".to_owned(),
            Value::List(elements) => format!("list of {}", struct_name(&elements[0])),
            Value::Struct(_) => struct_name(value).to_owned(),
        };
        writeln!(table, "| {offset} | {} | `{name}` | {field_type} |", value.size()).unwrap();
    }
    table
}

/// The name of a struct that is a part of others.
fn struct_name(value: &Value) -> &'static str {
    let Value::Struct(fields) = value else { panic!("lists hold structs") };
    match (fields[0].0, fields[1].0) {
        ("kind", "a") => "Conversation",
        ("inbox_seq", "conversation") => "Message",
        ("conversation", "recent") => "Chat",
        ("uid", "since_seq") => "GroupMember",
        ("device", "generation") => "Device",
        ("uid", "role") => "GroupRole",
        other => panic!("a new struct begins with {other:?}: name it here"),
    }
}

/// The structs that are parts of this one, those within them first.
fn parts(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Number(..) | Value::Id(_) | Value::Bytes(_) => {}
        Value::List(elements) => part(&elements[0], found),
        Value::Struct(fields) => {
            for (_, field) in fields {
                if let Value::Struct(_) = field {
                    part(field, found);
                } else {
                    parts(field, found);
                }
            }
        }
    }
}

fn part(value: &Value, found: &mut Vec<Value>) {
    parts(value, found);
    if found.iter().all(|other| struct_name(other) != struct_name(value)) {
        found.push(value.clone());
    }
}

/// The structs that are parts of frames.
fn all_parts() -> Vec<Value> {
    let mut found = vec![];
    samples::all().iter().for_each(|frame| parts(&frame.plain(), &mut found));
    found
}

#[track_caller]
fn is_in_protocol(text: &str) {
    assert!(PROTOCOL.contains(text), "PROTOCOL.md lacks this:\n{text}");
}

/// A heading and the table under it.
fn section(heading: &str, value: &Value) -> String {
    format!("#### {heading}, {} bytes\n\n{}\n", value.size(), table(value))
}

/// The section of each frame, then of each struct that is a part of some.
fn sections() -> Vec<String> {
    let frames = samples::all().into_iter().map(|frame| {
        let kind = frame.kind();
        section(&format!("{kind:?} ({:#04x})", kind as u8), &frame.plain())
    });
    let parts = all_parts();
    frames.chain(parts.iter().map(|part| section(struct_name(part), part))).collect()
}

#[test]
fn protocol_page_has_every_table() {
    for section in sections() {
        is_in_protocol(&section);
    }
}

#[test]
fn protocol_page_tells_of_every_vector() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors");
    for entry in std::fs::read_dir(directory).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_sample = samples::all()
            .iter()
            .any(|frame| name == format!("{:02x}_{:?}.hex", frame.kind() as u8, frame.kind()));
        if !is_sample && name.ends_with(".hex") && !name.starts_with("bad_") {
            is_in_protocol(&format!("| `{name}` |"));
        }
    }
}

#[test]
fn protocol_page_has_the_limits() {
    for (name, limit) in [
        ("frame_bytes_max", wire::FRAME_BYTES_MAX as u64),
        ("body_bytes_max", wire::BODY_BYTES_MAX as u64),
        ("page_rows_max", wire::PAGE_ROWS_MAX.into()),
        ("push_window_max", wire::PUSH_WINDOW_MAX),
        ("send_window_max", wire::SEND_WINDOW_MAX.into()),
    ] {
        let row = format!("| `{name}` | {} |", grouped(limit));
        is_in_protocol(&row);
    }
    is_in_protocol(&format!("at most {} bytes", grouped(wire::TOKEN_BYTES_MAX as u64)));
    is_in_protocol(&format!("at most {} bytes", grouped(wire::TEXT_BYTES_MAX as u64)));
    is_in_protocol(&format!("{} bytes", grouped(wire::FRAME_BEFORE_LOGIN_BYTES_MAX as u64)));
}

/// A number with a comma before its thousands.
fn grouped(number: u64) -> String {
    if number < 1000 {
        number.to_string()
    } else {
        format!("{},{:03}", number / 1000, number % 1000)
    }
}

#[test]
fn protocol_page_has_every_refusal() {
    for code in RefusalCode::ALL {
        let row = format!("| {} | {code:?} |", *code as u16);
        let line = PROTOCOL.lines().find(|line| line.starts_with(&row));
        let line = line.unwrap_or_else(|| panic!("PROTOCOL.md lacks {row}"));
        assert_eq!(line.contains("| yes, later |"), code.is_retryable(), "{line}");
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number[..N].copy_from_slice(&bytes[at..at + N]);
    u64::from_le_bytes(number)
}

/// A string or list at `at` of the frame: where it begins, and its length.
fn pointer(bytes: &[u8], at: usize) -> (usize, usize) {
    let back = i32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let place = at.checked_add_signed(back.try_into().unwrap()).unwrap();
    (place, number::<4>(bytes, at + 4).try_into().unwrap())
}

#[test]
fn a_send_is_read_with_offsets_alone() {
    let frame = samples::all().into_iter().find(|frame| frame.kind() == Kind::Send).unwrap();
    let bytes = frame.encode(77);
    assert_eq!(number::<4>(&bytes, 0), 104, "length");
    assert_eq!(bytes[4..8], [0x10, 2, 0, 0], "kind, version, flags");
    assert_eq!(number::<8>(&bytes, 8), 77, "request id");
    assert_eq!(number::<4>(&bytes, 20), 0, "extension");
    assert_eq!(number::<8>(&bytes, 104 - 8), 0x10, "the kind again");
    let root = 104 - 8 - 56;
    assert_eq!(bytes[root..root + 8], [1, 0, 0, 0, 0, 0, 0, 0], "a direct conversation, padding");
    assert_eq!((number::<8>(&bytes, root + 8), number::<8>(&bytes, root + 16)), (9, 7), "of whom");
    assert_eq!(bytes[root + 24 + 6] >> 4, 7, "a UUIDv7");
    assert_eq!(bytes[root + 40..root + 44], [1, 0, 0, 0], "kind, padding, flags");
    assert_eq!(pointer(&bytes, root + 44), (24, 12), "body");
    assert_eq!(&bytes[24..36], b"hello, world");
    assert_eq!(bytes[36..40], [0; 4], "padding");
}

#[test]
fn a_page_is_read_with_offsets_alone() {
    let frame = samples::all().into_iter().find(|frame| frame.kind() == Kind::SyncPage).unwrap();
    let bytes = frame.encode(1);
    // An extension would lie behind the payload: the struct is found from the payload's end.
    let end = bytes.len() - usize::try_from(number::<4>(&bytes, 20)).unwrap();
    let root = end - 8 - 24;
    assert_eq!((number::<8>(&bytes, root), number::<8>(&bytes, root + 8)), (1, 45), "epoch, head");
    let (list, length) = pointer(&bytes, root + 16);
    assert_eq!((list, length), (96, 4));
    let seqs = [0, 1].map(|index| number::<8>(&bytes, list + index * 104 + 32));
    let bodies = [0, 1].map(|index| pointer(&bytes, list + index * 104 + 92));
    assert_eq!((seqs, bodies), ([4, 5], [(24, 5), (29, 12)]));
    assert_eq!(&bytes[24..41], b"hellohello, world");
}

/// Prints the tables, for whoever edits PROTOCOL.md.
#[test]
#[ignore = "prints text for PROTOCOL.md"]
fn print_tables() {
    sections().iter().for_each(|section| println!("{section}"));
}
