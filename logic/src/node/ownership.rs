//! Carries out what [`Ownership`] decides: asks the tables, moves the fence, tells the cores. One task a process.
//!
//! The fence is moved right after each step, before anything that the step asked for is done. So no
//! core may still commit when the request that ends the lease goes out.

use super::limits::{BEGUN_MS, SHOW_EVERY_MS, TABLES_TIMEOUT};
use super::post::{Control, Post};
use crate::cluster::{Effect, Input, Moment, Outcome, Ownership, Settings, Table};
use crate::cluster::{LeaseChange, LeaseRow, OwnerChange, Standing};
use crate::cql::CqlClient;
use crate::fence::{Fence, moment};
use crate::plant::{self, Fault};
use flume::{Receiver, Sender};
use link::NodeAddress;
use rand::random;
use service::mailbox::Directory;
use shard::limits::PARTITIONS;
use shard::owner::NodeId;
use shard::owner::OwnerRow;
use shard::partition::Partition;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// What the task is built of.
pub struct Parts {
    /// This node's number.
    pub node: NodeId,
    /// Where others reach it.
    pub address: String,
    /// The same on every node.
    pub settings: Settings,
    /// The tables.
    pub client: Arc<CqlClient>,
    /// Of the process, whichever life it is in. Moved by this task only.
    pub fence: Arc<Fence>,
    /// To each core.
    pub controls: Vec<Sender<Control>>,
    /// To wake the cores.
    pub directory: Directory<Post>,
    /// What cores say, and what the tables answer.
    pub inputs: (Sender<Told>, Receiver<Told>),
    /// Links to entries of gateways, of all cores.
    pub entries: Arc<AtomicUsize>,
    /// What is seen from outside.
    pub seen: watch::Sender<Seen>,
}

/// Something for the task.
#[derive(Debug)]
pub struct Told {
    /// The life that asked for it; `None` if it is no answer.
    life: Option<u64>,
    input: Input,
}

impl Told {
    /// By a core, or by whoever ends the process.
    #[must_use]
    pub fn unasked(input: Input) -> Self {
        Self { life: None, input }
    }
}

/// What an operator sees of it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// ms for which the lease is still good; 0: it is not.
    pub lease_valid_ms: u64,
    /// Who owns each partition, in their order, by the owners table; empty before it was read.
    pub owners: Arc<[Option<OwnerRow>]>,
    /// Where the nodes are.
    pub nodes: Vec<NodeAddress>,
    /// Lives of this process: each time that others ended its lease begins one.
    pub lives: u64,
    /// Links to entries of gateways.
    pub entries: usize,
    /// It gives its partitions away because gateways reach others and not this node.
    pub is_alone: bool,
    /// In this life it has served all that it should.
    pub had_its_share: bool,
}

/// The task: one life of this node after the other.
pub struct Task {
    parts: Parts,
    ownership: Ownership,
    /// Of this life: what a former one asked for counts never more, whatever a core has heard.
    fence: Arc<Fence>,
    /// As the cores were told.
    owners: Arc<[Option<OwnerRow>]>,
    nodes: Vec<NodeAddress>,
    /// The nodes that take part, as the leases were read last.
    addresses: (watch::Sender<Vec<NodeAddress>>, watch::Receiver<Vec<NodeAddress>>),
    lives: u64,
    is_leaving: bool,
    /// Whether a gateway reaches this node, as this life was told.
    reached: Option<bool>,
    had_its_share: bool,
    begun: Option<Begun>,
}

/// Partitions that were begun one soon after the other, for the log.
#[derive(Clone, Copy)]
struct Begun {
    partitions: usize,
    first: Moment,
    last: Moment,
}

impl Task {
    /// For a process that has not joined.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            ownership: Ownership::new(parts.settings, parts.node, random()),
            fence: Arc::default(),
            owners: vec![None; usize::from(PARTITIONS)].into(),
            nodes: Vec::new(),
            addresses: watch::channel(Vec::new()),
            lives: 1,
            is_leaving: false,
            reached: None,
            had_its_share: false,
            begun: None,
            parts,
        }
    }

    /// Takes part until it was told to leave and has.
    pub async fn run(mut self) {
        loop {
            let mut inputs = self.wait().await;
            self.is_leaving |= inputs.iter().any(|input| matches!(input, Input::Leave));
            inputs.extend(self.news_of_gateways());
            let now = moment();
            let effects = self.ownership.step(now, inputs);
            let ignores = plant::has(Fault::IgnoreLease);
            let until = if ignores { Moment::NEVER } else { self.ownership.valid_until() };
            self.fence.set(until);
            self.parts.fence.set(until);
            self.had_its_share |= self.ownership.has_its_share(now);
            let is_over = effects.contains(&Effect::Over);
            let mut owners = Vec::new();
            for effect in effects {
                self.perform(effect, &mut owners).await;
            }
            CqlClient::together(owners).into_iter().for_each(|changes| self.change_owners(changes));
            self.show(now).await;
            if is_over && self.is_leaving {
                return;
            }
            if is_over {
                tracing::warn!("others ended this node's lease; it joins anew");
                self.ownership = Ownership::new(self.parts.settings, self.parts.node, random());
                self.fence = Arc::default();
                self.lives += 1;
                (self.reached, self.had_its_share) = (None, false);
            }
        }
    }

    /// Whether a gateway reaches this node, if that is new.
    fn news_of_gateways(&mut self) -> Option<Input> {
        let reached = self.parts.entries.load(Ordering::Relaxed) > 0;
        let is_new = self.reached.replace(reached) != Some(reached);
        is_new.then_some(Input::Reached(reached))
    }

    /// Waits until something arrives or is due. Answers to what a former life asked for are
    /// dropped.
    async fn wait(&self) -> Vec<Input> {
        let now = moment();
        let wait = self.ownership.wake_at(now).since(now).min(SHOW_EVERY_MS);
        let received = &self.parts.inputs.1;
        let first = timeout(Duration::from_millis(wait), received.recv_async()).await;
        let all = first.into_iter().flatten().chain(received.drain());
        let is_for_this = |told: &Told| told.life.is_none_or(|life| life == self.lives);
        all.filter(is_for_this).map(|told| told.input).collect()
    }

    /// Does it. Changes of owners are gathered, to be made together.
    async fn perform(&mut self, effect: Effect, owners: &mut Vec<OwnerChange>) {
        match effect {
            Effect::Read(table) => self.read(table),
            Effect::ChangeLease(change) => self.change_lease(change),
            Effect::ChangeOwner(change) => owners.push(change),
            Effect::Begin(partition, epoch) => {
                let now = moment();
                let begun = Begun { partitions: 0, first: now, last: now };
                let begun = self.begun.get_or_insert(begun);
                (begun.partitions, begun.last) = (begun.partitions + 1, now);
                let begin = Control::Begin(partition, epoch, self.fence.clone());
                self.control(partition, begin).await;
            }
            Effect::Stop(partition, epoch) => {
                self.control(partition, Control::Stop(partition, epoch)).await;
            }
            Effect::Drop(..) if plant::has(Fault::IgnoreLease) => {}
            Effect::Drop(partition, epoch) => {
                self.control(partition, Control::Drop(partition, epoch)).await;
            }
            Effect::Tell(row) => self.control(row.partition, Control::Tell(row)).await,
            Effect::Over => {}
        }
    }

    fn ask<A: IntoIterator<Item = Input, IntoIter: Send>>(
        &self,
        answers: impl Future<Output = A> + Send + 'static,
    ) {
        let (told, life) = (self.parts.inputs.0.clone(), Some(self.lives));
        tokio::spawn(async move {
            for input in answers.await {
                // Nobody receives only when the process ends.
                let _ = told.send_async(Told { life, input }).await;
            }
        });
    }

    fn read(&self, table: Table) {
        let client = self.parts.client.clone();
        let addresses = self.addresses.0.clone();
        self.ask(async move {
            let rows = async {
                match table {
                    Table::Owners => client.owners().await.map(Input::Owners),
                    Table::Leases => client.leases().await.map(|rows| {
                        addresses.send_replace(rows.iter().filter_map(address).collect());
                        Input::Leases(rows.into_iter().map(|(row, _)| row).collect())
                    }),
                }
            };
            let read = timeout(TABLES_TIMEOUT, rows).await;
            [read.ok().and_then(Result::ok).unwrap_or(Input::Unread(table))]
        });
    }

    fn change_lease(&self, change: LeaseChange) {
        let client = self.parts.client.clone();
        let is_own = change.next.node == self.parts.node;
        if !is_own {
            let node = change.next.node.0;
            tracing::warn!(node, "a node does not renew its lease; it is ended");
        }
        let address = is_own.then(|| self.parts.address.clone());
        self.ask(async move {
            let changed =
                timeout(TABLES_TIMEOUT, client.change_lease(change, address.as_deref())).await;
            [Input::LeaseAnswer(change, changed.unwrap_or(Outcome::Unknown))]
        });
    }

    fn change_owners(&self, changes: Vec<OwnerChange>) {
        let client = self.parts.client.clone();
        self.ask(async move {
            let changed = timeout(TABLES_TIMEOUT, client.change_owners(&changes)).await;
            let unknown = || changes.iter().map(|change| (*change, Outcome::Unknown)).collect();
            let changed: Vec<_> = changed.unwrap_or_else(|_| unknown());
            changed.into_iter().map(|(change, outcome)| Input::OwnerAnswer(change, outcome))
        });
    }

    async fn control(&self, partition: Partition, control: Control) {
        let core = usize::from(partition.number()) % self.parts.controls.len();
        self.control_core(core, control).await;
    }

    async fn control_core(&self, core: usize, control: Control) {
        // A core that is gone ends the process.
        let _ = self.parts.controls[core].send_async(control).await;
        self.parts.directory.wake(core);
    }

    /// Tells every core what is new, and shows the admin pages what is.
    async fn show(&mut self, now: Moment) {
        let owners = || Partition::all(PARTITIONS).map(|it| self.ownership.owner_of(it));
        let changed = owners().zip(self.owners.iter()).filter(|(row, known)| row != *known);
        let news: Vec<OwnerRow> = changed.filter_map(|(row, _)| row).collect();
        if !news.is_empty() {
            self.owners = owners().collect();
            self.tell_all(Control::Owners(news.into())).await;
        }
        if self.addresses.1.has_changed().unwrap_or(false) {
            let nodes = self.addresses.1.borrow_and_update().clone();
            if self.nodes == nodes {
                return self.show_outside(now);
            }
            self.nodes = nodes;
            self.tell_all(Control::Nodes(self.nodes.clone().into())).await;
        }
        self.show_outside(now);
    }

    fn show_outside(&mut self, now: Moment) {
        if let Some(begun) = self.begun.take_if(|begun| now.since(begun.last) >= BEGUN_MS) {
            let took_ms = begun.last.since(begun.first);
            tracing::info!(partitions = begun.partitions, took_ms, "serves more partitions");
        }
        self.parts.seen.send_replace(Seen {
            lease_valid_ms: self.ownership.valid_until().since(now),
            owners: self.owners.clone(),
            nodes: self.nodes.clone(),
            lives: self.lives,
            entries: self.parts.entries.load(Ordering::Relaxed),
            is_alone: self.ownership.is_alone(),
            had_its_share: self.had_its_share,
        });
    }

    async fn tell_all(&self, control: Control) {
        for core in 0..self.parts.controls.len() {
            self.control_core(core, control.clone()).await;
        }
    }
}

/// Where a node is that takes part.
fn address((row, address): &(LeaseRow, Option<String>)) -> Option<NodeAddress> {
    let takes_part = row.standing != Standing::Over;
    let address = address.clone().filter(|_| takes_part)?;
    Some(NodeAddress { node: row.node, address })
}
