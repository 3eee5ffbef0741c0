//! What only the owner of an inbox does: appending in the conversation's order, healing gaps, confirming.

use super::log_rows::{Context, LogRows, Out, Packet};
use super::store::{Log, Request, Row};
use logic::cluster::Position;
use std::collections::BTreeMap;
use wire::Seq;

/// Where the inbox stands in the conversation.
#[derive(Debug, Default)]
pub struct Inbox {
    /// The last seq that was appended, committed or not.
    last: Seq,
    /// Places of what was appended or kept by this owner. What is older is committed.
    by_seq: BTreeMap<Seq, Position>,
    is_pulling: bool,
}

impl Inbox {
    pub(super) fn adopt(&mut self, last: Seq, values: &BTreeMap<Position, Row>) {
        self.by_seq = values.iter().map(|(position, row)| (row.seq, *position)).collect();
        self.last = self.by_seq.keys().next_back().copied().unwrap_or_default().max(last);
    }

    pub(super) fn on_packet(&mut self, owner: &mut LogRows, packet: &Packet, cx: &mut Context<'_>) {
        let Packet::Append(row) = packet else { return };
        if row.seq <= self.last {
            let position = self.by_seq.get(&row.seq).copied().unwrap_or_default();
            if position <= owner.window.committed() {
                confirm(owner, *row, cx);
            }
        } else if row.seq == self.last.next() {
            self.append(owner, *row, cx);
        } else if !self.is_pulling {
            self.is_pulling = true;
            let (from, to) = (self.last.next(), row.seq);
            cx.out.push(Out::Ask(Request::Rows(
                Log::Conversation(owner.log.chat()),
                from.into(),
                to.into(),
            )));
        }
    }

    /// What was missing, from the conversation: all of it is committed there, as what came after it was sent.
    pub(super) fn on_pulled(
        &mut self,
        owner: &mut LogRows,
        rows: &[(Position, Row)],
        cx: &mut Context<'_>,
    ) {
        self.is_pulling = false;
        for (_, row) in rows {
            if cx.serves && row.seq == self.last.next() {
                self.append(owner, *row, cx);
            }
        }
    }

    pub(super) fn forget_pull(&mut self) {
        self.is_pulling = false;
    }

    pub(super) fn on_committed(&mut self, owner: &LogRows, row: Row, cx: &mut Context<'_>) {
        confirm(owner, row, cx);
    }

    fn append(&mut self, owner: &mut LogRows, row: Row, cx: &mut Context<'_>) {
        if owner.has_room() {
            let position = owner.append(|_| row, cx);
            self.by_seq.insert(row.seq, position);
            self.last = row.seq;
        }
    }
}

fn confirm(owner: &LogRows, row: Row, cx: &mut Context<'_>) {
    if let Log::Inbox(chat, user) = owner.log {
        cx.out.push(Out::ToOwner(Log::Conversation(chat), Packet::Confirm(user, row)));
    }
}
