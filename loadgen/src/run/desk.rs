//! What a thread knows of its users: what they sent and wait for, what came of it. It is told what
//! happens by the fleet, and tells the judge; it decides nothing about connections.

use super::changes::Talk;
use super::counters::{Counters, Second};
use super::group_latencies::GroupLatencies;
use super::lanes::Lanes;
use super::marks::Marks;
use super::offers::Offer;
use super::reads::Reads;
use super::stages::StageLatencies;
use super::steps::Steps;
use crate::body::Stamp;
use crate::clock::now_ns;
use crate::fleet::{Fleet, Observer};
use crate::friends::{Friends, StreamId};
use crate::histograms::{Latencies, Latency};
use crate::verify::{Delivery, GroupNo, Groups, Reader, Row, Sent, Verifier};
use client::Draft;
use client::limits::SENDS_PENDING_MAX;
use client::machine::Event;
use std::collections::VecDeque;
use std::ops::Range;
use wire::frames::ArchivedMessage;
use wire::{Bytes, ClientMsgId, ConversationId, FRAME_BYTES_MAX, FrameBuffer, Kind};
use wire::{ROW_IS_BEGINNING, RowKind, Scratch, Seq, Uid};

/// When a message was due, and when the loop reached it; monotonic ns.
#[derive(Clone, Copy)]
pub(super) struct Due {
    pub due_ns: u64,
    pub reached_ns: u64,
}

/// A message, or a change of a group, that waits for its ack.
pub(super) struct Pending {
    pub id: ClientMsgId,
    pub sent: Sent,
    pub due: Due,
    pub seen: Seq,
    pub written: bool,
    /// The server asked to send it again later.
    pub refused: bool,
}

impl Pending {
    /// Whether it is no message.
    pub fn is_change(&self) -> bool {
        matches!(self.sent, Sent::Change(_))
    }
}

/// Where a message goes.
#[derive(Clone, Copy)]
pub(super) enum To {
    Friend(StreamId),
    Group(GroupNo),
}

/// A user as a sender.
#[derive(Default)]
pub(super) struct Sender {
    pub pending: VecDeque<Pending>,
    /// Due, and the session takes no more for now: sent as soon as it does.
    pub queued: VecDeque<(To, Due)>,
}

/// A thread's books.
pub(super) struct Desk {
    pub friends: Friends,
    pub lanes: Lanes,
    pub verifier: Verifier,
    pub senders: Vec<Sender>,
    /// Users that are away until the end.
    pub away: Vec<bool>,
    /// By place in the fleet: has everything.
    pub synced: Vec<bool>,
    pub synced_count: usize,
    /// Messages sent and not yet both acked and, unless the recipient is away, delivered.
    pub in_flight: usize,
    /// Counts every step forward; standing still means that nothing comes any more.
    pub progress: u64,
    /// Messages due in this time are measured.
    pub measured: Range<u64>,
    pub latencies: Latencies,
    /// As `sched`, without what was late by the machine's doing.
    pub own_sched: Latency,
    pub counters: Counters,
    pub second: Box<Second>,
    pub steps: Steps,
    pub marks: Marks,
    pub stages: StageLatencies,
    /// Why a connection was last lost.
    pub lost_why: String,
    /// Readers that have read all.
    pub finished: Vec<usize>,
    pub(super) unblocked: Vec<usize>,
    pub reads: Reads,
    pub talk: Talk,
    pub group_latencies: GroupLatencies,
    run: u64,
    payload: usize,
    body: Vec<u8>,
}

impl Desk {
    pub fn new(
        run: u64,
        payload: usize,
        friends: Friends,
        devices: usize,
        (away, reads, talk): (Vec<bool>, Reads, Talk),
    ) -> Self {
        let lanes = Lanes { users: friends.users(), devices };
        let mut senders = Vec::new();
        senders.resize_with(friends.users(), Sender::default);
        let mut verifier = Verifier::new(run, friends, devices);
        verifier.set_groups(Groups::new(away.clone(), payload));
        let has_groups = !talk.making.is_empty();
        Self {
            friends,
            lanes,
            verifier,
            senders,
            away,
            synced: vec![false; lanes.total()],
            synced_count: 0,
            in_flight: 0,
            progress: 0,
            measured: u64::MAX..u64::MAX,
            latencies: Latencies::default(),
            own_sched: Latency::default(),
            counters: Counters::default(),
            second: Box::default(),
            steps: Steps::default(),
            marks: Marks::default(),
            stages: StageLatencies::default(),
            lost_why: String::new(),
            finished: Vec::new(),
            unblocked: Vec::new(),
            reads,
            talk,
            group_latencies: if has_groups {
                GroupLatencies::of_groups()
            } else {
                GroupLatencies::default()
            },
            run,
            payload,
            body: Vec::new(),
        }
    }

    /// Sends a message that is or was due; if the session takes no more, as soon as it does.
    /// `excused`: it is late by the machine's doing.
    pub fn send(&mut self, fleet: &mut Fleet, offer: Offer, due: Due, excused: bool) {
        self.in_flight += 1;
        self.note_reached(due, excused);
        let (from, to) = self.choose(offer);
        let queued = &mut self.senders[from].queued;
        let index = self.lanes.device(from, 0);
        if !queued.is_empty() || fleet.machine(index).sends_pending() >= SENDS_PENDING_MAX {
            queued.push_back((to, due));
        } else {
            self.write(fleet, from, to, due);
        }
    }

    /// A message is due by the schedule. Whether it is measured.
    pub fn note_planned(&mut self, due_ns: u64) -> bool {
        let is_measured = self.measured.contains(&due_ns);
        let middle_ns = self.measured.start.midpoint(self.measured.end);
        self.counters.planned += u64::from(is_measured);
        if is_measured {
            self.stages.planned(due_ns);
        }
        self.counters.planned_half += u64::from(is_measured && due_ns >= middle_ns);
        is_measured
    }

    fn note_reached(&mut self, due: Due, excused: bool) {
        let late_ns = due.reached_ns.saturating_sub(due.due_ns);
        self.second.latencies.sched.record(late_ns);
        if !self.note_planned(due.due_ns) {
            return;
        }
        self.latencies.sched.record(late_ns);
        if !excused {
            self.own_sched.record(late_ns);
        }
        self.counters.excused += u64::from(excused);
        self.counters.in_time += u64::from(excused || due.reached_ns < self.measured.end);
    }

    /// Sends what waited for its session to take more.
    pub fn send_queued(&mut self, fleet: &mut Fleet) {
        while let Some(user) = self.unblocked.pop() {
            let index = self.lanes.device(user, 0);
            while fleet.machine(index).sends_pending() < SENDS_PENDING_MAX
                && let Some((to, due)) = self.senders[user].queued.pop_front()
            {
                self.write(fleet, user, to, due);
            }
        }
    }

    /// Counts what is in flight when an event comes.
    pub fn look_at_marks(&mut self, now: u64) {
        let Self { marks, senders, .. } = self;
        marks.look(now, || unanswered(senders));
    }

    /// What a connection had written and was not acked may be passed by later messages once it is
    /// written again.
    pub fn may_be_passed(&mut self, index: usize) {
        if let (user, Some(0)) = self.lanes.of(index) {
            for pending in self.senders[user].pending.iter().filter(|pending| pending.written) {
                self.verifier.sent_again(pending.sent);
            }
        }
    }

    pub fn forget_synced(&mut self) {
        self.synced.fill(false);
        self.synced_count = 0;
    }

    fn write(&mut self, fleet: &mut Fleet, from: usize, to: To, due: Due) {
        let now = now_ns();
        let due_ns = due.due_ns;
        let from_uid = self.friends.uid(from);
        let (sent, count, conversation) = match to {
            To::Friend(stream) => {
                let count = self.verifier.sent(stream, now);
                let to_uid = self.friends.uid(self.friends.ends(stream).1);
                let pair = ConversationId::direct(Uid(from_uid), Uid(to_uid)).expect("two users");
                (Sent::Direct(stream, count), count, pair)
            }
            To::Group(no) => {
                let count = self.verifier.said(no, from, (due_ns, now));
                (Sent::Said(no, count), count, self.verifier.groups().get(no).id())
            }
        };
        let peer = conversation.peer_of(Uid(from_uid)).map(|peer| peer.0);
        let to = peer.unwrap_or(conversation.parts().1);
        let stamp = Stamp { run: self.run, from: from_uid, to, count, due_ns };
        stamp.write(&mut self.body, self.payload);
        let body = Bytes::copy_from_slice(&self.body);
        let seen = self.seen(from, sent, conversation);
        let draft = Draft { conversation, body, seen };
        let (written, id) = fleet.with(self.lanes.device(from, 0), |machine, now_ms, out| {
            (machine.is_logged_in(), machine.send(draft, now_ms, out))
        });
        let id = id.expect("the number of pending sends and the body's size were checked");
        let refused = false;
        self.senders[from].pending.push_back(Pending { id, sent, due, seen, written, refused });
        self.second.counts.sent += 1;
        self.steps.sent(now);
        if written {
            self.note_written(due, now);
        }
    }

    pub(super) fn note_written(&mut self, due: Due, now: u64) {
        let held_ns = now.saturating_sub(due.reached_ns);
        self.second.latencies.held.record(held_ns);
        if self.measured.contains(&due.due_ns) {
            self.latencies.held.record(held_ns);
        }
        self.counters.written += u64::from(self.measured.contains(&now));
    }

    pub(super) fn complete(&mut self) {
        self.in_flight -= 1;
    }

    fn on_message(&mut self, index: usize, now: u64, message: &ArchivedMessage) {
        let row = row(message);
        if row.conversation.is_some_and(ConversationId::is_group) {
            return self.on_group_row(index, now, message);
        }
        let (user, device) = match self.lanes.of(index) {
            (user, Some(device)) => (user, device),
            (user, None) if message.kind == RowKind::MESSAGE.0 => {
                return self.verifier.kept(user, &row);
            }
            (user, None) => {
                return self.verifier.kept_mark(user, &row, message.number.to_native());
            }
        };
        if message.kind != RowKind::MESSAGE.0 {
            return;
        }
        let delivery = self.verifier.delivered(Reader { user, device }, &row);
        let Delivery::Reached { due_ns, written_ns, first, acked } = delivery else { return };
        self.may_read(index, row.conversation, (row.seq, row.message_id));
        if self.away[user] {
            self.second.counts.delivered += u64::from(first);
            return;
        }
        self.note_delivered(due_ns, now.saturating_sub(due_ns), now.saturating_sub(written_ns));
        if self.measured.contains(&due_ns) {
            self.group_latencies.direct(now.saturating_sub(due_ns));
        }
        if first {
            self.second.counts.delivered += 1;
            self.counters.delivered += u64::from(self.measured.contains(&now));
            if acked {
                self.complete();
            }
        }
    }

    pub(super) fn note_delivered(&mut self, due_ns: u64, e2e_ns: u64, raw_ns: u64) {
        let is_measured = self.measured.contains(&due_ns);
        if is_measured {
            self.marks.delivered(due_ns, e2e_ns);
            self.stages.delivered(due_ns, e2e_ns);
        }
        let measured = is_measured.then_some(&mut self.latencies);
        for latencies in std::iter::once(&mut self.second.latencies).chain(measured) {
            latencies.e2e.record(e2e_ns);
            latencies.raw.record(raw_ns);
        }
    }

    fn on_synced(&mut self, index: usize) {
        if !std::mem::replace(&mut self.synced[index], true) {
            self.synced_count += 1;
            if let (user, None) = self.lanes.of(index) {
                self.verifier.kept_whole(user);
                self.list(index);
            }
        }
    }
}

/// A row as the judge takes it.
pub(super) fn row(message: &ArchivedMessage) -> Row<'_> {
    Row {
        conversation: message.conversation.id(),
        sender: Uid(message.sender.to_native()),
        seq: message.seq.to_native(),
        message_id: message.message_id.to_native(),
        inbox_seq: message.inbox_seq.to_native(),
        kind: RowKind(message.kind),
        is_beginning: message.row_flags & ROW_IS_BEGINNING != 0,
        body: message.body.as_slice(),
    }
}

impl Observer for Desk {
    fn event(&mut self, index: usize, now: u64, event: Event<'_>) {
        self.progress += 1;
        let (user, device) = self.lanes.of(index);
        match event {
            Event::Message { message, via_sync } => {
                self.counters.by_sync += u64::from(via_sync && device.is_some());
                self.on_message(index, now, message);
            }
            Event::NewId { former, client_msg_id } => {
                let mut pending = self.senders[user].pending.iter_mut();
                if let Some(pending) = pending.find(|pending| pending.id == former) {
                    pending.id = client_msg_id;
                }
            }
            Event::Acked { client_msg_id, message_id, seq, .. } => {
                self.on_acked(user, now, client_msg_id, (seq.0, message_id.0));
            }
            Event::Refused {
                client_msg_id, code, will_retry, request_id, retry_after_ms, ..
            } => {
                self.on_refused((user, now), client_msg_id, code, will_retry);
                self.on_history_refused((index, now), request_id, (code, retry_after_ms));
            }
            Event::WireDuplicate { .. } => self.counters.wire_duplicates += 1,
            Event::GapDetected { .. } => self.counters.wire_gaps += 1,
            Event::RowsMissing { after, .. } => self.verifier.rows_missing(user, after.0),
            Event::InboxReset { .. } => self.counters.inbox_resets += 1,
            Event::Synced { .. } => self.on_synced(index),
            Event::LoggedIn { .. } if device == Some(0) => self.on_session(user, now),
            Event::ChatReply { reply, .. } => self.on_chat_reply(user, reply),
            Event::ChatsPage { page, .. } => self.on_chats(index, page),
            Event::HistoryPage { page, .. } => self.on_history(index, page),
            Event::HeartbeatReply { .. } => {
                self.counters.heartbeats += 1;
                self.progress -= 1;
            }
            Event::LoggedIn { .. }
            | Event::GroupMembersPage { .. }
            | Event::DevicesPage { .. }
            | Event::DeviceEnded { .. }
            | Event::PushTokenSet { .. }
            | Event::Signal(_)
            | Event::GroupInfo { .. }
            | Event::Renewed { .. }
            | Event::GoingAway { .. }
            | Event::LoggedOut => {}
        }
    }

    fn logged_in(&mut self, _index: usize, _took_ns: u64) {}

    /// A send that is repeated may be passed by later ones, also on a connection that lives.
    fn wrote_by_timer(&mut self, index: usize, _now_ns: u64, frames: &[u8]) {
        let (user, _) = self.lanes.of(index);
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        let mut frames = buffer.read(frames, FRAME_BYTES_MAX);
        while let Some(Ok(frame)) = frames.next(&mut scratch) {
            if frame.header.kind != Some(Kind::Send) {
                continue;
            }
            let send = frame.access::<wire::frames::Send>().expect("the session wrote it");
            let mut pending = self.senders[user].pending.iter_mut();
            if let Some(pending) = pending.find(|pending| pending.id.0 == send.client_msg_id) {
                let was_refused = std::mem::take(&mut pending.refused);
                self.counters.resends += 1;
                self.counters.ack_timeouts += u64::from(!was_refused);
                self.verifier.sent_again(pending.sent);
            }
        }
    }

    fn damaged(&mut self, index: usize, why: &str) {
        self.verifier.damaged(self.lanes.of(index).0, why);
    }

    fn lost(&mut self, index: usize, _was_logged_in: bool, why: &str) {
        self.counters.lost(why);
        why.clone_into(&mut self.lost_why);
        self.may_be_passed(index);
    }
}

/// What waits for an ack, or to be written.
pub(super) fn unanswered(senders: &[Sender]) -> usize {
    senders.iter().map(|sender| sender.pending.len() + sender.queued.len()).sum()
}
