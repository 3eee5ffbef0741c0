//! The client's bounds and times. All times are in ms.

use wire::{BODY_BYTES_MAX, FRAME_BYTES_MAX};

/// Sends of one session that wait for their acks. 8 MiB of bodies at most, and as many as a second of a fast
/// sender behind a round trip of a whole second.
pub const SENDS_PENDING_MAX: usize = 256;
/// Time to an ack after which a send is repeated. The server's own worst case is a store that retries for
/// 3 s twice.
pub const ACK_TIMEOUT_MS: u64 = 10_000;
/// Doubled at each repetition up to here.
pub const ACK_TIMEOUT_MS_MAX: u64 = 80_000;
/// Pushed rows that are acknowledged together at the latest. A server has 256 unacknowledged pushes under way, and 64 while
/// it pushes what was missed.
pub const ACK_ROWS_MAX: u8 = 16;
/// How long a pushed row waits for its acknowledgement. The server repeats a push after 2 s.
pub const ACK_DELAY_MS: u64 = 500;
/// Least wait after a refusal that may be retried; doubled at each, up to [`ACK_TIMEOUT_MS_MAX`].
pub const REFUSED_WAIT_MS: u64 = 200;
/// Time from the connection to the login's reply. The server's own deadline is not longer.
pub const LOGIN_TIMEOUT_MS: u64 = 10_000;
/// Time to a sync's page, after which it is asked for again.
pub const SYNC_TIMEOUT_MS: u64 = 10_000;
/// Time to the next push of what was missed before a login, after which it is asked for.
pub const PUSHES_TIMEOUT_MS: u64 = 2_000;
/// Reconnects wait a random part of this, doubled at each failure, ...
pub const RECONNECT_MS: u64 = 500;
/// ... up to this.
pub const RECONNECT_MS_MAX: u64 = 30_000;
/// A server's hint when to come back is followed up to here: ten minutes.
pub const RECONNECT_HINT_MS_MAX: u64 = 600_000;
/// Heartbeats are never closer than this, whatever the server asks for.
pub const HEARTBEAT_MS_MIN: u32 = 1_000;

/// How long a conversation rests after the peer was told what the user does: the server drops what comes sooner.
pub const SIGNAL_REST_MS: u64 = 3_000;

/// Commands from the handles that the client's task has not taken yet.
pub const COMMANDS_MAX: usize = 256;
/// Received messages that the application has not taken yet. Beyond, the inbox keeps them: they come by sync.
pub const RECEIVED_MAX: usize = 1_024;
/// Requests (history, chats, ...) that wait for their replies.
pub const REQUESTS_PENDING_MAX: usize = 64;
/// Time to a request's reply.
pub const REQUEST_TIMEOUT_MS: u64 = 10_000;
/// Time to a connection, with its TLS handshake.
pub const CONNECT_TIMEOUT_MS: u64 = 5_000;
/// Bytes read from the socket at once.
pub const READ_BYTES_MAX: usize = 32 * 1024;
/// Bytes waiting for the socket beyond which no new commands are taken.
pub const COMMAND_OUT_BYTES_MAX: usize = 256 * 1024;
/// Bytes waiting for the socket beyond which the server is called dead: all pending sends, twice (32 MiB).
pub const OUT_BYTES_MAX: usize = 2 * SENDS_PENDING_MAX * FRAME_BYTES_MAX;
/// Rows of a conversation that are asked for at a time because an inbox row has only the beginning of one: a window of sends.
pub const RESOLVED_ROWS: u32 = 64;
/// Time that a logout waits for its reply.
pub const LOGOUT_TIMEOUT_MS: u64 = 2_000;

const _: () = assert!(SENDS_PENDING_MAX * BODY_BYTES_MAX <= 8 * 1024 * 1024);
const _: () = assert!((ACK_ROWS_MAX as u64) < wire::PUSH_WINDOW_MAX);
const _: () = assert!(ACK_TIMEOUT_MS <= ACK_TIMEOUT_MS_MAX && RECONNECT_MS <= RECONNECT_MS_MAX);
