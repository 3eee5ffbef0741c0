//! What a client's frames mean, by how far its session has come, and what it is answered: a request a
//! file, and one table of all that a session that is logged in may say. Pure.
//!
//! It knows no socket, no token's worth, no shard's place.

mod action;
mod hello;
mod login;
mod send;
mod push_ack;
mod heartbeat;
mod heartbeat_reply;
mod renew;
mod sync;
mod history;
mod chats;
mod mark_read;
mod hide_chat;
mod group_members;
mod devices;
mod end_device;
mod push_token;
mod signal;
mod group_info;
mod logout;
mod checks;

pub use action::{Action, Context};

use super::delivery;
use super::session::Stage;
use shard::command::{Answer, Login};
use wire::{FrameError, Generation, InboxSeq, Kind, RawFrame, RefusalCode};
use wire::{encode, encode_extended, frames};

/// By which rates a request is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateClass {
    /// By none: a client owes it to the server.
    Owed,
    /// By the connection's.
    Frame,
    /// By the connection's and, if it is well formed, by the user's.
    Message,
    /// By the connection's, and each conversation rests in between. What is over is dropped: nothing answers it.
    Signal,
}

/// What is to be known of a request beside what it does.
pub struct Request {
    /// Its frame.
    pub kind: Kind,
    /// Its rates.
    pub rates: RateClass,
    /// It is of a session: no call makes it.
    is_of_session: bool,
    act: Act,
}

type Act = fn(Login, &RawFrame<'_>) -> Result<Action, FrameError>;

const fn request(kind: Kind, rates: RateClass, act: Act) -> Request {
    Request { kind, rates, is_of_session: false, act }
}

const fn of_session(kind: Kind, rates: RateClass, act: Act) -> Request {
    Request { is_of_session: true, ..request(kind, rates, act) }
}

/// All that a session that is logged in may say.
pub const REQUESTS: &[Request] = &[
    request(Kind::Send, RateClass::Message, send::act),
    of_session(Kind::PushAck, RateClass::Owed, push_ack::act),
    request(Kind::Heartbeat, RateClass::Frame, heartbeat::act),
    of_session(Kind::HeartbeatReply, RateClass::Owed, heartbeat_reply::act),
    of_session(Kind::Renew, RateClass::Frame, renew::act),
    request(Kind::Sync, RateClass::Frame, sync::act),
    request(Kind::History, RateClass::Frame, history::act),
    request(Kind::Chats, RateClass::Frame, chats::act),
    request(Kind::MarkRead, RateClass::Frame, mark_read::act),
    request(Kind::HideChat, RateClass::Frame, hide_chat::act),
    request(Kind::GroupMembers, RateClass::Frame, group_members::act),
    request(Kind::Devices, RateClass::Frame, devices::act),
    request(Kind::EndDevice, RateClass::Frame, end_device::act),
    of_session(Kind::PushToken, RateClass::Frame, push_token::act),
    of_session(Kind::Signal, RateClass::Signal, signal::act),
    request(Kind::GroupInfo, RateClass::Frame, group_info::act),
    of_session(Kind::Logout, RateClass::Frame, logout::act),
];

/// Writes an answer as a frame; returns the bytes of the bodies in it, which were copied.
pub fn answer(out: &mut Vec<u8>, request_id: u64, answer: Answer, context: Context) -> usize {
    let inbox_epoch = context.inbox_epoch;
    let copied = answer.body_bytes();
    match answer {
        Answer::Push { previous, row } => delivery::push(out, previous, *row),
        Answer::Acked { message_id, seq, time_ms, inbox_seq } => {
            let (message_id, seq, inbox_seq) = (message_id.0, seq.0, inbox_seq.0);
            encode(out, request_id, frames::SendAck { message_id, seq, time_ms, inbox_seq });
        }
        Answer::LoggedIn { login, inbox_head, cursor, inbox_tail } => {
            let reply = login::reply(login, (inbox_head, cursor), context);
            encode_extended(out, request_id, reply, &[inbox_tail.0]);
        }
        Answer::LoggedOut(Generation(generation)) => {
            encode(out, request_id, frames::LogoutReply { generation });
        }
        Answer::Head { head: InboxSeq(inbox_head), time_ms } => {
            let reply = frames::HeartbeatReply { time_ms, inbox_epoch, inbox_head };
            encode_extended(out, request_id, reply, &[context.server_time_ms]);
        }
        Answer::News(InboxSeq(inbox_head)) => {
            encode(out, 0, frames::InboxHead { inbox_epoch, inbox_head });
        }
        Answer::Inbox { head, rows, tail } => {
            encode_extended(out, request_id, sync::reply(head, rows, context), &[tail.0]);
        }
        Answer::History { conversation, rows } => {
            encode(out, request_id, history::reply(conversation, rows));
        }
        Answer::Chats { version, chats, more } => {
            let read = chats::peer_read_seqs(&chats);
            encode_extended(out, request_id, chats::reply(version, chats, more), &read);
        }
        Answer::GroupMembers { group, count, members } => {
            encode(out, request_id, group_members::reply(group, count, members));
        }
        Answer::Devices(devices) => encode(out, request_id, devices::reply(devices)),
        // What waited for it is asked then.
        Answer::Believed => {}
        // Nor do clients ask for what operators do.
        Answer::Dead(_) | Answer::Replayed { .. } => {}
        Answer::PushTokenSet { is_kept } => {
            encode(out, request_id, frames::PushTokenReply { is_kept: is_kept.into() });
        }
        Answer::Ended { count } => {
            let was_logged_in = (count > 0).into();
            encode(out, request_id, frames::EndDeviceReply { was_logged_in });
        }
        Answer::Signal { signal, .. } => delivery::signal(out, signal),
        Answer::GroupInfo { group, info } => {
            encode(out, request_id, group_info::reply(group, *info));
        }
        Answer::Chat(row) => encode(out, request_id, mark_read::reply(&row)),
        Answer::Refused { code, retry_after_ms } => {
            let clock = code.is_of_time().then_some(context.server_time_ms);
            delivery::refused(out, request_id, (code, retry_after_ms), clock);
        }
        Answer::Closed(code) => delivery::going_away(out, code),
    }
    copied
}

/// Decides about a frame of a session; who it is, is known when it is active. Of generation 0, it calls.
#[must_use]
pub fn decide(
    stage: Stage,
    login: Option<Login>,
    frame: &RawFrame<'_>,
) -> (Action, Option<&'static Request>) {
    let kind = frame.header.kind;
    let (action, request) = match (stage, login) {
        (Stage::Leaving | Stage::Closing, _) => (Ok(Action::Ignore), None),
        (_, _) if kind.is_none() && frame.header.is_note => (Ok(Action::Ignore), None),
        (Stage::New, _) if kind == Some(Kind::Hello) => (hello::act(frame), None),
        (Stage::Greeted, _) if kind == Some(Kind::Login) => (login::act(frame), None),
        (Stage::Active, Some(_)) if kind.is_none() => {
            (Ok(Action::Refuse(RefusalCode::Unsupported)), None)
        }
        (Stage::Active, Some(login)) => {
            let request = REQUESTS.iter().find(|request| Some(request.kind) == kind);
            if login.generation == Generation(0) && request.is_some_and(|it| it.is_of_session) {
                return (Action::Refuse(RefusalCode::Unsupported), None);
            }
            // What only a server says, and what is said once.
            let closes = Ok(Action::Close(RefusalCode::Malformed));
            (request.map_or(closes, |request| (request.act)(login, frame)), request)
        }
        (Stage::New | Stage::Greeted | Stage::LoggingIn | Stage::Active, _) => {
            (Ok(Action::Close(RefusalCode::NotLoggedIn)), None)
        }
    };
    (action.unwrap_or_else(on_error), request)
}

/// Decides about bytes that are no frame.
#[must_use]
pub fn on_error(error: FrameError) -> Action {
    match error {
        FrameError::Version(_) => Action::Close(RefusalCode::UnsupportedVersion),
        FrameError::Length(..)
        | FrameError::Extension(_)
        | FrameError::Reserved
        | FrameError::Checksum
        | FrameError::Archive(_) => Action::Close(RefusalCode::Malformed),
    }
}

#[cfg(test)]
mod tests;
