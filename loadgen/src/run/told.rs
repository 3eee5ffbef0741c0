//! The histories of groups that each of a thread's users is told at the end. It decides nothing about connections, and judges
//! nothing.

use super::desk::{Desk, row};
use crate::clock::now_ns;
use crate::fleet::Fleet;
use client::limits::{ACK_TIMEOUT_MS_MAX, REFUSED_WAIT_MS};
use wire::frames::ArchivedHistoryPage;
use wire::{PAGE_ROWS_MAX, RefusalCode, Seq};

impl Desk {
    /// The list of chats of a reader is whole: the histories of its user's groups are next.
    pub(super) fn tell_histories(&mut self, index: usize) {
        let (user, _) = self.lanes.of(index);
        let groups = self.verifier.histories(user);
        let newest = groups.into_iter().map(|no| (no, Seq(0))).collect();
        self.reads.histories.insert(index, newest);
        self.next_history(index);
    }

    /// The next page, or there is none and the reader has read all.
    fn next_history(&mut self, index: usize) {
        let is_over = self.reads.histories.get(&index).is_none_or(Vec::is_empty);
        if is_over {
            self.reads.histories.remove(&index);
            self.finished.push(index);
        } else {
            self.reads.asking.push((0, index));
        }
    }

    /// Asks for the pages that are next.
    pub(super) fn ask_histories(&mut self, fleet: &mut Fleet) {
        for index in self.reads.take_asking(now_ns()) {
            let next = self.reads.histories.get(&index).and_then(|all| all.last().copied());
            let Some((no, before)) = next else { continue };
            let group = self.verifier.groups().get(no).id();
            let asked = fleet
                .with(index, |machine, _, out| machine.history(group, before, PAGE_ROWS_MAX, out));
            // Without a session it is not asked, and the reader does not finish.
            if let Ok(request_id) = asked {
                self.reads.asked.insert(index, request_id);
            }
        }
    }

    /// A page of the history that a reader is told.
    pub(super) fn on_history(&mut self, index: usize, page: &ArchivedHistoryPage) {
        let (user, _) = self.lanes.of(index);
        let Some(all) = self.reads.histories.get_mut(&index) else { return };
        let Some((no, before)) = all.last_mut() else { return };
        let rows = page.messages.iter().map(row);
        let is_last = self.verifier.told_page((*no, user, before.0), rows);
        match page.messages.first() {
            Some(first) if !is_last => *before = Seq(first.seq.to_native()),
            _ => {
                all.pop();
            }
        }
        self.next_history(index);
    }

    /// A request was refused: it may have been for a page. One that may be repeated is asked for after the time of the hint.
    pub(super) fn on_history_refused(
        &mut self,
        (index, now): (usize, u64),
        request_id: u64,
        (code, retry_after_ms): (Option<RefusalCode>, u32),
    ) {
        if self.reads.asked.get(&index) != Some(&request_id) {
            return;
        }
        let (user, _) = self.lanes.of(index);
        let Some(all) = self.reads.histories.get_mut(&index) else { return };
        if code.map_or(retry_after_ms > 0, RefusalCode::is_retryable) {
            let wait_ms = u64::from(retry_after_ms).clamp(REFUSED_WAIT_MS, ACK_TIMEOUT_MS_MAX);
            self.reads.asking.push((now + wait_ms * 1_000_000, index));
            return;
        }
        if let Some((no, _)) = all.pop() {
            self.verifier.told_nothing(no, user);
        }
        self.next_history(index);
    }
}
