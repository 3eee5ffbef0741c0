//! The bounds of a CQL store, with the arithmetic that gives them.

use shard::limits::CONVERSATION_WINDOW_MAX;

/// Reads of one CQL store that are asked for at a time; more wait in its front, in order. 500 partitions of a node with
/// 64 each are far beyond what [`CQL_STATEMENTS_MAX`] lets through, so a lone busy partition is not held up by it.
pub const CQL_READS_IN_FLIGHT_MAX: usize = 64;
/// Requests of a CQL store that its task was given and has not answered, and as many replies: the reads, one phase of one
/// commit, the id bound. The front asks for no more, so a channel that is full is a bug.
pub const CQL_REQUESTS_MAX: usize = CQL_READS_IN_FLIGHT_MAX + 2;
/// Commits asked for and not polled. A shard has one at a time; more is a bug there, and what tests may do.
pub const CQL_COMMITS_MAX: usize = 8 * 1024;
/// Statements of a process in flight, unless the configuration says otherwise; more wait, first come first served. A
/// server with 16 threads gives its most between 128 and 256; beyond, they only wait there.
pub const CQL_STATEMENTS_MAX: usize = 256;
/// Logs of a process that are taken over, and chats that are loaded, at a time, at first; more wait, first come first served. Each has one statement in
/// flight, and what it lets go on some more: a server with two cores takes 8 beside its load, with 16 others wait.
pub const CQL_TAKEOVERS_FIRST: usize = 8;
/// However late the others' writes are: 4 reads of 25 ms are 50 logs a second.
pub const CQL_TAKEOVERS_MIN: usize = 4;
/// However soon they are done: half of [`CQL_STATEMENTS_MAX`].
pub const CQL_TAKEOVERS_MAX: usize = CQL_STATEMENTS_MAX / 2;
/// Rows that one statement reads: two windows of an inbox are two statements, and 256 bodies of the largest size 8 MiB.
pub const CQL_PAGE_ROWS: usize = 256;
/// Takeovers of logs that were decided and whose rewriting was not finished by the deadline of the read. They are kept
/// until it is; beyond this many, further loads are answered as unavailable.
pub const CQL_UNFINISHED_MAX: usize = 1024;
/// Places of a log in one partition of its table: 8,192 rows of up to 300 bytes are 2.4 MB, well below the 100 MB where
/// partitions get slow, also with larger bodies.
pub const CQL_BUCKET_BITS: u32 = 13;
/// One message in so many also writes its conversation's head: 1/64 statement a message, and whoever takes the conversation
/// over reads two windows at most, of this and of what was in flight.
pub const CQL_HEAD_EVERY: u64 = CONVERSATION_WINDOW_MAX as u64;
/// Partitions of a user's list of chats: 8 of 100 MB are eight million chats of 100 bytes. A page reads a few rows of each,
/// so not more.
pub const CQL_CHAT_SLOTS: u64 = 8;
/// Places that one statement names: ScyllaDB refuses more than 100.
pub const CQL_PLACES_MAX: usize = 64;
