//! What frames of several requests have in common, and those that nobody asked for. It knows no connection.

use crate::limits::RECONNECT_JITTER_MS;
use shard::rows::{InboxRow, MessageRow};
use std::borrow::Cow;
use wire::frames::{GoingAway, Message, Push, Refusal};
use wire::{BODY_BYTES_MAX, Bytes, InboxSeq, RefusalCode, VERSION, encode};

/// Writes a refusal; without a text, the code's own.
pub fn refusal(
    out: &mut Vec<u8>,
    request_id: u64,
    code: RefusalCode,
    retry_after_ms: u32,
    text: &str,
) {
    let text = if text.is_empty() { explain(code) } else { text.into() };
    let text = Bytes::copy_from_slice(&text.as_bytes()[..text.len().min(wire::TEXT_BYTES_MAX)]);
    encode(out, request_id, Refusal { code: code as u16, retry_after_ms, text });
}

/// Writes that the connection will close. What ends many clients at once, and lets them come back, says over how long they
/// spread.
pub fn going_away(out: &mut Vec<u8>, code: RefusalCode) {
    use RefusalCode::{Draining, LoginTimeout, Unresponsive};
    let is_shared = matches!(code, Draining | LoginTimeout | Unresponsive);
    let jitter_ms = if is_shared { RECONNECT_JITTER_MS } else { 0 };
    encode(out, 0, GoingAway { code: code as u16, reconnect_after_ms: 0, jitter_ms });
}

/// Writes a row of an inbox, which is pushed after `previous`.
pub fn push(out: &mut Vec<u8>, previous: InboxSeq, row: InboxRow) {
    encode(out, 0, Push { previous: previous.0, message: inbox_message(row) });
}

/// A row of an inbox.
pub fn inbox_message(row: InboxRow) -> Message {
    message(row.message, row.inbox_seq, row.flags)
}

/// A row of a conversation, with its place in an inbox if it has one there.
pub fn message(row: MessageRow, inbox_seq: InboxSeq, row_flags: u8) -> Message {
    Message {
        inbox_seq: inbox_seq.0,
        conversation: row.conversation.into(),
        seq: row.seq.0,
        number: row.number,
        sender: row.sender.0,
        message_id: row.message_id.0,
        time_ms: row.time_ms,
        client_msg_id: row.client_msg_id.0,
        kind: row.kind.0,
        row_flags,
        flags: row.flags,
        body: row.body,
    }
}

/// What to tell a person.
fn explain(code: RefusalCode) -> Cow<'static, str> {
    let text = match code {
        RefusalCode::Malformed => "not a frame that may be sent here",
        RefusalCode::UnsupportedVersion => {
            return format!("this server speaks protocol version {VERSION} only").into();
        }
        RefusalCode::NotLoggedIn => "say hello and log in first",
        RefusalCode::BadToken => "the token is not valid here",
        RefusalCode::TokenExpired => "the token is over; get a new one",
        RefusalCode::RateLimited => "too many requests; wait as long as the hint says",
        RefusalCode::Busy => "a queue is full; wait as long as the hint says",
        RefusalCode::StoreUnavailable => "the store failed; retry with the same client_msg_id",
        RefusalCode::StoreFull => "the store has no room; retry later with the same client_msg_id",
        RefusalCode::IdConflict => "this client_msg_id was used for another body here",
        RefusalCode::IdTooOld => "this client_msg_id is too old to be checked; see the history",
        RefusalCode::IdInFuture => {
            "this client_msg_id is ahead of the server's clock; send it again after the hint"
        }
        RefusalCode::BadId => "a client_msg_id is a UUIDv7",
        RefusalCode::BodyTooLarge => {
            return format!("the body is over {BODY_BYTES_MAX} bytes").into();
        }
        RefusalCode::BadRecipient => {
            "there is no such conversation, or it is not yours to write to"
        }
        RefusalCode::Draining => "the server is draining; connect again",
        RefusalCode::SessionReplaced => "this device logged in elsewhere",
        RefusalCode::TooManyDevices => "too many devices are logged in; log one out",
        RefusalCode::OutOfRange => "a value is out of its range",
        RefusalCode::LoginTimeout => "no login in time",
        RefusalCode::Unresponsive => "pushes, heartbeats or replies stayed unread",
        RefusalCode::Unsupported => "this server does not know the request, or a value in it",
    };
    text.into()
}
