//! The bounds of an entry, with the arithmetic that gives them.

/// Bytes that wait for a client, beyond which pushes to it are left to the inbox: 1,000 small messages.
pub const OUTBOX_BYTES_MAX: usize = 256 * 1024;
/// Bytes that wait for a client, beyond which nothing is received from it until they are gone.
pub const OUTBOX_HIGH_BYTES: usize = 64 * 1024;
/// Bytes that wait for a client, beyond which it is closed: only answers it asked for come here.
pub const OUTBOX_CLOSE_BYTES: usize = 2 * OUTBOX_BYTES_MAX;
/// Slots of a core's ring beyond its connections: for those over the limit, until they are closed.
pub const CLOSING_SLOTS: usize = 64;
/// How long a client that was told of the drain has for the answers under way, in ms: many commits.
pub const DRAIN_GRACE_MS: u64 = 1_000;
/// Memory of an idle connection in its entry, in bytes: the login (32), the unfinished frame, its rate, when it was heard
/// (8 each), the generation and flags (8).
pub const CONNECTION_BYTES_MAX: usize = 64;
/// How long to wait before a full mailbox is tried again, in ms.
pub const MAILBOX_RETRY_MS: u64 = 1;
/// Slots of the wheel, of one second each.
pub const WHEEL_SLOTS: usize = 256;
/// Part of the heartbeat interval, in percent, after which a silent client is asked.
pub const PROBE_PERCENT: u64 = 150;
/// And after which it is closed.
pub const SILENT_PERCENT: u64 = 250;
/// Commands that an entry without shards has sent to nodes and not been answered: at 10,000/s, 1.6 s.
pub const AWAY_PENDING_MAX: usize = 16 * 1024;
/// Bytes of bodies in them.
pub const AWAY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a partition that its node did not hold is left alone before all of it is sent again, in ms; twice as long
/// each time, ...
pub const AWAY_HOLD_FIRST_MS: u64 = 10;
/// ... up to this.
pub const AWAY_HOLD_LAST_MS: u64 = 160;
/// How often an entry looks after its links at least, in ms.
pub const AWAY_LOOK_EVERY_MS: u64 = 100;
/// How long a command waits for an owner that answers, in ms: a takeover, twice. The client then tries again.
pub const AWAY_GIVE_UP_MS: u64 = 15_000;
/// Registrations under way, beyond which none are begun: some milliseconds of a node's work.
pub const AWAY_REGISTRATIONS_MAX: usize = 1024;
/// Partitions whose sessions are registered at a time: a sixteenth of all, so that looking for them costs an entry no more
/// than sixteen looks at its connections.
pub const AWAY_REGISTER_PARTITIONS: usize = 64;
/// How long before a registration that was refused is tried again, in ms.
pub const AWAY_REGISTER_AGAIN_MS: u64 = 1_000;
/// User ids that nobody has, the greatest of all: the canaries' own.
pub const RESERVED_UIDS: u64 = 1 << 20;
/// Pairs of them that canaries use: eight users a partition, so that by chance each has one, and no more users are stored.
pub const CANARY_PAIRS: u64 = 4_096;
/// How long a canary waits for its ack and its push, in ms.
pub const CANARY_PATIENCE_MS: u64 = 5_000;
/// How long after a failure it tries again, in ms.
pub const CANARY_RETRY_MS: u64 = 1_000;
/// Numbers of connections that it takes turns with: in the rounds until one comes again, what the first left is given up.
pub const CANARY_CONNECTIONS: u64 = 8;

const _: () = assert!(2 * CANARY_PAIRS <= RESERVED_UIDS);
const _: () = assert!(CANARY_CONNECTIONS * CANARY_PATIENCE_MS > 2 * AWAY_GIVE_UP_MS);
const _: () = assert!(OUTBOX_HIGH_BYTES >= wire::FRAME_BYTES_MAX);
const _: () = assert!(OUTBOX_CLOSE_BYTES > OUTBOX_BYTES_MAX + wire::FRAME_BYTES_MAX);
const _: () = assert!(AWAY_HOLD_LAST_MS * 8 < AWAY_GIVE_UP_MS);
