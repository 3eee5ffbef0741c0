//! What happens in a run, one after the other.

use super::store::Reply;
use shard::owner::NodeId;

/// Something that happens.
#[derive(Debug)]
pub enum Event {
    /// A node is started.
    Start(NodeId),
    /// A process's task that keeps its lease wants to be called.
    Wake(usize),
    /// A process's core looks at its timers.
    Timers(usize),
    /// A process's core has something to do.
    Ready(usize),
    /// A core that stood still in a turn goes on with it.
    GoOn(usize),
    /// A statement is sent, for the first time or again.
    Send(u64),
    /// A statement reaches the store; how long its answer takes from there.
    Land(u64, Option<u64>),
    /// A statement's answer reaches its process; none when it is given up.
    Answered(u64, Option<Reply>),
    /// Something arrives at an end of a connection.
    Take(usize, usize),
    /// An end of a connection learns that it is gone.
    Ended(usize, usize),
    /// A gateway is there again.
    StartGateway(usize),
    /// A gateway is told to stop.
    Drain(usize),
    /// A gateway has a turn because time passes.
    Tick(usize),
    /// A device dials.
    Connect(usize),
    /// A device's time may have come.
    ClientTimer(usize),
    /// A user sends something.
    Users,
    /// Something goes wrong.
    Fault,
}
