//! The entry's side of a core: from a socket's events to commands, and from answers to its outbox.

use crate::canary;
use crate::conn::Due;
use crate::core::{Core, Drain};
use crate::delivery::{self, Context};
use crate::limits::{DRAIN_GRACE_MS, OUTBOX_BYTES_MAX, OUTBOX_CLOSE_BYTES, OUTBOX_HIGH_BYTES};
use crate::metrics::{CloseReason, CopyStage, DropReason};
use crate::post::Post;
use crate::session::{Action, Session};
use logic::command::{Answer, Begin, Command, Delivery, ReplyTo};
use logic::limits::BUSY_RETRY_MS;
use netring::{Chunk, ConnId, Event};
use service::lifecycle::State;
use std::collections::VecDeque;
use wire::frames::{Heartbeat, HelloReply};
use wire::{
    BODY_BYTES_MAX, Bytes, DeviceId, FEATURES, FRAME_BEFORE_LOGIN_BYTES_MAX, FRAME_BYTES_MAX, Kind,
    PAGE_ROWS_MAX, PUSH_WINDOW_MAX, RefusalCode, SEND_WINDOW_MAX,
};

/// When clients of a draining gateway come back: at once, spread over five seconds.
const RECONNECT_JITTER_MS: u32 = 5_000;

impl Core {
    pub(crate) fn on_event(&mut self, event: Event) {
        match event {
            Event::Accepted { conn } => self.on_accepted(conn),
            Event::Data { conn, chunk } if self.is_link(conn) => {
                self.on_node_data(conn, chunk.bytes());
            }
            Event::Data { conn, chunk } => self.on_data(conn, &chunk),
            Event::Sent { conn } => self.on_sent(conn),
            Event::Closed { conn, .. } if self.is_link(conn) => self.on_node_closed(conn),
            Event::Closed { conn, reason } => self.on_closed(conn, reason),
            Event::ListenerError { error } => tracing::warn!(%error, "could not accept"),
            Event::AcceptPaused => tracing::warn!("every connection is taken; new ones wait"),
            Event::Connected { conn } => {
                let now_ms = self.now.mono_ms;
                let away = self.logic.away().expect("only links are dialed");
                away.on_connected(conn, now_ms);
            }
            Event::ConnectFailed { conn, .. } => self.on_node_closed(conn),
            Event::Written { write, result } => self.on_log_written(*write, result),
            Event::Woken => {}
        }
    }

    fn is_link(&mut self, conn: ConnId) -> bool {
        self.logic.away().is_some_and(|away| away.has(conn))
    }

    fn on_accepted(&mut self, conn: ConnId) {
        if self.conns.len() >= self.connections_max {
            self.metrics.closes.of(CloseReason::Full).inc();
            return self.ring.close_now(conn);
        }
        let now_ms = self.now.mono_ms;
        self.conns.insert(conn, now_ms);
        self.wheel.place(conn, now_ms + self.setup.config.login_timeout_ms);
        if self.drain.is_some() {
            self.end(conn, RefusalCode::Draining);
        }
    }

    fn on_data(&mut self, conn: ConnId, chunk: &Chunk) {
        let Some(state) = self.conns.get_mut(conn) else { return };
        let mut buffer = std::mem::take(&mut state.frames);
        let is_active = matches!(state.session, Session::Active(_));
        let limit = if is_active { FRAME_BYTES_MAX } else { FRAME_BEFORE_LOGIN_BYTES_MAX };
        if is_active {
            state.heard_ms = self.now.mono_ms;
            state.is_probed = false;
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut frames = buffer.read(chunk.bytes(), limit);
        while let Some(frame) = frames.next(&mut scratch) {
            self.metrics.frames_in.inc();
            let Some(state) = self.conns.get_mut(conn) else { break };
            let (action, request_id, kind) = match &frame {
                Ok(frame) => {
                    let header = frame.header;
                    (state.session.on_frame(frame), header.request_id, header.kind)
                }
                Err(error) => (Session::on_error(*error), 0, None),
            };
            if let Action::Submit(Command::Send(send)) = &action {
                self.metrics.body_copies_bytes.of(CopyStage::Submit).add(send.body.len() as u64);
            }
            let is_over = frame.is_err() || matches!(action, Action::Close(_));
            self.act(conn, request_id, kind, action);
            if is_over {
                break;
            }
        }
        let copied = frames.copied_bytes() as u64;
        self.metrics.body_copies_bytes.of(CopyStage::Reassembly).add(copied);
        self.scratch = scratch;
        if let Some(state) = self.conns.get_mut(conn) {
            state.frames = buffer;
        }
    }

    fn act(&mut self, conn: ConnId, request_id: u64, kind: Option<Kind>, action: Action) {
        if let Some(retry_after_ms) = self.over_rate(conn, kind, &action) {
            let code = RefusalCode::RateLimited;
            return self.answer(conn, request_id, Answer::Refused { code, retry_after_ms });
        }
        let reply = ReplyTo { session: self.session_id(conn), request_id };
        match action {
            Action::Ignore => {}
            Action::Greet => self.greet(conn, request_id),
            Action::Login { device, from, token } => {
                self.log_in(conn, (device, from), &token, reply);
            }
            Action::Submit(command) => self.submit_request(conn, command, reply),
            Action::Refuse(code) => {
                self.answer(conn, request_id, Answer::Refused { code, retry_after_ms: 0 });
            }
            Action::Close(code) => {
                self.end_with(conn, request_id, code, "");
            }
        }
    }

    /// How long to wait, if a frame is over a rate. What a client owes the server is never refused.
    fn over_rate(&mut self, conn: ConnId, kind: Option<Kind>, action: &Action) -> Option<u32> {
        let is_owed = matches!(kind, None | Some(Kind::PushAck | Kind::HeartbeatReply));
        if is_owed || matches!(action, Action::Close(_)) {
            return None;
        }
        let state = self.conns.get_mut(conn)?;
        let Session::Active(login) = state.session else { return None };
        let now_us = self.now_us;
        if let Err(wait_ms) = self.connection_rate.take(&mut state.rate_due_us, now_us) {
            return Some(wait_ms);
        }
        if !matches!(action, Action::Submit(Command::Send(_))) {
            return None;
        }
        let due_us = self.user_due_us.entry(login.uid).or_default();
        self.user_rate.take(due_us, now_us).err()
    }

    fn greet(&mut self, conn: ConnId, request_id: u64) {
        let Some(state) = self.conns.get_mut(conn) else { return };
        state.session = Session::Greeted;
        let reply = HelloReply {
            version: wire::VERSION,
            heartbeat_ms: u32::try_from(self.setup.config.heartbeat_ms).unwrap_or(u32::MAX),
            frame_bytes_max: u32::try_from(FRAME_BYTES_MAX).expect("small"),
            body_bytes_max: u32::try_from(BODY_BYTES_MAX).expect("small"),
            page_rows_max: PAGE_ROWS_MAX,
            push_window_max: u32::try_from(PUSH_WINDOW_MAX).expect("small"),
            send_window_max: SEND_WINDOW_MAX,
            features: FEATURES,
            server_time_ms: self.now.unix_ms,
        };
        if let Some(out) = self.ring.outbox(conn) {
            wire::encode(out, request_id, reply);
            self.metrics.frames_out.inc();
        }
    }

    fn log_in(
        &mut self,
        conn: ConnId,
        (device, from): (DeviceId, Begin),
        token: &Bytes,
        reply: ReplyTo,
    ) {
        match self.setup.auth.verify(token, self.now.unix_ms / 1_000) {
            Err(error) => {
                let text = error.to_string();
                let code = error.code();
                self.end_with(conn, reply.request_id, code, &text);
            }
            Ok(claims) => {
                let Some(state) = self.conns.get_mut(conn) else { return };
                state.session = Session::LoggingIn;
                let command = Command::Login { uid: claims.uid, device, from };
                self.submit_request(conn, command, reply);
            }
        }
    }

    /// Hands a request to its shard, or refuses it where it would only wait.
    fn submit_request(&mut self, conn: ConnId, command: Command, reply: ReplyTo) {
        if matches!(command, Command::Send(_)) {
            self.metrics.sends.inc();
            if self.drain.is_some() {
                let (code, retry_after_ms) = (RefusalCode::Draining, RECONNECT_JITTER_MS);
                let refused = Answer::Refused { code, retry_after_ms };
                return self.answer(conn, reply.request_id, refused);
            }
        }
        let shard = command.partition().owner(self.shards).0;
        if self.logic.away().is_some() || self.outgoing.has_room(shard) {
            self.submit(command, reply);
        } else if !matches!(command, Command::PushAck(..)) {
            let (code, retry_after_ms) = (RefusalCode::Busy, BUSY_RETRY_MS);
            self.answer(conn, reply.request_id, Answer::Refused { code, retry_after_ms });
        }
    }

    /// An answer for a connection of this entry, or of another's.
    pub(crate) fn deliver(&mut self, delivery: Delivery) {
        let Delivery { to, answer } = delivery;
        if to.session.entry == self.id {
            let conn = ConnId::from_bits(to.session.connection);
            return self.answer(conn, to.request_id, answer);
        }
        let is_push = matches!(answer, Answer::Push { .. });
        if is_push && !self.outgoing.has_room(to.session.entry) {
            return self.metrics.deliveries_dropped.of(DropReason::MailboxFull).inc();
        }
        self.outgoing.post(to.session.entry, Post::Delivery(Delivery { to, answer }));
    }

    /// Writes an answer into a connection's outbox, and does what the answer means for the connection.
    fn answer(&mut self, conn: ConnId, request_id: u64, answer: Answer) {
        let waiting = self.ring.outbox_len(conn);
        let Some(state) = self.conns.get_mut(conn) else {
            if canary::has_connection(conn.to_bits()) {
                return self.on_canary(conn, request_id, &answer);
            }
            return self.on_undeliverable(conn, &answer);
        };
        let is_push = matches!(answer, Answer::Push { .. });
        if is_push && waiting > OUTBOX_BYTES_MAX {
            return self.metrics.deliveries_dropped.of(DropReason::OutboxFull).inc();
        }
        match (&answer, state.session) {
            // The connection that it was meant for is gone, and another has its place.
            (Answer::Push { row, .. }, Session::Active(login)) if login.uid != row.uid => {
                return self.metrics.deliveries_dropped.of(DropReason::ConnectionGone).inc();
            }
            (_, Session::Closing) => return self.on_undeliverable(conn, &answer),
            (Answer::LoggedIn { login, .. }, _) => {
                state.session = Session::Active(*login);
                state.heard_ms = self.now.mono_ms;
                self.users_online += 1;
                self.metrics.logins.inc();
            }
            (Answer::Closed(code), _) => return self.end(conn, *code),
            (Answer::LoggedOut(_), _) => state.session = Session::Closing,
            (Answer::Refused { code, .. }, Session::LoggingIn) => {
                return self.end_with(conn, request_id, *code, "");
            }
            (_, Session::Active(_) | Session::New | Session::Greeted | Session::LoggingIn) => {}
        }
        self.count(&answer);
        let is_last = matches!(answer, Answer::LoggedOut(_));
        self.write(conn, request_id, answer);
        if is_last {
            self.users_online -= 1;
            self.metrics.closes.of(CloseReason::Peer).inc();
            self.ring.close(conn);
        }
    }

    fn count(&self, answer: &Answer) {
        if let Answer::Push { .. } = answer {
            self.metrics.pushes.inc();
        } else if let Answer::Acked { .. } = answer {
            self.metrics.acks.inc();
        } else if let Answer::Refused { code, .. } = answer {
            self.metrics.refusals.of(*code).inc();
        }
    }

    fn write(&mut self, conn: ConnId, request_id: u64, answer: Answer) {
        let Some(state) = self.conns.get_mut(conn) else { return };
        let context = Context { inbox_epoch: self.inbox_epoch, server_time_ms: self.now.unix_ms };
        let Some(out) = self.ring.outbox(conn) else { return };
        let copied = delivery::write(out, request_id, answer, context);
        self.metrics.frames_out.inc();
        self.metrics.body_copies_bytes.of(CopyStage::Outbox).add(copied as u64);
        let waiting = self.ring.outbox_len(conn);
        if waiting > OUTBOX_CLOSE_BYTES {
            self.end_now(conn, CloseReason::Unresponsive);
        } else if waiting > OUTBOX_HIGH_BYTES && !state.is_paused {
            state.is_paused = true;
            self.ring.pause(conn);
            self.ring.notify_sent(conn);
        }
    }

    fn on_sent(&mut self, conn: ConnId) {
        if let Some(state) = self.conns.get_mut(conn)
            && std::mem::take(&mut state.is_paused)
        {
            self.ring.resume(conn);
        }
    }

    /// The connection went away before its answer came.
    fn on_undeliverable(&mut self, conn: ConnId, answer: &Answer) {
        self.metrics.deliveries_dropped.of(DropReason::ConnectionGone).inc();
        if let Answer::LoggedIn { login, .. } = answer {
            self.log_out(*login, conn);
        }
    }

    /// An answer came after its request was given up: a session that it began is nobody's.
    pub(crate) fn on_late(&mut self, delivery: &Delivery) {
        let conn = ConnId::from_bits(delivery.to.session.connection);
        self.on_undeliverable(conn, &delivery.answer);
    }

    /// Says why, and closes once that is written.
    pub(crate) fn end(&mut self, conn: ConnId, code: RefusalCode) {
        if let Some(out) = self.ring.outbox(conn) {
            let jitter_ms = if code == RefusalCode::Draining { RECONNECT_JITTER_MS } else { 0 };
            delivery::going_away(out, code, 0, jitter_ms);
        }
        self.forget(conn, reason(code));
        self.ring.close(conn);
    }

    fn end_with(&mut self, conn: ConnId, request_id: u64, code: RefusalCode, text: &str) {
        if let Some(out) = self.ring.outbox(conn) {
            delivery::refusal(out, request_id, code, 0, text);
        }
        self.metrics.refusals.of(code).inc();
        self.forget(conn, reason(code));
        self.ring.close(conn);
    }

    fn end_now(&mut self, conn: ConnId, reason: CloseReason) {
        self.forget(conn, reason);
        self.ring.close_now(conn);
    }

    /// Hears nothing more from it, and logs its session out.
    fn forget(&mut self, conn: ConnId, reason: CloseReason) {
        let Some(state) = self.conns.get_mut(conn) else { return };
        let session = std::mem::replace(&mut state.session, Session::Closing);
        if session != Session::Closing {
            self.metrics.closes.of(reason).inc();
        }
        if let Session::Active(login) = session {
            self.users_online -= 1;
            self.log_out(login, conn);
        }
    }

    fn on_closed(&mut self, conn: ConnId, reason: netring::CloseReason) {
        let reason = match reason {
            netring::CloseReason::Eof | netring::CloseReason::Local => CloseReason::Peer,
            netring::CloseReason::Reset | netring::CloseReason::Error(_) => CloseReason::Socket,
        };
        self.forget(conn, reason);
        self.conns.remove(conn);
    }

    /// Looks at the connections whose second has come.
    pub(crate) fn look_after_connections(&mut self) {
        let now_ms = self.now.mono_ms;
        while let Some(conns) = self.wheel.turn(now_ms) {
            let now_us = self.now_us;
            self.user_due_us.retain(|_, due_us| *due_us > now_us);
            conns.into_iter().for_each(|conn| self.look_after(conn, now_ms));
        }
    }

    fn look_after(&mut self, conn: ConnId, now_ms: u64) {
        let Some(state) = self.conns.get_mut(conn) else { return };
        if state.session == Session::Closing {
            return;
        }
        let config = &self.setup.config;
        match state.due(now_ms, config.login_timeout_ms, config.heartbeat_ms) {
            Due::Later(at_ms) => self.wheel.place(conn, at_ms),
            Due::LoginTimeout => {
                self.end(conn, RefusalCode::LoginTimeout);
            }
            Due::Silent => {
                self.forget(conn, CloseReason::Silent);
                self.end(conn, RefusalCode::Unresponsive);
            }
            Due::Probe => {
                state.is_probed = true;
                if let Some(out) = self.ring.outbox(conn) {
                    wire::encode(out, 0, Heartbeat { time_ms: self.now.unix_ms });
                }
                self.wheel.place(conn, now_ms + 1_000);
            }
        }
    }

    /// Goes on with a drain: clients are told at a rate, and closed when the answers under way had time.
    pub(crate) fn step_drain(&mut self) {
        if self.setup.shutdown.state() == State::Running {
            return;
        }
        let (now_ms, config) = (self.now.mono_ms, self.setup.config.clone());
        let drain = self.drain.get_or_insert_with(|| Drain {
            deadline_ms: now_ms + config.drain_timeout_ms,
            untold: self.conns.ids().collect(),
            leaving: VecDeque::new(),
            told: 0,
            started_ms: now_ms,
            is_quiet: false,
        });
        let passed_ms = now_ms - drain.started_ms;
        let due =
            u64::from(config.drain_rate) * (passed_ms + 1) / 1_000 / u64::from(self.shards) + 1;
        let mut over = Vec::new();
        while let Some((_, conn)) = drain.leaving.pop_front_if(|(at_ms, _)| *at_ms <= now_ms) {
            over.push(conn);
        }
        while drain.told < due {
            let Some(conn) = drain.untold.pop_front() else { break };
            drain.told += 1;
            if let Some(out) = self.ring.outbox(conn) {
                delivery::going_away(out, RefusalCode::Draining, 0, RECONNECT_JITTER_MS);
                drain.leaving.push_back((now_ms + DRAIN_GRACE_MS, conn));
            }
        }
        for conn in over {
            self.forget(conn, CloseReason::Drain);
            self.ring.close(conn);
        }
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
