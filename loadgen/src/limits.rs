//! Every bound of the generator, with the arithmetic that gives it.

/// Devices of one user: a message's deliveries are one byte, four bits for each side.
pub const DEVICES_MAX: usize = 4;
/// Smallest body: the stamp of [`crate::body`].
pub const BODY_BYTES_MIN: usize = crate::body::STAMP_BYTES;
/// Examples kept of each kind of fault, for a person to start from.
pub const EXAMPLES_MAX: usize = 8;
/// A place of a group's log that is so far behind all that are known is not believed: the judge keeps 8 bytes for each between.
pub const PLACES_AHEAD_MAX: u64 = 1 << 20;
/// Groups of one thread: the judge keeps about 300 bytes of each member and device, 200 times that in the largest: 1.2 GB.
pub const GROUPS_MAX: usize = 20_000;
/// Faulty messages remembered of each kind, so that one message is one fault; 24 bytes each. Beyond
/// it every sighting counts.
pub const FAULTS_REMEMBERED_MAX: usize = 100_000;
/// Longest latency that a histogram tells apart, in ns: 60 s. What is longer counts as this.
pub const LATENCY_NS_MAX: u64 = 60_000_000_000;
/// Digits that a histogram keeps.
pub const LATENCY_DIGITS: u8 = 3;
/// Stages of a run; each keeps two distributions of 230 KB in every thread.
pub const STAGES_MAX: usize = 32;
/// Commands on a run's timeline; each keeps a distribution of 230 KB in every thread.
pub const EVENTS_MAX: usize = 16;
/// Steps of a thread's sending and draining that are told apart; 20 bytes each, 27 hours. What
/// comes later is in none.
pub const STEPS_MAX: usize = 1_000_000;
/// What a timer of the kernel is off, in ns: its slack of 50 us, and as much for the wake-up. Nobody sends sooner without
/// spinning.
pub const TIMER_NS: u64 = 100_000;
/// Later than this is late, in ns: several times what a timer of the kernel is off, and less than a
/// turn of the loop, which handles up to 32 events at less than 10 us each.
pub const LATE_NS: u64 = 200_000;
/// Messages sent before the loop looks at what arrived, when more are due at once: at 8 us each
/// half a millisecond.
pub const SENDS_PER_TURN: usize = 64;
/// Messages a second of one thread: ten times what a thread can send.
pub const RATE_PER_THREAD_MAX: f64 = 1e6;
/// Messages of a thread that are due and not yet acked and delivered: a server that is so far
/// behind does not keep up, and the run ends. At 40 bytes in a queue and 64 in the judge 200 MB.
pub const IN_FLIGHT_MAX: usize = 2_000_000;
/// How long a schedule may be run out after its end, at least: as long again as it is, if that is
/// longer.
pub const OVERRUN_NS_MIN: u64 = 60_000_000_000;
/// Reasons for which connections were lost that are told apart.
pub const LOST_REASONS_MAX: usize = 32;
/// Per-second snapshots on their way from generator threads to the one that prints: a thread sends
/// one a second, so a full channel means that the printer hung for a minute.
pub const SNAPSHOTS_MAX: usize = 64;
/// Empty seconds that wait for a thread to fill them: one is told while the next is filled.
pub const SPARES_MAX: usize = 2;
/// Logins under way at once, per thread. The gateway gives one a few seconds; at 85 us of CPU each
/// this is 22 ms.
pub const LOGINS_UNDER_WAY_MAX: usize = 256;
/// Fresh devices reading at once, per thread; each holds a page of up to 256 rows under way.
pub const READERS_UNDER_WAY_MAX: usize = 64;
/// Ports of one source address: the default `ip_local_port_range` has 28,232.
pub const PORTS_PER_SOURCE: usize = 28_000;
/// Connections from one source address before the next is taken. The kernel tries every second port
/// first and each in turn: at a quarter of the range it finds a free one at the second try, beyond
/// a half it walks thousands.
pub const CONNECTIONS_PER_SOURCE: usize = PORTS_PER_SOURCE / 4;
/// Source addresses 127.0.0.1 to 127.0.0.250.
pub const SOURCES_MAX: usize = 250;

const _: () = assert!(DEVICES_MAX * 2 <= u8::BITS as usize);
const _: () = assert!(BODY_BYTES_MIN <= wire::BODY_BYTES_MAX);
/// Senders times their friends, per thread: the judge keeps about 300 bytes of each pair, 4.8 GB.
pub const STREAMS_MAX: usize = 16_000_000;

const _: () = assert!(STREAMS_MAX <= u32::MAX as usize);
