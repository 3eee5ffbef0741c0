//! The files in `vectors/` mean what they say: a valid frame is read and encodes to the same bytes, an invalid one
//! gives exactly its error.
//!
//! After a change of the protocol, `WIRE_VECTORS=write cargo test -p wire --test vectors_are_read` writes them anew.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use support::plain::{self, Part};
use support::{AnyFrame, read_all, samples, seal, with_raw};
use wire::{HEADER_BYTES, Kind};

/// The request id of every vector.
const REQUEST_ID: u64 = 0x0102;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// File name and text of every vector.
fn vectors() -> BTreeMap<String, String> {
    let valid = samples::all().into_iter().map(|frame| {
        let name = format!("{:02x}_{:?}.hex", frame.kind() as u8, frame.kind());
        (name, annotate(&frame))
    });
    let invalid = invalid().into_iter().map(|(name, meaning, error, bytes)| {
        (format!("bad_{name}.hex"), format!("# {meaning}\n# error: {error}\n{}", lines(&bytes)))
    });
    valid.chain(invalid).collect()
}

/// A valid frame, part by part.
fn annotate(frame: &AnyFrame) -> String {
    let bytes = frame.encode(REQUEST_ID);
    let kind = frame.kind();
    let mut text = format!("# {kind:?}, request id {REQUEST_ID:#x}\n");
    let mut at = 0;
    let mut part = |bytes: &[u8], meaning: &str| {
        // A long string takes several lines; only the first says what it is.
        for (index, line) in bytes.chunks(16).enumerate() {
            let meaning = if index == 0 { meaning } else { "..." };
            writeln!(text, "{:<48}# {:>3}: {meaning}", hex(line), at + index * 16).unwrap();
        }
        at += bytes.len();
    };
    part(&bytes[0..4], &format!("length = {}", bytes.len()));
    part(&bytes[4..5], &format!("kind = {kind:?}"));
    part(&bytes[5..6], "version = 1");
    part(&bytes[6..8], "flags");
    part(&bytes[8..16], "request id");
    part(&bytes[16..20], "checksum");
    part(&bytes[20..24], "reserved");
    for Part { bytes, meaning } in plain::payload(&frame.plain(), kind as u8) {
        part(&bytes, &meaning);
    }
    text
}

/// Name, meaning, error and bytes of frames that must be refused.
fn invalid() -> Vec<(&'static str, &'static str, &'static str, Vec<u8>)> {
    let frame = |kind| {
        samples::all().into_iter().find(|frame| frame.kind() == kind).unwrap().encode(REQUEST_ID)
    };
    let (send, logout, hello) = (frame(Kind::Send), frame(Kind::Logout), frame(Kind::Hello));
    let with = |at: usize, value| {
        let mut bytes = send.clone();
        bytes[at] = value;
        bytes
    };
    // The same, with the checksum made right.
    let sealed = |at: usize, value| seal(send[4], REQUEST_ID, &with(at, value)[HEADER_BYTES..]);
    let stray = [&send[HEADER_BYTES..40], &[0; 8], &send[40..]].concat();
    let label = |kind: Kind| seal(kind as u8, REQUEST_ID, &logout[HEADER_BYTES..]);
    let mut padded = hello.clone();
    padded[HEADER_BYTES + 3] = 1;
    vec![
        ("version", "Version 2.", "Version(2)", with(5, 2)),
        ("length_odd", "No multiple of 8.", "Length(81, 65536)", with(0, 81)),
        ("length_small", "Less than a header.", "Length(16, 65536)", with(0, 16)),
        ("length_large", "65,616: over the limit.", "Length(65616, 65536)", with(2, 1)),
        ("kind", "No kind 0x7f.", "Kind(127)", with(4, 0x7f)),
        ("flags", "A flag is set.", "Reserved", with(6, 1)),
        ("reserved", "A reserved byte is set.", "Reserved", with(23, 1)),
        (
            "checksum",
            "One bit of the body flipped.",
            "Checksum",
            with(HEADER_BYTES, send[HEADER_BYTES] ^ 1),
        ),
        (
            "mislabelled",
            "A Logout named LogoutReply: same shape.",
            "Archive(LogoutReply)",
            label(Kind::LogoutReply),
        ),
        ("mislabelled_shape", "A Logout named Send.", "Archive(Send)", label(Kind::Send)),
        (
            "stray",
            "8 bytes that nothing points to.",
            "Archive(Send)",
            seal(send[4], REQUEST_ID, &stray),
        ),
        ("gap", "The body begins one byte late.", "Archive(Send)", sealed(64, send[64] + 1)),
        (
            "short",
            "The body is a byte shorter, padding is not zero.",
            "Archive(Send)",
            sealed(68, 11),
        ),
        (
            "padding",
            "A byte between struct and kind.",
            "Archive(Hello)",
            seal(1, REQUEST_ID, &padded[HEADER_BYTES..]),
        ),
        (
            "before",
            "The body begins before the payload.",
            "Archive(Send)",
            sealed(64, send[64] - 1),
        ),
        ("after", "The body overlaps its struct.", "Archive(Send)", sealed(68, 17)),
        ("forward", "The body lies behind its struct.", "Archive(Send)", sealed(67, 0)),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x} ")).collect()
}

fn lines(bytes: &[u8]) -> String {
    bytes.chunks(16).map(|line| format!("{}\n", hex(line).trim_end())).collect()
}

fn parse(text: &str) -> Vec<u8> {
    let data = text.lines().map(|line| line.split('#').next().unwrap());
    data.flat_map(str::split_whitespace).map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn check(name: &str, text: &str) {
    let bytes = parse(text);
    if let Some(error) = text.lines().find_map(|line| line.strip_prefix("# error: ")) {
        assert_eq!(format!("{:?}", read_all(&bytes).unwrap_err()), error, "{name}");
        return;
    }
    let (request_id, frame) = with_raw(&bytes, |raw| (raw.header.request_id, AnyFrame::read(&raw)));
    let frame = frame.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(request_id, REQUEST_ID);
    assert_eq!(lines(&frame.encode(REQUEST_ID)), lines(&bytes), "{name}");
    assert!(samples::all().contains(&frame), "{name}");
}

#[test]
fn files_are_as_generated_and_mean_what_they_say() {
    let (directory, vectors) = (directory(), vectors());
    if std::env::var_os("WIRE_VECTORS").is_some_and(|value| value == "write") {
        for (name, text) in &vectors {
            std::fs::write(directory.join(name), text).unwrap();
        }
    }
    let mut seen = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            vectors.get(&name),
            Some(&text),
            "{name}: the header of this test says how to write it anew"
        );
        check(&name, &text);
        seen += 1;
    }
    assert_eq!(seen, vectors.len(), "a vector has no file");
    assert!(Kind::ALL.len() < seen);
}
