//! What a thread's users do in groups: they make them, talk, and change who is in them. It decides nothing about connections,
//! and judges nothing.

use super::circles;
use super::desk::{Desk, Due, Pending, To, row};
use super::offers::Offer;
use crate::clock::now_ns;
use crate::fleet::Fleet;
use crate::verify::{GroupNo, Reached, Reader, Sent};
use client::GroupChange;
use client::limits::SENDS_PENDING_MAX;
use rand::RngExt;
use wire::frames::ArchivedMessage;
use wire::{ClientMsgId, ConversationId, RefusalCode, RowKind, Seq, Uid};

impl Desk {
    /// Says that groups are to be made, as far as sessions take it. Whether all were said.
    pub fn make_groups(&mut self, fleet: &mut Fleet) -> bool {
        while let Some(making) = self.talk.making.pop() {
            let create = GroupChange::Create(self.uids(&making.named));
            let Some((is_written, id)) = self.say_change(fleet, making.by, create) else {
                self.talk.making.push(making);
                return false;
            };
            let maker = Uid(self.friends.uid(making.by));
            let group = ConversationId::made_by(maker, id);
            let no = self.verifier.group_making(group, &making);
            self.wait_for(making.by, (id, Sent::Change(no)), is_written);
        }
        true
    }

    /// Makes the changes of members that are due, each in a group where none is under way.
    pub fn change_groups(&mut self, fleet: &mut Fleet, now_ns: u64) {
        for _ in 0..self.talk.due(now_ns) {
            if !self.change_one(fleet) {
                self.talk.waiting += 1;
            }
        }
    }

    /// Whether a change was made.
    fn change_one(&mut self, fleet: &mut Fleet) -> bool {
        let count = self.verifier.groups().len();
        let Some(last) = count.checked_sub(1) else { return true };
        let nth = self.talk.random.random_range(0..=last);
        let no = GroupNo(u32::try_from(nth).expect("groups are bounded"));
        let group = self.verifier.groups().get(no);
        if group.is_changing() {
            return false;
        }
        let id = group.id();
        let Some(changing) = circles::change(group, &self.away, &mut self.talk.random) else {
            return false;
        };
        let uids = self.uids(&changing.named);
        let change = match changing.kind {
            RowKind::MEMBERS_ADDED => GroupChange::Add(id, uids),
            RowKind::MEMBERS_REMOVED => GroupChange::Remove(id, uids),
            _ => GroupChange::Leave(id),
        };
        let said = self.say_change(fleet, changing.by, change);
        let Some((is_written, id)) = said else { return false };
        self.verifier.group_changing(no, &changing);
        self.wait_for(changing.by, (id, Sent::Change(no)), is_written);
        true
    }

    /// Says a change over a user's first device: whether it is written, and its id; nothing, if the session takes no more.
    fn say_change(
        &self,
        fleet: &mut Fleet,
        user: usize,
        change: GroupChange,
    ) -> Option<(bool, ClientMsgId)> {
        let by = self.lanes.device(user, 0);
        if fleet.machine(by).sends_pending() >= SENDS_PENDING_MAX {
            return None;
        }
        let (is_written, id) = fleet.with(by, |machine, now_ms, out| {
            (machine.is_logged_in(), machine.change_group(change, now_ms, out))
        });
        Some((is_written, id.expect("the number of pending sends was checked")))
    }

    fn uids(&self, users: &[usize]) -> Vec<Uid> {
        users.iter().map(|user| Uid(self.friends.uid(*user))).collect()
    }

    /// A change waits for its ack. It is due when it is sent.
    fn wait_for(&mut self, user: usize, (id, sent): (ClientMsgId, Sent), written: bool) {
        let now = now_ns();
        let due = Due { due_ns: now, reached_ns: now };
        let (seen, refused) = (Seq(0), false);
        self.senders[user].pending.push_back(Pending { id, sent, due, seen, written, refused });
    }

    /// Who sends what was offered, and where to. To a group: one of its members who are online now.
    pub fn choose(&self, offer: Offer) -> (usize, To) {
        let Offer { stream, group } = offer;
        let (from, to) = (self.friends.ends(stream).0, To::Friend(stream));
        let groups = self.verifier.groups();
        let Some([pick, who]) = group.filter(|_| !groups.is_empty()) else { return (from, to) };
        let count = groups.len() as u64;
        for nth in pick..pick + count {
            let no = GroupNo(u32::try_from(nth % count).expect("groups are bounded"));
            let present = groups.get(no).present().map(|(user, _)| user);
            let online: Vec<usize> = present.filter(|user| !self.away[*user]).collect();
            if !online.is_empty() {
                let at = usize::try_from(who % online.len() as u64).expect("it is an index");
                return (online[at], To::Group(no));
            }
        }
        (from, to)
    }

    /// What was sent to a group was refused for good.
    pub fn on_group_refused(&mut self, sent: Sent, code: Option<RefusalCode>) {
        let by_members = matches!(
            code,
            Some(
                RefusalCode::NotMember
                    | RefusalCode::NotAllowed
                    | RefusalCode::AlreadyMember
                    | RefusalCode::GroupFull
                    | RefusalCode::IdConflict
            )
        );
        match sent {
            Sent::Direct(..) => {}
            Sent::Said(no, count) => self.verifier.said_refused(no, count, by_members),
            Sent::Change(no) => self.verifier.group_change_refused(no, by_members),
        }
    }

    /// A row of a group came.
    pub fn on_group_row(&mut self, index: usize, now: u64, message: &ArchivedMessage) {
        let row = row(message);
        let (user, device) = self.lanes.of(index);
        let is_mark = [RowKind::READ, RowKind::HIDDEN].contains(&row.kind);
        let Some(device) = device else {
            return if is_mark {
                self.verifier.kept_group_mark(user, &row, message.number.to_native());
            } else {
                self.verifier.kept_in_group(user, &row);
            };
        };
        if is_mark {
            return;
        }
        let reader = Reader { user, device };
        if let Some(due_ns) = self.verifier.delivered_in_group(reader, &row, now) {
            self.may_read(index, row.conversation, (row.seq, row.message_id));
            self.second.counts.to_members += 1;
            if self.measured.contains(&due_ns) {
                self.counters.to_members += 1;
            }
        }
        self.note_reached_groups(now);
    }

    /// Takes what became of messages to groups since it was last asked.
    pub fn note_reached_groups(&mut self, now: u64) {
        for reached in self.verifier.groups_mut().take_reached() {
            self.second.counts.delivered += 1;
            self.counters.delivered += u64::from(self.measured.contains(&now));
            self.note_reached_group(reached);
            self.complete();
        }
    }

    fn note_reached_group(&mut self, reached: Reached) {
        let Reached { size, due_ns, written_ns, times_ns } = reached;
        let Some(times_ns) = times_ns else { return };
        let last_ns = times_ns[2];
        self.note_delivered(
            due_ns,
            last_ns.saturating_sub(due_ns),
            last_ns.saturating_sub(written_ns),
        );
        if self.measured.contains(&due_ns) {
            let took_ns = times_ns.map(|at_ns| at_ns.saturating_sub(due_ns));
            self.group_latencies.reached(size, took_ns);
        }
    }

    /// Everything is over. What did not reach everybody took at least until now.
    pub fn note_unreached_groups(&mut self, now: u64) {
        let incomplete: Vec<Reached> = self.verifier.groups().incomplete(now).collect();
        incomplete.into_iter().for_each(|reached| self.note_reached_group(reached));
    }
}
