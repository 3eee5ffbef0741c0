//! Connections over TCP, whatever carries their frames. What each is called above is kept here, with what
//! of it is partial.
//!
//! A connection's place is the one that its id names. Idle: no heap.

use super::Channel;
use crate::chunks::Chunks;
use crate::limits::{HANDSHAKES_MAX, TCP_BYTES_MAX};
use front::{Bounds, Common, Front, Heard, Security};
use netring::ConnId;
use std::collections::VecDeque;
use wire::RefusalCode;

/// One connection, which is called `K` above.
struct Stream<K> {
    key: K,
    front: Front,
}

/// The connections of one core. `K` has a niche: a place is no larger than what is in it.
pub struct Tcp<K> {
    /// By the ring's table, then by slot.
    tables: Vec<Chunks<Stream<K>>>,
    common: Common,
    /// Whose handshake waits for its turn, the longest wait first.
    waiting: VecDeque<ConnId>,
}

impl<K> Default for Tcp<K> {
    fn default() -> Self {
        Self::new(Security::Off)
    }
}

impl<K> Tcp<K> {
    /// Without connections, which will or will not speak TLS.
    #[must_use]
    pub fn new(security: Security) -> Self {
        Self { tables: Vec::new(), common: Common::new(security), waiting: VecDeque::new() }
    }

    /// A turn begins, in which so many steps of handshakes may be taken.
    pub fn begin_turn(&mut self) {
        self.common.handshakes = HANDSHAKES_MAX;
    }

    /// Whose handshake is to be gone on with, if this turn has time for it: nothing is to be read of it.
    pub fn next_waiting(&mut self) -> Option<ConnId> {
        if self.common.handshakes == 0 { None } else { self.waiting.pop_front() }
    }

    /// Handshakes that wait for their turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

impl<K: Copy> Tcp<K> {
    const FITS: () = assert!(Chunks::<Stream<K>>::PLACE_BYTES <= TCP_BYTES_MAX);

    /// Adds a connection.
    ///
    /// # Panics
    /// The one before in this place was not removed.
    pub fn insert(&mut self, conn: ConnId, key: K) {
        const { Self::FITS };
        let table = conn.table();
        if self.tables.len() <= table {
            self.tables.resize_with(table + 1, Chunks::default);
        }
        let place = self.tables[table].make(conn.slot() as usize);
        assert!(place.is_none(), "a slot's connection ends before the next begins");
        *place = Some(Stream { key, front: Front::default() });
    }

    /// What a connection is called above.
    pub fn key(&mut self, conn: ConnId) -> Option<K> {
        Some(self.place(conn)?.as_ref()?.key)
    }

    /// A connection is called so from now on.
    pub fn rename(&mut self, conn: ConnId, key: K) {
        if let Some(Some(stream)) = self.place(conn) {
            stream.key = key;
        }
    }

    /// Forgets a connection, and says what it was called.
    pub fn remove(&mut self, conn: ConnId) -> Option<K> {
        Some(self.place(conn)?.take()?.key)
    }

    /// Hands over what is in a piece of a channel, until `take` wants no more. Returns the bytes that were
    /// copied, because their frame is split or lies unaligned.
    pub fn read(
        &mut self,
        channel: Channel,
        piece: &mut [u8],
        bounds: Bounds<'_>,
        mut take: impl FnMut(Heard<'_>) -> bool,
    ) -> usize {
        let conn = channel.conn();
        let Self { tables, common, waiting } = self;
        let Some(Some(stream)) = place(tables, conn) else { return 0 };
        stream.front.read(channel.carrier, piece, (bounds, common), |heard| {
            if matches!(heard, Heard::Waits) {
                waiting.push_back(conn);
                return true;
            }
            take(heard)
        })
    }

    /// Appends what carries these bytes to a connection that is sealed; nothing, if nothing can.
    pub fn seal(&mut self, conn: ConnId, plain: &[u8], out: &mut Vec<u8>) {
        if let Some(Some(stream)) = self.place(conn) {
            stream.front.seal(plain, out);
        }
    }

    /// Appends the last word of what seals a connection.
    pub fn close(&mut self, conn: ConnId, out: &mut Vec<u8>) {
        if let Some(Some(stream)) = self.place(conn) {
            stream.front.close(out);
        }
    }

    /// Appends the last word of what carries a channel's frames, which is to be closed for this reason; none: in
    /// order.
    pub fn part(&mut self, channel: Channel, why: Option<RefusalCode>, out: &mut Vec<u8>) {
        if let Some(Some(stream)) = self.place(channel.conn()) {
            stream.front.part(channel.carrier, why, out);
        }
    }

    fn place(&mut self, conn: ConnId) -> Option<&mut Option<Stream<K>>> {
        place(&mut self.tables, conn)
    }
}

fn place<K>(tables: &mut [Chunks<Stream<K>>], conn: ConnId) -> Option<&mut Option<Stream<K>>> {
    tables.get_mut(conn.table())?.get_mut(conn.slot() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use front::Carrier;
    use std::num::NonZeroU64;
    use wire::{FRAME_BYTES_MAX, encode, frames::Heartbeat};

    fn key(number: u64) -> NonZeroU64 {
        NonZeroU64::new(number).unwrap()
    }

    #[test]
    fn a_place_is_one_connections_at_a_time() {
        let (first, second) = (ConnId::new(1, 3_000, 1), ConnId::new(1, 3_000, 2));
        let mut tcp = Tcp::default();
        assert_eq!(tcp.key(first), None);
        tcp.insert(first, key(5));
        assert_eq!(tcp.key(first), Some(key(5)));
        assert_eq!(tcp.remove(first), Some(key(5)));
        assert_eq!(tcp.remove(first), None);
        tcp.insert(second, key(6));
        assert_eq!(tcp.key(second), Some(key(6)));
        assert_eq!(tcp.key(ConnId::new(0, 3_000, 1)), None);
        assert_eq!(tcp.key(ConnId::new(9, 0, 1)), None);
    }

    fn frames(conn: ConnId) -> Channel {
        Channel { carrier: Carrier::Frames, ..Channel::of(conn) }
    }

    fn bounds() -> Bounds<'static> {
        Bounds { frame_bytes_max: FRAME_BYTES_MAX, origins: &[], has_pages: false, user: 0 }
    }

    #[test]
    fn frames_in_pieces_belong_to_their_connection() {
        let conns = [ConnId::new(0, 0, 1), ConnId::new(0, 1, 1)];
        let mut tcp = Tcp::default();
        let mut bytes = [vec![], vec![]];
        for (at, conn) in conns.into_iter().enumerate() {
            tcp.insert(conn, key(at as u64 + 1));
            encode(&mut bytes[at], at as u64, Heartbeat { time_ms: 1 });
        }
        let mut heard = vec![];
        for nth in 0..bytes[0].len() {
            for (conn, bytes) in conns.into_iter().zip(&mut bytes) {
                tcp.read(frames(conn), &mut bytes[nth..=nth], bounds(), |it| {
                    let Heard::Frame(Ok(frame)) = it else { panic!("{it:?}") };
                    heard.push((conn, frame.header.request_id));
                    true
                });
            }
        }
        assert_eq!(heard, [(conns[0], 0), (conns[1], 1)]);
    }

    #[test]
    fn nothing_is_read_after_the_last_word_or_an_error() {
        let conn = ConnId::new(0, 0, 1);
        let mut tcp = Tcp::default();
        tcp.insert(conn, key(1));
        let mut bytes = vec![];
        (0..3).for_each(|nth| encode(&mut bytes, nth, Heartbeat { time_ms: 1 }));
        let mut heard = 0;
        tcp.read(frames(conn), &mut bytes, bounds(), |_| {
            heard += 1;
            heard < 2
        });
        assert_eq!(heard, 2);
        tcp.read(frames(conn), &mut [0xff; 240], bounds(), |it| {
            heard += 1;
            assert!(matches!(it, Heard::Frame(Err(_))), "{it:?}");
            true
        });
        assert_eq!(heard, 3);
    }
}
