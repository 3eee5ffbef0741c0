//! The frames that every bench measures: 1:1 traffic with bodies of 128 bytes.

use wire::frames::{Conversation, Message, Push, PushAck, Send, SendAck};
use wire::{Bytes, ConversationKind, RowKind};

/// Bytes of a body, as loadgen's `--payload 128`.
pub const BODY_BYTES: usize = 128;
/// Bytes of a piece: as much as one receive buffer holds.
pub const PIECE_BYTES: usize = 4096;

/// A message from a client.
#[must_use]
pub fn send() -> Send {
    Send {
        conversation: Conversation { kind: ConversationKind::Direct as u8, a: 7, b: 3 },
        client_msg_id: [7; 16],
        kind: RowKind::MESSAGE.0,
        flags: 0,
        body: Bytes::from_static(&[0x5a; BODY_BYTES]),
    }
}

/// The same message on its way to a device.
#[must_use]
pub fn push() -> Push {
    let Send { conversation, client_msg_id, kind, flags, body } = send();
    let message = Message {
        inbox_seq: 9,
        conversation,
        seq: 5,
        number: 5,
        sender: 3,
        message_id: 1,
        time_ms: 1,
        client_msg_id,
        kind,
        row_flags: 0,
        flags,
        body,
    };
    Push { previous: 8, message }
}

/// The answer to the sender.
#[must_use]
pub fn send_ack() -> SendAck {
    SendAck { message_id: 1, seq: 5, time_ms: 1, inbox_seq: 9 }
}

/// The answer of the device.
#[must_use]
pub fn push_ack() -> PushAck {
    PushAck { inbox_seq: 9 }
}

/// One frame's bytes.
#[must_use]
pub fn encoded_send() -> Vec<u8> {
    let mut frame = Vec::new();
    wire::encode(&mut frame, 1, send());
    frame
}

/// One frame's bytes.
#[must_use]
pub fn encoded_push() -> Vec<u8> {
    let mut frame = Vec::new();
    wire::encode(&mut frame, 0, push());
    frame
}

/// What a busy connection receives at once: sends and the acks of pushes in turn, whole frames only.
#[must_use]
pub fn piece() -> Vec<u8> {
    let mut piece = Vec::with_capacity(PIECE_BYTES * 2);
    let mut whole = 0;
    loop {
        wire::encode(&mut piece, 1, send());
        wire::encode(&mut piece, 0, push_ack());
        if piece.len() > PIECE_BYTES {
            piece.truncate(whole);
            return piece;
        }
        whole = piece.len();
    }
}
