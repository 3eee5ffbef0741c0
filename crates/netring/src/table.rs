//! One ring's share of the connections, and which step a completion leads to. The steps are in
//! `dial`, `transfer` and `closing`. It knows nothing of listeners, of other tables, or of sleeping.
#![allow(unsafe_code, reason = "buffers are shared with the kernel")]

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::address::Dial;
use crate::buffers::Buffers;
use crate::config::Plan;
use crate::error::Error;
use crate::event::{CloseReason, Event};
use crate::id::{ConnId, Key, Op, Token};
use crate::outbox::OutboxPool;
use crate::slot::{Flags, Slot, Slots, State, Target};
use crate::stats::Stats;
use crate::uring::{Completion, Uring};

/// A ring with its slots and buffers.
pub(crate) struct Table {
    pub uring: Uring,
    pub slots: Slots,
    pub stats: Stats,
    pub(crate) buffers: Rc<Buffers>,
    pub(crate) outboxes: OutboxPool,
    /// Slots whose outbox was handed out since the last flush.
    pub(crate) dirty: Vec<Key>,
    /// Slots whose receive ended for want of buffers, longest waiting first.
    pub(crate) starved: VecDeque<Key>,
    /// Boxed: the kernel holds where the addresses are.
    pub(crate) dials: HashMap<u32, Box<Dial>>,
    pub(crate) keeps_half_open: bool,
    index: u16,
}

impl Table {
    pub(crate) fn new(index: u16, size: u32, plan: &Plan) -> Result<Self, Error> {
        let uring = Uring::new(plan.queue_depth, size)?;
        let buffers = Buffers::new(plan.buffer_count, plan.buffer_size)
            .map_err(|error| Error::ring("map the receive buffers", error))?;
        // SAFETY: the net ring drops a table when no receive is in flight, or after `leak`.
        unsafe { uring.register_buffers(&buffers) }?;
        Ok(Self {
            uring,
            slots: Slots::new(size),
            stats: Stats::default(),
            buffers,
            outboxes: OutboxPool::default(),
            dirty: Vec::new(),
            starved: VecDeque::new(),
            dials: HashMap::new(),
            keeps_half_open: plan.keeps_half_open,
            index,
        })
    }

    pub(crate) fn id(&self, key: Key) -> ConnId {
        ConnId::new(self.index, key.slot, key.generation)
    }

    /// Gives an accepted file a slot. `None` when there is none: the file is closed.
    pub(crate) fn adopt(&mut self, file: u32) -> Option<Event> {
        let Some(key) = self.slots.insert(State::Open) else {
            self.uring.close(file, Token::lone(Op::Orphan));
            return None;
        };
        self.slot(key).set_file(file);
        self.arm_recv(key);
        Some(Event::Accepted { conn: self.id(key) })
    }

    /// Acts on a completion of a connection's operation.
    pub(crate) fn complete(&mut self, op: Op, key: Key, completion: &Completion) -> Option<Event> {
        match op {
            Op::Socket => self.on_socket(key, completion.result),
            Op::Dial => self.on_dial(key, completion.result),
            Op::Recv => self.on_recv(key, completion),
            Op::Send => self.on_send(key, completion.result),
            Op::Timer => self.on_flush_timer(key),
            Op::Close => {
                self.slot(key).flags.clear(Flags::CLOSE);
                self.finish(key)
            }
            Op::TimerCancel => {
                self.slot(key).flags.clear(Flags::TIMER_CANCEL);
                self.finish(key)
            }
            Op::DialCancel => self.on_cancel(key, Target::Dial, completion.result),
            Op::RecvCancel => self.on_cancel(key, Target::Recv, completion.result),
            Op::SendCancel => self.on_cancel(key, Target::Send, completion.result),
            Op::Accept
            | Op::AcceptCancel
            | Op::AcceptRetry
            | Op::Wake
            | Op::Tick
            | Op::Child
            | Op::Orphan
            | Op::Write => {
                unreachable!("{op:?} belongs to no connection")
            }
        }
    }

    /// A slot with an operation in flight, and so not free.
    pub(crate) fn slot(&mut self, key: Key) -> &mut Slot {
        self.slots.get_mut(key).expect("a slot outlives its operations")
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats { enters: self.uring.enters, ..self.stats }
    }

    /// Starts the end of every connection.
    pub(crate) fn shut_all(&mut self) {
        for key in self.slots.keys() {
            self.shut(key, CloseReason::Local);
        }
    }

    /// Gives up the memory of operations the kernel did not give back: leaked is better than freed
    /// under it.
    pub(crate) fn leak(&mut self) {
        for slot in self.slots.iter_mut() {
            std::mem::forget(slot.outbox.take());
        }
        std::mem::forget(std::mem::take(&mut self.dials));
        std::mem::forget(Rc::clone(&self.buffers));
    }

    /// Panics when the books do not balance. For tests: it walks every slot.
    pub(crate) fn invariants(&self) {
        for slot in self.slots.iter() {
            match slot.state {
                State::Free => {
                    assert!(slot.file().is_none() && slot.outbox.is_none());
                    assert_eq!(slot.flags, Flags::default());
                }
                State::Dialing => assert!(slot.flags.has(Flags::DIAL)),
                State::Open => assert!(slot.file().is_some()),
                State::Flushing => assert!(slot.outbox.is_some() && slot.flags.has(Flags::TIMER)),
                State::Closing => assert!(slot.file().is_none() && slot.flags.in_flight()),
            }
        }
        assert!(self.buffers.available() <= self.buffers.opened());
        assert!(self.dials.len() <= self.slots.used());
    }
}
