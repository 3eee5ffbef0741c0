//! How a session ends: what was taken is answered first, then comes the last word, and the end is
//! counted under its reason.

use super::delivery;
use super::last_word::{LastWord, reason};
use super::session::{Mark, SessionKey, Stage};
use super::{Do, Entry, Turn};
use crate::limits::LEAVE_MS_MAX;
use crate::metrics::CloseReason;
use crate::transport::{Channel, Outboxes};
use shard::command::Command;
use wire::RefusalCode;

impl Entry {
    /// Hears nothing more from a session, and says a last word to it once what it asked is answered.
    /// Whoever leaves already hears its first last word.
    pub(super) fn leave<O: Outboxes>(
        &mut self,
        key: SessionKey,
        last_word: LastWord,
        turn: &mut Turn<'_, O>,
    ) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let now_ms = turn.now.mono_ms;
        match session.stage() {
            Stage::Leaving | Stage::Closing => {}
            Stage::New | Stage::Greeted | Stage::LoggingIn => self.part(key, last_word, turn),
            Stage::Active => {
                session.leave(now_ms);
                self.last_words.insert(key, last_word);
                self.wheel.place(key, now_ms + LEAVE_MS_MAX);
                self.look_at_leaving(key, turn);
            }
        }
    }

    /// Says the last word to a session that leaves, if nothing of its own is under way any more.
    pub(super) fn look_at_leaving<O: Outboxes>(&mut self, key: SessionKey, turn: &mut Turn<'_, O>) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.stage() == Stage::Leaving && session.in_flight == 0 {
            self.say_last_word(key, turn);
        }
    }

    /// Says the last word to a session that leaves, whatever is under way.
    pub(super) fn say_last_word<O: Outboxes>(&mut self, key: SessionKey, turn: &mut Turn<'_, O>) {
        let Some(last_word) = self.last_words.get(&key).copied() else { return };
        let Some(session) = self.sessions.get_mut(key) else { return };
        match (last_word, session.login()) {
            (LastWord::LoggedOut(request_id), Some(login)) => {
                session.hear(turn.now.mono_ms);
                self.wheel.place(key, turn.now.mono_ms + LEAVE_MS_MAX);
                self.last_words.insert(key, LastWord::LoggingOut);
                let (_, reply) = self.ticket(key, request_id);
                turn.effects.commands.push((Command::Logout(login), reply));
            }
            (word, _) => self.part(key, word, turn),
        }
    }

    /// Says the last word, and closes once that is written.
    fn part<O: Outboxes>(&mut self, key: SessionKey, word: LastWord, turn: &mut Turn<'_, O>) {
        match word {
            LastWord::Nothing | LastWord::LoggedOut(_) | LastWord::LoggingOut => {}
            LastWord::Refused(request_id, code) => {
                return self.end_with(key, request_id, (code, ""), turn);
            }
            LastWord::Ended(code) => self.say_end(key, code, turn),
        }
        self.close(key, word.reason(), Do::Close(word.code()), turn);
    }

    /// The logout of a session that leaves was refused: it may ask again.
    pub(super) fn stay(&mut self, key: SessionKey) {
        let Some(LastWord::LoggingOut) = self.last_words.get(&key) else { return };
        self.last_words.remove(&key);
        if let Some(session) = self.sessions.get_mut(key) {
            session.stay();
        }
    }

    /// Says why, once what was taken is answered, and closes once that is written.
    pub(super) fn end<O: Outboxes>(
        &mut self,
        key: SessionKey,
        code: RefusalCode,
        turn: &mut Turn<'_, O>,
    ) {
        self.leave(key, LastWord::Ended(code), turn);
    }

    /// Refuses a request, and closes once that is written. Without a text, the code's own.
    pub(super) fn end_with<O: Outboxes>(
        &mut self,
        key: SessionKey,
        request_id: u64,
        (code, text): (RefusalCode, &str),
        turn: &mut Turn<'_, O>,
    ) {
        self.say_last(key, turn, |out| delivery::refusal(out, request_id, code, text));
        self.metrics.refusals.of(code).inc();
        self.close(key, reason(code), Do::Close(Some(code)), turn);
    }

    /// Nothing was heard, though it was asked.
    pub(super) fn end_silent<O: Outboxes>(&mut self, key: SessionKey, turn: &mut Turn<'_, O>) {
        let code = RefusalCode::Unresponsive;
        self.say_end(key, code, turn);
        self.close(key, CloseReason::Silent, Do::Close(Some(code)), turn);
    }

    /// The client was told that it is logged out; the shard knows.
    pub(super) fn end_logged_out<O>(&mut self, key: SessionKey, turn: &mut Turn<'_, O>) {
        self.last_words.remove(&key);
        let Some(session) = self.sessions.get_mut(key) else { return };
        let channel = session.channel();
        let (stage, login) = session.close();
        if stage != Stage::Closing {
            self.metrics.closes.of(CloseReason::Logout).inc();
            self.users_online -= u64::from(login.is_some());
            turn.effects.channels.extend(channel.map(|channel| (channel, Do::Close(None))));
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

    /// It is over: logs its session out, or withdraws its login.
    pub(super) fn forget<O>(&mut self, key: SessionKey, why: CloseReason, turn: &mut Turn<'_, O>) {
        self.last_words.remove(&key);
        self.polls.end(key);
        self.beliefs.end(key);
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

    /// There is no room for a client, which may come back.
    pub(super) fn turn_away<O: Outboxes>(&self, channel: Channel, turn: &mut Turn<'_, O>) {
        let code = RefusalCode::Busy;
        if let Some(mut out) = turn.outboxes.outbox(channel) {
            out.frame(|out| delivery::going_away(out, code));
        }
        self.metrics.closes.of(CloseReason::Full).inc();
        turn.effects.channels.push((channel, Do::Close(Some(code))));
    }

    /// The last word of a session that this side ends, in the frame that the client knows.
    fn say_end<O: Outboxes>(&mut self, key: SessionKey, code: RefusalCode, turn: &mut Turn<'_, O>) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let knows_end = session.has(Mark::KnowsEnd);
        let end = if knows_end { delivery::session_end } else { delivery::going_away };
        self.say_last(key, turn, |out| end(out, code));
    }

    /// Says that this server will close; whether the client could be told.
    pub(super) fn say_draining<O: Outboxes>(
        &mut self,
        key: SessionKey,
        turn: &mut Turn<'_, O>,
    ) -> bool {
        let is_asking = self.sessions.get_mut(key).is_some_and(|it| it.carrier.is_call());
        if is_asking && !self.is_polling(key) {
            // The answer is under way.
            return true;
        }
        self.say_last(key, turn, |out| delivery::going_away(out, RefusalCode::Draining))
    }

    /// Writes what is the last to a client that calls; whether it could be told.
    fn say_last<O: Outboxes>(
        &mut self,
        key: SessionKey,
        turn: &mut Turn<'_, O>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        if let Some(session) = self.sessions.get_mut(key) {
            session.ends_calls();
        }
        self.say(key, turn, write).is_some()
    }

    /// Where a session's frames go.
    pub fn channel(&mut self, key: SessionKey) -> Option<Channel> {
        self.sessions.get_mut(key)?.channel()
    }
}
