//! The rows of a log that its owner has in memory, how it writes them, and what owners say to each other. It does not know
//! what a log is of.

use super::plant::Plant;
use super::store::{Log, Request, Row};
use logic::cluster::Position;
use logic::cluster::window::LogWindow;
use shard::owner::Epoch;
use std::collections::BTreeMap;
use wire::{MessageId, Seq};

/// Between processes, and from clients.
#[derive(Clone, Debug)]
pub enum Packet {
    /// A client sends a message; again and again, until it is acknowledged.
    Send(MessageId),
    /// The conversation's owner wants a committed message in an inbox.
    Append(Row),
    /// A user's inbox has it, for good.
    Confirm(usize, Row),
    /// A client reads a whole log; the number is the client's.
    Read(Log, u64),
}

/// What the owner of a log does.
#[derive(Debug)]
pub enum Out {
    /// Ask the store.
    Ask(Request),
    /// Send to the owner of another log.
    ToOwner(Log, Packet),
    /// Acknowledge a message to its client.
    Ack(MessageId, Seq),
    /// Answer a client's read.
    ReadDone(u64, Vec<(Position, Row)>),
    /// A row counts as committed.
    Commit(Position, Row),
}

/// What its process knows at the time of a call.
#[derive(Debug)]
pub struct Context<'a> {
    /// Whether it may take something new.
    pub serves: bool,
    /// Whether what came back counts.
    pub may_commit: bool,
    /// What its machine's wall clock shows.
    pub wall_us: u64,
    /// Where to put what it does.
    pub out: &'a mut Vec<Out>,
}

/// The rows of one log under one epoch.
#[derive(Debug)]
pub struct LogRows {
    /// Which log.
    pub log: Log,
    /// What is done wrong.
    pub plant: Plant,
    /// Which rows are committed.
    pub window: LogWindow,
    /// The rows.
    pub values: BTreeMap<Position, Row>,
    /// The owner's.
    pub epoch: Epoch,
    /// Of the window.
    pub size: u64,
}

impl LogRows {
    /// None yet.
    pub fn new(log: Log, epoch: Epoch, size: u64, plant: Plant) -> Self {
        let window = LogWindow::new(size, Position(0), []);
        Self { log, plant, window, values: BTreeMap::new(), epoch, size }
    }

    /// See [`LogWindow::has_room`].
    pub fn has_room(&self) -> bool {
        let has_room = self.window.has_room();
        has_room || self.plant == Plant::NoLagBound && self.window.in_flight() < self.size
    }

    /// Appends a row; `row` says which, once its place is known.
    pub fn append(&mut self, row: impl FnOnce(Position) -> Row, cx: &mut Context<'_>) -> Position {
        let position = self.window.append();
        let row = row(position);
        self.values.insert(position, row);
        self.write(position, cx);
        position
    }

    /// Writes a row once more, or for the first time.
    pub fn write(&mut self, position: Position, cx: &mut Context<'_>) {
        let timestamp = self.timestamp(0, cx);
        cx.out.push(Out::Ask(Request::WriteRow(
            self.log,
            position,
            self.values[&position],
            timestamp,
        )));
    }

    /// What a write of a row carries.
    pub fn timestamp(&self, revision: u32, cx: &Context<'_>) -> i64 {
        if self.plant == Plant::NoEpochs {
            return i64::try_from(cx.wall_us).expect("simulated time is short");
        }
        self.epoch.timestamp_us(revision)
    }
}
