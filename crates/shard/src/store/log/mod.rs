//! The shard's log: every commit once, in order, durable before anything else knows of it.
//!
//! A log is a ring of preallocated segment files. A commit is one record (a large one several), written by the core
//! itself with one direct, synchronous write and never changed: measured on one 4 KiB commit at a time, a third of the
//! CPU of an fdatasync on a growing file, and no other thread. The index takes the records afterwards, in batches, and
//! a segment is used again once the index is synced beyond it.
//!
//! If the process dies, opening replays what the index may lack. A record that was cut short was not acknowledged.

mod buffer;
mod items;
mod record;
mod segment;
mod front;
mod recovery;

pub use buffer::Buffer;
pub use front::{Front, LogWrite};
pub use items::{BadItem, Item, Items, Spot, Table};
#[cfg(test)]
pub use items::{TABLES, Writer};
pub use record::Record;
pub use recovery::{Known, Through, recover};
pub use segment::{FoundSegment, Segment, SegmentFiles};
