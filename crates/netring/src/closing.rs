//! Ending a connection: output flushed or dropped, operations in flight called back, the file
//! closed, and the slot freed when the last of them is back, so that nothing of an old connection
//! reaches the next user of its slot.

use io_uring::types::Timespec;

use crate::event::{CloseReason, Event};
use crate::id::{Key, Op, Token};
use crate::limits::CLOSE_FLUSH;
use crate::slot::{Flags, State, Target};
use crate::table::Table;

/// The kernel reads it from here.
static CLOSE_FLUSH_TIME: Timespec = CLOSE_FLUSH;

impl Table {
    pub(crate) fn on_cancel(&mut self, key: Key, target: Target, result: i32) -> Option<Event> {
        let slot = self.slot(key);
        slot.flags.clear(target.cancel_flag());
        // The target was between two states, where a cancel does not find it. By now it is in the
        // next one: try again.
        let missed = result < 0 && slot.flags.has(target.flag());
        if missed && (slot.state == State::Closing || slot.flags.has(Flags::PAUSED)) {
            self.cancel(key, target);
        }
        self.finish(key)
    }

    /// Calls an operation back, if it is in flight and not being called back already.
    pub(crate) fn cancel(&mut self, key: Key, target: Target) {
        let flags = &mut self.slot(key).flags;
        if flags.has(target.flag()) && !flags.has(target.cancel_flag()) {
            flags.set(target.cancel_flag());
            self.uring.cancel(Token::new(target.op(), key), Token::new(target.cancel_op(), key));
        }
    }

    /// Closes once the output is sent.
    pub(crate) fn close(&mut self, key: Key) {
        let slot = self.slot(key);
        match slot.state {
            State::Open if slot.outbox.is_some() => {
                slot.state = State::Flushing;
                slot.flags.set(Flags::TIMER);
                // What comes from the peer is read and dropped: data left unread when the socket
                // closes would turn the close into a reset, and that could overtake the output.
                if slot.flags.take(Flags::PAUSED) {
                    self.arm_recv(key);
                }
                self.uring.timer(&CLOSE_FLUSH_TIME, Token::new(Op::Timer, key));
            }
            State::Open | State::Dialing => self.shut(key, CloseReason::Local),
            State::Free | State::Flushing | State::Closing => {}
        }
    }

    /// The peer took too long with the last output.
    pub(crate) fn on_flush_timer(&mut self, key: Key) -> Option<Event> {
        let slot = self.slot(key);
        slot.flags.clear(Flags::TIMER);
        if slot.state == State::Flushing {
            self.shut(key, CloseReason::Local);
        }
        self.finish(key)
    }

    /// Closes now: output is dropped, everything in flight is called back. What comes back last
    /// ends the connection.
    pub(crate) fn shut(&mut self, key: Key, reason: CloseReason) {
        let slot = self.slot(key);
        if slot.state == State::Closing {
            return;
        }
        // A caller that closed is told so, whatever the peer did meanwhile.
        slot.reason = if slot.state == State::Flushing { CloseReason::Local } else { reason };
        slot.state = State::Closing;
        if !slot.flags.has(Flags::SEND) {
            self.drop_outbox(key);
        }
        for target in [Target::Recv, Target::Send, Target::Dial] {
            self.cancel(key, target);
        }
        if self.slot(key).flags.has(Flags::TIMER) {
            self.slot(key).flags.set(Flags::TIMER_CANCEL);
            self.uring.timer_cancel(Token::new(Op::Timer, key), Token::new(Op::TimerCancel, key));
        }
        self.close_file(key);
    }

    pub(crate) fn close_file(&mut self, key: Key) {
        let slot = self.slot(key);
        if let Some(file) = slot.take_file() {
            slot.flags.set(Flags::CLOSE);
            self.uring.close(file, Token::new(Op::Close, key));
        }
    }

    pub(crate) fn drop_outbox(&mut self, key: Key) {
        if let Some(outbox) = self.slot(key).outbox.take() {
            self.outboxes.put(outbox);
        }
    }

    /// Frees the slot when it is closing and the last operation is back.
    pub(crate) fn finish(&mut self, key: Key) -> Option<Event> {
        let conn = self.id(key);
        let slot = self.slot(key);
        if slot.state != State::Closing || slot.flags.in_flight() {
            return None;
        }
        let reason = slot.reason;
        let dialed = slot.flags.has(Flags::DIALED);
        self.slots.remove(key);
        if !dialed {
            return Some(Event::Closed { conn, reason });
        }
        self.dials.remove(&key.slot);
        let errno = match reason {
            CloseReason::Error(errno) => errno,
            CloseReason::Local | CloseReason::Eof | CloseReason::Reset => libc::ECANCELED,
        };
        Some(Event::ConnectFailed { conn, error: std::io::Error::from_raw_os_error(errno) })
    }
}
