//! Sends until they are acked: kept, written, repeated with the same id.
//!
//! A send gets another id only while it is certain that nobody stored it: it was never written, or written once, and that was
//! refused.
//!
//! A refusal for good is of one copy. While others that were written over the same connection are not answered it is not the
//! end: one that is judged later may be taken, because its sender has been made a member meanwhile. What became of the copies of
//! a connection that ended nobody tells, so the answer on the next one stands for theirs too.
//!
//! It knows when a send is due, not whether there is a connection.

use super::draft::Draft;
use crate::limits::{ACK_TIMEOUT_MS, ACK_TIMEOUT_MS_MAX, REFUSED_WAIT_MS, SENDS_PENDING_MAX};
use std::collections::VecDeque;
use wire::{Bytes, CLIENT_MSG_ID_AGE_MS_MAX, CLOCK_SKEW_MS_MAX, ClientMsgId, ConversationId};
use wire::{RowKind, Seq, encode_extended, frames};

/// Ascending by request id, which a send keeps like its own.
pub(super) struct Outbox {
    sends: VecDeque<Pending>,
    /// No send is due before; may be too early, never too late. `u64::MAX`: none is.
    due_ms: u64,
}

pub(super) struct Pending {
    pub(super) request_id: u64,
    pub(super) client_msg_id: ClientMsgId,
    pub(super) conversation: ConversationId,
    kind: RowKind,
    pub(super) body: Bytes,
    seen: Seq,
    /// When to write it again.
    due_ms: u64,
    state: State,
    /// Times it was repeated on this connection.
    repeats: u8,
    /// Copies that were written over this connection and are not answered.
    open: u8,
    /// Times it was written with this id, on any connection.
    written: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not written on this connection.
    Queued,
    /// Written; its ack is awaited.
    InFlight,
    /// Refused for now; will be written again when due.
    Refused,
    /// Refused for good, while other copies are not answered.
    Doubtful,
    /// Refused for now, for its id was ahead of the server's clock: it is due when that has come so far.
    Early,
}

impl Pending {
    pub(super) fn new(
        request_id: u64,
        client_msg_id: ClientMsgId,
        draft: Draft,
        kind: RowKind,
    ) -> Self {
        let Draft { conversation, body, seen } = draft;
        let (due_ms, state) = (u64::MAX, State::Queued);
        let (repeats, open, written) = (0, 0, 0);
        Self {
            request_id,
            client_msg_id,
            conversation,
            kind,
            body,
            seen,
            due_ms,
            state,
            repeats,
            open,
            written,
        }
    }

    /// A group is named by the id that makes it.
    fn may_be_renamed(&self) -> bool {
        self.kind != RowKind::GROUP_CREATED
    }

    fn write(&mut self, now_ms: u64, out: &mut Vec<u8>) {
        let frame = frames::Send {
            conversation: self.conversation.into(),
            client_msg_id: self.client_msg_id.0,
            kind: self.kind.0,
            flags: 0,
            body: self.body.clone(),
        };
        // A server of an earlier release passes over it.
        let extension = [self.seen.0];
        let extension = if self.seen == Seq(0) { &[] } else { &extension[..] };
        encode_extended(out, self.request_id, frame, extension);
        self.state = State::InFlight;
        self.open = self.open.saturating_add(1);
        self.written = self.written.saturating_add(1);
        self.due_ms = now_ms + doubled(ACK_TIMEOUT_MS, self.repeats);
    }
}

/// Whether a server takes an id of this time when its clock shows `server_ms`, with half of the age to spare.
fn is_timely(id: ClientMsgId, server_ms: u64) -> bool {
    let made_ms = id.unix_ms().expect("this client made it");
    let is_old = made_ms + CLIENT_MSG_ID_AGE_MS_MAX / 2 < server_ms;
    made_ms <= server_ms + CLOCK_SKEW_MS_MAX && !is_old
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self { sends: VecDeque::new(), due_ms: u64::MAX }
    }

    pub(super) fn len(&self) -> usize {
        self.sends.len()
    }

    pub(super) fn due_ms(&self) -> u64 {
        self.due_ms
    }

    /// Whether a written send still waits for an answer.
    pub(super) fn is_in_flight(&self) -> bool {
        let waits = |send: &Pending| matches!(send.state, State::InFlight | State::Doubtful);
        self.sends.iter().any(waits)
    }

    pub(super) fn push(&mut self, send: Pending) {
        assert!(self.sends.len() < SENDS_PENDING_MAX, "the caller bounds its sends");
        assert!(self.sends.back().is_none_or(|last| last.request_id < send.request_id));
        self.sends.push_back(send);
    }

    /// Writes the newest send, which was just pushed.
    pub(super) fn write_last(&mut self, now_ms: u64, out: &mut Vec<u8>) {
        let send = self.sends.back_mut().expect("the caller pushed one");
        send.write(now_ms, out);
        self.due_ms = self.due_ms.min(send.due_ms);
    }

    /// Writes everything, in order: a connection is new.
    pub(super) fn write_all(&mut self, now_ms: u64, out: &mut Vec<u8>) {
        self.due_ms = u64::MAX;
        for send in &mut self.sends {
            (send.repeats, send.open) = (0, 0);
            send.write(now_ms, out);
            self.due_ms = self.due_ms.min(send.due_ms);
        }
    }

    /// Writes again what is due.
    pub(super) fn write_due(&mut self, now_ms: u64, out: &mut Vec<u8>) {
        if now_ms < self.due_ms {
            return;
        }
        self.due_ms = u64::MAX;
        for send in &mut self.sends {
            if send.due_ms <= now_ms {
                if send.state == State::InFlight {
                    send.repeats = send.repeats.saturating_add(1);
                }
                send.write(now_ms, out);
            }
            self.due_ms = self.due_ms.min(send.due_ms);
        }
    }

    /// Ends a send. `None`: it ended before.
    pub(super) fn take(&mut self, request_id: u64) -> Option<Pending> {
        let index = self.find(request_id)?;
        let send = self.sends.remove(index);
        if self.sends.is_empty() {
            self.due_ms = u64::MAX;
        }
        send
    }

    /// A send was refused for good: ends it, unless another copy may be answered otherwise. Its id, and whether it ended; `None`:
    /// it ended before.
    pub(super) fn refuse(&mut self, request_id: u64) -> Option<(ClientMsgId, bool)> {
        let index = self.find(request_id)?;
        let send = &mut self.sends[index];
        send.open = send.open.saturating_sub(1);
        if send.open == 0 {
            return self.take(request_id).map(|send| (send.client_msg_id, true));
        }
        (send.state, send.due_ms) = (State::Doubtful, u64::MAX);
        Some((send.client_msg_id, false))
    }

    /// Gives new ids to sends that were never written and would be refused for the time in theirs.
    pub(super) fn rename_unwritten(
        &mut self,
        server_ms: u64,
        mut rename: impl FnMut(&mut ClientMsgId),
    ) {
        let unwritten = self.sends.iter_mut().filter(|send| send.written == 0);
        unwritten
            .filter(|send| send.may_be_renamed() && !is_timely(send.client_msg_id, server_ms))
            .for_each(|send| rename(&mut send.client_msg_id));
    }

    /// A send was refused for the time in its id, the only time that it was written: gives it a new one. `false`: it may be
    /// stored, so it keeps its id.
    pub(super) fn rename_refused(
        &mut self,
        request_id: u64,
        rename: impl FnOnce(&mut ClientMsgId),
    ) -> bool {
        let may_be = |send: &Pending| send.may_be_renamed() && send.written == 1;
        let Some(index) = self.find(request_id).filter(|at| may_be(&self.sends[*at])) else {
            return false;
        };
        rename(&mut self.sends[index].client_msg_id);
        self.sends[index].written = 0;
        true
    }

    /// The server's clock is known anew: what was refused for being ahead of it is due when it has come so far.
    pub(super) fn on_clock(&mut self, server_ms: u64, now_ms: u64) {
        for send in self.sends.iter_mut().filter(|send| send.state == State::Early) {
            let made_ms = send.client_msg_id.unix_ms().expect("this client made it");
            send.due_ms = now_ms + made_ms.saturating_sub(CLOCK_SKEW_MS_MAX + server_ms);
            self.due_ms = self.due_ms.min(send.due_ms);
        }
    }

    /// A send was refused for now: when to write it again is `retry_after_ms` from here, at least; or, if it `is_early` by the
    /// server's clock, when that has come so far.
    pub(super) fn postpone(
        &mut self,
        request_id: u64,
        now_ms: u64,
        (retry_after_ms, is_early): (u32, bool),
    ) -> Option<ClientMsgId> {
        let index = self.find(request_id)?;
        let send = &mut self.sends[index];
        let wait_ms = doubled(REFUSED_WAIT_MS, send.repeats).max(u64::from(retry_after_ms));
        send.repeats = send.repeats.saturating_add(1);
        send.open = send.open.saturating_sub(1);
        send.state = if is_early { State::Early } else { State::Refused };
        send.due_ms = now_ms + wait_ms;
        self.due_ms = self.due_ms.min(send.due_ms);
        Some(send.client_msg_id)
    }

    /// Gives memory back while nothing waits.
    pub(super) fn shrink(&mut self) {
        if self.sends.is_empty() {
            self.sends = VecDeque::new();
        }
    }

    /// Acks come mostly in the order of the sends: the first is looked at first.
    fn find(&self, request_id: u64) -> Option<usize> {
        if self.sends.front()?.request_id == request_id {
            return Some(0);
        }
        self.sends.binary_search_by_key(&request_id, |send| send.request_id).ok()
    }
}

fn doubled(wait_ms: u64, times: u8) -> u64 {
    (wait_ms << times.min(16)).min(ACK_TIMEOUT_MS_MAX)
}
