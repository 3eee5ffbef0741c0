//! Any payload behind a right header: the first byte of the input picks the kind. What is accepted must be the one
//! encoding of what was read; everything else must be an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::frames::*;
use wire::{FRAME_BYTES_MAX, FrameBuffer, HEADER_BYTES, Kind, RawFrame, Scratch, VERSION, encode};

fuzz_target!(|input: &[u8]| {
    let Some((kind, payload)) = input.split_first() else { return };
    let kind = Kind::ALL[usize::from(*kind) % Kind::ALL.len()];
    let bytes = seal(kind, payload);
    if bytes.len() > FRAME_BYTES_MAX {
        return;
    }
    let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
    let mut frames = buffer.read(&bytes, FRAME_BYTES_MAX);
    let raw = frames.next(&mut scratch).expect("whole").expect("header and checksum are right");
    if let Some(again) = encode_again(&raw) {
        assert_eq!(again, bytes);
    }
});

/// The frame's value encoded anew, if it was accepted.
fn encode_again(raw: &RawFrame<'_>) -> Option<Vec<u8>> {
    let mut out = vec![];
    macro_rules! of_kind {
        ($($kind:ident)*) => {
            match raw.header.kind {
                $(Kind::$kind => encode(&mut out, raw.header.request_id, raw.read::<$kind>().ok()?),)*
            }
        };
    }
    of_kind! {
        Hello HelloReply Login LoginReply Logout LogoutReply Heartbeat HeartbeatReply Send SendAck Push PushAck Sync
        SyncPage History HistoryPage Contacts ContactsPage MarkRead DeleteContact ContactReply Refusal GoingAway
    }
    Some(out)
}

fn seal(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; (HEADER_BYTES + payload.len()).next_multiple_of(8)];
    let length = u32::try_from(frame.len()).expect("inputs are small");
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..6].copy_from_slice(&[kind as u8, VERSION]);
    frame[HEADER_BYTES..HEADER_BYTES + payload.len()].copy_from_slice(payload);
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[..16]);
    hasher.update(&frame[HEADER_BYTES..]);
    frame[16..20].copy_from_slice(&hasher.finalize().to_le_bytes());
    frame
}
