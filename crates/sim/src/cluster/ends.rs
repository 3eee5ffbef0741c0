//! A connection as the world has it. Each keeps its order both ways; of one that breaks, what was under way arrives up to
//! some point, and each end learns of it by itself.

use link::Item;
use std::collections::VecDeque;

/// Who is at an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A device.
    Client(usize),
    /// A gateway's process.
    Gateway(usize),
    /// A node's process.
    Node(usize),
}

/// What is under way to an end.
#[derive(Debug)]
pub enum Payload {
    /// Of or to a client.
    Bytes(Vec<u8>),
    /// Between processes.
    Item(Item),
    /// The other end has closed it.
    End,
}

/// One end.
#[derive(Debug)]
pub struct End {
    /// Whose.
    pub who: Who,
    /// Its owner believes in it.
    pub is_open: bool,
    /// What is under way to it.
    pub queue: VecDeque<Payload>,
    /// When the last of that arrives, in µs.
    pub last_us: u64,
}

/// A connection: who dialed is end 0.
#[derive(Debug)]
pub struct Link {
    /// Both ends.
    pub ends: [End; 2],
    /// Nothing that is said from now on arrives.
    pub is_broken: bool,
}
