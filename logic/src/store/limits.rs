//! The bounds of a store, with the arithmetic that gives them.

use std::time::Duration;

use crate::limits::SHARD_IN_FLIGHT_MAX;

/// Requests asked for and not polled. A shard has at most [`SHARD_IN_FLIGHT_MAX`] inputs in hand, each with one
/// read or one commit at a time; twice that, for contacts and positions written behind. More is a bug.
pub const REQUESTS_MAX: usize = 2 * SHARD_IN_FLIGHT_MAX;
/// Rows of a group, which is written and synced as one: 64 messages of three rows, sixteen times. Larger groups
/// save no more CPU and only delay their first commit.
pub const GROUP_ROWS_MAX: usize = 16 * 64 * 3;
/// Bytes of bodies in a group: what a disk of 500 MB/s syncs in 8 ms.
pub const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a look at the free space holds.
pub const SPACE_CHECK_INTERVAL: Duration = Duration::from_millis(200);
/// Bytes written for which a look at the free space holds: four groups.
pub const SPACE_CHECK_BYTES: usize = 4 * GROUP_BYTES_MAX;
/// Memtables that wait for the worker, beyond which groups wait: one less than where fjall itself
/// sleeps in steps of 100 ms, without noticing a worker that has died.
pub const SEALED_MEMTABLES_MAX: usize = 3;
/// How long to wait before looking at them again.
pub const SEALED_WAIT: Duration = Duration::from_millis(1);
/// The least that fjall takes as the size of its journals.
pub const JOURNAL_BYTES_MIN: u64 = 64 * 1024 * 1024;

const _: () = assert!(GROUP_BYTES_MAX >= 2 * wire::BODY_BYTES_MAX);
