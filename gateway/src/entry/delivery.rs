//! What frames of several requests have in common, and those that nobody asked for. It knows no connection.

use crate::limits::RECONNECT_JITTER_MS;
use shard::command::Signal;
use shard::limits::GROUP_MEMBERS_MAX;
use shard::rows::{InboxRow, MessageRow};
use std::borrow::Cow;
use wire::frames::{GoingAway, Message, Push, Refusal, SessionEnd};
use wire::{BODY_BYTES_MAX, Bytes, InboxSeq, Next, RefusalCode, VERSION};
use wire::{encode, encode_extended, frames};

/// Writes a refusal with a text, or the code's own if it is empty, of what may not come again as it is.
pub fn refusal(out: &mut Vec<u8>, request_id: u64, code: RefusalCode, text: &str) {
    let text = self::text(if text.is_empty() { explain(code) } else { text.into() });
    encode(out, request_id, Refusal { code: code as u16, retry_after_ms: 0, text });
}

/// Writes the refusal of a request: when it may come again, and what the server's clock shows if that was the reason.
pub fn refused(
    out: &mut Vec<u8>,
    request_id: u64,
    (code, retry_after_ms): (RefusalCode, u32),
    clock: Option<u64>,
) {
    let text = text(explain(code));
    let refusal = Refusal { code: code as u16, retry_after_ms, text };
    encode_extended(out, request_id, refusal, clock.as_slice());
}

/// Writes that the connection will close, and over how long those spread that come back.
pub fn going_away(out: &mut Vec<u8>, code: RefusalCode) {
    let jitter_ms = jitter_ms(code);
    encode(out, 0, GoingAway { code: code as u16, reconnect_after_ms: 0, jitter_ms });
}

/// Writes that the session ends, why, and what the client does next.
pub fn session_end(out: &mut Vec<u8>, code: RefusalCode) {
    let (next, jitter_ms, text) = (code.next().to_wire(), jitter_ms(code), text(explain(code)));
    encode(out, 0, SessionEnd { code: code as u16, next, wait_ms: 0, jitter_ms, text });
}

/// Whatever ends a session may end many at once.
fn jitter_ms(code: RefusalCode) -> u32 {
    if code.next() == Next::StayAway { 0 } else { RECONNECT_JITTER_MS }
}

/// A text as a frame has it, within its bound.
fn text(text: Cow<'_, str>) -> Bytes {
    let end = text.floor_char_boundary(wire::TEXT_BYTES_MAX);
    Bytes::copy_from_slice(&text.as_bytes()[..end])
}

/// Writes a row of an inbox, which is pushed after `previous`.
pub fn push(out: &mut Vec<u8>, previous: InboxSeq, row: InboxRow) {
    encode(out, 0, Push { previous: previous.0, message: inbox_message(row) });
}

/// Writes what a peer does now.
pub fn signal(out: &mut Vec<u8>, signal: Signal) {
    let Signal { conversation, sender, seq, ttl_ms, kind } = signal;
    let (conversation, uid, seq, kind) = (conversation.into(), sender.0, seq.0, kind.0);
    encode(out, 0, frames::Signal { conversation, uid, seq, ttl_ms, kind });
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
#[must_use]
pub fn explain(code: RefusalCode) -> Cow<'static, str> {
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
        RefusalCode::NotMember => "you, or one whom you name, is no member of this group",
        RefusalCode::NotAllowed => {
            "your role does not allow this: admins look after plain members, the owner after all"
        }
        RefusalCode::GroupFull => {
            return format!("a group has at most {GROUP_MEMBERS_MAX} members").into();
        }
        RefusalCode::Muted => "you may not write in this group before the hint is over",
        RefusalCode::AlreadyMember => "one whom you name is a member of this group already",
        RefusalCode::Draining => "the server is draining; connect again",
        RefusalCode::SessionReplaced => "this device logged in elsewhere",
        RefusalCode::TooManyDevices => {
            "another device logged in, and this one had been silent longest"
        }
        RefusalCode::OutOfRange => "a value is out of its range",
        RefusalCode::LoginTimeout => "no login in time",
        RefusalCode::Unresponsive => "pushes, heartbeats or replies stayed unread",
        RefusalCode::Kicked => "an operator ended the session",
        RefusalCode::EndedByUser => "the user ended the session from another device",
        RefusalCode::TokenRevoked => "the user's tokens were taken back; get a new one",
        RefusalCode::Unsupported => "this server does not know the request, or a value in it",
    };
    text.into()
}
