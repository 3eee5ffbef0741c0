//! Bytes of a table's connections: receives armed, chunks taken, outboxes flushed. It knows nothing
//! of how connections begin; when one has to end it says so to the table.
#![allow(unsafe_code, reason = "sends point to memory the slot keeps")]

use crate::event::{CloseReason, Event};
use crate::id::{Key, Op, Token};
use crate::slot::{Flags, State, Target};
use crate::table::Table;
use crate::uring::Completion;

impl Table {
    /// Receives until told otherwise, unless that is on already or not wanted.
    pub(crate) fn arm_recv(&mut self, key: Key) {
        let slot = self.slot(key);
        let wanted = matches!(slot.state, State::Open | State::Flushing);
        let held = [Flags::RECV, Flags::PAUSED, Flags::STARVED, Flags::ENDED];
        let held = held.iter().any(|flag| slot.flags.has(*flag));
        if !wanted || held {
            return;
        }
        let file = slot.file().expect("an open slot has a file");
        slot.flags.set(Flags::RECV);
        self.uring.recv_many(file, Token::new(Op::Recv, key));
    }

    pub(crate) fn pause(&mut self, key: Key) {
        let slot = self.slot(key);
        if slot.state == State::Open && !slot.flags.has(Flags::PAUSED) {
            slot.flags.set(Flags::PAUSED);
            self.cancel(key, Target::Recv);
        }
    }

    pub(crate) fn resume(&mut self, key: Key) {
        if self.slot(key).flags.take(Flags::PAUSED) {
            self.arm_recv(key);
        }
    }

    pub(crate) fn on_recv(&mut self, key: Key, completion: &Completion) -> Option<Event> {
        let len = u32::try_from(completion.result).unwrap_or(0);
        let chunk = completion.buffer().map(|id| self.buffers.take(id, len));
        let conn = self.id(key);
        let slot = self.slot(key);
        if !completion.more() {
            slot.flags.clear(Flags::RECV);
        }
        if slot.state == State::Closing {
            return self.finish(key);
        }
        let deliver = slot.state == State::Open;
        match completion.result {
            1.. => {
                self.stats.recv_chunks += 1;
                self.stats.bytes_in += u64::from(len);
                self.rearm(key, completion);
                let chunk = chunk.filter(|_| deliver)?;
                Some(Event::Data { conn, chunk })
            }
            0 => self.on_end(key),
            error if error == -libc::ENOBUFS => {
                if !slot.flags.has(Flags::PAUSED) {
                    slot.flags.set(Flags::STARVED);
                    self.starved.push_back(key);
                }
                self.stats.out_of_buffers += 1;
                None
            }
            error if error == -libc::ECANCELED || error == -libc::EINTR => {
                self.rearm(key, completion);
                None
            }
            error => {
                self.shut(key, CloseReason::from_errno(-error));
                self.finish(key)
            }
        }
    }

    /// The peer has said everything. What is being flushed may still reach it.
    fn on_end(&mut self, key: Key) -> Option<Event> {
        let (conn, keeps_half_open) = (self.id(key), self.keeps_half_open);
        let slot = self.slot(key);
        match slot.state {
            State::Flushing => {
                slot.flags.set(Flags::ENDED);
                None
            }
            State::Open if keeps_half_open => {
                slot.flags.set(Flags::ENDED);
                Some(Event::Ended { conn })
            }
            State::Open | State::Free | State::Dialing | State::Closing => {
                self.shut(key, CloseReason::Eof);
                self.finish(key)
            }
        }
    }

    fn rearm(&mut self, key: Key, completion: &Completion) {
        if !completion.more() {
            let paused = self.slot(key).flags.has(Flags::PAUSED);
            self.stats.recv_rearms += u64::from(!paused);
            self.arm_recv(key);
        }
    }

    /// Arms as many starved receives as there are buffers, of which there are more from now on.
    pub(crate) fn feed_starved(&mut self) {
        if !self.starved.is_empty() {
            self.buffers.grow();
        }
        let mut available = self.buffers.available();
        while available > 0
            && let Some(key) = self.starved.pop_front()
        {
            let Some(slot) = self.slots.get_mut(key) else { continue };
            slot.flags.clear(Flags::STARVED);
            self.stats.recv_rearms += 1;
            self.arm_recv(key);
            available -= 1;
        }
    }

    /// The vector to append output to.
    pub(crate) fn outbox(&mut self, key: Key) -> Option<&mut Vec<u8>> {
        let slot = self.slots.get_mut(key).filter(|slot| slot.state == State::Open)?;
        if !slot.flags.has(Flags::DIRTY) {
            slot.flags.set(Flags::DIRTY);
            self.dirty.push(key);
        }
        let outbox = slot.outbox.get_or_insert_with(|| self.outboxes.take());
        Some(&mut outbox.pending)
    }

    /// Starts a send for every outbox handed out, unless one is in flight already.
    pub(crate) fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for key in dirty.drain(..) {
            let Some(slot) = self.slots.get_mut(key) else { continue };
            slot.flags.clear(Flags::DIRTY);
            let sending = slot.flags.has(Flags::SEND);
            if !sending && matches!(slot.state, State::Open | State::Flushing) {
                self.send(key);
            }
        }
        self.dirty = dirty;
    }

    /// Starts the next send. Without output the outbox goes, and a flushing slot closes.
    fn send(&mut self, key: Key) {
        let slot = self.slots.get_mut(key).expect("the caller looked it up");
        let file = slot.file().expect("an open slot has a file");
        let Some(outbox) = slot.outbox.as_mut() else { return };
        let bytes = outbox.next_send();
        if bytes.is_empty() {
            self.drop_outbox(key);
            if self.slot(key).state == State::Flushing {
                self.shut(key, CloseReason::Local);
            }
            return;
        }
        slot.flags.set(Flags::SEND);
        self.stats.sends += 1;
        // SAFETY: the bytes are in the outbox's in-flight vector, which neither changes nor is
        // freed while SEND is set: only `next_send` and `drop_outbox` touch it, after `on_send`
        // cleared the flag; `NetRing::drop` waits for the flag or leaks the outbox.
        unsafe { self.uring.send(file, bytes, Token::new(Op::Send, key)) };
    }

    pub(crate) fn on_send(&mut self, key: Key, result: i32) -> Option<Event> {
        let conn = self.id(key);
        let slot = self.slot(key);
        slot.flags.clear(Flags::SEND);
        if slot.state == State::Closing {
            self.drop_outbox(key);
            return self.finish(key);
        }
        if result < 0 && result != -libc::EINTR && result != -libc::EAGAIN {
            self.shut(key, CloseReason::from_errno(-result));
            return self.finish(key);
        }
        let sent = usize::try_from(result).unwrap_or(0);
        slot.outbox.as_mut().expect("kept while a send is in flight").advance(sent);
        self.stats.bytes_out += sent as u64;
        self.send(key);
        let slot = self.slot(key);
        let emptied = slot.outbox.is_none() && slot.flags.take(Flags::NOTIFY_SENT);
        (emptied && slot.state == State::Open).then_some(Event::Sent { conn })
    }
}
