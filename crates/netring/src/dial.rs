//! Making a connection: a socket in the file table, then, linked, its options, its local address and
//! the connect. Nothing here knows what follows once it is open.
#![allow(unsafe_code, reason = "a dial points to addresses the table keeps")]

use crate::address::{Dial, SocketAddress};
use crate::event::{CloseReason, Event};
use crate::id::{Key, Op, Token};
use crate::slot::{Flags, State};
use crate::table::Table;

impl Table {
    /// Starts a connection: first its socket.
    pub(crate) fn dial(&mut self, to: SocketAddress, from: Option<SocketAddress>) -> Option<Key> {
        let key = self.slots.insert(State::Dialing)?;
        self.slot(key).flags.set(Flags::DIAL);
        self.slot(key).flags.set(Flags::DIALED);
        self.uring.socket(to.domain(), Token::new(Op::Socket, key));
        self.dials.insert(key.slot, Box::new(Dial { to, from }));
        Some(key)
    }

    pub(crate) fn on_socket(&mut self, key: Key, result: i32) -> Option<Event> {
        self.slot(key).flags.clear(Flags::DIAL);
        if let Ok(file) = u32::try_from(result) {
            self.slot(key).set_file(file);
            if self.slot(key).state == State::Closing {
                self.close_file(key);
                return None;
            }
            self.slot(key).flags.set(Flags::DIAL);
            let dial = self.dials.get(&key.slot).expect("kept until the dial is done");
            // SAFETY: the dial is boxed and removed only in `finish` or `on_dial`, neither of
            // which runs before the chain's completion (flag DIAL).
            unsafe {
                self.uring.dial(file, &dial.to, dial.from.as_ref(), Token::new(Op::Dial, key))
            };
            return None;
        }
        self.shut(key, CloseReason::Error(-result));
        self.finish(key)
    }

    pub(crate) fn on_dial(&mut self, key: Key, result: i32) -> Option<Event> {
        let slot = self.slot(key);
        slot.flags.clear(Flags::DIAL);
        if slot.state == State::Closing {
            return self.finish(key);
        }
        if result < 0 {
            self.shut(key, CloseReason::Error(-result));
            return self.finish(key);
        }
        slot.state = State::Open;
        slot.flags.clear(Flags::DIALED);
        self.dials.remove(&key.slot);
        self.arm_recv(key);
        Some(Event::Connected { conn: self.id(key) })
    }
}
