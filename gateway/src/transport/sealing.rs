//! What is written to connections that speak TLS, until the end of the turn: then each one's is sealed together, in as few
//! records as it takes. Of other connections it knows nothing; a byte that is not sealed goes nowhere.

use super::{Channel, ChannelId, Outbox, Outboxes};
use netring::NetRing;
use std::collections::HashMap;

/// Buffers that are kept for the next turn, and how large each may be: what a turn of a busy core takes.
const SPARE_MAX: usize = 256;
const SPARE_BYTES_MAX: usize = 64 * 1024;

/// What was written this turn, by connection.
#[derive(Default)]
pub struct Sealing {
    written: HashMap<ChannelId, Vec<u8>>,
    spare: Vec<Vec<u8>>,
}

impl Sealing {
    /// Where what is to be said to a channel is appended.
    fn of(&mut self, channel: Channel) -> &mut Vec<u8> {
        let spare = &mut self.spare;
        self.written.entry(channel.id).or_insert_with(|| spare.pop().unwrap_or_default())
    }

    /// Whose there is something of.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelId> {
        self.written.keys().copied().collect()
    }

    /// Takes what was written to a channel.
    pub fn take(&mut self, id: ChannelId) -> Option<Vec<u8>> {
        self.written.remove(&id)
    }

    /// Gives back memory that [`Sealing::take`] gave.
    pub fn give_back(&mut self, mut bytes: Vec<u8>) {
        if self.spare.len() < SPARE_MAX && bytes.capacity() <= SPARE_BYTES_MAX {
            bytes.clear();
            self.spare.push(bytes);
        }
    }
}

/// The connections of one core, as they are written to.
pub struct Sockets {
    /// Where they are.
    pub ring: NetRing,
    /// What is to be sealed.
    pub sealing: Sealing,
}

impl Outboxes for Sockets {
    fn outbox(&mut self, channel: Channel) -> Option<Outbox<'_>> {
        let (conn, carrier) = (channel.conn(), channel.carrier);
        let waiting = self.ring.outbox_len(conn);
        if !channel.is_sealed {
            let bytes = self.ring.outbox(conn)?;
            return Some(Outbox { bytes, waiting, carrier });
        }
        // It marks the connection as one that has something to send, and says whether it is open.
        self.ring.outbox(conn)?;
        let bytes = self.sealing.of(channel);
        let waiting = waiting + bytes.len();
        Some(Outbox { bytes, waiting, carrier })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netring::ConnId;

    #[test]
    fn what_was_written_to_a_channel_is_taken_once() {
        let mut sealing = Sealing::default();
        let channels = [Channel::of(ConnId::new(0, 0, 1)), Channel::of(ConnId::new(0, 1, 1))];
        for (channel, bytes) in channels.into_iter().cycle().zip([b"a", b"b", b"c"]) {
            sealing.of(channel).extend_from_slice(bytes);
        }
        assert_eq!(sealing.channels().len(), 2);
        let taken = sealing.take(channels[0].id).unwrap();
        assert_eq!((taken.as_slice(), sealing.take(channels[0].id)), (&b"ac"[..], None));
        sealing.give_back(taken);
        assert!(sealing.of(channels[0]).is_empty(), "it is used again, and empty");
        assert_eq!(sealing.take(channels[1].id).unwrap(), b"b");
    }
}
