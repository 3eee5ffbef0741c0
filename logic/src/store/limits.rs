//! The bounds of a store, with the arithmetic that gives them.

use std::time::Duration;

use crate::limits::SHARD_IN_FLIGHT_MAX;

/// Reads asked for and not polled. A shard has at most [`SHARD_IN_FLIGHT_MAX`] inputs in hand, each with one read at
/// a time; twice that, for pushes and repairs. More is a bug.
pub const READS_MAX: usize = 2 * SHARD_IN_FLIGHT_MAX;
/// Messages to the index's thread: each read may bring the records before it, and each segment comes once.
pub const REQUESTS_MAX: usize = 2 * READS_MAX + 2 * SEGMENTS_MAX;
/// Bytes that direct IO takes and leaves whole, on every disk and file system in use.
pub const BLOCK_BYTES: usize = 4096;
/// Bytes of a segment of the log. At 10,000 messages/s of 128 bytes a shard, two seconds.
pub const SEGMENT_BYTES: usize = 8 * 1024 * 1024;
/// Segments of a log, 128 MiB: how far the index may be behind. Then commits wait, and the shard refuses.
pub const SEGMENTS_MAX: usize = 16;
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
/// Memtables that wait for the worker, beyond which records wait: one less than where fjall itself
/// sleeps in steps of 100 ms, without noticing a worker that has died.
pub const SEALED_MEMTABLES_MAX: usize = 3;
/// How long to wait before looking at them again.
pub const SEALED_WAIT: Duration = Duration::from_millis(1);
/// The least that fjall takes as the size of its journals.
pub const JOURNAL_BYTES_MIN: u64 = 64 * 1024 * 1024;
/// Reads of one CQL store that are asked for at a time; more wait in its front, in order. 500 partitions of a node with
/// 64 each are far beyond what [`CQL_STATEMENTS_MAX`] lets through, so a lone busy partition is not held up by it.
#[cfg(feature = "cluster")]
pub const CQL_READS_IN_FLIGHT_MAX: usize = 64;
/// Requests of a CQL store that its task was given and has not answered, and as many replies: the reads, one phase of one
/// commit, the id bound. The front asks for no more, so a channel that is full is a bug.
#[cfg(feature = "cluster")]
pub const CQL_REQUESTS_MAX: usize = CQL_READS_IN_FLIGHT_MAX + 2;
/// Commits asked for and not polled. A shard has one at a time; more is a bug there, and what tests may do.
#[cfg(feature = "cluster")]
pub const CQL_COMMITS_MAX: usize = 8 * 1024;
/// Statements of a process in flight, unless the configuration says otherwise; more wait, first come first served. A
/// server with 16 threads gives its most between 128 and 256; beyond, they only wait there.
#[cfg(feature = "cluster")]
pub const CQL_STATEMENTS_MAX: usize = 256;
/// Logs of a process that are taken over, and contacts that are loaded, at a time, at first; more wait, first come first served. Each has one statement in
/// flight, and what it lets go on some more: a server with two cores takes 8 beside its load, with 16 others wait.
#[cfg(feature = "cluster")]
pub const CQL_TAKEOVERS_FIRST: usize = 8;
/// However late the others' writes are: 4 reads of 25 ms are 50 logs a second.
#[cfg(feature = "cluster")]
pub const CQL_TAKEOVERS_MIN: usize = 4;
/// However soon they are done: half of [`CQL_STATEMENTS_MAX`].
#[cfg(feature = "cluster")]
pub const CQL_TAKEOVERS_MAX: usize = CQL_STATEMENTS_MAX / 2;
/// Rows that one statement reads: two windows of an inbox are two statements, and 256 bodies of the largest size 8 MiB.
#[cfg(feature = "cluster")]
pub const CQL_PAGE_ROWS: usize = 256;
/// Takeovers of logs that were decided and whose rewriting was not finished by the deadline of the read. They are kept
/// until it is; beyond this many, further loads are answered as unavailable.
#[cfg(feature = "cluster")]
pub const CQL_UNFINISHED_MAX: usize = 1024;
/// Places of a log in one partition of its table: 8,192 rows of up to 300 bytes are 2.4 MB, well below the 100 MB where
/// partitions get slow, also with larger bodies.
#[cfg(feature = "cluster")]
pub const CQL_BUCKET_BITS: u32 = 13;

const _: () = assert!(RECORD_BYTES_MAX + wire::BODY_BYTES_MAX + 2 * BLOCK_BYTES <= SEGMENT_BYTES);
const _: () = assert!(SEGMENTS_MAX >= 3, "one in use, one ready, one being synced");
