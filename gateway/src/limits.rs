//! The bounds of a gateway's core, with the arithmetic that gives them.

use std::time::Duration;

/// Questions of operators that a core has under way; what is more is turned away.
pub const QUESTIONS_MAX: usize = 256;
/// How long an operator waits for an answer: longer than a command is tried.
pub const QUESTION_PATIENCE: Duration = Duration::from_secs(15);
/// Bytes that wait for a client, beyond which pushes to it are left to the inbox, and pages that it asked for are refused:
/// 1,000 small messages, or four pages.
pub const OUTBOX_BYTES_MAX: usize = 256 * 1024;
/// Bytes that wait for a client, beyond which nothing is received from it until they are gone.
pub const OUTBOX_HIGH_BYTES: usize = 64 * 1024;
/// Bytes that wait for a client, beyond which signals for it are dropped: it reads too slowly for what holds for seconds. They go
/// before any push does.
pub const OUTBOX_SIGNALS_BYTES_MAX: usize = OUTBOX_HIGH_BYTES;
/// Bytes that wait for a client, beyond which it is closed. Pushes and pages stop before, so only small answers get here,
/// to thousands of requests that it made at once.
pub const OUTBOX_CLOSE_BYTES: usize = 2 * OUTBOX_BYTES_MAX;
/// How long a session's signals to a conversation rest after one, in ms.
pub const SIGNAL_REST_MS: u64 = 3_000;
/// Sessions and conversations of a core that rest at a time: 5,000 signals a second, in a few MB.
pub const SIGNALS_RESTING_MAX: usize = 16 * 1024;
/// How long a signal holds if its client does not say, in ms: two rests, so that one may be lost.
pub const SIGNAL_TTL_MS: u32 = 6_000;
/// And how long at most, in ms.
pub const SIGNAL_TTL_MS_MAX: u32 = 30_000;
/// Slots of a core's ring beyond its connections: connections over the limit need one until they
/// are closed.
pub const CLOSING_SLOTS: usize = 64;
/// Connections that a core takes beyond the mean and an eighth of it, though the process has no more
/// than it is allowed: chance gives no core so many more.
pub const CORE_CONNECTIONS_SPARE: usize = 1_024;
/// How long a client that was told of the drain has for the answers under way, in ms: many commits.
pub const DRAIN_GRACE_MS: u64 = 1_000;
/// When clients that were sent away with many others come back: at once, spread over so many ms.
pub const RECONNECT_JITTER_MS: u32 = 5_000;
/// Buckets in each of two rows of the users' rates, shared by all cores: 1 MiB in all. With a
/// thousand users at their limits at a time, one of 4,000 others finds both of its buckets taken.
pub const USER_RATE_CELLS: usize = 64 * 1024;
/// Memory of an idle session in its entry, in bytes: the login (24), its channel and its rate (8
/// each), when it was heard, when its token ends and its life (4 each), requests in flight (2), how far it has come, flags and
/// what carries its frames (1 each), and 7 of padding that the next field is free in.
pub const SESSION_BYTES_MAX: usize = 64;
/// Memory of an idle connection in its transport, in bytes: its session's key and what is partial.
pub const TCP_BYTES_MAX: usize = 16;
/// Steps of TLS handshakes that a core takes in a turn: 3.5 ms of 108 us each, if all are first ones of full handshakes. The
/// rest wait for the next turn, and nobody else waits for them.
pub const HANDSHAKES_MAX: u32 = 32;
/// How often the files of the certificate and its key are looked at, in ms.
pub const CERTIFICATE_LOOK_EVERY_MS: u64 = 10_000;
/// How long a connection that carried a call waits for all of the next, in ms: longer than a client rests between polls, so
/// that it stays logged in, and shorter than pushes are tried for, which nobody hears meanwhile.
pub const CALL_REST_MS: u64 = 30_000;
/// How often a connection is looked at whose call is not answered, in ms.
pub const CALL_LOOK_MS: u64 = 10_000;
/// Rows of the answer to a poll: a page.
pub const POLL_ROWS_MAX: usize = wire::PAGE_ROWS_MAX as usize;
/// Requests of a session that are not answered, beyond which more are refused: three times what the
/// client library has under way (256 messages and 64 requests).
pub const REQUESTS_IN_FLIGHT_MAX: u16 = 1_024;
/// How long to wait before a full mailbox is tried again, in ms.
pub const MAILBOX_RETRY_MS: u64 = 1;
/// Notifications in a request to the receiver of offline push: with a token each some 40 KiB, at most 1 MiB.
pub const WEBHOOK_BATCH_MAX: usize = 100;
/// How long a request to it may take.
pub const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of its answer that are read: some hundred tokens that reach nobody.
pub const WEBHOOK_ANSWER_BYTES_MAX: usize = 256 * 1024;
/// How long to wait at most after a request that failed, in ms; twice as long each time, ...
pub const WEBHOOK_BACKOFF_FIRST_MS: u64 = 1_000;
/// ... up to this.
pub const WEBHOOK_BACKOFF_LAST_MS: u64 = 300_000;
/// And how long at most if the receiver says how long, in ms.
pub const WEBHOOK_RETRY_AFTER_MS_MAX: u64 = 3_600_000;
/// Requests that failed one after the other before one notification at a time is tried.
pub const WEBHOOK_BREAKS_AFTER: u32 = 5;
/// Requests that failed with a notification before it is given up, ...
pub const WEBHOOK_TRIES_MAX: u32 = 20;
/// ... or for how long it was tried, in ms: a day. Its message is old by then.
pub const WEBHOOK_AGE_MS_MAX: u64 = 86_400_000;
/// How long to wait before a shard's full mailbox is tried again.
pub const WEBHOOK_MAILBOX_RETRY: Duration = Duration::from_millis(10);
/// Slots of the wheel, of one second each.
pub const WHEEL_SLOTS: usize = 256;
/// Part of the heartbeat interval, in percent, after which a silent client is sent a heartbeat.
pub const PROBE_PERCENT: u64 = 150;
/// Part of the heartbeat interval, in percent, after which a silent client is closed: two
/// intervals, as the setting and the protocol say.
pub const SILENT_PERCENT: u64 = 200;
/// Commands that an entry without shards keeps until nodes answer them: at 10,000/s, 1.6 s.
pub const REMOTE_PENDING_MAX: usize = 16 * 1024;
/// Bytes of bodies in those commands.
pub const REMOTE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A node said that it does not hold a partition: how long nothing is sent to that partition, in
/// ms. Then all of its commands go again. Twice as long each time, ...
pub const REMOTE_HOLD_FIRST_MS: u64 = 10;
/// ... up to this.
pub const REMOTE_HOLD_LAST_MS: u64 = 160;
/// How long an entry has no link to a node that other nodes reach before it sends clients elsewhere, in ms: a node that no
/// gateway reaches has given its partitions away by then, a link that was lost is there again.
pub const REMOTE_MISSED_MS: u64 = 10_000;
/// How often an entry looks after its links at least, in ms.
pub const REMOTE_LOOK_EVERY_MS: u64 = 100;
/// How long a command waits for an answer, in ms: twice a takeover. Then it is refused, and the
/// client tries again.
pub const REMOTE_GIVE_UP_MS: u64 = 15_000;
/// Registrations under way, beyond which none are begun: some milliseconds of a node's work.
pub const REMOTE_REGISTRATIONS_MAX: usize = 1024;
/// Partitions whose sessions are registered in one pass over the connections: a sixteenth of all,
/// so that registering everything takes sixteen passes.
pub const REMOTE_REGISTER_PARTITIONS: usize = 64;
/// How long a session that ends waits for the answers under way, in ms: as long as a command may
/// wait for its own.
pub const LEAVE_MS_MAX: u64 = REMOTE_GIVE_UP_MS;
/// How long before a registration that was refused is tried again, in ms.
pub const REMOTE_REGISTER_AGAIN_MS: u64 = 1_000;
/// User ids kept for canaries, the greatest of all: nobody can log in as one.
pub const RESERVED_UIDS: u64 = 1 << 20;
/// Pairs of reserved users that canaries use: eight users a partition on average, so that hardly
/// any partition has none. No others are stored.
pub const CANARY_PAIRS: u64 = 4_096;
/// How long a canary waits for its ack and its push, in ms.
pub const CANARY_PATIENCE_MS: u64 = 5_000;
/// Rounds that fail one after the other before delivery counts as failing: what one tries may just be passing on to
/// another node.
pub const CANARY_FAILURES_MAX: u32 = 2;
/// How long after a failure it tries again, in ms.
pub const CANARY_RETRY_MS: u64 = 1_000;

const _: () = assert!(2 * CANARY_PAIRS <= RESERVED_UIDS);
const _: () = assert!(OUTBOX_HIGH_BYTES >= wire::FRAME_BYTES_MAX);
const _: () =
    assert!(SIGNAL_TTL_MS as u64 >= 2 * SIGNAL_REST_MS && SIGNAL_TTL_MS <= SIGNAL_TTL_MS_MAX);
const _: () = assert!(OUTBOX_SIGNALS_BYTES_MAX < OUTBOX_BYTES_MAX);
const _: () = assert!(OUTBOX_CLOSE_BYTES >= OUTBOX_BYTES_MAX + front::SAID_BYTES_MAX);
const _: () = assert!(REMOTE_HOLD_LAST_MS * 8 < REMOTE_GIVE_UP_MS);
