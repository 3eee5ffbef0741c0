//! One timer a connection, in a heap with lazy removal: an entry that is not the connection's time any more is
//! dropped when it comes up.

use super::connection::Connection;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

#[derive(Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(u64, u32)>>,
}

impl Timers {
    /// Lets a connection's timer fire at a time. A time that only moved back costs nothing: the entry that is
    /// there fires early, and [`Timers::pop`]'s caller finds nothing due and sets it anew.
    pub fn set(&mut self, index: usize, connection: &mut Connection, at_ms: u64) {
        if at_ms < connection.timer_ms {
            connection.timer_ms = at_ms;
            let index = u32::try_from(index).expect("places are numbered with 32 bits");
            self.heap.push(Reverse((at_ms, index)));
        }
    }

    /// Lets it fire when the machine wants to be called.
    pub fn follow(&mut self, index: usize, connection: &mut Connection) {
        let at_ms = connection.machine.next_timer_ms().unwrap_or(u64::MAX);
        self.set(index, connection, at_ms);
    }

    /// When to look again, at the latest.
    pub fn next_ms(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at_ms, _))| *at_ms)
    }

    /// A connection whose time has come. It has no timer then.
    pub fn pop(&mut self, now_ms: u64, connections: &mut [Connection]) -> Option<usize> {
        while let Some(Reverse((at_ms, index))) = self.heap.peek().copied() {
            if at_ms > now_ms {
                return None;
            }
            self.heap.pop();
            let index = index as usize;
            if connections[index].timer_ms == at_ms {
                connections[index].timer_ms = u64::MAX;
                return Some(index);
            }
        }
        None
    }
}
