//! The bytes of a frame are those that PROTOCOL.md describes: an encoder made from that page alone gives the same.
//!
//! `support::plain` is that encoder. The tables of PROTOCOL.md are compared with it, and with literal offsets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use proptest::prelude::*;
use std::fmt::Write;
use support::plain::{self, Value};
use support::{AnyFrame, any_frame, samples, seal};
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
    write!(table, "\n{} bytes in all", value.size()).unwrap();
    table
}

fn struct_name(value: &Value) -> &'static str {
    let Value::Struct(fields) = value else { panic!("lists hold structs") };
    match fields[0].0 {
        "inbox_seq" => "Message",
        "peer" => "Contact",
        other => panic!("a new struct begins with {other}: name it here"),
    }
}

#[track_caller]
fn is_in_protocol(text: &str) {
    assert!(PROTOCOL.contains(text), "PROTOCOL.md lacks this:\n{text}");
}

#[test]
fn protocol_page_has_every_table() {
    for frame in samples::all() {
        let kind = frame.kind();
        is_in_protocol(&format!("#### {kind:?} ({:#04x})", kind as u8));
        is_in_protocol(&table(&frame.plain()));
        let Value::Struct(fields) = frame.plain() else { panic!("a frame is a struct") };
        for (_, field) in fields {
            match field {
                Value::List(elements) => is_in_protocol(&table(&elements[0])),
                Value::Struct(_) => is_in_protocol(&table(&field)),
                Value::Number(..) | Value::Id(_) | Value::Bytes(_) => {}
            }
        }
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
    assert_eq!(number::<4>(&bytes, 0), 80, "length");
    assert_eq!(bytes[4..8], [0x10, 1, 0, 0], "kind, version, flags");
    assert_eq!(number::<8>(&bytes, 8), 77, "request id");
    assert_eq!(number::<4>(&bytes, 20), 0, "reserved");
    assert_eq!(number::<8>(&bytes, 80 - 8), 0x10, "the kind again");
    let root = 80 - 8 - 32;
    assert_eq!(number::<8>(&bytes, root), 9, "to");
    assert_eq!(bytes[root + 8 + 6] >> 4, 7, "a UUIDv7");
    assert_eq!(pointer(&bytes, root + 24), (24, 12), "body");
    assert_eq!(&bytes[24..36], b"hello, world");
    assert_eq!(bytes[36..40], [0; 4], "padding");
}

#[test]
fn a_page_is_read_with_offsets_alone() {
    let frame = samples::all().into_iter().find(|frame| frame.kind() == Kind::SyncPage).unwrap();
    let bytes = frame.encode(1);
    let root = bytes.len() - 8 - 24;
    assert_eq!((number::<8>(&bytes, root), number::<8>(&bytes, root + 8)), (1, 43), "epoch, head");
    let (list, length) = pointer(&bytes, root + 16);
    assert_eq!((list, length), (48, 2));
    let seqs = [0, 1].map(|index| number::<8>(&bytes, list + index * 72 + 24));
    let bodies = [0, 1].map(|index| pointer(&bytes, list + index * 72 + 64));
    assert_eq!((seqs, bodies), ([4, 5], [(24, 5), (29, 12)]));
    assert_eq!(&bytes[24..41], b"hellohello, world");
}

/// Prints the tables, for whoever edits PROTOCOL.md.
#[test]
#[ignore = "prints text for PROTOCOL.md"]
fn print_tables() {
    for frame in samples::all() {
        println!(
            "#### {:?} ({:#04x})\n\n{}\n",
            frame.kind(),
            frame.kind() as u8,
            table(&frame.plain())
        );
    }
    for kind in [Kind::SyncPage, Kind::ContactsPage] {
        let frame =
            AnyFrame::plain(samples::all().iter().find(|frame| frame.kind() == kind).unwrap());
        let Value::Struct(fields) = frame else { panic!("a frame is a struct") };
        let Some((_, Value::List(elements))) = fields.last() else {
            panic!("a page ends with its list")
        };
        println!("#### {}\n\n{}\n", struct_name(&elements[0]), table(&elements[0]));
    }
}
