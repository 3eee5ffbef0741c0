//! Who has which entry of a group: the entries that somebody lacks, what each member was offered and has confirmed. Pure; it
//! knows neither mail nor what an entry holds.
//!
//! A member is offered the entries that are owed to it in their order, each with the one before it, so that its inbox takes
//! none over a gap. Nothing is ever given up: what is not confirmed is offered again, from the first.

use crate::group::{Applied, Members};
use crate::limits::{CONVERSATION_WINDOW_MAX, FORWARD_AGAIN_MS, OFFER_AGAIN_MS_MAX};
use crate::shard::plant::{Fault, Plant};
use std::collections::VecDeque;
use std::sync::Arc;
use wire::{Seq, Uid};

/// An entry that somebody lacks, or that is not committed.
struct Owed {
    audience: Arc<[Uid]>,
    /// How many of the audience have not confirmed it.
    lacking: usize,
    /// Members after it.
    members: Members,
}

/// One who is owed an entry.
struct Target {
    uid: Uid,
    /// Everything owed up to here is durable in its inbox.
    confirmed: Seq,
    /// The last entry that it was offered.
    offered: Seq,
    /// How many it was offered and has not confirmed.
    outstanding: usize,
    /// When it is offered the same again, in the monotonic ms of `Now`.
    again_ms: u64,
    /// And how long it is given the next time.
    wait_ms: u64,
}

impl Target {
    fn new(uid: Uid) -> Self {
        let (confirmed, offered, wait_ms) = (Seq(0), Seq(0), FORWARD_AGAIN_MS);
        Self { uid, confirmed, offered, outstanding: 0, again_ms: 0, wait_ms }
    }

    /// One that did not answer is asked with a single entry.
    fn has_room(&self) -> bool {
        let is_silent = self.wait_ms > FORWARD_AGAIN_MS;
        self.outstanding < if is_silent { 1 } else { CONVERSATION_WINDOW_MAX }
    }
}

/// An entry for a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    pub uid: Uid,
    pub seq: Seq,
    /// What was offered before it; 0: all that is owed before it is confirmed.
    pub previous: Seq,
}

/// The end of a group's log that is not in all inboxes.
pub struct Fanout {
    /// Everybody has every entry up to here.
    done: Seq,
    /// Members there.
    base: Members,
    /// The entries above, in order.
    entries: VecDeque<Owed>,
    /// By uid.
    targets: Vec<Target>,
    plant: Plant,
}

impl Fanout {
    /// Everybody has every entry up to `done`.
    pub fn new(done: Seq, base: Members, plant: Plant) -> Self {
        Self { done, base, entries: VecDeque::new(), targets: Vec::new(), plant }
    }

    pub fn done(&self) -> Seq {
        self.done
    }

    pub fn is_done(&self) -> bool {
        self.entries.is_empty()
    }

    /// Members after an entry that is not below what is done.
    pub fn members_at(&self, seq: Seq) -> &Members {
        let above = above(self.done, seq).min(self.entries.len());
        let entry = above.checked_sub(1).map(|at| &self.entries[at]);
        entry.map_or(&self.base, |entry| &entry.members)
    }

    /// Members after the last entry.
    pub fn members(&self) -> &Members {
        self.members_at(Seq(u64::MAX))
    }

    /// The next entry has its place.
    pub fn add(&mut self, applied: Applied) {
        let Applied { members, audience } = applied;
        for uid in &*audience {
            if let Err(at) = self.targets.binary_search_by_key(uid, |target| target.uid) {
                self.targets.insert(at, Target::new(*uid));
            }
        }
        self.entries.push_back(Owed { lacking: audience.len(), audience, members });
    }

    /// The last entry was not written.
    pub fn take_back(&mut self) {
        self.entries.pop_back().expect("it was not written, so nobody has it");
    }

    /// Offers up to `budget` entries that are committed, to each its next ones. Returns whether there are more.
    pub fn offer(
        &mut self,
        (committed, now_ms): (Seq, u64),
        budget: usize,
        mut offer: impl FnMut(Offer),
    ) -> bool {
        let mut left = budget;
        let done = self.done;
        let end = above(done, committed).min(self.entries.len());
        let present = self.members().present().clone();
        let first = self.targets.iter().position(|target| target.offered < committed);
        let targets = self.targets.iter_mut().skip(first.unwrap_or(usize::MAX));
        for target in targets {
            let mut at = above(done, target.offered);
            if self.plant.has(Fault::GroupNewestOnly) {
                at = at.max(end.saturating_sub(1));
            }
            while at < end && target.has_room() {
                let is_current = self.plant.has(Fault::GroupCurrentMembers);
                let audience = if is_current { &present } else { &self.entries[at].audience };
                at += 1;
                if audience.binary_search(&target.uid).is_err() {
                    continue;
                }
                if left == 0 {
                    return true;
                }
                left -= 1;
                if target.outstanding == 0 {
                    target.again_ms = now_ms + target.wait_ms;
                }
                let (seq, any) = (Seq(done.0 + at as u64), self.plant.has(Fault::GroupNewestOnly));
                let previous = if any { Seq(0) } else { target.offered };
                offer(Offer { uid: target.uid, seq, previous });
                target.offered = seq;
                target.outstanding += 1;
            }
        }
        false
    }

    /// A member's inbox has everything that it is owed up to an entry, durably. Returns how many offers that ends.
    pub fn confirm(&mut self, uid: Uid, seq: Seq, now_ms: u64) -> usize {
        let Ok(at) = self.targets.binary_search_by_key(&uid, |target| target.uid) else { return 0 };
        let target = &mut self.targets[at];
        if seq <= target.confirmed {
            return 0;
        }
        let done = self.done;
        let (from, to) = (above(done, target.confirmed), above(done, seq).min(self.entries.len()));
        let before = target.outstanding;
        for at in from..to.max(from) {
            let entry = &mut self.entries[at];
            if entry.audience.binary_search(&uid).is_ok() {
                entry.lacking -= 1;
                target.outstanding -= usize::from(done.0 + (at as u64) < target.offered.0);
            }
        }
        target.confirmed = seq;
        target.offered = target.offered.max(seq);
        (target.wait_ms, target.again_ms) = (FORWARD_AGAIN_MS, now_ms + FORWARD_AGAIN_MS);
        before - target.outstanding
    }

    /// Those that do not answer are to be offered everything again, and given twice as long. Returns how many offers that
    /// ends.
    pub fn give_up(&mut self, now_ms: u64) -> usize {
        let is_silent = |target: &&mut Target| target.outstanding > 0 && target.again_ms <= now_ms;
        let silent = self.targets.iter_mut().filter(is_silent).map(|target| {
            target.offered = target.confirmed;
            target.wait_ms = (2 * target.wait_ms).min(OFFER_AGAIN_MS_MAX);
            std::mem::take(&mut target.outstanding)
        });
        silent.sum()
    }

    /// Goes up over what is committed and in all inboxes.
    pub fn settle(&mut self, committed: Seq) {
        while self.done < committed
            && let Some(entry) = self.entries.pop_front_if(|entry| entry.lacking == 0)
        {
            self.done = self.done.next();
            self.base = entry.members;
        }
        if self.entries.is_empty() {
            self.targets.clear();
        }
    }
}

/// How many entries above what is done a place is.
fn above(done: Seq, seq: Seq) -> usize {
    usize::try_from(seq.0.saturating_sub(done.0)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Entry;
    use wire::{RowKind, put_uids};

    const A: Uid = Uid(1);
    const B: Uid = Uid(2);

    /// A group of A and B, who have its first entry, and its later ones.
    struct Test {
        fanout: Fanout,
        head: u64,
    }

    impl Test {
        fn new() -> Self {
            let members = after(&Members::default(), 1, (RowKind::GROUP_CREATED, &[B])).members;
            Self { fanout: Fanout::new(Seq(1), members, Plant::from_env()), head: 1 }
        }

        fn add(&mut self, kind: RowKind, uids: &[Uid]) {
            self.head += 1;
            let applied = after(self.fanout.members(), self.head, (kind, uids));
            self.fanout.add(applied);
        }

        fn offer(&mut self, now_ms: u64, budget: usize) -> (Vec<(u64, u64, u64)>, bool) {
            let (mut offers, committed) = (Vec::new(), Seq(self.head));
            let more = self.fanout.offer((committed, now_ms), budget, |it| {
                offers.push((it.uid.0, it.seq.0, it.previous.0));
            });
            (offers, more)
        }

        fn confirm(&mut self, uid: Uid, seq: u64) -> (usize, u64) {
            let ended = self.fanout.confirm(uid, Seq(seq), 0);
            self.fanout.settle(Seq(self.head));
            (ended, self.fanout.done().0)
        }
    }

    fn after(members: &Members, seq: u64, (kind, uids): (RowKind, &[Uid])) -> Applied {
        let body = put_uids(uids.to_vec());
        members.after(Entry { seq: Seq(seq), sender: A, kind, body: &body })
    }

    #[test]
    fn each_is_offered_what_it_is_owed_in_order_and_all_are_done_with_the_last() {
        let mut test = Test::new();
        test.add(RowKind::MESSAGE, &[]);
        test.add(RowKind::MEMBERS_REMOVED, &[B]);
        test.add(RowKind::MESSAGE, &[]);
        let all = [(1, 2, 0), (1, 3, 2), (1, 4, 3), (2, 2, 0), (2, 3, 2)];
        assert_eq!(test.offer(0, 99), (all.to_vec(), false));
        assert_eq!(test.offer(0, 99), (vec![], false));
        assert_eq!(test.confirm(A, 4), (3, 1));
        assert_eq!(test.confirm(B, 2), (1, 2));
        assert!(test.fanout.members_at(Seq(2)).has(B) && !test.fanout.members_at(Seq(3)).has(B));
        assert_eq!(test.confirm(B, 3), (1, 4));
        assert!(test.fanout.is_done());
    }

    #[test]
    fn a_turn_ends_and_goes_on() {
        let mut test = Test::new();
        (0..3).for_each(|_| test.add(RowKind::MESSAGE, &[]));
        assert_eq!(test.offer(0, 4), (vec![(1, 2, 0), (1, 3, 2), (1, 4, 3), (2, 2, 0)], true));
        assert_eq!(test.offer(0, 4), (vec![(2, 3, 2), (2, 4, 3)], false));
    }

    #[test]
    fn one_that_does_not_answer_is_offered_the_first_again_and_given_longer() {
        let mut test = Test::new();
        (0..2).for_each(|_| test.add(RowKind::MESSAGE, &[]));
        test.offer(0, 99);
        test.confirm(A, 3);
        assert_eq!(test.fanout.give_up(FORWARD_AGAIN_MS - 1), 0);
        assert_eq!(test.fanout.give_up(FORWARD_AGAIN_MS), 2);
        let now_ms = FORWARD_AGAIN_MS;
        assert_eq!(
            test.offer(now_ms, 99),
            (vec![(2, 2, 0)], false),
            "one, to see whether it is there"
        );
        assert_eq!(test.fanout.give_up(now_ms + FORWARD_AGAIN_MS), 0);
        assert_eq!(test.confirm(B, 2), (1, 2));
        assert_eq!(test.offer(now_ms, 99), (vec![(2, 3, 2)], false));
    }

    #[test]
    fn a_confirmation_of_more_than_was_offered_counts() {
        let mut test = Test::new();
        (0..2).for_each(|_| test.add(RowKind::MESSAGE, &[]));
        assert_eq!(test.confirm(B, 3), (0, 1));
        assert_eq!(test.offer(0, 99), (vec![(1, 2, 0), (1, 3, 2)], false));
        assert_eq!(test.confirm(A, 3), (2, 3));
    }
}
