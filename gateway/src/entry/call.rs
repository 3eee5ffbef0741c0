//! Calls: what a client asks that has no WebSocket, one at a time on a connection. Each brings its token, so that any
//! connection will do, of any gateway. A poll makes its connection the device's session, as a login does; what else is called
//! for needs none.

use super::beliefs::Waiting;
use super::polls::Next;
use super::requests::Action;
use super::session::{Session, SessionKey};
use super::{Entry, Turn};
use crate::limits::POLL_ROWS_MAX;
use crate::metrics::DropReason;
use crate::transport::{Caller, Calls, Carrier, Outboxes, Poll};
use shard::command::{Answer, Begin, Command, Login};
use wire::{DeviceId, InboxSeq, MessageId, Platform, RefusalCode, Uid};

impl Entry {
    /// A call comes. Who calls, and the session that its connection is from now on; none: the call was refused.
    pub fn on_call<O: Outboxes>(
        &mut self,
        key: SessionKey,
        caller: &Caller<'_>,
        turn: &mut Turn<'_, O>,
    ) -> Option<(SessionKey, Uid)> {
        self.metrics.calls.inc();
        let now_s = turn.now.unix_ms / 1_000;
        let session = self.sessions.get_mut(key).filter(|it| it.is_heard())?;
        let judged = match self.auth.verify(caller.token.as_bytes(), now_s) {
            Ok(claims) if self.drain.is_none() => Ok(claims),
            Ok(_) => Err((RefusalCode::Draining, String::new())),
            Err(error) => Err((error.code(), error.to_string())),
        };
        let claims = match judged {
            Ok(claims) => claims,
            Err((code, text)) => {
                // It is answered before its body is there.
                session.carrier = Carrier::Call { closes: true };
                self.end_with(key, 0, (code, &text), turn);
                return None;
            }
        };
        let who = (claims.uid, DeviceId(caller.device));
        let goes_on = match caller.calls {
            Calls::Login => false,
            Calls::Poll(poll) => poll.inbox_epoch == self.inbox_epoch,
            Calls::Request => true,
        };
        let is_who = |login: Login| (login.uid, login.device) == who;
        let key = match session.login() {
            Some(login) if !(goes_on && is_who(login)) => self.begin_again(key, login, turn),
            Some(_) | None => key,
        };
        let left_s = self.auth.believed_until_unix_s(&claims).saturating_sub(now_s);
        let session = self.sessions.get_mut(key)?;
        session.call(who);
        session.end_in(left_s, turn.now.mono_ms);
        if session.login().is_none() {
            self.beliefs.begin(key, claims.issued_unix_s);
        }
        Some((key, claims.uid))
    }

    /// Another session takes over a connection, as which nobody is logged in: what the one before is still told is not for it.
    fn begin_again<O>(
        &mut self,
        key: SessionKey,
        login: Login,
        turn: &mut Turn<'_, O>,
    ) -> SessionKey {
        let session = self.sessions.remove(key).expect("it was just there");
        self.users_online -= 1;
        turn.effects.commands.push((Command::Logout(login), self.unanswered(key)));
        let key = self.sessions.insert(session.anew(turn.now.mono_ms));
        self.wheel.place(key, turn.now.mono_ms + self.settings.login_timeout_ms);
        key
    }

    /// All of a call is there, and it is no request.
    pub fn on_called<O: Outboxes>(
        &mut self,
        key: SessionKey,
        calls: Calls,
        turn: &mut Turn<'_, O>,
    ) -> bool {
        let again = Action::Refuse(RefusalCode::RateLimited);
        if let Some(refused) = self.refusal(key, None, &again, turn) {
            self.answer(key, 0, refused, turn);
            return self.is_heard(key);
        }
        let Some(session) = self.sessions.get_mut(key).filter(|it| it.is_heard()) else {
            return false;
        };
        match (calls, session.login()) {
            // It is told of the inbox that there is, also where it has nothing.
            (Calls::Poll(poll), None) if poll.inbox_epoch != self.inbox_epoch => {
                self.log_in_caller(key, after(poll), turn);
            }
            (Calls::Poll(poll), login) => {
                let cursor = InboxSeq(poll.cursor);
                self.polls.begin(key, cursor, poll.wait_s * 1_000);
                match login {
                    Some(login) => {
                        let ack = Command::PushAck(login, cursor);
                        turn.effects.commands.push((ack, self.unanswered(key)));
                        self.ask_page(key, cursor, turn);
                    }
                    None => self.log_in_caller(key, after(poll), turn),
                }
            }
            (Calls::Login | Calls::Request, _) => self.log_in_caller(key, Begin::Head, turn),
        }
        self.is_heard(key)
    }

    fn log_in_caller<O: Outboxes>(&mut self, key: SessionKey, from: Begin, turn: &mut Turn<'_, O>) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Some(Login { uid, device, .. }) = session.speaker() else { return };
        // It is timed from now on.
        session.hear(turn.now.mono_ms);
        let platform = Platform::UNKNOWN;
        session.log_in(platform);
        let issued_s = self.beliefs.take_issued_s(key);
        let command = Command::Login { uid, device, from, platform, issued_s };
        self.submit(key, command, Some(0), turn);
    }

    /// Hands a request on. What is called for without a login waits until its token is believed.
    pub(super) fn submit_believed<O: Outboxes>(
        &mut self,
        key: SessionKey,
        (command, request_id): (Command, u64),
        turn: &mut Turn<'_, O>,
    ) {
        let is_called =
            |session: &&mut Session| session.carrier.carries_calls() && session.login().is_none();
        let session = self.sessions.get_mut(key).filter(is_called);
        let Some(Login { uid, .. }) = session.and_then(|session| session.speaker()) else {
            return self.submit(key, command, Some(request_id), turn);
        };
        let issued_s = self.beliefs.take_issued_s(key);
        self.believe(key, (uid, issued_s), (Waiting::Call(command), request_id), turn);
    }

    /// Asks for what a poll is to be answered with.
    fn ask_page<O: Outboxes>(&mut self, key: SessionKey, after: InboxSeq, turn: &mut Turn<'_, O>) {
        let speaker = self.sessions.get_mut(key).and_then(|session| session.speaker());
        let Some(Login { uid, .. }) = speaker else { return };
        let limit = POLL_ROWS_MAX;
        self.submit(key, Command::Sync { uid, after, limit }, Some(0), turn);
    }

    /// What of an answer is said to a session whose connection carries calls: what answers its call.
    pub(super) fn called<O: Outboxes>(
        &mut self,
        key: SessionKey,
        answer: Answer,
        turn: &mut Turn<'_, O>,
    ) -> Option<Answer> {
        let cursor = self.polls.cursor(key);
        let next = match (&answer, cursor) {
            (Answer::Push { .. } | Answer::News(_), None) => {
                self.metrics.deliveries_dropped.of(DropReason::NoPoll).inc();
                return None;
            }
            (Answer::Signal { .. }, _) => return None,
            (Answer::Push { row, .. }, Some(_)) => self.polls.on_news(key, row.inbox_seq, true),
            (Answer::News(head), Some(_)) => self.polls.on_news(key, *head, false),
            (Answer::Inbox { rows, .. }, Some(_)) => {
                let is_heard = self.is_heard(key);
                let is_empty = rows.is_empty() && is_heard;
                self.polls.on_page(key, is_empty, turn.now.mono_ms)
            }
            // Only where the device and the inbox agree there is something to poll for.
            (Answer::LoggedIn { cursor, inbox_head, .. }, Some(asked)) if *cursor == asked => {
                if *inbox_head > asked {
                    Next::Ask(asked)
                } else {
                    self.polls.on_page(key, true, turn.now.mono_ms)
                }
            }
            _ => Next::Answer,
        };
        match next {
            Next::Answer => Some(page(answer, cursor)),
            Next::Ask(after) => {
                self.ask_page(key, after, turn);
                None
            }
            Next::Wait => None,
        }
    }

    /// The shard has ended a session. A connection that carries calls goes on without, unless it polls.
    pub(super) fn on_session_over<O: Outboxes>(
        &mut self,
        key: SessionKey,
        code: RefusalCode,
        turn: &mut Turn<'_, O>,
    ) {
        let is_polling = self.is_polling(key);
        match self.sessions.get_mut(key) {
            Some(session) if session.carrier.carries_calls() && !is_polling => {
                self.users_online -= u64::from(session.login().is_some());
                session.lose_login();
            }
            Some(_) | None => self.end(key, code, turn),
        }
    }

    /// A call is answered: the connection waits for the next, or is over.
    pub(super) fn on_said(&mut self, key: SessionKey, now_ms: u64) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.carrier.is_call() {
            session.answered(now_ms);
            self.polls.end(key);
            self.beliefs.end(key);
        }
    }

    /// Answers polls that have waited long enough.
    pub(super) fn end_polls<O: Outboxes>(&mut self, turn: &mut Turn<'_, O>) {
        while let Some((key, head)) = self.polls.over(turn.now.mono_ms) {
            let (rows, tail) = (Vec::new(), InboxSeq(0));
            if let Some(channel) = self.channel(key) {
                self.write(key, (channel, 0), Answer::Inbox { head, rows, tail }, turn);
            }
            self.polls.end(key);
        }
    }

    /// Whether a session polls, and has no answer yet.
    pub(super) fn is_polling(&self, key: SessionKey) -> bool {
        self.polls.cursor(key).is_some()
    }

    /// Polls that wait.
    #[must_use]
    pub fn polls_waiting(&self) -> usize {
        self.polls.waiting()
    }
}

/// Where the pushes to a device begin that polls.
fn after(poll: Poll) -> Begin {
    let Poll { cursor, inbox_epoch, message_id, .. } = poll;
    Begin::After { row: InboxSeq(cursor), epoch: inbox_epoch, message_id: MessageId(message_id) }
}

/// What answers a poll is a page: a row is one of one, and a login where the device asked for it one of none.
fn page(answer: Answer, polled: Option<InboxSeq>) -> Answer {
    if let Answer::Push { row, .. } = answer {
        return Answer::Inbox { head: row.inbox_seq, rows: vec![*row], tail: InboxSeq(0) };
    }
    if let Answer::LoggedIn { inbox_head: head, cursor, inbox_tail: tail, .. } = answer
        && polled == Some(cursor)
    {
        return Answer::Inbox { head, rows: Vec::new(), tail };
    }
    answer
}
