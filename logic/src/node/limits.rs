//! The bounds of a node, with the arithmetic that gives them.

use service::CORES_MAX;
use shard::limits::PARTITIONS;
use std::time::Duration;

/// Entries that a core has links to at a time: 64 gateways of 16 cores.
pub const ENTRIES_PER_CORE_MAX: u16 = 1024;
/// Peers whose last link a core remembers: 16 lives of each entry, 40 bytes each.
pub const GENERATIONS_MAX: usize = 16 * ENTRIES_PER_CORE_MAX as usize;
/// Cores of a node: an entry's number, 16 bits, says which core has its link.
pub const NODE_CORES_MAX: u16 = 64;
/// Connections of a core: every entry, every core of 64 other nodes, and as many that have not said who they are.
pub const LINKS_MAX: usize = 8 * 1024;
/// Messages that a shard of one partition has taken and not answered.
pub const PARTITION_IN_FLIGHT_MAX: usize = 2 * 1024;
/// The same of all shards of a core: at 10,000/s, 1.6 s.
pub const CORE_IN_FLIGHT_MAX: usize = 16 * 1024;
/// Ids that a shard of one partition remembers. The store knows the others.
pub const PARTITION_IDS_MAX: usize = 16 * 1024;
/// What the task that keeps the lease may tell a core ahead of it: each partition is begun, stopped and dropped.
pub const CONTROL_MAX: usize = 4 * PARTITIONS as usize;
/// What cores and the store may tell that task ahead of it.
pub const OWNERSHIP_INPUTS_MAX: usize = 4 * PARTITIONS as usize;
/// How often shards are looked at for timers that have come, in ms.
pub const TIMERS_EVERY_MS: u64 = 50;
/// Time for one question to the tables of ownership: then its outcome counts as unknown.
pub const TABLES_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest time between two updates of what the admin pages show, in ms.
pub const SHOW_EVERY_MS: u64 = 1_000;
/// How often the clocks of others are looked at, in ms: as often as links ask for them.
pub const CLOCKS_EVERY_MS: u64 = link::PING_MS;
/// Partitions begun within so many ms of each other share one line of the log.
pub const BEGUN_MS: u64 = 500;

const _: () = assert!(ENTRIES_PER_CORE_MAX as u32 * NODE_CORES_MAX as u32 <= 1 << 16);
const _: () = assert!(NODE_CORES_MAX <= CORES_MAX);
const _: () = assert!(PARTITION_IN_FLIGHT_MAX <= CORE_IN_FLIGHT_MAX);
const _: () = assert!(LINKS_MAX >= 4 * ENTRIES_PER_CORE_MAX as usize);
