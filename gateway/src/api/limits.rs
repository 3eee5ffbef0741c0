//! The bounds of the door for business systems, with the arithmetic that gives them.

use crate::limits::QUESTIONS_MAX;
use std::time::Duration;

/// Connections that are open at once; more wait to be accepted. Each takes at most the head and the body of one call.
pub const CONNECTIONS_MAX: usize = 256;
/// Bytes of a connection's head of a call, and what is read ahead.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long the head of a call may take, the rest before it included.
pub const HEAD_PATIENCE: Duration = Duration::from_secs(15);
/// How long a TLS handshake may take.
pub const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(5);
/// How long the body of a call may take.
pub const BODY_PATIENCE: Duration = Duration::from_secs(5);
/// How long what was written may stay unread.
pub const UNREAD_MS_MAX: u32 = 30_000;
/// Bytes of a body: as many as a client's message as JSON.
pub const BODY_BYTES_MAX: usize = front::JSON_BYTES_MAX;
/// Questions that are under way at once, of all calls: half of what one core has room for, so that operators are heard.
pub const UNDER_WAY_MAX: usize = QUESTIONS_MAX / 2;
/// And of one call.
pub const CALL_UNDER_WAY_MAX: usize = 32;
/// How long a call waits for room among those.
pub const ROOM_PATIENCE: Duration = Duration::from_secs(1);
/// Users whom one call names.
pub const LIST_MAX: usize = 1_000;
/// How long a call for many users goes on; of the rest it says that they were not asked.
pub const LIST_PATIENCE: Duration = Duration::from_secs(20);
/// Rows of a page if nobody says how many.
pub const PAGE_ROWS: u32 = 50;
/// Pages of chats that are read to count what is unread: 16,384 chats.
pub const CHAT_PAGES_MAX: usize = 64;
/// Rows that are looked at on each side of where a message's row should be.
pub const TRACE_ROWS: u64 = wire::PAGE_ROWS_MAX as u64;
/// Calls without a key that are logged a second; a flood of them is counted.
pub const DENIED_LOGGED: u32 = 5;

const _: () = assert!(CALL_UNDER_WAY_MAX * 4 <= UNDER_WAY_MAX);
