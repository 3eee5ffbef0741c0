//! What conversations do for groups: they judge who may speak, acknowledge by the mark, and offer entries to members in turns,
//! after everything else of a step: a flood in one group keeps neither another group nor 1:1 chats waiting.

use super::conversation::{Conversation, Pending, acked, scoped};
use super::group::{Group, Verdict};
use super::{Conversations, Fault};
use crate::command::{Answer, ReplyTo, Send};
use crate::group::{Change as GroupChange, GroupInfo, GroupRow, Member, Members, Settings};
use crate::limits::{FANOUT_MAX, FANOUT_TURN, FORWARD_AGAIN_MS, STORE_RETRY_MS};
use crate::limits::{GROUP_ENTRIES_MAX, MARKED_LOADS, MARKS_PAGE};
use crate::rows::{MessageRow, Read, Row};
use crate::shard::commit::Change;
use crate::shard::reads::Purpose;
use crate::shard::step::Step;
use wire::{
    ClientMsgId, ConversationId, DeviceId, PAGE_BYTES_MAX, RefusalCode, Role, RowKind, Seq, Uid,
};

impl Conversations {
    /// Asks which groups are to be loaded though nobody asks for them: a former owner left something of them to be done.
    pub fn ask_marks(&self, after: Option<ConversationId>, step: &mut Step) {
        if !self.plant.has(Fault::GroupNoMark) {
            step.ask(Read::Marks { after, limit: MARKS_PAGE }, Purpose::Marks(after));
        }
    }

    /// They could not be read: they are asked for again after a while.
    pub fn on_marks_unread(&mut self, after: Option<ConversationId>, step: &Step) {
        self.groups.unread = Some((step.now().mono_ms + u64::from(STORE_RETRY_MS), after));
    }

    /// These are.
    pub fn on_marks(&mut self, groups: Vec<ConversationId>, step: &mut Step) {
        if groups.len() == MARKS_PAGE {
            self.ask_marks(groups.last().copied(), step);
        }
        self.groups.marked.extend(groups);
    }

    /// This one is, later: it could not be loaded.
    pub fn mark_again(&mut self, group: ConversationId) {
        self.groups.marked.push_back(group);
    }

    /// Groups that are to be loaded now.
    pub fn take_marked(&mut self, step: &Step) -> Vec<ConversationId> {
        let now_ms = step.now().mono_ms;
        if now_ms < self.groups.marked_ms || self.groups.marked.is_empty() {
            return Vec::new();
        }
        self.groups.marked_ms = now_ms + FORWARD_AGAIN_MS;
        let count = self.groups.marked.len().min(MARKED_LOADS);
        self.groups.marked.drain(..count).collect()
    }

    /// When to look after groups even if nothing arrives, in the monotonic ms of `Now`.
    pub fn next_timer_ms(&self) -> Option<u64> {
        let marked = (!self.groups.marked.is_empty()).then_some(self.groups.marked_ms);
        let tended = self.groups.tended.front().map(|tended| tended.0);
        let unread = self.groups.unread.map(|unread| unread.0);
        marked.into_iter().chain(tended).chain(unread).min()
    }

    /// A group is in memory from now on: as it was at its stored position, with the entries from there on.
    pub fn add_group(
        &mut self,
        id: ConversationId,
        (row, entries): (Option<GroupRow>, Vec<MessageRow>),
        step: &mut Step,
    ) {
        let none = GroupRow { group: id, position: Seq(0), members: Members::default() };
        let row = row.unwrap_or(none);
        let position = row.position;
        let mut state = Conversation::new(id, entries.last());
        assert!(position <= state.committed(), "a position is in the log");
        let mut group = Box::new(Group::new(row, self.is_alone, self.plant));
        for entry in entries.into_iter().filter(|entry| entry.seq > position) {
            group.apply(&entry);
            state.add(Pending::stored(entry));
            self.groups.entries += 1;
            self.in_flight += 1;
        }
        state.group = Some(group);
        self.conversations.insert(id, state);
        self.settle(id, step);
        let group = self.group(id).1;
        if !group.fanout.is_done() {
            group.open(step);
        }
        self.tend_later(id, step);
    }

    /// A group in memory, with its head and what is committed.
    fn group(&mut self, id: ConversationId) -> ((Seq, Seq), &mut Group) {
        let state = self.conversations.get_mut(&id).expect("it is in memory");
        let ends = (state.head(), state.committed());
        (ends, state.group.as_deref_mut().expect("it is a group"))
    }

    /// Whether it may be taken: a message of a member, a change that changes something. If not, its sender is told.
    pub(super) fn admits(&mut self, send: &Send, reply: ReplyTo, step: &mut Step) -> bool {
        let id = send.conversation;
        let (ends, group) = self.group(id);
        let Some(change) = GroupChange::of(send.kind, &send.body) else {
            step.refuse_for(reply, RefusalCode::OutOfRange, 0);
            return false;
        };
        let verdict = group.judge(send.sender, (&change, step.now().unix_ms), ends);
        let is_full = self.groups.entries >= GROUP_ENTRIES_MAX;
        match verdict {
            Verdict::Take if !is_full => return true,
            Verdict::Refuse(code, wait_ms) => step.refuse_for(reply, code, wait_ms),
            Verdict::AfterOwn if !is_full => {
                self.take_nothing(id, step);
                self.refuse_for_now(send, reply, step);
            }
            Verdict::Take | Verdict::AfterOwn | Verdict::Later => {
                self.refuse_for_now(send, reply, step);
            }
        }
        false
    }

    fn refuse_for_now(&mut self, send: &Send, reply: ReplyTo, step: &mut Step) {
        let sender = (send.sender, send.device, send.conversation);
        self.refuse_waiting(sender, RefusalCode::Busy, step);
        self.refuse_first((sender, send.client_msg_id), Some(reply), RefusalCode::Busy, step);
    }

    /// Gives a place to nothing, so that a refusal can be final: a late write of the owner before, which may hold the very
    /// command that is refused, fits behind no entry of this one.
    fn take_nothing(&mut self, id: ConversationId, step: &mut Step) {
        let message_id = self.next_message_id(id);
        let send = Send {
            conversation: id,
            sender: Uid(0),
            device: DeviceId(0),
            client_msg_id: ClientMsgId::new(step.now().unix_ms, message_id.0.into()),
            kind: RowKind::NOTHING,
            flags: 0,
            body: bytes::Bytes::new(),
            seen: Seq(0),
        };
        self.open_mark(id, step);
        let state = self.conversations.get_mut(&id).expect("it is in memory");
        let row = state.place(send, message_id, step.now().unix_ms);
        step.commit.push(Row::Message(row.clone()), Change::Message(id, row.seq));
        state.add(Pending::stored(row));
        (self.in_flight, self.groups.entries) = (self.in_flight + 1, self.groups.entries + 1);
    }

    /// The mark of a group that is about to be given an entry.
    pub(super) fn open_mark(&mut self, id: ConversationId, step: &mut Step) {
        self.group(id).1.open(step);
        self.tend_later(id, step);
    }

    /// An entry has its place.
    pub(super) fn count_entry(&mut self) {
        self.groups.entries += 1;
    }

    /// And has it no more.
    pub(super) fn forget_entry(&mut self) {
        self.groups.entries -= 1;
    }

    /// An entry is committed.
    pub(super) fn on_entry_durable(&mut self, id: ConversationId, step: &mut Step) {
        self.group(id).1.has_own = true;
        self.settle(id, step);
    }

    /// A mark is durable, or was not written.
    pub fn on_mark(
        &mut self,
        id: ConversationId,
        (is_open, is_stored): (bool, bool),
        step: &mut Step,
    ) {
        let (_, group) = self.group(id);
        if is_stored {
            group.marked(is_open);
            self.settle(id, step);
        } else {
            group.not_marked(is_open);
        }
    }

    /// A position is durable, or was not written.
    pub fn on_position(&mut self, id: ConversationId, is_stored: bool) {
        self.group(id).1.positioned(is_stored);
    }

    /// A member's inbox has everything up to an entry.
    pub(super) fn confirm_entry(
        &mut self,
        id: ConversationId,
        uid: Uid,
        seq: Seq,
        step: &mut Step,
    ) {
        let now_ms = step.now().mono_ms;
        let (_, group) = self.group(id);
        self.groups.offers -= group.fanout.confirm(uid, seq, now_ms);
        self.settle(id, step);
    }

    /// Answers what may be answered, forgets what everybody has, and lets the group offer what is left.
    fn settle(&mut self, id: ConversationId, step: &mut Step) {
        let Self { conversations, dedup, groups, in_flight, .. } = self;
        let state = conversations.get_mut(&id).expect("it is in memory");
        let committed = state.committed();
        let group = state.group.as_deref_mut().expect("it is a group");
        group.fanout.settle(committed);
        let (from, to, done) = (group.acked, group.may_ack(committed), group.fanout.done());
        group.acked = from.max(to);
        if !group.fanout.is_done() && !std::mem::replace(&mut group.is_ready, true) {
            groups.ready.push_back(id);
        }
        for seq in (from.0 + 1..=to.0).map(Seq) {
            *in_flight -= 1;
            let pending = state.pending(seq).expect("it is kept until everybody has it");
            if let Some(first) = dedup.find(&scoped(&pending.row)) {
                first.is_settled = true;
            }
            let MessageRow { message_id, seq, time_ms, .. } = pending.row;
            for reply in pending.take_replies() {
                step.answer(reply, acked(message_id, seq, time_ms));
            }
        }
        while state.pop_through(done).is_some() {
            groups.entries -= 1;
        }
    }

    /// Groups offer what their members lack, in turns.
    pub fn fan_out(&mut self, step: &mut Step) {
        let Self { conversations, groups, .. } = self;
        while groups.offers < FANOUT_MAX
            && let Some(id) = groups.ready.pop_front()
        {
            let state = conversations.get_mut(&id).expect("one with something to offer is kept");
            let budget = FANOUT_TURN.min(FANOUT_MAX - groups.offers);
            let (sent, more) = state.offer(budget, step);
            groups.offers += sent;
            state.group.as_deref_mut().expect("it is a group").is_ready = more;
            if more {
                groups.ready.push_back(id);
            }
        }
    }

    fn tend_later(&mut self, id: ConversationId, step: &Step) {
        let (_, group) = self.group(id);
        if !std::mem::replace(&mut group.is_tended, true) {
            self.groups.tended.push_back((step.now().mono_ms + FORWARD_AGAIN_MS, id));
        }
    }

    /// Looks after groups whose time has come: who does not answer is asked again, positions are stored, marks closed.
    pub fn tend(&mut self, step: &mut Step) {
        let now_ms = step.now().mono_ms;
        if let Some((_, after)) = self.groups.unread.take_if(|unread| unread.0 <= now_ms) {
            self.ask_marks(after, step);
        }
        while let Some((_, id)) = self.groups.tended.pop_front_if(|tended| tended.0 <= now_ms) {
            let (ends, group) = self.group(id);
            let ended = group.fanout.give_up(now_ms);
            group.tend(ends, step);
            group.is_tended = !group.is_quiet();
            let is_tended = group.is_tended;
            self.groups.offers -= ended;
            self.settle(id, step);
            if is_tended {
                self.groups.tended.push_back((now_ms + FORWARD_AGAIN_MS, id));
            }
        }
    }

    /// Stores what only memory knows of groups.
    pub fn flush_groups(&mut self, step: &mut Step) {
        for state in self.conversations.values_mut() {
            let committed = state.committed();
            if let Some(group) = &mut state.group {
                group.flush(committed, step);
            }
        }
    }

    /// Asks for what a user may read of a group in memory: the entries before `before`, or the newest.
    pub fn ask_group_history(
        &mut self,
        id: ConversationId,
        (uid, before, limit): (Uid, Option<Seq>, usize),
        reply: ReplyTo,
        step: &mut Step,
    ) {
        let ((_, committed), group) = self.group(id);
        let Some((from, to)) = group.range(uid, committed) else {
            return step.refuse(reply, RefusalCode::NotMember);
        };
        let before = before.map_or(to.next(), |before| before.min(to.next()));
        let read = Read::Messages { conversation: id, before, limit, bytes_max: PAGE_BYTES_MAX };
        step.ask(read, Purpose::History(id, (from, to), reply));
    }

    /// A page of a group's members, for one of them.
    pub fn members(
        &mut self,
        id: ConversationId,
        (uid, after, limit): (Uid, Uid, usize),
        reply: ReplyTo,
        step: &mut Step,
    ) {
        let ((_, committed), group) = self.group(id);
        let members = group.members(committed);
        if !members.has(uid) {
            return step.refuse(reply, RefusalCode::NotMember);
        }
        let count = members.present().len() as u64;
        let present = members.known().iter().filter(|it| it.is_present() && it.uid > after);
        let members = present.take(limit).copied().collect();
        step.answer(reply, Answer::GroupMembers { group: id, count, members });
    }

    /// What a group is, for one of its members. Its title, and what it announces, are read from the log, if they are not known.
    pub fn info(&mut self, id: ConversationId, uid: Uid, reply: ReplyTo, step: &mut Step) {
        let is_ahead = self.plant.has(Fault::GroupInfoAhead);
        let ((head, committed), group) = self.group(id);
        let seq = if is_ahead { head } else { committed };
        let members = group.members(seq);
        if !members.has(uid) {
            return step.refuse(reply, RefusalCode::NotMember);
        }
        let Settings { muted_until_ms, title, notice } = members.settings();
        let texts = [title, notice].map(|seq| group.text(seq).ok_or(seq));
        let (title, notice) = match texts {
            [Ok(title), Ok(notice)] => (title, notice),
            [Err(seq), _] | [_, Err(seq)] => {
                if step.may_ask(reply) {
                    let (before, limit, bytes_max) = (seq.next(), 1, PAGE_BYTES_MAX);
                    let read = Read::Messages { conversation: id, before, limit, bytes_max };
                    step.ask(read, Purpose::Text(id, uid, seq, reply));
                }
                return;
            }
        };
        let (count, now_ms) = (members.present().len() as u64, step.now().unix_ms);
        let is_told = |it: &&Member| {
            it.is_present() && (it.role() != Role::Member || it.muted_until_ms > now_ms)
        };
        let members = members.known().iter().filter(is_told).copied().collect();
        let info = GroupInfo { seq, count, muted_until_ms, title, notice, members };
        step.answer(reply, Answer::GroupInfo { group: id, info: Box::new(info) });
    }

    /// The body of an entry was read that a group is set to by, for whoever asked what the group is.
    pub fn on_text_read(
        &mut self,
        (id, uid): (ConversationId, Uid),
        seq: Seq,
        (reply, rows): (ReplyTo, Vec<MessageRow>),
        step: &mut Step,
    ) {
        if !self.has(id) {
            return step.refuse(reply, RefusalCode::Busy);
        }
        let row = rows.into_iter().find(|row| row.seq == seq);
        self.group(id).1.add_text(seq, row.map(|row| row.body).unwrap_or_default());
        self.info(id, uid, reply, step);
    }
}
