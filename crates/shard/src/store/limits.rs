//! The bounds of a store, with the arithmetic that gives them.

use std::time::Duration;

use crate::limits::SHARD_IN_FLIGHT_MAX;

/// Reads asked for and not polled. A shard has at most [`SHARD_IN_FLIGHT_MAX`] inputs in hand, each with one read at
/// a time; twice that, for pushes and repairs. More is a bug.
pub const READS_MAX: usize = 2 * SHARD_IN_FLIGHT_MAX;
/// Messages to the index's thread: each read may bring the records before it, each segment comes once, and so may one about what goes.
pub const REQUESTS_MAX: usize = 2 * READS_MAX + 2 * SEGMENTS_MAX + 2;
/// Messages from the index's thread: an answer each read, each segment once, each text once, that something went, a failure. That there is room, or
/// none, comes at most every 200 ms, and is heard before the next.
pub const REPLIES_MAX: usize = READS_MAX + SEGMENTS_MAX + DAMAGE_TEXTS_MAX + 64;
/// Bytes that direct IO takes and leaves whole, on every disk and file system in use.
pub const BLOCK_BYTES: usize = 4096;
/// Bytes of a segment of the log. At 10,000 messages/s of 128 bytes a shard, two seconds.
pub const SEGMENT_BYTES: usize = 8 * 1024 * 1024;
/// Segments of a log, 128 MiB: how far the index may be behind, and what is held in memory for it. Then commits wait, and the
/// shard refuses.
pub const SEGMENTS_MAX: usize = 16;
/// Bytes of records in memory for which the index is filled: with less, its tables are small, and merging them costs more.
pub const FILLING_BYTES: usize = 24 * 1024 * 1024;
/// Full segments for which it is filled with what there is: few messages a second leave most of a segment empty. So many are left
/// to be written while it is being filled: at 2,000 messages/s three seconds.
pub const FILLING_SEGMENTS: usize = 10;
/// Bytes of rows after which what was asked meanwhile is answered: some 1 ms.
pub const FILLING_SLICE_BYTES: usize = 256 * 1024;
/// Bytes of rows that are synced at a time: what a disk of 500 MB/s writes in 2 ms.
pub const FILLING_SYNC_BYTES: usize = 1024 * 1024;
/// How long to wait for requests before looking again whether the disk is done.
pub const FILLING_WAIT: Duration = Duration::from_millis(1);
/// How long to wait before looking again whether the index's tables were merged.
pub const MERGE_WAIT: Duration = Duration::from_millis(20);
/// Bytes of items in a record, beyond which the next row begins another: what a disk of 500 MB/s writes in 2 ms.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of records written, for which the index is given them: one hand-over for some thousand messages.
pub const INDEX_BATCH_BYTES: usize = 512 * 1024;
/// How long records wait for it otherwise.
pub const INDEX_DELAY: Duration = Duration::from_millis(100);
/// How long a look at the free space holds.
pub const SPACE_CHECK_INTERVAL: Duration = Duration::from_millis(200);
/// Bytes written for which a look at the free space holds.
pub const SPACE_CHECK_BYTES: usize = 2 * SEGMENT_BYTES;
/// Users and rows that a slice of what goes looks at: some 5 ms, which reads may have to wait.
pub const EXPIRE_STEPS: usize = 512;
/// How long after a slice the next one is, in ms: at most 25,000 rows a second go, more than a shard takes.
pub const EXPIRE_SLICE_MS: u64 = 20;
/// How long after all users were looked at they are again, in ms.
pub const EXPIRE_ROUND_MS: u64 = 10 * 60_000;
/// Free bytes with which an index that had no room is opened again: what its tables and journals take at the least.
pub const REOPEN_BYTES: u64 = 4 * SEGMENT_BYTES as u64;
/// Texts of damage that are told, and kept so that none is told twice. More of it is refused without a word.
pub const DAMAGE_TEXTS_MAX: usize = 16;
/// Memtables that wait for the worker, beyond which records wait: one less than where fjall itself
/// sleeps in steps of 100 ms, without noticing a worker that has died.
pub const SEALED_MEMTABLES_MAX: usize = 3;
/// How long to wait before looking at them again.
pub const SEALED_WAIT: Duration = Duration::from_millis(1);
/// Bytes of the index's own journals, of what goes; also what is read of them at the start. Fjall takes no less.
pub const JOURNAL_BYTES_MAX: u64 = 64 * 1024 * 1024;

const _: () = assert!(RECORD_BYTES_MAX + wire::BODY_BYTES_MAX + 2 * BLOCK_BYTES <= SEGMENT_BYTES);
const _: () = assert!(
    SEGMENTS_MAX >= FILLING_SEGMENTS + 3,
    "one in use, one ready, one while the index is filled"
);
