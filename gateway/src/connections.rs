//! All connections of an entry, each in the place that its id names. No hash, no key, no copy as it grows.
//!
//! It knows nothing of what a connection is but its generation.

use crate::conn::Connection;
use netring::ConnId;

/// Connections of a chunk of 16 KiB, a size that the allocator has: growing copies nothing and leaves no hole behind.
const CHUNK: usize = 16 * 1024 / size_of::<Option<Connection>>();

type Chunk = Box<[Option<Connection>]>;

/// The connections of one entry: chunks of places, by table and slot of the id.
#[derive(Default)]
pub struct Connections {
    /// By table, then by slot.
    tables: Vec<Vec<Chunk>>,
    len: usize,
}

impl Connections {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The connection of this id, unless it is gone.
    pub fn get_mut(&mut self, conn: ConnId) -> Option<&mut Connection> {
        self.place(conn)?.as_mut().filter(|state| state.generation == conn.generation())
    }

    /// Adds a connection that was accepted at `now_ms`.
    ///
    /// # Panics
    /// The one before in this place was not removed.
    pub fn insert(&mut self, conn: ConnId, now_ms: u64) {
        let (table, chunk) = (conn.table(), slot(conn) / CHUNK);
        if self.tables.len() <= table {
            self.tables.resize_with(table + 1, Vec::new);
        }
        let chunks = &mut self.tables[table];
        while chunks.len() <= chunk {
            chunks.push((0..CHUNK).map(|_| None).collect());
        }
        let place = self.place(conn).expect("just made");
        assert!(place.is_none(), "a slot's connection ends before the next begins");
        *place = Some(Connection::new(conn.generation(), now_ms));
        self.len += 1;
    }

    /// Forgets a connection, if it is there.
    pub fn remove(&mut self, conn: ConnId) {
        if self.get_mut(conn).is_some() {
            *self.place(conn).expect("just found") = None;
            self.len -= 1;
        }
    }

    /// The id of each.
    pub fn ids(&self) -> impl Iterator<Item = ConnId> {
        (0..).zip(&self.tables).flat_map(|(table, chunks)| {
            let places = (0..).zip(chunks.iter().flatten());
            places.filter_map(move |(slot, place)| {
                Some(ConnId::new(table, slot, place.as_ref()?.generation))
            })
        })
    }

    fn place(&mut self, conn: ConnId) -> Option<&mut Option<Connection>> {
        let chunk = self.tables.get_mut(conn.table())?.get_mut(slot(conn) / CHUNK)?;
        Some(&mut chunk[slot(conn) % CHUNK])
    }
}

fn slot(conn: ConnId) -> usize {
    conn.slot() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_knows_its_connections_apart() {
        let (first, second) = (ConnId::new(1, 300, 1), ConnId::new(1, 300, 2));
        let mut connections = Connections::default();
        connections.insert(first, 5);
        assert!(connections.get_mut(second).is_none());
        connections.remove(second);
        assert_eq!(connections.len(), 1);
        connections.remove(first);
        connections.insert(second, 6);
        assert!(connections.get_mut(first).is_none());
        assert_eq!(connections.get_mut(second).unwrap().heard_ms, 6);
    }

    #[test]
    fn every_id_comes_back() {
        let chunk = u32::try_from(CHUNK).unwrap();
        let ids = [(0, 0, 9), (0, chunk - 1, 1), (0, chunk, 1), (3, 5 * chunk, 2)];
        let ids = ids.map(|(table, slot, generation)| ConnId::new(table, slot, generation));
        let mut connections = Connections::default();
        ids.iter().for_each(|id| connections.insert(*id, 0));
        assert_eq!(connections.ids().collect::<Vec<_>>(), ids);
        assert!(connections.get_mut(ConnId::new(2, 0, 1)).is_none());
        assert!(connections.get_mut(ConnId::new(9, 0, 1)).is_none());
    }
}
