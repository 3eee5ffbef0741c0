//! From an answer to an outbox: whom it is for, whether it still fits, and what it means for the
//! session.

use super::requests;
use super::session::{Mark, SessionKey, Stage};
use super::{Do, Entry, Ticket, Turn};
use crate::limits::{OUTBOX_BYTES_MAX, OUTBOX_CLOSE_BYTES};
use crate::limits::{OUTBOX_HIGH_BYTES, OUTBOX_SIGNALS_BYTES_MAX};
use crate::metrics::{CloseReason, CopyStage, DropReason};
use crate::transport::{Channel, Outboxes};
use shard::command::{Answer, Command, Delivery};
use shard::limits::BUSY_RETRY_MS;
use wire::RefusalCode;
use wire::frames::Heartbeat;

impl Entry {
    /// A shard answered a session, or has news for it.
    pub fn on_answer<O: Outboxes>(&mut self, delivery: Delivery, turn: &mut Turn<'_, O>) {
        let Delivery { to, answer } = delivery;
        let Some(key) = SessionKey::from_bits(to.session.key) else {
            return self.metrics.deliveries_dropped.of(DropReason::ConnectionGone).inc();
        };
        let mut request_id = 0;
        if let Some(ticket) = Ticket::from_bits(to.ticket) {
            let Some(asked) = self.tickets.take(ticket, key) else {
                return self.on_undeliverable(key, &answer, turn);
            };
            request_id = asked;
            if let Some(session) = self.sessions.get_mut(key) {
                session.in_flight -= 1;
            }
            let waiting = self.beliefs.take(ticket, &answer);
            if let (Answer::Believed, Some(waiting)) = (&answer, waiting) {
                self.on_believed(key, (waiting, request_id), turn);
                return self.look_at_leaving(key, turn);
            }
        }
        self.answer(key, request_id, answer, turn);
        self.look_at_leaving(key, turn);
    }

    /// An answer came after its request was given up.
    pub fn on_late<O>(&mut self, delivery: &Delivery, turn: &mut Turn<'_, O>) {
        if let Some(key) = SessionKey::from_bits(delivery.to.session.key) {
            self.on_undeliverable(key, &delivery.answer, turn);
        }
    }

    /// Nobody is there for an answer: a session that it began is nobody's.
    fn on_undeliverable<O>(&self, key: SessionKey, answer: &Answer, turn: &mut Turn<'_, O>) {
        self.metrics.deliveries_dropped.of(DropReason::ConnectionGone).inc();
        if let Answer::LoggedIn { login, .. } = answer {
            turn.effects.commands.push((Command::Logout(*login), self.unanswered(key)));
        }
    }

    /// Does what an answer means for its session, and writes it into the outbox.
    pub(super) fn answer<O: Outboxes>(
        &mut self,
        key: SessionKey,
        request_id: u64,
        answer: Answer,
        turn: &mut Turn<'_, O>,
    ) {
        let Some(session) = self.sessions.get_mut(key) else {
            return self.on_undeliverable(key, &answer, turn);
        };
        if session.stage() == Stage::Closing {
            return self.on_undeliverable(key, &answer, turn);
        }
        if matches!(answer, Answer::Signal { .. }) && !session.has(Mark::WantsSignals) {
            return;
        }
        let Some(channel) = session.channel() else {
            if let Answer::LoggedIn { login, .. } = &answer {
                session.activate(*login, turn.now.mono_ms);
            }
            return turn.effects.own.push((key, request_id, answer));
        };
        let login = session.login();
        let of = if let Answer::Push { row, .. } = &answer {
            Some(row.uid)
        } else if let Answer::Signal { uid, .. } = &answer {
            Some(*uid)
        } else {
            None
        };
        if login.is_some_and(|login| of.is_some_and(|of| of != login.uid)) {
            // A session of an earlier life of this process had the same key, and a node still knew it.
            return self.metrics.deliveries_dropped.of(DropReason::ConnectionGone).inc();
        }
        if let Answer::LoggedIn { login, .. } = &answer {
            session.activate(*login, turn.now.mono_ms);
            self.users_online += 1;
            self.metrics.logins.inc();
        } else if let Answer::Closed(code) = &answer {
            return self.on_session_over(key, *code, turn);
        } else if let Answer::Refused { code, .. } = &answer {
            if session.stage() == Stage::LoggingIn {
                return self.end_with(key, request_id, (*code, ""), turn);
            }
            self.stay(key);
        }
        let answer = if channel.carrier.carries_calls() {
            self.called(key, answer, turn)
        } else {
            Some(answer)
        };
        let Some(answer) = answer else { return };
        let ends = matches!(answer, Answer::LoggedOut(_));
        self.write(key, (channel, request_id), answer, turn);
        if ends {
            self.end_logged_out(key, turn);
        }
    }

    pub(super) fn write<O: Outboxes>(
        &mut self,
        key: SessionKey,
        (channel, request_id): (Channel, u64),
        answer: Answer,
        turn: &mut Turn<'_, O>,
    ) {
        let Some(out) = turn.outboxes.outbox(channel) else { return };
        let is_full = out.waiting > OUTBOX_BYTES_MAX;
        let is_signal = matches!(answer, Answer::Signal { .. });
        let is_high = is_signal && out.waiting > OUTBOX_SIGNALS_BYTES_MAX;
        if is_high || matches!(answer, Answer::Push { .. }) && is_full {
            return self.metrics.deliveries_dropped.of(DropReason::OutboxFull).inc();
        }
        // Pages are large, and come faster than any client reads: who asked for many gets the rest when it asks again.
        let (code, retry_after_ms) = (RefusalCode::Busy, BUSY_RETRY_MS);
        let answer = if is_full && is_page(&answer) {
            Answer::Refused { code, retry_after_ms }
        } else {
            answer
        };
        self.count(&answer);
        let context = self.context(turn.now);
        let said = self.say(key, turn, |out| requests::answer(out, request_id, answer, context));
        let Some((copied, waiting)) = said else { return };
        self.metrics.frames_out.inc();
        self.metrics.body_copies_bytes.of(CopyStage::Outbox).add(copied as u64);
        self.look_at_waiting(key, waiting, turn);
    }

    /// Writes one frame to a client. What `write` gave, and the bytes that wait for the client then; none: its channel is gone.
    pub(super) fn say<T, O: Outboxes>(
        &mut self,
        key: SessionKey,
        turn: &mut Turn<'_, O>,
        write: impl FnOnce(&mut Vec<u8>) -> T,
    ) -> Option<(T, usize)> {
        let channel = self.channel(key)?;
        let mut out = turn.outboxes.outbox(channel)?;
        let before = out.bytes.len();
        let written = out.frame(write);
        let waiting = out.waiting + out.bytes.len() - before;
        self.on_said(key, turn.now.mono_ms);
        Some((written, waiting))
    }

    /// Holds back a client for which much waits, and ends one for which too much does, or that has its last answer.
    pub(super) fn look_at_waiting<O>(
        &mut self,
        key: SessionKey,
        waiting: usize,
        turn: &mut Turn<'_, O>,
    ) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let channel = session.channel();
        if session.has(Mark::Last) {
            self.close(key, CloseReason::Peer, Do::Close(None), turn);
        } else if waiting > OUTBOX_CLOSE_BYTES {
            self.end_now(key, CloseReason::Unresponsive, turn);
        } else if waiting > OUTBOX_HIGH_BYTES {
            turn.effects.channels.extend(channel.map(|channel| (channel, Do::Pause)));
        }
    }

    fn count(&self, answer: &Answer) {
        if let Answer::Push { .. } = answer {
            self.metrics.pushes.inc();
        } else if let Answer::Signal { .. } = answer {
            self.metrics.signals.inc();
        } else if let Answer::Acked { .. } = answer {
            self.metrics.acks.inc();
        } else if let Answer::Refused { code, .. } = answer {
            self.metrics.refusals.of(*code).inc();
        }
    }

    /// Asks a silent client whether it is there.
    pub(super) fn probe<O: Outboxes>(&self, channel: Option<Channel>, turn: &mut Turn<'_, O>) {
        let time_ms = turn.now.unix_ms;
        if let Some(mut out) = channel.and_then(|channel| turn.outboxes.outbox(channel)) {
            out.probe(|out| wire::encode(out, 0, Heartbeat { time_ms }));
            self.metrics.frames_out.inc();
        }
    }
}

/// Whether it may be as large as a frame.
fn is_page(answer: &Answer) -> bool {
    match answer {
        Answer::Inbox { .. } | Answer::History { .. } | Answer::Chats { .. } => true,
        Answer::GroupMembers { .. } | Answer::GroupInfo { .. } => true,
        Answer::LoggedIn { .. } | Answer::LoggedOut(_) | Answer::Acked { .. } => false,
        Answer::Push { .. } | Answer::Head { .. } | Answer::News(_) | Answer::Chat(_) => false,
        Answer::Devices(_) | Answer::Ended { .. } | Answer::Signal { .. } => false,
        Answer::Believed | Answer::PushTokenSet { .. } => false,
        // Operators ask for them.
        Answer::Dead(_) | Answer::Replayed { .. } => false,
        Answer::Refused { .. } | Answer::Closed(_) => false,
    }
}
