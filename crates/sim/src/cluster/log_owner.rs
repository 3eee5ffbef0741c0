//! The owner of one log, from the takeover to the hand-over: what a shard does per log, and no more. It drives the
//! takeover and the window of `logic`; its two kinds are in [`super::conversation`] and [`super::inbox`].

use super::conversation::Conversation;
use super::inbox::Inbox;
use super::log_rows::{Context, LogRows, Out, Packet};
use super::plant::Plant;
use super::store::{Log, Reply, Request, Row};
use crate::random::Random;
use logic::cluster::Position;
use logic::cluster::takeover::{End, Run, TailRow, longest_run, tail_rows};
use logic::cluster::window::LogWindow;
use shard::owner::Epoch;
use shard::rows::Chain;
use std::collections::{BTreeMap, BTreeSet};
use wire::{MessageId, Seq};

/// The owner of one log under one epoch.
#[derive(Debug)]
pub struct LogOwner {
    rows: LogRows,
    phase: Phase,
    /// Derived rows that are being stored.
    deriving: BTreeSet<Position>,
    revision: u32,
    /// Reads of clients that wait for the store: up to where.
    reading: BTreeMap<u64, Position>,
    kind: Kind,
}

#[derive(Debug)]
enum Phase {
    ReadingTail,
    ReadingDerived(Run<MessageId>),
    /// These rows are not known to be stored under this epoch.
    Rewriting(BTreeSet<Position>),
    Serving,
}

#[derive(Debug)]
enum Kind {
    Conversation(Conversation),
    Inbox(Inbox),
}

impl LogOwner {
    /// Begins with the takeover.
    pub fn begin(log: Log, epoch: Epoch, size: u64, plant: Plant, out: &mut Vec<Out>) -> Self {
        let kind = match log {
            Log::Conversation(_) => Kind::Conversation(Conversation::default()),
            Log::Inbox(..) => Kind::Inbox(Inbox::default()),
        };
        let owner = Self {
            rows: LogRows::new(log, epoch, size, plant),
            phase: Phase::ReadingTail,
            deriving: BTreeSet::new(),
            revision: 0,
            reading: BTreeMap::new(),
            kind,
        };
        out.push(Out::Ask(owner.read_tail()));
        owner
    }

    /// Its epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.rows.epoch
    }

    /// Whether its takeover is done.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        matches!(self.phase, Phase::Serving)
    }

    /// Whether nothing of it is in flight.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.is_serving() || self.rows.window.in_flight() == 0
    }

    fn read_tail(&self) -> Request {
        let rows = tail_rows(self.takeover_size());
        Request::Tail(self.rows.log, usize::try_from(rows).expect("a window is small"))
    }

    fn takeover_size(&self) -> u64 {
        if self.rows.plant == Plant::TailOfOneWindow {
            self.rows.size.div_ceil(2)
        } else {
            self.rows.size
        }
    }

    /// Takes a packet.
    pub fn on_packet(&mut self, packet: &Packet, cx: &mut Context<'_>) {
        if !cx.serves || !self.is_serving() {
            return;
        }
        match packet {
            Packet::Read(_, number) => {
                // Client reads go up to what is committed now, and what is committed stays.
                self.reading.insert(*number, self.rows.window.committed());
                let range = (Position(1), self.rows.window.committed());
                cx.out.push(Out::Ask(Request::Rows(self.rows.log, range.0, range.1)));
            }
            Packet::Send(_) | Packet::Append(..) | Packet::Confirm(..) => {
                let rows = &mut self.rows;
                match &mut self.kind {
                    Kind::Conversation(conversation) => conversation.on_packet(rows, packet, cx),
                    Kind::Inbox(inbox) => inbox.on_packet(rows, packet, cx),
                }
            }
        }
    }

    /// Takes what became of a request; no reply if that is unknown.
    pub fn on_answer(&mut self, request: Request, reply: Option<Reply>, cx: &mut Context<'_>) {
        match (request, reply) {
            (Request::WriteRow(_, position, ..), Some(_)) => self.on_written(position),
            (Request::WriteDedup(_, seq, _), reply) => {
                self.on_derived(seq.into(), seq.into(), reply.is_some());
            }
            (Request::WriteLastSeq(_, seq, _), reply) => {
                let covered = |row: &(&Position, &Row)| row.1.seq <= seq;
                let through = self.rows.values.iter().take_while(covered).last().map(|row| *row.0);
                self.on_derived(Position(1), through.unwrap_or_default(), reply.is_some());
            }
            (Request::Tail(..), Some(Reply::Rows(rows))) => self.on_tail(&rows, cx),
            (Request::Dedup(ids), Some(Reply::Dedup(found))) => self.on_dedup(&ids, &found, cx),
            (Request::LastSeq(_), Some(Reply::LastSeq(last))) => {
                let run = self.take_run();
                let values = self.rows.values.clone();
                self.adopt(run, |position, _| values[&position].seq <= last, cx);
                if let Kind::Inbox(inbox) = &mut self.kind {
                    inbox.adopt(last, &self.rows.values);
                }
            }
            (Request::Rows(log, _, to), Some(Reply::Rows(rows))) if log == self.rows.log => {
                self.on_read(to, &rows, cx);
            }
            (Request::Rows(..), Some(Reply::Rows(pulled))) => {
                if let Kind::Inbox(inbox) = &mut self.kind {
                    inbox.on_pulled(&mut self.rows, &pulled, cx);
                }
            }
            (request, None) => self.on_unknown(request, cx),
            (request, reply) => unreachable!("{request:?} was answered {reply:?}"),
        }
        self.commit(cx);
    }

    /// Time has passed, or the lease was renewed.
    pub fn commit(&mut self, cx: &mut Context<'_>) {
        if matches!(&self.phase, Phase::Rewriting(left) if left.is_empty()) && cx.may_commit {
            self.phase = Phase::Serving;
            cx.out.extend(
                self.rows.values.iter().map(|(position, row)| Out::Commit(*position, *row)),
            );
        }
        if !self.is_serving() {
            return;
        }
        for position in self.rows.window.commit(cx.may_commit) {
            let row = self.rows.values[&position];
            cx.out.push(Out::Commit(position, row));
            match &mut self.kind {
                Kind::Conversation(conversation) => conversation.on_committed(&self.rows, row, cx),
                Kind::Inbox(inbox) => inbox.on_committed(&self.rows, row, cx),
            }
        }
    }

    /// Stores some of the derived rows that are missing.
    pub fn derive(&mut self, random: &mut Random, cx: &mut Context<'_>) {
        if !cx.serves || !self.is_serving() {
            return;
        }
        let mut due: Vec<Position> = self
            .rows
            .window
            .to_derive()
            .filter(|position| !self.deriving.contains(position))
            .collect();
        match self.rows.log {
            Log::Conversation(_) => due = random.pick(&due).into_iter().collect(),
            // One cell tells of all rows up to it: the writes of it go one after the other.
            Log::Inbox(..) if !self.deriving.is_empty() => due.clear(),
            Log::Inbox(..) => due = random.pick(&due).into_iter().collect(),
        }
        for position in due {
            self.revision += 1;
            let (row, timestamp) =
                (self.rows.values[&position], self.rows.timestamp(self.revision, cx));
            self.deriving.insert(position);
            cx.out.push(Out::Ask(match self.rows.log {
                Log::Conversation(_) => Request::WriteDedup(row.id, row.seq, timestamp),
                Log::Inbox(..) => Request::WriteLastSeq(self.rows.log, row.seq, timestamp),
            }));
        }
    }

    fn on_tail(&mut self, rows: &[(Position, Row)], cx: &mut Context<'_>) {
        let run = self.run_of(rows);
        let kept = |row: &&(Position, Row)| run.kept.iter().any(|kept| kept.0 == row.0);
        self.rows.values = rows.iter().filter(kept).copied().collect();
        let ids = run.kept.iter().map(|row| row.1).collect();
        self.phase = Phase::ReadingDerived(run);
        cx.out.push(Out::Ask(match self.rows.log {
            Log::Conversation(_) => Request::Dedup(ids),
            Log::Inbox(..) => Request::LastSeq(self.rows.log),
        }));
    }

    /// What is kept; with some plants, more than the rules allow.
    fn run_of(&self, rows: &[(Position, Row)]) -> Run<MessageId> {
        // Without chains: what the other rules find is not to be found by another.
        let chain = Chain::default();
        let row = |row: &(Position, Row)| TailRow {
            position: row.0,
            id: row.1.id,
            chain,
            next_chain: chain,
        };
        let tail: Vec<_> = rows.iter().map(row).collect();
        let mut run = longest_run(self.takeover_size(), Position(0), &tail);
        if self.rows.plant == Plant::NoTail {
            let head = rows.last().map_or(Position(0), |row| row.0);
            return Run { head, kept: Vec::new(), end: End::Whole };
        }
        let goes_on = |end: End| match end {
            End::Whole => false,
            End::Hole(_) => self.rows.plant == Plant::OverHoles,
            End::Repeat(_) => self.rows.plant == Plant::RepeatedIds,
            End::Stranger(_) => unreachable!("every chain fits"),
        };
        if goes_on(run.end) {
            run.kept = tail.iter().map(|row| (row.position, row.id)).collect();
            run.head = run.kept.last().map_or(run.head, |row| row.0);
        }
        run
    }

    fn take_run(&mut self) -> Run<MessageId> {
        match std::mem::replace(&mut self.phase, Phase::Serving) {
            Phase::ReadingDerived(run) => run,
            Phase::ReadingTail | Phase::Rewriting(_) | Phase::Serving => {
                unreachable!("the tail was read")
            }
        }
    }

    fn adopt(
        &mut self,
        run: Run<MessageId>,
        is_derived: impl Fn(Position, MessageId) -> bool,
        cx: &mut Context<'_>,
    ) {
        let debts = run.debts(is_derived);
        self.rows.window = LogWindow::new(self.rows.size, run.head, debts.derive);
        let rewrite = if self.rows.plant == Plant::NoRewrite { Vec::new() } else { debts.rewrite };
        rewrite.iter().for_each(|position| self.rows.write(*position, cx));
        self.phase = Phase::Rewriting(rewrite.into_iter().collect());
    }

    fn on_written(&mut self, position: Position) {
        match &mut self.phase {
            Phase::Rewriting(left) => {
                left.remove(&position);
            }
            Phase::Serving => self.rows.window.landed(position),
            Phase::ReadingTail | Phase::ReadingDerived(_) => {}
        }
    }

    fn on_derived(&mut self, from: Position, through: Position, is_stored: bool) {
        if is_stored {
            let stored: Vec<_> =
                self.rows.window.to_derive().filter(|p| from <= *p && *p <= through).collect();
            stored.into_iter().for_each(|position| self.rows.window.derived(position));
        }
        self.deriving.retain(|position| *position < from || *position > through);
    }

    fn on_dedup(&mut self, ids: &[MessageId], found: &[(MessageId, Seq)], cx: &mut Context<'_>) {
        if matches!(self.phase, Phase::ReadingDerived(_)) {
            let run = self.take_run();
            self.adopt(run, |position, id| found.contains(&(id, position.into())), cx);
            if let Kind::Conversation(conversation) = &mut self.kind {
                conversation.adopt(&self.rows.values);
            }
            return;
        }
        if let Kind::Conversation(conversation) = &mut self.kind {
            let found = found.first().map(|row| row.1);
            conversation.on_looked_up(&mut self.rows, ids[0], found, cx);
        }
    }

    fn on_read(&mut self, to: Position, rows: &[(Position, Row)], cx: &mut Context<'_>) {
        let numbers: Vec<u64> =
            self.reading.iter().filter(|read| *read.1 == to).map(|read| *read.0).collect();
        for number in numbers {
            self.reading.remove(&number);
            cx.out.push(Out::ReadDone(number, rows.to_vec()));
        }
    }

    /// Nobody knows what became of it, so it is asked again: every write may be repeated under the same epoch.
    fn on_unknown(&mut self, request: Request, cx: &mut Context<'_>) {
        match &request {
            Request::Rows(log, _, to) if *log == self.rows.log => {
                return self.reading.retain(|_, read_to| read_to != to);
            }
            Request::Rows(..) => {}
            Request::Dedup(_) if self.is_serving() => {}
            Request::Leases
            | Request::Owners
            | Request::ChangeLease(_)
            | Request::ChangeOwner(_)
            | Request::Tail(..)
            | Request::Dedup(_)
            | Request::LastSeq(_)
            | Request::WriteRow(..)
            | Request::WriteDedup(..)
            | Request::WriteLastSeq(..) => return cx.out.push(Out::Ask(request)),
        }
        match &mut self.kind {
            Kind::Conversation(conversation) => conversation.forget_look_ups(),
            Kind::Inbox(inbox) => inbox.forget_pull(),
        }
    }
}
