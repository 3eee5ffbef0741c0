//! Every bound of the crate, with the arithmetic that gives it. It knows nothing of what a
//! connection carries: how much a caller may put in an outbox is the caller's bound.

use std::time::Duration;

use io_uring::types::Timespec;

/// Largest file table a ring gets by default. The kernel caps one table at `RLIMIT_NOFILE`, and
/// 14,000 x 72 rings is the arrangement measured at a million connections under a limit of 20,000.
pub const TABLE_SIZE_DEFAULT_MAX: usize = 14_000;

/// Slot numbers fit the 20 bits a [`crate::ConnId`] has for them.
pub const TABLE_SIZE_MAX: usize = 1 << 20;

/// Table numbers fit the 12 bits a [`crate::ConnId`] has for them.
pub const TABLES_MAX: usize = 1 << 12;

/// The kernel takes at most 2^15 entries in a provided-buffer ring.
pub const BUFFER_COUNT_MAX: u16 = 1 << 15;

/// Keeps a chunk's length, and the product with `BUFFER_COUNT_MAX`, far from 32 bits.
pub const BUFFER_SIZE_MAX: u32 = 1 << 16;

/// Receive buffers a table begins with. The kernel takes them in turn, so all that it has are soon touched: 128 KiB a
/// table at the usual size. Whenever they run out there are twice as many, up to the configured number.
pub const BUFFERS_AT_START: u16 = 32;

/// Submission entries at least: linked ones of an operation fit.
pub const QUEUE_DEPTH_MIN: u32 = 8;

/// The kernel takes at most 2^15 submission entries.
pub const QUEUE_DEPTH_MAX: u32 = 1 << 15;

/// Completion entries per submission entry: a burst of chunks, sends and closes of one turn fits.
/// Past it the kernel keeps the rest in memory (`IORING_FEAT_NODROP`).
pub const COMPLETIONS_PER_SUBMISSION: u32 = 4;

/// Completions taken off the rings and not yet asked for by `next_event`; the rest stay in the
/// kernel's queue. 24 bytes each: 1.5 MiB at most.
pub const REAPED_MAX: usize = 1 << 16;

/// Accepts in flight one by one once a table has less room than the listener's backlog. More
/// would only widen the share of the last slots that `connect` cannot have.
pub const ACCEPT_SINGLES_MAX: u32 = 16;

/// Idle outboxes kept for reuse by one table: 1,024 x 2 vectors of at most
/// `OUTBOX_KEPT_CAPACITY_MAX`, 32 MiB if every one of them had grown to the limit.
pub const OUTBOX_POOL_MAX: usize = 1_024;

/// A vector that grew beyond this is freed rather than kept.
pub const OUTBOX_KEPT_CAPACITY_MAX: usize = 16 * 1_024;

/// One send hands at most this to the kernel; the rest follows when it completes.
pub const SEND_SIZE_MAX: usize = 1 << 20;

/// Writes to files in flight: a log has one or a few.
pub const FILE_WRITES_MAX: usize = 64;

/// One write to a file hands at most this to the kernel.
pub const FILE_WRITE_SIZE_MAX: usize = 1 << 30;

/// How long `close` lets a peer take the pending output before it is dropped.
pub const CLOSE_FLUSH: Timespec = Timespec::new().sec(5);

/// Pause after an accept failed for want of memory or descriptors, so that it never spins.
pub const ACCEPT_RETRY: Timespec = Timespec::new().nsec(100_000_000);

/// Steps of up to 10 ms without a connection ending after which a dropped net ring stops waiting for
/// the kernel and leaks what it may still use.
pub const DROP_STALLS_MAX: u32 = 100;

/// `wait` blocks in the ring and looks up once a tick. After a tick without events it hands the
/// thread to glommio, whose park costs about eight system calls; under load it is never paid. An
/// idle ring holds back other tasks of the executor by at most two ticks. One timer a tick instead
/// of one a wait: arming it costs microseconds on a virtual machine. For an executor that has nothing
/// else to do, a longer one (`Config::tick`) costs less.
pub const TICK_DEFAULT: Duration = Duration::from_micros(500);

/// Longest tick: other tasks may have to wait for two of them.
pub const TICK_MAX: Duration = Duration::from_secs(1);

/// A busy net ring gives the executor a whole turn (tasks, timers, IO) every so many ticks: by default
/// one millisecond, of which a turn takes about one hundredth.
pub const TICKS_PER_EXECUTOR_TURN: u32 = 2;

const _: () = assert!(TABLE_SIZE_DEFAULT_MAX <= TABLE_SIZE_MAX);
const _: () = assert!((BUFFER_COUNT_MAX as u64) * (BUFFER_SIZE_MAX as u64) <= 1 << 31);
