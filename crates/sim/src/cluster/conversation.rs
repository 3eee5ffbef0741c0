//! What only the owner of the conversation does: dedup, forwarding to both inboxes, acknowledging.

use super::log_rows::{Context, LogRows, Out, Packet};
use super::plant::Plant;
use super::store::{Log, Request, Row};
use logic::cluster::Position;
use std::collections::{BTreeMap, BTreeSet};
use wire::{MessageId, Seq};

/// Ids in memory, and which users have confirmed them.
#[derive(Debug, Default)]
pub struct Conversation {
    by_id: BTreeMap<MessageId, Seq>,
    confirmed: BTreeMap<MessageId, BTreeSet<usize>>,
    looking_up: BTreeSet<MessageId>,
}

impl Conversation {
    pub(super) fn adopt(&mut self, values: &BTreeMap<Position, Row>) {
        self.by_id = values.values().map(|row| (row.id, row.seq)).collect();
    }

    pub(super) fn on_packet(&mut self, owner: &mut LogRows, packet: &Packet, cx: &mut Context<'_>) {
        match packet {
            Packet::Send(id) => match self.by_id.get(id) {
                Some(seq) => self.forward(owner, Row { seq: *seq, id: *id }, cx),
                None if self.looking_up.insert(*id) => {
                    cx.out.push(Out::Ask(Request::Dedup(vec![*id])))
                }
                None => {}
            },
            Packet::Confirm(user, row) => self.confirm(owner, *user, *row, cx),
            Packet::Append(..) | Packet::Read(..) => {}
        }
    }

    pub(super) fn on_looked_up(
        &mut self,
        owner: &mut LogRows,
        id: MessageId,
        found: Option<Seq>,
        cx: &mut Context<'_>,
    ) {
        self.looking_up.remove(&id);
        if !cx.serves || self.by_id.contains_key(&id) {
            return;
        }
        if let Some(seq) = found {
            self.by_id.insert(id, seq);
            return self.forward(owner, Row { seq, id }, cx);
        }
        if owner.has_room() {
            let position = owner.append(|position| Row { seq: position.into(), id }, cx);
            self.by_id.insert(id, position.into());
            if owner.plant == Plant::AckEarly {
                cx.out.push(Out::Ack(id, position.into()));
            }
        }
    }

    pub(super) fn forget_look_ups(&mut self) {
        self.looking_up.clear();
    }

    pub(super) fn on_committed(&mut self, owner: &LogRows, row: Row, cx: &mut Context<'_>) {
        append_to_both(owner, row, cx);
    }

    fn forward(&self, owner: &LogRows, row: Row, cx: &mut Context<'_>) {
        if Position::from(row.seq) > owner.window.committed() {
            return;
        }
        if self.confirmed.get(&row.id).is_some_and(|users| users.len() == 2) {
            return cx.out.push(Out::Ack(row.id, row.seq));
        }
        append_to_both(owner, row, cx);
    }

    fn confirm(&mut self, owner: &LogRows, user: usize, row: Row, cx: &mut Context<'_>) {
        let is_mine = self.by_id.get(&row.id) == Some(&row.seq);
        if !is_mine || Position::from(row.seq) > owner.window.committed() {
            return;
        }
        let users = self.confirmed.entry(row.id).or_default();
        users.insert(user);
        if users.len() == 2 {
            cx.out.push(Out::Ack(row.id, row.seq));
        }
    }
}

fn append_to_both(owner: &LogRows, row: Row, cx: &mut Context<'_>) {
    let append = |user| Out::ToOwner(Log::Inbox(owner.log.chat(), user), Packet::Append(row));
    cx.out.extend([0, 1].map(append));
}
