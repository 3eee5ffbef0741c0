//! The files in `vectors/` mean what they say: a valid frame is read and encodes to the same bytes,
//! one of a later release is read as far as this one knows it, an invalid one gives its error.
//!
//! `released.txt` there has the CRC-32 of the bytes of every vector, so that none of them changes:
//! clients were made with them. `WIRE_VECTORS=write cargo test -p wire --test vectors_are_read`
//! writes new vectors, and comments that were reworded. It stops at a vector whose bytes would be
//! other than released.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::OnceLock;
use support::plain::{self, Part};
use support::{AnyFrame, crc32, read_all, samples, seal, seal_extended, with_raw};
use wire::{
    CURSOR_MESSAGE_ID, HEADER_BYTES, INBOX_TAIL, Kind, PEER_READ_SEQS, PLATFORM, SEEN_SEQ,
    SERVER_TIME,
};

/// The request id of every vector that carries one.
const REQUEST_ID: u64 = 0x0102;
/// The list of released vectors.
const RELEASED: &str = "released.txt";

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// What is not a reply, nor is replied to, has no request id.
fn request_id(kind: Kind) -> u64 {
    let is_note = matches!(kind, Kind::InboxHead | Kind::SessionEnd | Kind::Signal);
    let has_none = is_note || matches!(kind, Kind::Push | Kind::PushAck | Kind::GoingAway);
    if has_none { 0 } else { REQUEST_ID }
}

fn sample(kind: Kind) -> AnyFrame {
    samples::all().into_iter().find(|frame| frame.kind() == kind).unwrap()
}

fn encode(frame: &AnyFrame) -> Vec<u8> {
    frame.encode(request_id(frame.kind()))
}

/// File name of a valid frame; `suffix` says what is particular about it.
fn name(frame: &AnyFrame, suffix: &str) -> String {
    format!("{:02x}_{:?}{suffix}.hex", frame.kind() as u8, frame.kind())
}

/// Every valid frame under its file's name.
fn valid() -> BTreeMap<String, AnyFrame> {
    let all = samples::all().into_iter().map(|frame| (name(&frame, ""), frame));
    let more = samples::more().into_iter();
    all.chain(more.map(|(suffix, frame)| (name(&frame, &format!("_{suffix}")), frame))).collect()
}

/// File name and text of every vector.
fn vectors() -> BTreeMap<String, String> {
    let valid = valid().into_iter().map(|(name, frame)| {
        let head = format!("# {:?}, request id {:#x}\n", frame.kind(), request_id(frame.kind()));
        (name, head + &annotate(&frame, (&[], "")))
    });
    let invalid = [invalid_headers(), invalid_extensions(), invalid_archives()].concat();
    let invalid = invalid.into_iter().map(|(name, meaning, error, bytes)| {
        (format!("bad_{name}.hex"), format!("# {meaning}\n# error: {error}\n{}", lines(&bytes)))
    });
    valid.chain(extended()).chain(added()).chain(unknown()).chain(invalid).collect()
}

/// Frames with fields that a later release added.
fn extended() -> Vec<(String, String)> {
    let later = |bytes: u8| (0xa0..0xa0 + bytes).collect::<Vec<u8>>();
    [(Kind::HelloReply, 8), (Kind::Send, 24), (Kind::SyncPage, 16), (Kind::InboxHead, 8)]
        .map(|(kind, bytes)| {
            let frame = sample(kind);
            let text = format!("# {kind:?} of a later release\n# as: {}\n", name(&frame, ""));
            let (meaning, extension) = ("the extension: not known", later(bytes));
            (format!("ext_{kind:?}.hex"), text + &annotate(&frame, (&extension, meaning)))
        })
        .into()
}

/// Kind, name, field, place in the extension and value of what was added to a kind.
const ADDED: [(Kind, &str, &str, usize, u64); 8] = [
    (Kind::Login, "message", "message_id", CURSOR_MESSAGE_ID, 9_007_216_434_610_180),
    (Kind::Login, "platform", "platform", PLATFORM, 5),
    (Kind::LoginReply, "tail", "inbox_tail", INBOX_TAIL, 43),
    (Kind::SyncPage, "tail", "inbox_tail", INBOX_TAIL, 42),
    (Kind::HeartbeatReply, "clock", "server_time_ms", SERVER_TIME, 1_790_000_000_321),
    (Kind::Refusal, "clock", "server_time_ms", SERVER_TIME, 1_790_000_000_321),
    (Kind::Send, "seen", "seen_seq", SEEN_SEQ, 5),
    (Kind::ChatsPage, "read", "peer_read_seqs", PEER_READ_SEQS, 5),
];

/// Frames with fields that were added.
fn added() -> Vec<(String, String)> {
    let vectors = ADDED.iter().map(|(kind, suffix, field, place, value)| {
        let (frame, mut extension) = (sample(*kind), vec![0; *place]);
        extension.push(*value);
        let bytes: Vec<u8> = extension.iter().flat_map(|word| word.to_le_bytes()).collect();
        let head = format!("# {kind:?} with its extension\n# as: {}\n", name(&frame, ""));
        let text = head + &annotate(&frame, (&bytes, &format!("{field} = {value}")));
        (format!("ext_{kind:?}_{suffix}.hex"), text)
    });
    vectors.collect()
}

/// Frames of kinds that this release does not have. What is in them is not known either.
fn unknown() -> [(String, String); 2] {
    let head = "# Of a later release.\n# unknown: ";
    let request = seal_extended(0x7f, REQUEST_ID, &[0x11; 16], &[]);
    let note = seal_extended(0xfe, 0, &[0x22; 8], &[0x33; 8]);
    [
        ("unknown_request.hex".to_owned(), format!("{head}request\n{}", lines(&request))),
        ("unknown_note.hex".to_owned(), format!("{head}note\n{}", lines(&note))),
    ]
}

/// A valid frame, part by part.
fn annotate(frame: &AnyFrame, (extension, meaning): (&[u8], &str)) -> String {
    let kind = frame.kind();
    let whole = encode(frame);
    let bytes = seal_extended(kind as u8, request_id(kind), &whole[HEADER_BYTES..], extension);
    let mut text = String::new();
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
    part(&bytes[5..6], "version = 2");
    part(&bytes[6..8], "flags");
    part(&bytes[8..16], "request id");
    part(&bytes[16..20], "checksum");
    part(&bytes[20..24], &format!("extension = {} bytes", extension.len()));
    for Part { bytes, meaning } in plain::payload(&frame.plain(), kind as u8) {
        part(&bytes, &meaning);
    }
    part(extension, meaning);
    text
}

/// Name, meaning, error and bytes of a frame that must be refused.
type Invalid = (&'static str, &'static str, &'static str, Vec<u8>);

/// The sample of a Send with one byte set.
fn send_with(at: usize, value: u8) -> Vec<u8> {
    let mut bytes = encode(&sample(Kind::Send));
    bytes[at] = value;
    bytes
}

fn invalid_headers() -> Vec<Invalid> {
    let first = encode(&sample(Kind::Send))[HEADER_BYTES];
    vec![
        ("version", "Version 1.", "Version(1)", send_with(5, 1)),
        ("length_odd", "No multiple of 8.", "Length(105, 65536)", send_with(0, 105)),
        ("length_small", "Less than a header.", "Length(16, 65536)", send_with(0, 16)),
        ("length_large", "65,640: over the limit.", "Length(65640, 65536)", send_with(2, 1)),
        ("flags", "A flag is set.", "Reserved", send_with(6, 1)),
        ("checksum", "A bit of the body flipped.", "Checksum", send_with(HEADER_BYTES, first ^ 1)),
    ]
}

fn invalid_extensions() -> Vec<Invalid> {
    let payload = &encode(&sample(Kind::Send))[HEADER_BYTES..];
    let extended = seal_extended(Kind::Send as u8, REQUEST_ID, payload, &[0xa0; 16]);
    let with = |at: usize, value| {
        let mut bytes = extended.clone();
        bytes[at] = value;
        bytes
    };
    let swallowed = seal_extended(Kind::Send as u8, REQUEST_ID, &[], payload);
    let last = extended.len() - 1;
    vec![
        ("ext_large", "8 bytes more than follow the header.", "Extension(104)", with(20, 104)),
        ("ext_odd", "No multiple of 8.", "Extension(12)", with(20, 12)),
        ("ext_checksum", "A bit of the extension flipped.", "Checksum", with(last, 0xa1)),
        (
            "ext_size_checksum",
            "8 of its 16 bytes, and the checksum over 16.",
            "Checksum",
            with(20, 8),
        ),
        ("ext_all", "The payload is called extension.", "Archive(Send)", swallowed),
    ]
}

fn invalid_archives() -> Vec<Invalid> {
    let (send, logout) = (encode(&sample(Kind::Send)), encode(&sample(Kind::Logout)));
    // With the checksum made right.
    let sealed =
        |at: usize, value| seal(send[4], REQUEST_ID, &send_with(at, value)[HEADER_BYTES..]);
    let stray = [&send[HEADER_BYTES..40], &[0; 8], &send[40..]].concat();
    let label = |kind: Kind| seal(kind as u8, REQUEST_ID, &logout[HEADER_BYTES..]);
    let mut padded = encode(&sample(Kind::GoingAway));
    let pad = padded.len() - 12;
    padded[pad] = 1;
    // The offset of the body, its length, and padding within the conversation.
    let (offset, length, inner) = (84, 88, 41);
    vec![
        (
            "mislabelled",
            "A Logout named LogoutReply.",
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
        ("gap", "The body begins a byte late.", "Archive(Send)", sealed(offset, send[offset] + 1)),
        (
            "before",
            "The body begins before the payload.",
            "Archive(Send)",
            sealed(offset, send[offset] - 1),
        ),
        ("forward", "The body lies behind its struct.", "Archive(Send)", sealed(offset + 3, 0)),
        (
            "short",
            "The body is a byte shorter, padding is not zero.",
            "Archive(Send)",
            sealed(length, 11),
        ),
        ("after", "The body overlaps its struct.", "Archive(Send)", sealed(length, 17)),
        ("padding_inside", "A byte between two fields.", "Archive(Send)", sealed(inner, 1)),
        (
            "padding",
            "A byte between struct and kind.",
            "Archive(GoingAway)",
            seal(Kind::GoingAway as u8, 0, &padded[HEADER_BYTES..]),
        ),
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

/// Name and CRC-32 of the bytes, as `released.txt` has them.
fn released(directory: &std::path::Path) -> BTreeMap<String, String> {
    let list = std::fs::read_to_string(directory.join(RELEASED)).unwrap_or_default();
    let rows = list.lines().map(|row| row.split_once(' ').unwrap());
    rows.map(|(crc, name)| (name.to_owned(), crc.to_owned())).collect()
}

fn crc(text: &str) -> String {
    format!("{:08x}", crc32(parse(text).iter()))
}

/// Writes vectors that are new, and the comments of others.
fn write(directory: &std::path::Path) {
    let mut released = released(directory);
    for (name, text) in vectors() {
        let before = released.entry(name.clone()).or_insert_with(|| crc(&text));
        assert_eq!(*before, crc(&text), "{name} was released with other bytes");
        std::fs::write(directory.join(name), text).unwrap();
    }
    let list: String = released.iter().map(|(name, crc)| format!("{crc} {name}\n")).collect();
    std::fs::write(directory.join(RELEASED), list).unwrap();
}

/// Name and text of every file, after writing them if that is asked for.
fn files() -> &'static BTreeMap<String, String> {
    static FILES: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    FILES.get_or_init(|| {
        let directory = directory();
        if std::env::var_os("WIRE_VECTORS").is_some_and(|value| value == "write") {
            write(&directory);
        }
        let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        });
        files.filter(|(name, _)| name.ends_with(".hex")).collect()
    })
}

/// The value of a comment like `# error: Checksum`.
fn label<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix("# ")?.strip_prefix(name)?.strip_prefix(": "))
}

#[track_caller]
fn check(name: &str, text: &str) {
    let bytes = parse(text);
    if let Some(error) = label(text, "error") {
        assert_eq!(format!("{:?}", read_all(&bytes).unwrap_err()), error, "{name}");
        return;
    }
    let (header, frame) = with_raw(&bytes, |raw| (raw.header, AnyFrame::read(&raw).unwrap()));
    if let Some(unknown) = label(text, "unknown") {
        assert_eq!((header.kind, frame), (None, None), "{name}");
        assert_eq!(header.is_note, unknown == "note", "{name}");
        return;
    }
    let frame = frame.unwrap();
    assert_eq!(header.request_id, request_id(frame.kind()), "{name}");
    let plain = label(text, "as").unwrap_or(name);
    assert_eq!(valid().get(plain), Some(&frame), "{name}");
    assert_eq!(lines(&encode(&frame)), lines(&parse(&files()[plain])), "{name}");
}

#[test]
fn files_are_as_generated_and_mean_what_they_say() {
    let (files, vectors) = (files(), vectors());
    for (name, text) in files {
        let generated = vectors.get(name);
        assert_eq!(generated, Some(text), "{name}: the header of this test says how to write it");
        check(name, text);
    }
    assert_eq!(files.len(), vectors.len(), "a vector has no file");
}

#[test]
fn what_was_added_is_read_and_written_where_it_stands() {
    for (kind, suffix, _, place, value) in ADDED {
        let bytes = parse(&files()[&format!("ext_{kind:?}_{suffix}.hex")]);
        assert_eq!(with_raw(&bytes, |raw| raw.extended(place)), value);
        let mut extension = vec![0; place];
        extension.push(value);
        let encoded = sample(kind).encode_extended(request_id(kind), &extension);
        assert_eq!(lines(&encoded), lines(&bytes));
    }
}

#[test]
fn released_vectors_do_not_change() {
    let files = files().iter().map(|(name, text)| (name.clone(), crc(text)));
    assert_eq!(files.collect::<BTreeMap<_, _>>(), released(&directory()));
}

#[test]
fn every_kind_and_every_error_has_a_vector() {
    for kind in Kind::ALL {
        let name = format!("{:02x}_{kind:?}.hex", *kind as u8);
        assert!(files().contains_key(&name), "{name}");
    }
    for error in ["Version", "Length", "Extension", "Reserved", "Checksum", "Archive"] {
        let has = |text: &String| label(text, "error").is_some_and(|text| text.starts_with(error));
        assert!(files().values().any(has), "{error}");
    }
}
