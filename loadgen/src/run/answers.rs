//! What a thread's users hear of what they sent: acks, refusals, nothing. It decides nothing about connections.

use super::desk::{Desk, Due, Pending, Sender, To, unanswered};
use crate::verify::Sent;
use wire::{ClientMsgId, RefusalCode};

impl Desk {
    /// What waits for an ack, or to be written.
    pub fn unanswered(&self) -> usize {
        unanswered(&self.senders)
    }

    /// Everything is over. What was never answered waited at least until now, and counts as that.
    pub fn note_unanswered(&mut self, now: u64) {
        for user in 0..self.senders.len() {
            let Sender { pending, queued } = std::mem::take(&mut self.senders[user]);
            self.counters.unsent += queued.len() as u64;
            for (_, due) in &queued {
                self.note_written(*due, now);
            }
            let of_messages = pending.iter().filter(|pending| !pending.is_change());
            for Pending { sent, due, .. } in of_messages {
                self.note_waited(now, *due, Some(*sent));
            }
            for (to, due) in &queued {
                let sent = match to {
                    To::Friend(stream) => Some(Sent::Direct(*stream, u64::MAX)),
                    To::Group(_) => None,
                };
                self.note_waited(now, *due, sent);
            }
        }
        self.note_unreached_groups(now);
    }

    /// `sent`: it was; with a count of `u64::MAX` it was not, and is for a friend.
    fn note_waited(&mut self, now: u64, due: Due, sent: Option<Sent>) {
        let waited_ns = now.saturating_sub(due.due_ns);
        self.second.latencies.ack.record(waited_ns);
        if self.measured.contains(&due.due_ns) {
            self.stages.acked(due.due_ns, waited_ns);
            self.latencies.ack.record(waited_ns);
        }
        let Some(Sent::Direct(stream, count)) = sent else { return };
        let (_, to) = self.friends.ends(stream);
        let written_ns = match count {
            u64::MAX => due.due_ns,
            _ => match self.verifier.unreached(stream, count) {
                Some(written_ns) => written_ns,
                None => return,
            },
        };
        if !self.away[to] {
            self.note_delivered(due.due_ns, waited_ns, now.saturating_sub(written_ns));
        }
    }

    pub(super) fn on_session(&mut self, user: usize, now: u64) {
        let mut first_written = Vec::new();
        for pending in &mut self.senders[user].pending {
            pending.refused = false;
            if std::mem::replace(&mut pending.written, true) {
                self.counters.resends += 1;
                self.verifier.sent_anew(pending.sent);
            } else {
                self.verifier.sent_written(pending.sent, now);
                first_written.extend((!pending.is_change()).then_some(pending.due));
            }
        }
        for due in first_written {
            self.note_written(due, now);
        }
        self.unblocked.push(user);
    }

    /// Takes a message off the list of those that wait.
    fn answered(&mut self, user: usize, id: ClientMsgId) -> Option<Pending> {
        let pending = &mut self.senders[user].pending;
        let at = pending.iter().position(|pending| pending.id == id)?;
        let answered = pending.remove(at);
        if !self.senders[user].queued.is_empty() {
            self.unblocked.push(user);
        }
        answered
    }

    pub(super) fn on_acked(&mut self, user: usize, now: u64, id: ClientMsgId, place: (u64, u64)) {
        let Some(pending) = self.answered(user, id) else { return };
        let Pending { sent, due, seen, .. } = pending;
        let (seq, message_id) = place;
        let reached = match sent {
            Sent::Change(no) => return self.verifier.group_changed(no, seq, message_id),
            Sent::Direct(stream, count) => {
                self.acked_seen(self.friends.ends(stream), seen);
                let Some(acked) = self.verifier.acked(stream, count, seq, message_id) else {
                    return;
                };
                acked.reached || self.away[self.friends.ends(stream).1]
            }
            Sent::Said(no, count) => {
                self.acked_seen_in_group(user, no, seen);
                let acked = self.verifier.said_acked((no, count), place, now);
                let Some(members) = acked else { return };
                if self.measured.contains(&due.due_ns) {
                    self.group_latencies.acked(members, now.saturating_sub(due.due_ns));
                }
                // Of what is complete the judge tells.
                false
            }
        };
        self.note_acked(now, due);
        if reached {
            self.complete();
        }
        self.note_reached_groups(now);
    }

    fn note_acked(&mut self, now: u64, due: Due) {
        self.second.counts.acked += 1;
        let ack_ns = now.saturating_sub(due.due_ns);
        self.steps.acked(now, ack_ns);
        self.marks.acked(now, due.due_ns);
        self.counters.acked += u64::from(self.measured.contains(&now));
        self.second.latencies.ack.record(ack_ns);
        if self.measured.contains(&due.due_ns) {
            self.stages.acked(due.due_ns, ack_ns);
            self.latencies.ack.record(ack_ns);
        }
    }

    pub(super) fn on_refused(
        &mut self,
        (user, now): (usize, u64),
        id: Option<ClientMsgId>,
        code: Option<RefusalCode>,
        retry: bool,
    ) {
        let reason = code.map_or_else(|| "unknown code".to_owned(), |code| format!("{code:?}"));
        *self.counters.refusals.entry(reason).or_default() += 1;
        self.second.counts.refused += 1;
        self.steps.refused(now);
        let Some(id) = id else { return };
        if retry {
            let pending = self.senders[user].pending.iter_mut().find(|pending| pending.id == id);
            if let Some(pending) = pending {
                pending.refused = true;
                self.verifier.sent_again(pending.sent);
            }
        } else if let Some(pending) = self.answered(user, id) {
            self.counters.refused_for_good += 1;
            if let Sent::Direct(stream, count) = pending.sent {
                self.verifier.refused(stream, count);
            }
            self.on_group_refused(pending.sent, code);
            if !pending.is_change() {
                self.complete();
            }
        }
    }
}
