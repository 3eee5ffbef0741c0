//! What a group's log has beside a conversation's: its members, who lacks which entry, and what a successor needs to go on
//! with it, which is a stored position with the members there, and a mark.
//!
//! The mark promises that whoever owns the group finishes what is owed though nobody ever speaks again. So an entry is
//! acknowledged once it is committed and the mark is durably open; that is one write for many entries, and none a member.

mod fanout;

pub(super) use fanout::Offer;

use crate::group::{Change as GroupChange, GroupRow, MarkRow, Members};
use crate::limits::{CHAT_FLUSH_MS, CONVERSATION_WINDOW_MAX, GROUP_LAG_MAX, MARK_LINGER_MS};
use crate::rows::{MessageRow, Row};
use crate::shard::commit::Change;
use crate::shard::plant::{Fault, Plant};
use crate::shard::step::Step;
use bytes::Bytes;
use fanout::Fanout;
use std::collections::VecDeque;
use wire::{ConversationId, RefusalCode, RowKind, Seq, Uid};

/// What groups of a shard have in common.
#[derive(Default)]
pub(super) struct Groups {
    /// Those that may have something to offer, in turn.
    pub ready: VecDeque<ConversationId>,
    /// Offers that are not confirmed. At most [`FANOUT_MAX`].
    pub offers: usize,
    /// Entries in memory. At most [`GROUP_ENTRIES_MAX`] and a window of each group.
    pub entries: usize,
    /// Those to be looked after, and when.
    pub tended: VecDeque<(u64, ConversationId)>,
    /// Groups with an open mark that are to be loaded.
    pub marked: VecDeque<ConversationId>,
    /// When to load more of them, in the monotonic ms of `Now`.
    pub marked_ms: u64,
    /// When to ask again which they are, and above which, where that could not be read.
    pub unread: Option<(u64, Option<ConversationId>)>,
}

/// What is known of the stored mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// It is closed, or was not written by this owner: then a late write of the one before may close it.
    Closed,
    Opening,
    Open,
    Closing,
}

/// A group in memory.
pub(super) struct Group {
    id: ConversationId,
    pub fanout: Fanout,
    mark: Mark,
    /// The stored position.
    stored: Seq,
    /// The position that is being stored.
    storing: Option<Seq>,
    /// When it was last stored, and when an entry last became owed, in the monotonic ms of `Now`.
    stored_ms: u64,
    owed_ms: u64,
    /// Every entry up to here was answered.
    pub acked: Seq,
    /// An entry of this owner is committed, so no late write of another is adopted any more.
    pub has_own: bool,
    /// It is among those that have something to offer.
    pub is_ready: bool,
    /// It is among those that are looked after: until then it is kept.
    pub is_tended: bool,
    /// Bodies of entries that were asked for: of its title, and of what it announces. At most these two.
    pub texts: Vec<(Seq, Bytes)>,
    plant: Plant,
}

/// What a send to a group is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may have the next place.
    Take,
    /// Never: what that rests on is committed, and stays; or not before so many ms, if it is not 0.
    Refuse(RefusalCode, u32),
    /// It cannot be said yet.
    Later,
    /// It cannot be said before this owner has committed an entry of its own.
    AfterOwn,
}

impl Group {
    /// As it is stored. `is_alone`: no other owner's write lands late.
    pub fn new(row: GroupRow, is_alone: bool, plant: Plant) -> Self {
        let GroupRow { group: id, position, members } = row;
        Self {
            id,
            fanout: Fanout::new(position, members, plant),
            mark: if plant.has(Fault::GroupReuseMark) { Mark::Open } else { Mark::Closed },
            stored: position,
            storing: None,
            stored_ms: 0,
            owed_ms: 0,
            acked: position,
            has_own: is_alone,
            is_ready: false,
            is_tended: false,
            texts: Vec::new(),
            plant,
        }
    }

    /// An entry has its place.
    pub fn apply(&mut self, row: &MessageRow) {
        let members = self.fanout.members();
        let mut entry = row.entry();
        let is_late = members.settings().title > Seq(0) && entry.kind == RowKind::RENAMED;
        let keeps = is_late && self.plant.has(Fault::GroupKeepTitle);
        if keeps || entry.kind == RowKind::DISSOLVED && self.plant.has(Fault::GroupNoEnd) {
            entry.kind = RowKind::MESSAGE;
        }
        let applied = members.after(entry);
        self.fanout.add(applied);
    }

    /// Judges what is new at this time, Unix ms, by the members after the last entry: what is not committed lives or dies together.
    pub fn judge(
        &self,
        by: Uid,
        (change, now_ms): (&GroupChange, u64),
        ends: (Seq, Seq),
    ) -> Verdict {
        let (head, committed) = ends;
        let at = if self.plant.has(Fault::GroupCommittedMembers) { committed } else { head };
        let members = self.fanout.members_at(at);
        let has_lag = head.0 - self.stored.0 >= GROUP_LAG_MAX;
        let may = match members.may(by, change, now_ms) {
            Err(RefusalCode::NotAllowed) if self.plant.has(Fault::GroupAnyRole) => Ok(()),
            Err(RefusalCode::Muted) if self.plant.has(Fault::GroupNoMute) => Ok(()),
            may => may,
        };
        match may {
            Ok(()) if has_lag => Verdict::Later,
            Ok(()) => Verdict::Take,
            Err(_) if members.changed() > committed && !self.plant.has(Fault::GroupRefuseSoon) => {
                Verdict::Later
            }
            Err(code) if self.has_own || self.plant.has(Fault::GroupNoNoop) => {
                let until_ms =
                    if code == RefusalCode::Muted { members.muted_until_ms(by) } else { 0 };
                let wait_ms = until_ms.saturating_sub(now_ms);
                Verdict::Refuse(code, u32::try_from(wait_ms).unwrap_or(u32::MAX))
            }
            Err(_) if head == committed && !has_lag => Verdict::AfterOwn,
            Err(_) => Verdict::Later,
        }
    }

    /// Something is owed from now on: the mark is to be open. It goes into the batch before what it is for.
    pub fn open(&mut self, step: &mut Step) {
        self.owed_ms = step.now().mono_ms;
        let is_late = self.plant.has(Fault::GroupAckBeforeMark) && self.fanout.is_done();
        if matches!(self.mark, Mark::Closed | Mark::Closing) && !is_late {
            self.set_mark(true, step);
        }
    }

    fn set_mark(&mut self, is_open: bool, step: &mut Step) {
        self.mark = if is_open { Mark::Opening } else { Mark::Closing };
        let mark = MarkRow { group: self.id, is_open };
        step.commit.push(Row::Mark(mark), Change::GroupMark(self.id, is_open));
    }

    /// A mark is durable. If another was set since, that one counts.
    pub fn marked(&mut self, is_open: bool) {
        match (self.mark, is_open) {
            (Mark::Opening, true) => self.mark = Mark::Open,
            (Mark::Closing, false) => self.mark = Mark::Closed,
            _ => {}
        }
    }

    /// A mark was not written, nor any that was set since.
    pub fn not_marked(&mut self, is_open: bool) {
        self.mark = if is_open { Mark::Closed } else { Mark::Open };
    }

    /// Up to where entries may be acknowledged.
    pub fn may_ack(&self, committed: Seq) -> Seq {
        let is_open = self.mark == Mark::Open || self.plant.has(Fault::GroupAckBeforeMark);
        if is_open { committed } else { committed.min(self.fanout.done()) }
    }

    /// Stores the position, if it is time, and closes the mark, if nothing is owed for a while.
    pub fn tend(&mut self, (head, committed): (Seq, Seq), step: &mut Step) {
        let now_ms = step.now().mono_ms;
        let is_far = self.fanout.done().0 - self.stored.0 >= CONVERSATION_WINDOW_MAX as u64;
        if is_far || now_ms >= self.stored_ms + CHAT_FLUSH_MS {
            self.store(committed, step);
        }
        let done =
            if self.plant.has(Fault::GroupCloseSoon) { committed } else { self.fanout.done() };
        let linger_ms = if self.plant.has(Fault::GroupCloseSoon) { 0 } else { MARK_LINGER_MS };
        if done < head {
            self.open(step);
        } else if self.mark == Mark::Open && now_ms >= self.owed_ms + linger_ms {
            self.set_mark(false, step);
        }
    }

    /// Stores what only memory knows, whenever that was.
    pub fn flush(&mut self, committed: Seq, step: &mut Step) {
        self.store(committed, step);
        if self.mark == Mark::Open && self.fanout.is_done() {
            self.set_mark(false, step);
        }
    }

    /// Stores the place up to which everybody has everything, with the members there: never those of a later entry, which a
    /// successor would apply once more.
    fn store(&mut self, committed: Seq, step: &mut Step) {
        let is_ahead = self.plant.has(Fault::GroupPositionAhead);
        let position = if is_ahead { committed } else { self.fanout.done() };
        if self.storing.is_some() || position <= self.stored {
            return;
        }
        let at = if self.plant.has(Fault::GroupRowsAhead) { Seq(u64::MAX) } else { position };
        let members = self.fanout.members_at(at);
        let forgets = self.plant.has(Fault::GroupForgetSettings);
        let members = if forgets { members.without_settings() } else { members.clone() };
        (self.storing, self.stored_ms) = (Some(position), step.now().mono_ms);
        let row = GroupRow { group: self.id, position, members };
        step.commit.push(Row::Group(row), Change::Position(self.id));
    }

    /// The position is durable, or was not written.
    pub fn positioned(&mut self, is_stored: bool) {
        let position = self.storing.take().expect("it was being stored");
        if is_stored {
            self.stored = position;
        }
    }

    /// Whether nothing of it is only in memory, and nobody is about to look after it.
    pub fn is_forgettable(&self) -> bool {
        self.is_quiet() && !self.is_tended && !self.is_ready
    }

    /// Whether there is nothing to look after.
    pub fn is_quiet(&self) -> bool {
        let is_stored = self.storing.is_none() && self.stored == self.fanout.done();
        self.fanout.is_done() && is_stored && self.mark == Mark::Closed
    }

    /// What a user may read of what is committed: from here up to there; `None`: nothing.
    pub fn range(&self, uid: Uid, committed: Seq) -> Option<(Seq, Seq)> {
        let member = self.fanout.members().get(uid)?;
        let is_open = member.is_present() || self.plant.has(Fault::GroupNoCeiling);
        Some((member.since, if is_open { committed } else { committed.min(member.until) }))
    }

    /// The body of an entry that the group is set to by, if it is known.
    pub fn text(&self, seq: Seq) -> Option<Bytes> {
        let known = self.texts.iter().find(|(at, _)| *at == seq).map(|(_, text)| text.clone());
        known.or_else(|| (seq == Seq(0)).then(Bytes::new))
    }

    /// It is known from now on.
    pub fn add_text(&mut self, seq: Seq, text: Bytes) {
        self.texts.retain(|(at, _)| *at != seq);
        // Those of before are not asked for again.
        if self.texts.len() == 2 {
            self.texts.remove(0);
        }
        self.texts.push((seq, text));
    }

    /// The members after the last committed entry.
    pub fn members(&self, committed: Seq) -> &Members {
        self.fanout.members_at(committed)
    }
}
