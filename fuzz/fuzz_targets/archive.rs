//! Any payload behind a right header: the first byte of the input picks the kind, the second how large an extension
//! follows. What is accepted must be the one encoding of what was read, with the same extension behind it; everything
//! else must be an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::frames::*;
use wire::{FRAME_BYTES_MAX, FrameBuffer, HEADER_BYTES, Kind, RawFrame, Scratch, VERSION, encode};

fuzz_target!(|input: &[u8]| {
    let [kind, words, payload @ ..] = input else { return };
    let kind = Kind::ALL[usize::from(*kind) % Kind::ALL.len()];
    let mut payload = payload.to_vec();
    payload.resize(payload.len().next_multiple_of(8), 0);
    let bytes = seal(kind, &payload, usize::from(*words % 4) * 8);
    if bytes.len() > FRAME_BYTES_MAX {
        return;
    }
    let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
    let mut frames = buffer.read(&bytes, FRAME_BYTES_MAX);
    let raw = frames.next(&mut scratch).expect("whole").expect("header and checksum are right");
    if let Some(again) = encode_again(&raw) {
        assert_eq!(again, seal(kind, &payload, 0));
    }
});

/// The frame's value encoded anew, if it was accepted.
fn encode_again(raw: &RawFrame<'_>) -> Option<Vec<u8>> {
    let mut out = vec![];
    macro_rules! of_kind {
        ($($kind:ident)*) => {
            match raw.header.kind {
                $(Some(Kind::$kind) => encode(&mut out, raw.header.request_id, raw.read::<$kind>().ok()?),)*
                None => return None,
            }
        };
    }
    of_kind! {
        Hello HelloReply Login LoginReply Logout LogoutReply Heartbeat HeartbeatReply Send SendAck Push PushAck Sync
        SyncPage History HistoryPage Chats ChatsPage MarkRead HideChat ChatReply Refusal GoingAway InboxHead
        SessionEnd Renew RenewReply GroupMembers GroupMembersPage GroupInfo GroupInfoReply Devices DevicesPage
        EndDevice EndDeviceReply Signal PushToken PushTokenReply
    }
    Some(out)
}

/// A frame with a right header and an extension of so many bytes.
fn seal(kind: Kind, payload: &[u8], extension: usize) -> Vec<u8> {
    let mut frame = vec![0; HEADER_BYTES];
    frame.extend_from_slice(payload);
    frame.resize(frame.len() + extension, 0xa5);
    let size = |bytes: usize| u32::try_from(bytes).expect("inputs are small").to_le_bytes();
    let length = size(frame.len());
    frame[..4].copy_from_slice(&length);
    frame[4..6].copy_from_slice(&[kind as u8, VERSION]);
    frame[20..24].copy_from_slice(&size(extension));
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[..16]);
    hasher.update(&frame[20..]);
    frame[16..20].copy_from_slice(&hasher.finalize().to_le_bytes());
    frame
}
