//! What an entry without shards has asked of the nodes and not been answered: where each command
//! goes, and when it goes again. Pure: it knows no sockets and no clock.
//!
//! Commands of one partition reach its owner in the order they came in, whatever happens to owners
//! and links. A command is sent in a round of its partition; a node that does not hold the
//! partition says so of the round, and takes nothing more of it. Then, or when the owner, its epoch
//! or the way to it is another, the round is over: everything unanswered goes again, in order, in
//! the next. What a node does twice it does once: ids, generations and positions see to that.

use crate::limits::{
    REMOTE_BYTES_MAX, REMOTE_GIVE_UP_MS, REMOTE_HOLD_FIRST_MS, REMOTE_HOLD_LAST_MS,
    REMOTE_PENDING_MAX, REMOTE_REGISTER_AGAIN_MS, REMOTE_REGISTER_PARTITIONS,
    REMOTE_REGISTRATIONS_MAX,
};
use link::Item;
use shard::command::{Answer, Command, Delivery, Login, ReplyTo};
use shard::limits::{BUSY_RETRY_MS, PARTITIONS, STORE_RETRY_MS};
use shard::order::{Order, Wait};
use shard::owner::{NodeId, OwnerRow};
use shard::partition::Partition;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use wire::RefusalCode;

/// What is to be done. The driver empties it.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be said to nodes, in order.
    pub items: Vec<(NodeId, Item)>,
    /// For connections of this entry.
    pub deliveries: Vec<Delivery>,
    /// Answers that nobody waits for any more.
    pub late: Vec<Delivery>,
    /// Partitions whose sessions the owner does not know: to be registered, all of them, at once. A
    /// few at a time.
    pub register: BTreeSet<Partition>,
    /// Nodes that answered what was not asked: their links are to end.
    pub expel: BTreeSet<NodeId>,
}

/// The commands of one entry that are not answered, and what it knows of owners and links.
pub struct Desk {
    owners: Vec<Option<OwnerRow>>,
    links: BTreeSet<NodeId>,
    rounds: Vec<u32>,
    /// Partitions with commands that are not answered, or that are on hold.
    lanes: BTreeMap<Partition, Lane>,
    /// Partitions on hold: every turn looks at them, and there may be a thousand lanes.
    held: BTreeSet<Partition>,
    /// Where a command waits: its partition, and its order there. By the number that the node
    /// answers to.
    places: HashMap<u64, (Partition, u64)>,
    bytes: usize,
    /// Partitions whose sessions the owner may not know, and when they may be registered.
    unregistered: BTreeMap<Partition, u64>,
    /// Registrations that wait, by session: one each, for the next would say the same.
    registrations: HashMap<u64, (Partition, u64)>,
    /// Logins that wait, by session.
    logins: HashMap<u64, (Partition, u64)>,
    /// Commands that wait and take room: neither registrations nor logouts that nobody asked for,
    /// which are one a session at most.
    requests: usize,
    /// The place in the order that was given last.
    order: u64,
    /// Messages that were refused for want of room, and what is held back behind them.
    held_back: Order,
    /// The number that was given last; 0 asks for no answer.
    number: u64,
    give_up_ms: u64,
}

/// The commands of one partition.
#[derive(Default)]
struct Lane {
    waiting: BTreeMap<u64, Pending>,
    /// Nothing is sent before.
    held_until_ms: Option<u64>,
    /// How long the next hold is, in ms; 0: the first one's.
    hold_ms: u64,
}

struct Pending {
    command: Command,
    reply: ReplyTo,
    /// What the node is told instead of the ticket.
    number: u64,
    since_ms: u64,
    /// The client has not asked, and is not told.
    is_silent: bool,
    /// The session is over: it is not said again, but its answer still counts.
    is_withdrawn: bool,
    /// It was said in an earlier round too, and what came of that is not known.
    is_again: bool,
}

impl Pending {
    fn takes_room(&self) -> bool {
        !self.is_silent && !matches!(self.command, Command::Register { .. })
    }
}

impl Default for Desk {
    fn default() -> Self {
        let count = usize::from(PARTITIONS);
        Self {
            owners: vec![None; count],
            links: BTreeSet::new(),
            rounds: vec![0; count],
            lanes: BTreeMap::new(),
            held: BTreeSet::new(),
            places: HashMap::new(),
            bytes: 0,
            unregistered: BTreeMap::new(),
            registrations: HashMap::new(),
            logins: HashMap::new(),
            requests: 0,
            order: 0,
            held_back: Order::default(),
            number: 0,
            give_up_ms: 0,
        }
    }
}

impl Desk {
    /// Takes a command. It is answered exactly once, unless it asks for no answer. A registration
    /// asks for none, and is answered: with what is news for the client.
    pub fn submit(&mut self, command: Command, reply: ReplyTo, now_ms: u64, out: &mut Effects) {
        let partition = command.partition();
        let session = reply.session.key;
        let is_registration = matches!(command, Command::Register { .. });
        let mut is_silent = false;
        if let Command::Logout(login) = &command {
            self.withdraw_registration(*login, session);
            // A node that is linked knows the session, and goes on pushing to it until it is told.
            is_silent = reply.ticket == 0 && self.is_linked(partition);
        }
        if reply.ticket == 0 && !is_registration && !is_silent {
            // Its loss is made good: a push is repeated, a node forgets the sessions of a lost
            // link.
            return self.send_now(partition, command, reply, out);
        }
        if is_registration && self.registrations.contains_key(&session) {
            return;
        }
        let bytes = command.needs().bytes;
        let number = self.number + 1;
        let (since_ms, is_withdrawn, is_again) = (now_ms, false, false);
        let pending = Pending {
            command: command.clone(),
            reply,
            number,
            since_ms,
            is_silent,
            is_withdrawn,
            is_again,
        };
        let is_full = pending.takes_room() && self.is_full(bytes);
        if let Command::Send(send) = &command {
            let room = || is_full.then_some(Wait::BUSY);
            if let Err((code, retry_after_ms)) = self.held_back.judge(send, now_ms, room) {
                return out.deliveries.push(refused(reply, code, retry_after_ms));
            }
        } else if is_full {
            return out.deliveries.push(refused(reply, RefusalCode::Busy, BUSY_RETRY_MS));
        }
        self.order += 1;
        self.number = number;
        self.bytes += bytes;
        self.requests += usize::from(pending.takes_room());
        let place = (partition, self.order);
        self.places.insert(number, place);
        if let Command::Register { .. } = command {
            self.registrations.insert(session, place);
        } else if let Command::Login { .. } = command {
            self.logins.insert(session, place);
        }
        self.lanes.entry(partition).or_default().waiting.insert(self.order, pending);
        self.send_now(partition, command, ReplyTo { ticket: number, ..reply }, out);
    }

    /// Whether so many bytes more are too many, or one command more is.
    fn is_full(&self, bytes: usize) -> bool {
        self.requests >= REMOTE_PENDING_MAX || self.bytes + bytes > REMOTE_BYTES_MAX
    }

    fn is_linked(&self, partition: Partition) -> bool {
        self.owner(partition).is_some_and(|node| self.links.contains(&node))
    }

    /// The node that owns a partition, as far as is known.
    #[must_use]
    pub fn owner(&self, partition: Partition) -> Option<NodeId> {
        self.owners[index(partition)].map(|row| row.holder.node)
    }

    /// A session that is over is not registered any more: after its logout it would stay for ever.
    fn withdraw_registration(&mut self, login: Login, session: u64) {
        let Some((partition, order)) = self.registrations.get(&session).copied() else { return };
        let command = &self.lanes[&partition].waiting[&order].command;
        if matches!(command, Command::Register { login: theirs, .. } if *theirs == login) {
            self.take_out(partition, order);
        }
    }

    /// A session is over before its login was answered. Another session of the device may be logged
    /// in elsewhere by now, which the login must not replace: what was not said yet is never said,
    /// what was said is not said again. It may have been carried out, so its answer is waited for
    /// until the next round.
    pub fn withdraw_login(&mut self, session: u64, out: &mut Effects) {
        let Some((partition, order)) = self.logins.get(&session).copied() else { return };
        let lane = self.lanes.get_mut(&partition).expect("what waits has a lane");
        let pending = lane.waiting.get_mut(&order).expect("what has a place waits there");
        pending.is_withdrawn = true;
        if unsay_login(session, out) {
            self.drop_withdrawn(partition, order, out);
        }
    }

    fn drop_withdrawn(&mut self, partition: Partition, order: u64, out: &mut Effects) {
        let Pending { reply, .. } = self.take_out(partition, order);
        out.deliveries.push(refused(reply, RefusalCode::StoreUnavailable, STORE_RETRY_MS));
    }

    fn send_now(&self, partition: Partition, command: Command, reply: ReplyTo, out: &mut Effects) {
        if let Some(OwnerRow { holder, epoch, .. }) = self.way(partition) {
            let round = self.rounds[index(partition)];
            out.items.push((holder.node, Item::Command { round, epoch, command, reply }));
        }
    }

    /// The owner to send to now, if the partition is not on hold and there is a way.
    fn way(&self, partition: Partition) -> Option<OwnerRow> {
        let is_held = self.lanes.get(&partition).is_some_and(|lane| lane.held_until_ms.is_some());
        self.owners[index(partition)].filter(|_| !is_held && self.is_linked(partition))
    }

    /// A node said something; what is not about commands is the driver's.
    pub fn on_item(&mut self, node: NodeId, item: Item, now_ms: u64, out: &mut Effects) {
        match item {
            Item::Delivery(delivery) if self.is_answer(&delivery) => {
                self.on_delivery(delivery, now_ms, out);
            }
            Item::Delivery(_) => {
                out.expel.insert(node);
            }
            Item::NotHere { round, partition } => {
                let is_owner = self.owner(partition) == Some(node);
                if is_owner && round == self.rounds[index(partition)] {
                    self.hold(partition, now_ms);
                }
            }
            Item::Owners(rows) => rows.into_iter().for_each(|row| self.learn(row, now_ms, out)),
            Item::Command { .. } | Item::Mail(..) | Item::Told(_) | Item::Nodes(_) => {}
            Item::ClientsAt(_) | Item::InboxEpoch(_) | Item::Reach(_) => {}
            Item::Ping(_) | Item::Pong { .. } => {}
        }
    }

    /// Whether it may be said: it answers the command of its number, or nobody asked and it needs no asking. What answers a
    /// command that is answered already comes to nothing.
    fn is_answer(&self, Delivery { to, answer }: &Delivery) -> bool {
        if to.ticket == 0 {
            return answer.is_unasked();
        }
        self.places.get(&to.ticket).is_none_or(|(partition, order)| {
            self.lanes[partition].waiting[order].command.is_answered_by(answer)
        })
    }

    fn on_delivery(&mut self, mut delivery: Delivery, now_ms: u64, out: &mut Effects) {
        let number = delivery.to.ticket;
        if number == 0 {
            return out.deliveries.push(delivery);
        }
        let Some((partition, order)) = self.places.get(&number).copied() else {
            if matches!(delivery.answer, Answer::LoggedIn { .. }) {
                out.late.push(delivery);
            }
            return;
        };
        self.lanes.get_mut(&partition).expect("what waits has a lane").hold_ms = 0;
        let Pending { command, reply, is_silent, is_again, .. } = self.take_out(partition, order);
        delivery.to = reply;
        // One owner refuses the time in an id, and a former one may yet store it: their clocks differ.
        if matches!(delivery.answer, Answer::Refused { code, .. } if is_again && code.is_of_time())
        {
            delivery = refused(reply, RefusalCode::Busy, BUSY_RETRY_MS);
        }
        let is_refused = matches!(delivery.answer, Answer::Refused { .. });
        if matches!(command, Command::Register { .. }) && is_refused {
            self.unregistered.insert(partition, now_ms + REMOTE_REGISTER_AGAIN_MS);
        } else if !is_silent {
            out.deliveries.push(delivery);
        }
    }

    fn take_out(&mut self, partition: Partition, order: u64) -> Pending {
        let lane = self.lanes.get_mut(&partition).expect("what waits has a lane");
        let pending = lane.waiting.remove(&order).expect("what has a place waits there");
        self.places.remove(&pending.number);
        self.bytes -= pending.command.needs().bytes;
        self.requests -= usize::from(pending.takes_room());
        let session = pending.reply.session.key;
        if let Command::Register { .. } = pending.command {
            self.registrations.remove(&session);
        } else if let Command::Login { .. } = pending.command {
            self.logins.remove(&session);
        }
        if lane.waiting.is_empty() && lane.held_until_ms.is_none() {
            self.lanes.remove(&partition);
        }
        pending
    }

    fn hold(&mut self, partition: Partition, now_ms: u64) {
        let lane = self.lanes.entry(partition).or_default();
        if lane.held_until_ms.is_none() {
            let hold_ms = lane.hold_ms.clamp(REMOTE_HOLD_FIRST_MS, REMOTE_HOLD_LAST_MS);
            lane.held_until_ms = Some(now_ms + hold_ms);
            self.held.insert(partition);
            lane.hold_ms = 2 * hold_ms;
        }
    }

    fn learn(&mut self, row: OwnerRow, now_ms: u64, out: &mut Effects) {
        let known = &mut self.owners[index(row.partition)];
        if known.is_none_or(|known| known.epoch < row.epoch) {
            *known = Some(row);
            self.unregistered.insert(row.partition, now_ms);
            self.begin_round(row.partition, out);
        }
    }

    /// The way to a node is there again; nothing that was said on the old one counts.
    pub fn on_link_up(&mut self, node: NodeId, now_ms: u64, out: &mut Effects) {
        self.links.insert(node);
        for partition in self.owned_by(node) {
            self.unregistered.insert(partition, now_ms);
            self.begin_round(partition, out);
        }
    }

    /// The way to a node is gone, and what was to be said on it: on the next one it would overtake
    /// what was lost.
    pub fn on_link_down(&mut self, node: NodeId, out: &mut Effects) {
        self.links.remove(&node);
        out.items.retain(|(to, _)| *to != node);
    }

    fn owned_by(&self, node: NodeId) -> Vec<Partition> {
        let rows = self.owners.iter().flatten();
        rows.filter(|row| row.holder.node == node).map(|row| row.partition).collect()
    }

    /// Everything unanswered goes again, in order, but logins of sessions that are over.
    fn begin_round(&mut self, partition: Partition, out: &mut Effects) {
        self.rounds[index(partition)] += 1;
        let waiting = self.lanes.get(&partition).into_iter().flat_map(|lane| &lane.waiting);
        let withdrawn = waiting.filter(|(_, pending)| pending.is_withdrawn);
        let withdrawn: Vec<u64> = withdrawn.map(|(order, _)| *order).collect();
        withdrawn.into_iter().for_each(|order| self.drop_withdrawn(partition, order, out));
        let Some(lane) = self.lanes.get_mut(&partition) else { return };
        lane.held_until_ms = None;
        self.held.remove(&partition);
        if lane.waiting.is_empty() {
            self.lanes.remove(&partition);
            return;
        }
        // What an owner said of a session in an earlier round is not believed, for the next owner
        // does not know that session: the old number names nothing any more.
        for (order, pending) in &mut lane.waiting {
            if matches!(pending.command, Command::Login { .. } | Command::Register { .. }) {
                self.number += 1;
                self.places.remove(&pending.number);
                self.places.insert(self.number, (partition, *order));
                pending.number = self.number;
            }
        }
        let Some(OwnerRow { holder, epoch, .. }) = self.way(partition) else { return };
        let round = self.rounds[index(partition)];
        let lane = self.lanes.get_mut(&partition).expect("something waits");
        for Pending { command, reply, number, is_again, .. } in lane.waiting.values_mut() {
            *is_again = true;
            let (command, reply) = (command.clone(), ReplyTo { ticket: *number, ..*reply });
            out.items.push((holder.node, Item::Command { round, epoch, command, reply }));
        }
    }

    /// Ends holds that are over, and gives up what has waited too long.
    pub fn tick(&mut self, now_ms: u64, out: &mut Effects) {
        let is_over =
            |at: &&Partition| self.lanes[at].held_until_ms.expect("it is on hold") <= now_ms;
        let over: Vec<Partition> = self.held.iter().filter(is_over).copied().collect();
        over.into_iter().for_each(|partition| self.begin_round(partition, out));
        self.ask_for_registrations(now_ms, out);
        if now_ms >= self.give_up_ms {
            self.give_up_ms = now_ms + REMOTE_GIVE_UP_MS / 20;
            self.give_up(now_ms, out);
        }
    }

    /// All sessions of some partitions are to be registered, unless many are being registered
    /// already.
    fn ask_for_registrations(&mut self, now_ms: u64, out: &mut Effects) {
        if self.registrations.len() >= REMOTE_REGISTRATIONS_MAX {
            return;
        }
        let due = self
            .unregistered
            .iter()
            .filter(|(at, from_ms)| **from_ms <= now_ms && self.is_linked(**at));
        let due: Vec<Partition> = due.map(|(at, _)| *at).take(REMOTE_REGISTER_PARTITIONS).collect();
        for partition in due {
            self.unregistered.remove(&partition);
            out.register.insert(partition);
        }
    }

    fn give_up(&mut self, now_ms: u64, out: &mut Effects) {
        let is_late = |pending: &Pending| now_ms >= pending.since_ms + REMOTE_GIVE_UP_MS;
        let waiting = self.lanes.iter().flat_map(|(partition, lane)| {
            lane.waiting.iter().map(move |(order, pending)| (*partition, *order, pending))
        });
        let late: Vec<(Partition, u64)> = waiting
            .filter(|(.., pending)| is_late(pending))
            .map(|(partition, order, _)| (partition, order))
            .collect();
        for (partition, order) in late {
            let pending = self.take_out(partition, order);
            if let Command::Login { .. } = pending.command {
                unsay_login(pending.reply.session.key, out);
            }
            if let Command::Register { .. } = pending.command {
                self.unregistered.insert(partition, now_ms + REMOTE_REGISTER_AGAIN_MS);
            } else if !pending.is_silent {
                let code = RefusalCode::StoreUnavailable;
                out.deliveries.push(refused(pending.reply, code, STORE_RETRY_MS));
            }
        }
    }

    /// Whether something waits for a hold to end.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Commands that are not answered.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.places.len()
    }

    /// How many partitions each node owns, as far as is known.
    #[must_use]
    pub fn owned(&self) -> BTreeMap<NodeId, usize> {
        let mut owned = BTreeMap::new();
        for row in self.owners.iter().flatten() {
            *owned.entry(row.holder.node).or_default() += 1;
        }
        owned
    }

    /// # Panics
    /// What the fields say of each other is not so.
    pub fn invariants(&self) {
        let waiting = || self.lanes.values().flat_map(|lane| lane.waiting.values());
        assert_eq!(waiting().count(), self.places.len(), "what waits has a place, and only that");
        assert_eq!(waiting().map(|it| it.command.needs().bytes).sum::<usize>(), self.bytes);
        assert!(waiting().all(|it| self.places.contains_key(&it.number)));
        let is_registration = |it: &&Pending| matches!(it.command, Command::Register { .. });
        assert_eq!(waiting().filter(is_registration).count(), self.registrations.len());
        let is_login = |it: &&Pending| matches!(it.command, Command::Login { .. });
        assert_eq!(waiting().filter(is_login).count(), self.logins.len());
        assert_eq!(waiting().filter(|it| it.takes_room()).count(), self.requests);
        assert!(self.requests <= REMOTE_PENDING_MAX && self.bytes <= REMOTE_BYTES_MAX);
        let is_held = |at: &&Partition| self.lanes[at].held_until_ms.is_some();
        assert!(self.lanes.keys().filter(is_held).eq(&self.held));
    }
}

fn index(partition: Partition) -> usize {
    usize::from(partition.number())
}

/// Takes a login back that the driver has not said yet, in any round; whether there was one.
fn unsay_login(session: u64, out: &mut Effects) -> bool {
    let before = out.items.len();
    let is_it = |item: &Item| {
        matches!(item, Item::Command { command: Command::Login { .. }, reply, .. }
            if reply.session.key == session)
    };
    out.items.retain(|(_, item)| !is_it(item));
    out.items.len() < before
}

fn refused(to: ReplyTo, code: RefusalCode, retry_after_ms: u32) -> Delivery {
    Delivery { to, answer: Answer::Refused { code, retry_after_ms } }
}
