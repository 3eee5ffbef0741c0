//! The clients, as one: they send messages, repeat each until it is acknowledged, and read the logs now and then. They
//! guess the owner, and learn from refusals.

use super::judge::Judge;
use super::log_rows::Packet;
use super::store::{Log, Row};
use crate::random::Random;
use logic::cluster::Position;
use shard::owner::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use wire::{MessageId, Seq};

/// What reaches the clients.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A message is acknowledged.
    Acked(MessageId, Seq),
    /// The log is somebody else's.
    NotOwner(Log, Option<NodeId>),
    /// A read is done.
    ReadDone(u64, Vec<(Position, Row)>),
}

/// A read that was answered: of which log, what was acknowledged when it was asked for, and what was read.
pub type DoneRead = (Log, Vec<MessageId>, Vec<(Position, Row)>);

/// All clients.
#[derive(Debug, Default)]
pub struct Client {
    sent: u64,
    waiting: BTreeSet<MessageId>,
    guess: Option<NodeId>,
    reads: BTreeMap<u64, (Log, Vec<MessageId>)>,
    reads_asked: u64,
}

impl Client {
    /// Messages that are not acknowledged.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// Sends one packet to one node. `may_begin`: new messages are still to be made.
    pub fn tick(
        &mut self,
        may_begin: bool,
        judge: &Judge,
        nodes: &[NodeId],
        random: &mut Random,
    ) -> Option<(NodeId, Log, Packet)> {
        let guess = self.guess.filter(|_| random.permille(800));
        let node = guess.or_else(|| random.pick(nodes))?;
        if random.permille(20) {
            let log = random.pick(&Log::all().collect::<Vec<_>>())?;
            self.reads_asked += 1;
            self.reads.insert(self.reads_asked, (log, judge.acked_in(log)));
            return Some((random.pick(nodes)?, log, Packet::Read(log, self.reads_asked)));
        }
        if may_begin && (self.waiting.is_empty() || random.permille(450)) {
            self.sent += 1;
            self.waiting.insert(MessageId(self.sent));
            return Some(send(node, MessageId(self.sent)));
        }
        let waiting: Vec<MessageId> = self.waiting.iter().copied().collect();
        let id = random.pick(&waiting)?;
        Some(send(node, id))
    }

    /// Takes an answer of `from`.
    pub fn on(&mut self, from: NodeId, answer: Answer) -> Option<DoneRead> {
        match answer {
            Answer::Acked(id, _) => {
                self.waiting.remove(&id);
                self.guess = Some(from);
                None
            }
            Answer::NotOwner(log, hint) => {
                if matches!(log, Log::Conversation(_)) {
                    self.guess = hint.filter(|node| *node != from);
                }
                None
            }
            Answer::ReadDone(number, rows) => {
                let (log, acked) = self.reads.remove(&number)?;
                Some((log, acked, rows))
            }
        }
    }
}

fn send(node: NodeId, id: MessageId) -> (NodeId, Log, Packet) {
    (node, Log::of_message(id), Packet::Send(id))
}
