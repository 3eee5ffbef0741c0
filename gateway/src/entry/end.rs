//! How a session ends: with which last word, and under which reason it is counted.

use super::delivery;
use super::session::{Mark, SessionKey, Stage};
use super::{Do, Entry, Turn};
use crate::metrics::CloseReason;
use crate::transport::{Channel, Outboxes};
use shard::command::Command;
use wire::RefusalCode;

impl Entry {
    /// Says why, and closes once that is written.
    pub(super) fn end<O: Outboxes>(
        &mut self,
        key: SessionKey,
        code: RefusalCode,
        turn: &mut Turn<'_, O>,
    ) {
        self.say_end(key, code, turn);
        self.close(key, reason(code), Do::Close, turn);
    }

    /// Refuses a request, and closes once that is written. Without a text, the code's own.
    pub(super) fn end_with<O: Outboxes>(
        &mut self,
        key: SessionKey,
        request_id: u64,
        (code, text): (RefusalCode, &str),
        turn: &mut Turn<'_, O>,
    ) {
        let channel = self.channel(key);
        if let Some(out) = channel.and_then(|channel| turn.outboxes.outbox(channel)) {
            delivery::refusal(out.bytes, request_id, code, 0, text);
        }
        self.metrics.refusals.of(code).inc();
        self.close(key, reason(code), Do::Close, turn);
    }

    /// Nothing was heard, though it was asked.
    pub(super) fn end_silent<O: Outboxes>(&mut self, key: SessionKey, turn: &mut Turn<'_, O>) {
        self.say_end(key, RefusalCode::Unresponsive, turn);
        self.close(key, CloseReason::Silent, Do::Close, turn);
    }

    /// The client was told that it is logged out; the shard knows.
    pub(super) fn end_logged_out<O>(&mut self, key: SessionKey, turn: &mut Turn<'_, O>) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let channel = session.channel;
        let (stage, login) = session.close();
        if stage != Stage::Closing {
            self.metrics.closes.of(CloseReason::Logout).inc();
            self.users_online -= u64::from(login.is_some());
            turn.effects.channels.extend(channel.map(|channel| (channel, Do::Close)));
        }
    }

    /// Closes at once; what was written is dropped.
    pub(super) fn end_now<O>(&mut self, key: SessionKey, why: CloseReason, turn: &mut Turn<'_, O>) {
        self.close(key, why, Do::CloseNow, turn);
    }

    pub(super) fn close<O>(
        &mut self,
        key: SessionKey,
        why: CloseReason,
        how: Do,
        turn: &mut Turn<'_, O>,
    ) {
        let channel = self.channel(key);
        self.forget(key, why, turn);
        turn.effects.channels.extend(channel.map(|channel| (channel, how)));
    }

    /// Hears nothing more from it, and logs its session out, or withdraws its login.
    pub(super) fn forget<O>(&mut self, key: SessionKey, why: CloseReason, turn: &mut Turn<'_, O>) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let (stage, login) = session.close();
        if stage != Stage::Closing {
            self.metrics.closes.of(why).inc();
        }
        if stage == Stage::LoggingIn {
            turn.effects.withdrawn.push(self.unanswered(key).session);
        }
        if let Some(login) = login {
            self.users_online -= 1;
            turn.effects.commands.push((Command::Logout(login), self.unanswered(key)));
        }
    }

    /// The last word of a session that this side ends, in the frame that the client knows.
    fn say_end<O: Outboxes>(&mut self, key: SessionKey, code: RefusalCode, turn: &mut Turn<'_, O>) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let (channel, knows_end) = (session.channel, session.has(Mark::KnowsEnd));
        let Some(out) = channel.and_then(|channel| turn.outboxes.outbox(channel)) else { return };
        if knows_end {
            delivery::session_end(out.bytes, code);
        } else {
            delivery::going_away(out.bytes, code);
        }
    }

    /// Says that this server will close; whether the client could be told.
    pub(super) fn say_draining<O: Outboxes>(
        &mut self,
        key: SessionKey,
        turn: &mut Turn<'_, O>,
    ) -> bool {
        let channel = self.channel(key);
        let Some(out) = channel.and_then(|channel| turn.outboxes.outbox(channel)) else {
            return false;
        };
        delivery::going_away(out.bytes, RefusalCode::Draining);
        true
    }

    fn channel(&mut self, key: SessionKey) -> Option<Channel> {
        self.sessions.get_mut(key)?.channel
    }
}

/// Under which reason a close for this code is counted.
fn reason(code: RefusalCode) -> CloseReason {
    if matches!(code, RefusalCode::BadToken | RefusalCode::TokenExpired) {
        CloseReason::Token
    } else if matches!(code, RefusalCode::SessionReplaced | RefusalCode::TooManyDevices) {
        CloseReason::Replaced
    } else if code == RefusalCode::LoginTimeout {
        CloseReason::LoginTimeout
    } else if code == RefusalCode::Unresponsive {
        CloseReason::Unresponsive
    } else if code == RefusalCode::Draining {
        CloseReason::Drain
    } else {
        CloseReason::Protocol
    }
}
