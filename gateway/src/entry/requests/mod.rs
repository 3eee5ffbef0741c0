//! What a client's frames mean, by how far its session has come: a request a file, and one table of
//! all that a session that is logged in may say. Pure.
//!
//! It knows no socket, no token's worth, no shard's place.

mod action;
mod hello;
mod login;
mod send;
mod push_ack;
mod heartbeat;
mod heartbeat_reply;
mod sync;
mod history;
mod chats;
mod mark_read;
mod hide_chat;
mod logout;
mod checks;

pub use action::Action;

use super::session::Stage;
use shard::command::Login;
use wire::{FrameError, Kind, RawFrame, RefusalCode};

/// By which rates a request is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateClass {
    /// By none: a client owes it to the server.
    Owed,
    /// By the connection's.
    Frame,
    /// By the connection's and, if it is well formed, by the user's.
    Message,
}

/// What is to be known of a request beside what it does.
pub struct Request {
    /// Its frame.
    pub kind: Kind,
    /// Its command is answered, once.
    pub is_answered: bool,
    /// Its rates.
    pub rates: RateClass,
    act: Act,
}

type Act = fn(Login, &RawFrame<'_>) -> Result<Action, FrameError>;

const fn request(kind: Kind, is_answered: bool, rates: RateClass, act: Act) -> Request {
    Request { kind, is_answered, rates, act }
}

/// All that a session that is logged in may say.
pub const REQUESTS: &[Request] = &[
    request(Kind::Send, true, RateClass::Message, send::act),
    request(Kind::PushAck, false, RateClass::Owed, push_ack::act),
    request(Kind::Heartbeat, true, RateClass::Frame, heartbeat::act),
    request(Kind::HeartbeatReply, false, RateClass::Owed, heartbeat_reply::act),
    request(Kind::Sync, true, RateClass::Frame, sync::act),
    request(Kind::History, true, RateClass::Frame, history::act),
    request(Kind::Chats, true, RateClass::Frame, chats::act),
    request(Kind::MarkRead, true, RateClass::Frame, mark_read::act),
    request(Kind::HideChat, true, RateClass::Frame, hide_chat::act),
    request(Kind::Logout, true, RateClass::Frame, logout::act),
];

/// Decides about a frame of a session; who it is, is known when it is active.
#[must_use]
pub fn decide(
    stage: Stage,
    login: Option<Login>,
    frame: &RawFrame<'_>,
) -> (Action, Option<&'static Request>) {
    let kind = frame.header.kind;
    let (action, request) = match (stage, login) {
        (Stage::Closing, _) => (Ok(Action::Ignore), None),
        (_, _) if kind.is_none() && frame.header.is_note => (Ok(Action::Ignore), None),
        (Stage::New, _) if kind == Some(Kind::Hello) => (hello::act(frame), None),
        (Stage::Greeted, _) if kind == Some(Kind::Login) => (login::act(frame), None),
        (Stage::Active, Some(_)) if kind.is_none() => {
            (Ok(Action::Refuse(RefusalCode::Unsupported)), None)
        }
        (Stage::Active, Some(login)) => {
            let request = REQUESTS.iter().find(|request| Some(request.kind) == kind);
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
