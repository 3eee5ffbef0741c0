//! What an entry without shards has asked of the nodes and not been answered: where each command goes, and when it goes
//! again. Pure: it knows no sockets and no clock.
//!
//! Commands of one partition reach its owner in the order they came in, whatever happens to owners and links. A command is
//! sent in a round of its partition; a node that does not hold the partition says so of the round, and takes nothing more of
//! it. Then, or when the owner or the way to it is another, the round is over: everything unanswered goes again, in order,
//! in the next. What a node does twice it does once: ids, generations and positions see to that.

use crate::limits::{
    AWAY_BYTES_MAX, AWAY_GIVE_UP_MS, AWAY_HOLD_FIRST_MS, AWAY_HOLD_LAST_MS, AWAY_PENDING_MAX,
};
use logic::cluster::{NodeId, OwnerRow};
use logic::command::{Answer, Command, Delivery, ReplyTo};
use logic::limits::{BUSY_RETRY_MS, PARTITIONS, STORE_RETRY_MS};
use logic::link::Item;
use logic::partition::Partition;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use wire::RefusalCode;

/// The request id of registrations; an answer to one is news for the client, which asked nothing.
pub const REGISTRATION: u64 = u64::MAX;

/// What is to be done. The driver empties it.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be said to nodes, in order.
    pub items: Vec<(NodeId, Item)>,
    /// For connections of this entry.
    pub deliveries: Vec<Delivery>,
    /// Answers that nobody waits for any more.
    pub late: Vec<Delivery>,
    /// Partitions whose sessions the owner does not know: to be registered.
    pub register: BTreeSet<Partition>,
}

/// See the module.
pub struct Desk {
    owners: Vec<Option<OwnerRow>>,
    links: BTreeSet<NodeId>,
    rounds: Vec<u32>,
    /// Partitions with commands that are not answered, or that are on hold.
    lanes: BTreeMap<Partition, Lane>,
    /// Where a request waits: by connection and request id.
    places: HashMap<(u64, u64), (Partition, u64)>,
    bytes: usize,
    order: u64,
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
    since_ms: u64,
}

impl Default for Desk {
    fn default() -> Self {
        let count = usize::from(PARTITIONS);
        Self {
            owners: vec![None; count],
            links: BTreeSet::new(),
            rounds: vec![0; count],
            lanes: BTreeMap::new(),
            places: HashMap::new(),
            bytes: 0,
            order: 0,
            give_up_ms: 0,
        }
    }
}

impl Desk {
    /// Takes a command. It is answered exactly once, unless it asks for no answer.
    pub fn submit(&mut self, command: Command, reply: ReplyTo, now_ms: u64, out: &mut Effects) {
        let partition = command.partition();
        if reply.request_id == 0 || matches!(command, Command::PushAck(..)) {
            // Its loss is made good: a push is repeated, a session times out.
            return self.send_now(partition, command, reply, out);
        }
        let key = (reply.session.connection, reply.request_id);
        if self.places.contains_key(&key) {
            // The client repeats itself: one answer serves both.
            return;
        }
        let bytes = body_bytes(&command);
        if self.places.len() >= AWAY_PENDING_MAX || self.bytes + bytes > AWAY_BYTES_MAX {
            return out.deliveries.push(refused(reply, RefusalCode::Busy, BUSY_RETRY_MS));
        }
        self.order += 1;
        self.bytes += bytes;
        self.places.insert(key, (partition, self.order));
        let lane = self.lanes.entry(partition).or_default();
        lane.waiting
            .insert(self.order, Pending { command: command.clone(), reply, since_ms: now_ms });
        self.send_now(partition, command, reply, out);
    }

    fn send_now(&self, partition: Partition, command: Command, reply: ReplyTo, out: &mut Effects) {
        if let Some(node) = self.way(partition) {
            let round = self.rounds[index(partition)];
            out.items.push((node, Item::Command { round, command, reply }));
        }
    }

    /// The node to send to now, if the partition is not on hold and there is a way.
    fn way(&self, partition: Partition) -> Option<NodeId> {
        let is_held = self.lanes.get(&partition).is_some_and(|lane| lane.held_until_ms.is_some());
        let node = self.owners[index(partition)]?.holder.node;
        (!is_held && self.links.contains(&node)).then_some(node)
    }

    /// A node said something; what is not about commands is the driver's.
    pub fn on_item(&mut self, node: NodeId, item: Item, now_ms: u64, out: &mut Effects) {
        match item {
            Item::Delivery(delivery) => self.on_delivery(delivery, out),
            Item::NotHere { round, partition } => {
                let is_owner =
                    self.owners[index(partition)].is_some_and(|row| row.holder.node == node);
                if is_owner && round == self.rounds[index(partition)] {
                    self.hold(partition, now_ms);
                }
            }
            Item::Owners(rows) => rows.into_iter().for_each(|row| self.learn(row, out)),
            Item::Command { .. } | Item::Mail(..) | Item::Told(_) | Item::Nodes(_) => {}
            Item::ClientsAt(_) | Item::InboxEpoch(_) | Item::Ping(_) | Item::Pong(_) => {}
        }
    }

    fn on_delivery(&mut self, mut delivery: Delivery, out: &mut Effects) {
        let ReplyTo { session, request_id } = delivery.to;
        if request_id == 0 {
            return out.deliveries.push(delivery);
        }
        let Some((partition, order)) = self.places.remove(&(session.connection, request_id)) else {
            return out.late.push(delivery);
        };
        self.take_out(partition, order);
        if request_id == REGISTRATION {
            delivery.to.request_id = 0;
        }
        out.deliveries.push(delivery);
    }

    fn take_out(&mut self, partition: Partition, order: u64) {
        let lane = self.lanes.get_mut(&partition).expect("what waits has a lane");
        let pending = lane.waiting.remove(&order).expect("what has a place waits there");
        lane.hold_ms = 0;
        self.bytes -= body_bytes(&pending.command);
        if lane.waiting.is_empty() && lane.held_until_ms.is_none() {
            self.lanes.remove(&partition);
        }
    }

    fn hold(&mut self, partition: Partition, now_ms: u64) {
        let lane = self.lanes.entry(partition).or_default();
        if lane.held_until_ms.is_none() {
            let hold_ms = lane.hold_ms.clamp(AWAY_HOLD_FIRST_MS, AWAY_HOLD_LAST_MS);
            lane.held_until_ms = Some(now_ms + hold_ms);
            lane.hold_ms = 2 * hold_ms;
        }
    }

    fn learn(&mut self, row: OwnerRow, out: &mut Effects) {
        let known = &mut self.owners[index(row.partition)];
        if known.is_none_or(|known| known.epoch < row.epoch) {
            *known = Some(row);
            out.register.insert(row.partition);
            self.begin_round(row.partition, out);
        }
    }

    /// The way to a node is there again; nothing that was said on the old one counts.
    pub fn on_link_up(&mut self, node: NodeId, out: &mut Effects) {
        self.links.insert(node);
        for partition in self.owned_by(node) {
            out.register.insert(partition);
            self.begin_round(partition, out);
        }
    }

    /// The way to a node is gone.
    pub fn on_link_down(&mut self, node: NodeId) {
        self.links.remove(&node);
    }

    fn owned_by(&self, node: NodeId) -> Vec<Partition> {
        let rows = self.owners.iter().flatten();
        rows.filter(|row| row.holder.node == node).map(|row| row.partition).collect()
    }

    /// Everything unanswered goes again, in order.
    fn begin_round(&mut self, partition: Partition, out: &mut Effects) {
        self.rounds[index(partition)] += 1;
        let Some(lane) = self.lanes.get_mut(&partition) else { return };
        lane.held_until_ms = None;
        if lane.waiting.is_empty() {
            self.lanes.remove(&partition);
            return;
        }
        let Some(node) = self.way(partition) else { return };
        let round = self.rounds[index(partition)];
        for Pending { command, reply, .. } in self.lanes[&partition].waiting.values() {
            let (command, reply) = (command.clone(), *reply);
            out.items.push((node, Item::Command { round, command, reply }));
        }
    }

    /// Ends holds that are over, and gives up what has waited too long.
    pub fn tick(&mut self, now_ms: u64, out: &mut Effects) {
        let is_over = |lane: &Lane| lane.held_until_ms.is_some_and(|until| until <= now_ms);
        let over: Vec<Partition> =
            self.lanes.iter().filter(|(_, lane)| is_over(lane)).map(|(at, _)| *at).collect();
        over.into_iter().for_each(|partition| self.begin_round(partition, out));
        if now_ms >= self.give_up_ms {
            self.give_up_ms = now_ms + AWAY_GIVE_UP_MS / 20;
            self.give_up(now_ms, out);
        }
    }

    fn give_up(&mut self, now_ms: u64, out: &mut Effects) {
        let is_late = |pending: &Pending| now_ms >= pending.since_ms + AWAY_GIVE_UP_MS;
        let waiting = self.lanes.iter().flat_map(|(partition, lane)| {
            lane.waiting.iter().map(move |(order, pending)| (*partition, *order, pending))
        });
        let late: Vec<(Partition, u64, ReplyTo)> = waiting
            .filter(|(.., pending)| is_late(pending))
            .map(|(partition, order, pending)| (partition, order, pending.reply))
            .collect();
        for (partition, order, reply) in late {
            self.places.remove(&(reply.session.connection, reply.request_id));
            self.take_out(partition, order);
            if reply.request_id != REGISTRATION {
                let code = RefusalCode::StoreUnavailable;
                out.deliveries.push(refused(reply, code, STORE_RETRY_MS));
            }
        }
    }

    /// Whether something waits for a hold to end.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        self.lanes.values().any(|lane| lane.held_until_ms.is_some())
    }

    /// Commands that are not answered.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.places.len()
    }

    /// Partitions whose owner is known and can be reached.
    #[must_use]
    pub fn reachable(&self) -> usize {
        let is_linked = |row: &&OwnerRow| self.links.contains(&row.holder.node);
        self.owners.iter().flatten().filter(is_linked).count()
    }
}

fn index(partition: Partition) -> usize {
    usize::from(partition.number())
}

fn body_bytes(command: &Command) -> usize {
    if let Command::Send(send) = command { send.body.len() } else { 0 }
}

fn refused(to: ReplyTo, code: RefusalCode, retry_after_ms: u32) -> Delivery {
    Delivery { to, answer: Answer::Refused { code, retry_after_ms } }
}
