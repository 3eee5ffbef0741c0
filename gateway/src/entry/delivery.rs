//! A shard's answers as frames. It knows no connection.

use crate::limits::RECONNECT_JITTER_MS;
use shard::command::Answer;
use shard::rows::{ChatRow, InboxRow, MessageRow};
use std::borrow::Cow;
use wire::frames::{Chat, ChatReply, ChatsPage, Conversation, GoingAway, HeartbeatReply};
use wire::frames::{HistoryPage, InboxHead, LoginReply, LogoutReply, Message, Push, Refusal};
use wire::frames::{SendAck, SyncPage};
use wire::{BODY_BYTES_MAX, Bytes, InboxSeq, RefusalCode, VERSION, encode};

/// What answers need beside themselves.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The inbox's epoch.
    pub inbox_epoch: u64,
    /// Unix ms.
    pub server_time_ms: u64,
}

/// Writes an answer as a frame; returns the bytes of the bodies in it, which were copied.
pub fn write(out: &mut Vec<u8>, request_id: u64, answer: Answer, context: Context) -> usize {
    let Context { inbox_epoch, server_time_ms } = context;
    let copied = body_bytes(&answer);
    match answer {
        Answer::Push { previous, row } => {
            let message = inbox_message(*row);
            encode(out, 0, Push { previous: previous.0, message });
        }
        Answer::Acked { message_id, seq, time_ms, inbox_seq } => {
            let (message_id, seq, inbox_seq) = (message_id.0, seq.0, inbox_seq.0);
            encode(out, request_id, SendAck { message_id, seq, time_ms, inbox_seq });
        }
        Answer::LoggedIn { login, inbox_head, cursor } => {
            let (uid, generation) = (login.uid.0, login.generation.0);
            let (inbox_head, cursor) = (inbox_head.0, cursor.0);
            let reply =
                LoginReply { uid, generation, inbox_epoch, inbox_head, cursor, server_time_ms };
            encode(out, request_id, reply);
        }
        Answer::LoggedOut(generation) => {
            encode(out, request_id, LogoutReply { generation: generation.0 });
        }
        Answer::Head { head, time_ms } => {
            encode(out, request_id, HeartbeatReply { time_ms, inbox_epoch, inbox_head: head.0 });
        }
        Answer::News(head) => encode(out, 0, InboxHead { inbox_epoch, inbox_head: head.0 }),
        Answer::Inbox { head, rows } => {
            let messages = rows.into_iter().map(inbox_message).collect();
            encode(out, request_id, SyncPage { inbox_epoch, inbox_head: head.0, messages });
        }
        Answer::History { conversation, rows } => {
            let messages = rows.into_iter().map(|row| message(row, InboxSeq(0), 0)).collect();
            encode(out, request_id, HistoryPage { conversation: conversation.into(), messages });
        }
        Answer::Chats { version, chats, more } => {
            let last = chats.last().filter(|_| more).map(|(row, _)| row.conversation.into());
            let next_after = last.unwrap_or(Conversation::NONE);
            let chats = chats.into_iter().map(|(row, recent)| chat(row, recent)).collect();
            encode(out, request_id, ChatsPage { next_after, version, chats });
        }
        Answer::Chat(row) => {
            let (conversation, read_seq) = (row.conversation.into(), row.read_seq.0);
            let (unread, version) = (row.unread(), row.version);
            let is_hidden = row.is_hidden.into();
            let reply = ChatReply { conversation, read_seq, unread, version, is_hidden };
            encode(out, request_id, reply);
        }
        Answer::Refused { code, retry_after_ms } => {
            refusal(out, request_id, code, retry_after_ms, "");
        }
        Answer::Closed(code) => going_away(out, code),
    }
    copied
}

fn body_bytes(answer: &Answer) -> usize {
    match answer {
        Answer::Push { row, .. } => row.message.body.len(),
        Answer::Inbox { rows, .. } => rows.iter().map(|row| row.message.body.len()).sum(),
        Answer::History { rows, .. } => rows.iter().map(|row| row.body.len()).sum(),
        Answer::Chats { chats, .. } => {
            chats.iter().filter_map(|(_, recent)| recent.as_ref()).map(|row| row.body.len()).sum()
        }
        Answer::Acked { .. }
        | Answer::LoggedIn { .. }
        | Answer::LoggedOut(_)
        | Answer::Head { .. } => 0,
        Answer::News(_) | Answer::Chat(_) | Answer::Refused { .. } | Answer::Closed(_) => 0,
    }
}

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

fn inbox_message(row: InboxRow) -> Message {
    message(row.message, row.inbox_seq, row.flags)
}

fn message(row: MessageRow, inbox_seq: InboxSeq, row_flags: u8) -> Message {
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

fn chat(row: ChatRow, recent: Option<MessageRow>) -> Chat {
    let conversation = Conversation::from(row.conversation);
    let empty = || Message {
        inbox_seq: row.recent_inbox_seq.0,
        conversation: conversation.clone(),
        seq: row.recent_seq.0,
        number: row.recent_number,
        sender: 0,
        message_id: 0,
        time_ms: 0,
        client_msg_id: [0; 16],
        kind: 0,
        row_flags: 0,
        flags: 0,
        body: Bytes::new(),
    };
    Chat {
        recent: recent.map_or_else(empty, |recent| message(recent, row.recent_inbox_seq, 0)),
        conversation: conversation.clone(),
        read_time_ms: row.read_time_ms,
        read_seq: row.read_seq.0,
        unread: row.unread(),
        version: row.version,
        is_hidden: row.is_hidden.into(),
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
