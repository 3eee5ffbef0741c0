//! The task that keeps the lease of a node: what it asks of the tables, and what it tells the core. It decides nothing.

use super::super::plant::Plant;
use super::super::store::{Reply, Statement};
use super::{Action, Node, address_of};
use link::NodeAddress;
use logic::cluster::Table;
use logic::cluster::{Effect, Input, LeaseChange, LeaseRow, Moment, Outcome, Ownership, Standing};
use logic::node::post::Control;
use shard::owner::OwnerRow;
use shard::partition::Partition;
use std::sync::Arc;

impl Node {
    /// A table of ownership was asked for in some life; no reply: nobody knows.
    pub fn on_reply(
        &mut self,
        (life, statement, reply): (u64, &Statement, Option<Reply>),
        (true_us, token): (u64, u64),
        out: &mut Vec<Action>,
    ) {
        if life == self.lives {
            if let Some(Reply::Leases(rows)) = &reply {
                self.show_nodes(rows);
            }
            let input = self.input_of(statement, reply, true_us);
            self.step_ownership(true_us, (vec![input], token), out);
        }
    }

    fn input_of(&self, statement: &Statement, reply: Option<Reply>, true_us: u64) -> Input {
        match (statement, reply) {
            (Statement::Leases, Some(Reply::Leases(rows))) => {
                Input::Leases(rows.into_iter().map(|row| row.0).collect())
            }
            (Statement::Owners, Some(Reply::Owners(rows))) => Input::Owners(rows),
            (Statement::Leases, _) => Input::Unread(Table::Leases),
            (Statement::Owners, _) => Input::Unread(Table::Owners),
            (Statement::ChangeLease(change, _), Some(Reply::Lease(outcome))) => {
                let from_answer = self.shared.plant == Plant::LeaseFromAnswer;
                let asked_at = if from_answer { self.now(true_us) } else { change.asked_at };
                Input::LeaseAnswer(LeaseChange { asked_at, ..*change }, outcome)
            }
            (Statement::ChangeLease(change, _), _) => Input::LeaseAnswer(*change, Outcome::Unknown),
            (Statement::ChangeOwner(change), Some(Reply::Owner(outcome))) => {
                Input::OwnerAnswer(*change, outcome)
            }
            (Statement::ChangeOwner(change), _) => Input::OwnerAnswer(*change, Outcome::Unknown),
            (statement, _) => unreachable!("{statement:?} is not the ownership's"),
        }
    }

    /// One step of the task that keeps the lease.
    pub fn step_ownership(
        &mut self,
        true_us: u64,
        (inputs, token): (Vec<Input>, u64),
        out: &mut Vec<Action>,
    ) {
        let effects = self.ownership.step(self.now(true_us), inputs);
        // Right after the step, before anything that it asked for is done.
        self.valid_until = self.ownership.valid_until();
        self.move_fence(true_us);
        let (plant, life) = (self.shared.plant, self.lives);
        let mut is_over = false;
        for effect in effects {
            match effect {
                Effect::Read(Table::Leases) => out.push(Action::Ask(life, Statement::Leases)),
                Effect::Read(Table::Owners) => out.push(Action::Ask(life, Statement::Owners)),
                Effect::ChangeLease(change) => {
                    let is_own = change.next.node == self.id;
                    let address = is_own.then(|| address_of(self.id));
                    out.push(Action::Ask(life, Statement::ChangeLease(change, address)));
                }
                Effect::ChangeOwner(change) => {
                    out.push(Action::Ask(life, Statement::ChangeOwner(change)));
                }
                Effect::Tell(row) => self.controls.push_back(Control::Tell(row)),
                Effect::Begin(partition, epoch) => {
                    out.push(Action::Begin(partition, epoch));
                    let begin = Control::Begin(partition, epoch, self.life_fence.clone());
                    self.controls.push_back(begin);
                }
                Effect::Stop(partition, epoch) => {
                    out.push(Action::Stop);
                    self.controls.push_back(Control::Stop(partition, epoch));
                }
                Effect::Drop(..) if plant == Plant::IgnoreLease => {}
                Effect::Drop(partition, epoch) => {
                    self.controls.push_back(Control::Drop(partition, epoch));
                }
                Effect::Over => is_over = true,
            }
        }
        self.show_owners();
        if is_over && self.is_leaving {
            return out.push(Action::Left);
        }
        if is_over {
            self.ownership = Ownership::new(self.shared.settings, self.id, token);
            self.life_fence = Arc::default();
            self.lives += 1;
        }
    }

    fn show_owners(&mut self) {
        let partitions = Partition::all(self.shared.settings.partitions);
        let rows = partitions.filter_map(|partition| self.ownership.owner_of(partition));
        let news: Vec<OwnerRow> =
            rows.filter(|row| self.told.get(&row.partition) != Some(row)).collect();
        if !news.is_empty() {
            self.told.extend(news.iter().map(|row| (row.partition, *row)));
            self.controls.push_back(Control::Owners(news.into()));
        }
    }

    fn show_nodes(&mut self, rows: &[(LeaseRow, Option<String>)]) {
        let takes_part = rows.iter().filter(|(row, _)| row.standing != Standing::Over);
        let address = |(row, address): &(LeaseRow, Option<String>)| {
            Some(NodeAddress { node: row.node, address: address.clone()? })
        };
        let nodes: Vec<NodeAddress> = takes_part.filter_map(address).collect();
        if nodes != self.nodes {
            self.nodes.clone_from(&nodes);
            self.controls.push_back(Control::Nodes(nodes.into()));
        }
    }

    /// The fences as its machine's clock has them now. That of a life that is over stays as it was left: closed.
    pub(super) fn move_fence(&self, true_us: u64) {
        let is_open = self.is_open(true_us);
        let until = if is_open { Moment::NEVER } else { Moment(0) };
        self.life_fence.set(until);
        self.fence.set(until);
    }
}
