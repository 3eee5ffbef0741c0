//! From a frame to a command: what may be asked at all, how often, and how much at once.

use super::beliefs::Waiting;
use super::delivery;
use super::last_word::LastWord;
use super::rate::Rate;
use super::requests::{self, Action, RateClass, Request};
use super::session::{Mark, SessionKey, Stage};
use super::{Entry, Ticket, Turn};
use crate::auth::{Claims, TokenError};
use crate::limits::{RECONNECT_JITTER_MS, REQUESTS_IN_FLIGHT_MAX};
use crate::metrics::CopyStage;
use crate::transport::Outboxes;
use shard::command::{Answer, Begin, Command, Send};
use shard::limits::BUSY_RETRY_MS;
use shard::order::Wait;
use wire::RefusalCode;
use wire::frames::{HelloReply, RenewReply};
use wire::{
    Bytes, DeviceId, FEATURE_SESSION_END, FEATURE_SIGNALS, FrameError, NUMBER_MAX, Platform,
    RawFrame, Uid,
};

impl Entry {
    /// A frame came, or bytes that are none. Returns whether to read on.
    pub fn on_frame<O: Outboxes>(
        &mut self,
        key: SessionKey,
        frame: Result<&RawFrame<'_>, FrameError>,
        turn: &mut Turn<'_, O>,
    ) -> bool {
        self.metrics.frames_in.inc();
        let Some(session) = self.sessions.get_mut(key).filter(|it| it.is_heard()) else {
            return false;
        };
        let (request_id, (action, request)) = match frame {
            Ok(frame) => {
                let decided = requests::decide(session.stage(), session.speaker(), frame);
                (frame.header.request_id, decided)
            }
            Err(error) => (0, (requests::on_error(error), None)),
        };
        if let Action::Submit(Command::Send(send)) = &action {
            self.metrics.body_copies_bytes.of(CopyStage::Submit).add(send.body.len() as u64);
        }
        if !self.lets_in(key, &action, turn) {
            return self.is_heard(key);
        }
        if let Some(refused) = self.refusal(key, request, &action, turn) {
            self.answer(key, request_id, refused, turn);
        } else {
            self.act(key, request_id, action, turn);
        }
        self.is_heard(key)
    }

    /// A request came that no frame can be made of. Returns whether to read on.
    pub fn on_unclear<O: Outboxes>(
        &mut self,
        key: SessionKey,
        request_id: u64,
        (code, text): (RefusalCode, &str),
        turn: &mut Turn<'_, O>,
    ) -> bool {
        self.metrics.frames_in.inc();
        let Some(session) = self.sessions.get_mut(key).filter(|it| it.is_heard()) else {
            return false;
        };
        if session.stage() != Stage::Active {
            self.end_with(key, request_id, (code, text), turn);
        } else if let Some(refused) = self.refusal(key, None, &Action::Refuse(code), turn) {
            self.answer(key, request_id, refused, turn);
        } else if let Some(((), waiting)) =
            self.say(key, turn, |out| delivery::refusal(out, request_id, code, text))
        {
            self.metrics.refusals.of(code).inc();
            self.metrics.frames_out.inc();
            self.look_at_waiting(key, waiting, turn);
        }
        self.is_heard(key)
    }

    fn act<O: Outboxes>(
        &mut self,
        key: SessionKey,
        request_id: u64,
        action: Action,
        turn: &mut Turn<'_, O>,
    ) {
        match action {
            Action::Ignore => {}
            Action::Greet { features } => self.greet(key, request_id, features, turn),
            Action::Login { device, platform, from, token } => {
                self.log_in(key, request_id, ((device, platform), from, &token), turn);
            }
            Action::Renew { token } => self.renew(key, request_id, &token, turn),
            Action::Submit(command) => {
                if command.needs().answer {
                    self.submit_believed(key, (command, request_id), turn);
                } else {
                    self.submit(key, command, None, turn);
                }
            }
            Action::Refuse(code) => {
                let refused = Answer::Refused { code, retry_after_ms: 0 };
                self.answer(key, request_id, refused, turn);
            }
            Action::LogOut => self.leave(key, LastWord::LoggedOut(request_id), turn),
            Action::Close(code) => self.leave(key, LastWord::Refused(request_id, code), turn),
        }
    }

    /// Whether a signal is let in, by the rate of its connection and of its conversation. Other requests are.
    fn lets_in<O>(&mut self, key: SessionKey, action: &Action, turn: &Turn<'_, O>) -> bool {
        let Action::Submit(Command::Signal { signal, .. }) = action else { return true };
        let Some(session) = self.sessions.get_mut(key) else { return false };
        let is_let_in = self.rate.take(&mut session.rate_due_us, turn.now_us).is_ok()
            && self.signals.take(key, signal, turn.now.mono_ms);
        if !is_let_in {
            self.metrics.signals_refused.inc();
        }
        is_let_in
    }

    /// The refusal of what must wait. What a client owes the server is never refused.
    pub(super) fn refusal<O>(
        &mut self,
        key: SessionKey,
        request: Option<&Request>,
        action: &Action,
        turn: &Turn<'_, O>,
    ) -> Option<Answer> {
        let class = request.map_or(RateClass::Frame, |request| request.rates);
        let is_answered = !matches!(action, Action::Close(_) | Action::Ignore);
        if matches!(class, RateClass::Owed | RateClass::Signal) || !is_answered {
            return None;
        }
        if let (RateClass::Message, Action::Submit(Command::Send(send))) = (class, action) {
            return self.judge(key, send, turn);
        }
        let session = self.sessions.get_mut(key)?;
        session.speaker()?;
        let retry_after_ms = self.rate.take(&mut session.rate_due_us, turn.now_us).err()?;
        Some(Answer::Refused { code: RefusalCode::RateLimited, retry_after_ms })
    }

    /// The refusal of a message that is over a rate, for which there is no room, or that is behind
    /// such a message.
    fn judge<O>(&mut self, key: SessionKey, send: &Send, turn: &Turn<'_, O>) -> Option<Answer> {
        let Self { sessions, order, drain, rate, shared, .. } = self;
        let session = sessions.get_mut(key)?;
        let limited = |after_ms, rate: &Rate| {
            let (code, each_ms) = (RefusalCode::RateLimited, rate.interval_ms());
            Wait { code, after_ms, each_ms }
        };
        let room = || {
            if drain.is_some() {
                let (code, after_ms) = (RefusalCode::Draining, RECONNECT_JITTER_MS);
                return Some(Wait { code, after_ms, each_ms: 0 });
            }
            if session.in_flight >= REQUESTS_IN_FLIGHT_MAX {
                return Some(Wait::BUSY);
            }
            if let Err(after_ms) = rate.take(&mut session.rate_due_us, turn.now_us) {
                return Some(limited(after_ms, rate));
            }
            let users = &shared.users;
            let over = users.take(send.sender, turn.now_us).err()?;
            Some(limited(over, users.rate()))
        };
        let (code, retry_after_ms) = order.judge(send, turn.now.mono_ms, room).err()?;
        Some(Answer::Refused { code, retry_after_ms })
    }

    fn greet<O: Outboxes>(
        &mut self,
        key: SessionKey,
        request_id: u64,
        features: u64,
        turn: &mut Turn<'_, O>,
    ) {
        let server_time_ms = self.server_time_ms(turn.now);
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.greet();
        if features & FEATURE_SESSION_END != 0 {
            session.mark(Mark::KnowsEnd);
        }
        if features & FEATURE_SIGNALS != 0 {
            session.mark(Mark::WantsSignals);
        }
        let heartbeat_ms = u32::try_from(self.settings.heartbeat_ms).unwrap_or(u32::MAX);
        let reply = HelloReply::new(heartbeat_ms, features, server_time_ms);
        let channel = session.channel();
        if let Some(mut out) = channel.and_then(|channel| turn.outboxes.outbox(channel)) {
            out.frame(|out| wire::encode(out, request_id, reply));
            self.metrics.frames_out.inc();
        }
    }

    fn log_in<O: Outboxes>(
        &mut self,
        key: SessionKey,
        request_id: u64,
        ((device, platform), from, token): ((DeviceId, Platform), Begin, &Bytes),
        turn: &mut Turn<'_, O>,
    ) {
        match self.auth.verify(token, turn.now.unix_ms / 1_000) {
            Err(error) => {
                let text = error.to_string();
                self.end_with(key, request_id, (error.code(), &text), turn);
            }
            Ok(claims) => {
                let until_s = self.auth.believed_until_unix_s(&claims);
                let left_s = until_s.saturating_sub(turn.now.unix_ms / 1_000);
                let Some(session) = self.sessions.get_mut(key) else { return };
                session.end_in(left_s, turn.now.mono_ms);
                session.log_in(platform);
                let Claims { uid, issued_unix_s: issued_s, .. } = claims;
                let command = Command::Login { uid, device, from, platform, issued_s };
                self.submit(key, command, Some(request_id), turn);
            }
        }
    }

    /// The session lasts as long as a newer token of the same user, if its shard believes that; one that is not believed
    /// changes nothing.
    fn renew<O: Outboxes>(
        &mut self,
        key: SessionKey,
        request_id: u64,
        token: &Bytes,
        turn: &mut Turn<'_, O>,
    ) {
        let login = self.sessions.get_mut(key).and_then(|session| session.login());
        let judged = self.auth.verify(token, turn.now.unix_ms / 1_000).and_then(|claims| {
            let is_own = login.is_some_and(|login| login.uid == claims.uid);
            if is_own { Ok(claims) } else { Err(TokenError::bad("is another user's")) }
        });
        match judged {
            Ok(claims) => {
                let until_s = self.auth.believed_until_unix_s(&claims);
                let token = (claims.uid, claims.issued_unix_s);
                self.believe(key, token, (Waiting::Renewal { until_s }, request_id), turn);
            }
            Err(error) => {
                let (code, text) = (error.code(), error.to_string());
                self.metrics.refusals.of(code).inc();
                if self
                    .say(key, turn, |out| delivery::refusal(out, request_id, code, &text))
                    .is_some()
                {
                    self.metrics.frames_out.inc();
                }
            }
        }
    }

    /// Asks whether a user's token that was made then, in Unix seconds, is believed.
    pub(super) fn believe<O: Outboxes>(
        &mut self,
        key: SessionKey,
        (uid, issued_s): (Uid, u64),
        (waiting, request_id): (Waiting, u64),
        turn: &mut Turn<'_, O>,
    ) {
        let asked = self.ask(key, Command::Believe { uid, issued_s }, request_id, turn);
        if let Some(ticket) = asked {
            self.beliefs.hold(ticket, waiting);
        }
    }

    /// The token is believed.
    pub(super) fn on_believed<O: Outboxes>(
        &mut self,
        key: SessionKey,
        (waiting, request_id): (Waiting, u64),
        turn: &mut Turn<'_, O>,
    ) {
        let session = self.sessions.get_mut(key).filter(|it| it.stage() != Stage::Closing);
        let Some(session) = session else { return };
        match waiting {
            Waiting::Call(command) => self.submit(key, command, Some(request_id), turn),
            Waiting::Renewal { until_s } => {
                session.renew(until_s.saturating_sub(turn.now.unix_ms / 1_000), turn.now.mono_ms);
                let until_ms = until_s.saturating_mul(1_000).min(NUMBER_MAX - 1);
                let reply = RenewReply { until_ms };
                if self.say(key, turn, |out| wire::encode(out, request_id, reply)).is_some() {
                    self.metrics.frames_out.inc();
                }
            }
        }
    }

    /// Hands a request on, or refuses it where it would only wait. Without an id it is not
    /// answered.
    pub(super) fn submit<O: Outboxes>(
        &mut self,
        key: SessionKey,
        command: Command,
        request_id: Option<u64>,
        turn: &mut Turn<'_, O>,
    ) {
        if matches!(command, Command::Send(_)) {
            self.metrics.sends.inc();
        }
        match request_id {
            Some(request_id) => drop(self.ask(key, command, request_id, turn)),
            None => turn.effects.commands.push((command, self.unanswered(key))),
        }
    }

    /// Hands on what is to be answered: under which ticket. None: it is refused.
    pub(super) fn ask<O: Outboxes>(
        &mut self,
        key: SessionKey,
        command: Command,
        request_id: u64,
        turn: &mut Turn<'_, O>,
    ) -> Option<Ticket> {
        let in_flight = self.sessions.get_mut(key).map_or(0, |session| session.in_flight);
        if in_flight >= REQUESTS_IN_FLIGHT_MAX {
            let (code, retry_after_ms) = (RefusalCode::Busy, BUSY_RETRY_MS);
            self.answer(key, request_id, Answer::Refused { code, retry_after_ms }, turn);
            return None;
        }
        let (ticket, reply) = self.ticket(key, request_id);
        turn.effects.commands.push((command, reply));
        Some(ticket)
    }
}
