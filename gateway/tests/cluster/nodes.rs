//! The nodes' side: what they take, commit, answer and tell; how links and partitions pass on.

use super::{Shard, UIDS, Wire, World, partition, place_of};
use link::Item;
use rand::RngExt;
use shard::command::{Answer, Command, Delivery, Login};
use shard::owner::{Epoch, Holder, Incarnation, NodeId, OwnerRow};
use std::collections::{BTreeMap, VecDeque};
use wire::{Generation, InboxSeq, MessageId, RefusalCode, Seq};

fn register(shard: &mut Shard, connection: u64, (entry, login): (u16, Login)) -> Answer {
    let known = shard.sessions.get(&connection);
    if known.is_some_and(|it| it.1 > login.generation) {
        return Answer::Closed(RefusalCode::SessionReplaced);
    }
    shard.sessions.insert(connection, (entry, login.generation));
    Answer::News(InboxSeq(0))
}

impl World {
    /// A node reads one item; whether there was one.
    pub(super) fn read_link(&mut self, node: usize) -> bool {
        let Some(mut link) = self.links[node].take() else { return false };
        let item = link.to_node.pop_front();
        let has_read = item.is_some();
        if let Some(item) = item {
            self.take(node, &mut link, item);
        }
        self.links[node] = Some(link);
        has_read
    }

    pub(super) fn read_dead_link(&mut self) {
        let Some((node, mut link)) = self.dead_links.pop() else { return };
        while let Some(item) = link.to_node.pop_front() {
            self.take(node, &mut link, item);
        }
        let entry = link.entry;
        self.shards.iter_mut().for_each(|shard| shard.sessions.retain(|_, it| it.0 != entry));
    }

    pub(super) fn take(&mut self, node: usize, link: &mut Wire, item: Item) {
        let Item::Command { round, epoch, command, mut reply } = item else { panic!("{item:?}") };
        reply.session.entry = link.entry;
        let (partition, at) = (command.partition(), place_of(command.partition()));
        let shard = &mut self.shards[at];
        let is_refused = link.refused.get(&partition).is_some_and(|last| round <= *last);
        let is_here = shard.node == node && shard.is_open && Epoch(shard.epoch) == epoch;
        if is_refused || self.fenced[node] || !is_here {
            if reply.ticket != 0 {
                link.refused.insert(partition, round);
                link.to_desk.push_back(Item::NotHere { round, partition });
            }
            return;
        }
        link.refused.remove(&partition);
        let connection = reply.session.key;
        let answer = match command {
            Command::Send(send) => {
                let number = u128::from_le_bytes(send.client_msg_id.0);
                return shard.uncommitted.push_back((u64::try_from(number).unwrap(), reply));
            }
            Command::Login { uid, device, .. } => {
                shard.logins += 1;
                let generation = Generation::new(shard.epoch, shard.logins);
                let before = shard.sessions.insert(connection, (link.entry, generation));
                if let Some((entry, _)) = before {
                    let mut to = reply;
                    (to.session.entry, to.ticket) = (entry, 0);
                    let answer = Answer::Closed(RefusalCode::SessionReplaced);
                    self.answers.push((node, Delivery { to, answer }));
                }
                let login = Login { uid, device, generation };
                let (inbox_head, cursor, inbox_tail) = (InboxSeq(0), InboxSeq(0), InboxSeq(1));
                Answer::LoggedIn { login, inbox_head, cursor, inbox_tail }
            }
            Command::Register { .. } if !self.is_healing && self.random.random_bool(0.1) => {
                Answer::Refused { code: RefusalCode::Busy, retry_after_ms: 100 }
            }
            Command::Register { login, .. } => register(shard, connection, (link.entry, login)),
            Command::Logout(login) => {
                shard.sessions.retain(|of, it| *of != connection || it.1 != login.generation);
                if reply.ticket == 0 {
                    return;
                }
                Answer::LoggedOut(login.generation)
            }
            Command::Tell(_)
            | Command::PushAck(..)
            | Command::Heartbeat { .. }
            | Command::Signal { .. }
            | Command::Sync { .. }
            | Command::History { .. }
            | Command::Chats { .. }
            | Command::ChangeChat { .. }
            | Command::Devices { .. }
            | Command::EndDevices { .. }
            | Command::SetPushToken { .. }
            | Command::Dead { .. }
            | Command::Replay { .. }
            | Command::Revoke { .. }
            | Command::Believe { .. }
            | Command::GroupHistory { .. }
            | Command::GroupMembers { .. }
            | Command::GroupInfo { .. } => unreachable!("nobody asks it"),
        };
        self.answers.push((node, Delivery { to: reply, answer }));
    }

    /// Some of what a shard has taken becomes durable.
    pub(super) fn commit(&mut self, at: usize) {
        let shard = &mut self.shards[at];
        let count = self.random.random_range(0..=shard.uncommitted.len());
        for (number, to) in shard.uncommitted.drain(..count) {
            if !self.logs[at].contains(&number) {
                self.logs[at].push(number);
            }
            let (message_id, inbox_seq) = (MessageId(number), InboxSeq(1));
            let answer = Answer::Acked { message_id, seq: Seq(1), time_ms: 0, inbox_seq };
            self.answers.push((shard.node, Delivery { to, answer }));
        }
    }

    /// One answer leaves, any of them, perhaps twice; or nowhere, if its link is gone.
    pub(super) fn answer(&mut self) {
        if self.answers.is_empty() {
            return;
        }
        let at = self.random.random_range(0..self.answers.len());
        let (node, delivery) = self.answers[at].clone();
        if !matches!(delivery.answer, Answer::Acked { .. }) || self.random.random_bool(0.9) {
            self.answers.swap_remove(at);
        }
        if let Some(link) = &mut self.links[node]
            && link.entry == delivery.to.session.entry
        {
            link.to_desk.push_back(Item::Delivery(delivery));
        }
    }

    /// The entry reads what a node said.
    pub(super) fn hear(&mut self, node: usize) {
        let Some(link) = &mut self.links[node] else { return };
        let name = NodeId(u16::try_from(node).unwrap());
        for item in link.to_desk.drain(..) {
            self.desk.on_item(name, item, self.now_ms, &mut self.effects);
        }
    }

    pub(super) fn tell(&mut self, node: usize) {
        let rows = std::mem::take(&mut self.untold[node]);
        if let Some(link) = &mut self.links[node] {
            link.to_desk.push_back(Item::Owners(rows));
        }
    }

    pub(super) fn lose_link(&mut self, node: usize) {
        let Some(link) = self.links[node].take() else { return };
        self.dead_links.push((node, link));
        if self.random.random_bool(0.7) {
            self.read_dead_link();
        }
        let name = NodeId(u16::try_from(node).unwrap());
        self.desk.on_link_down(name, &mut self.effects);
    }

    pub(super) fn link(&mut self, node: usize) {
        if self.links[node].is_some() {
            return;
        }
        // A node ends an entry's link of before when it lets the next one in.
        for (_, link) in self.dead_links.extract_if(.., |(of, _)| *of == node) {
            let is_of = |session: &(u16, Generation)| session.0 == link.entry;
            self.shards.iter_mut().for_each(|shard| shard.sessions.retain(|_, it| !is_of(it)));
        }
        self.entries += 1;
        let rows = (0..UIDS.len()).map(|at| self.row(at)).collect();
        let to_desk = VecDeque::from([Item::Owners(rows)]);
        self.links[node] = Some(Wire { entry: self.entries, to_desk, ..Wire::default() });
        let name = NodeId(u16::try_from(node).unwrap());
        self.desk.on_link_up(name, self.now_ms, &mut self.effects);
    }

    pub(super) fn row(&self, at: usize) -> OwnerRow {
        let shard = &self.shards[at];
        let node = NodeId(u16::try_from(shard.node).unwrap());
        let holder = Holder { node, incarnation: Incarnation(1) };
        OwnerRow { partition: partition(at), epoch: Epoch(shard.epoch), holder }
    }

    /// A partition passes on; what was under way is lost.
    pub(super) fn give_to(&mut self, at: usize, node: usize) {
        if self.shards[at].node == node {
            return;
        }
        self.shards[at] = Shard {
            node,
            epoch: self.shards[at].epoch + 1,
            is_open: false,
            logins: 0,
            sessions: BTreeMap::new(),
            uncommitted: VecDeque::new(),
        };
        let row = self.row(at);
        self.untold.iter_mut().for_each(|rows| rows.push(row));
    }
}
