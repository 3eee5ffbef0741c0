//! The bounds of a shard, with the arithmetic that gives them.

use wire::{CLOCK_SKEW_MS_MAX, PUSH_WINDOW_MAX, SEND_WINDOW_MAX};

/// Virtual partitions. Fixed for the life of a data directory and of a cluster.
pub const PARTITIONS: u16 = 1024;
/// Messages of one conversation that are not acknowledged yet.
pub const CONVERSATION_WINDOW_MAX: usize = SEND_WINDOW_MAX as usize;
/// Inboxes that a message is appended to one by one: each has a bit among those that were given it.
pub const INBOXES_MAX: usize = u64::BITS as usize;
/// Who else is answered with a message that was said again before it was acknowledged: every device of a user. More are told to
/// ask again.
pub const REPEATS_MAX: usize = DEVICES_MAX;
/// Inputs that wait for one user, chat or conversation to load, or for room in its window: four windows.
pub const PARKED_PER_KEY_MAX: usize = 4 * CONVERSATION_WINDOW_MAX;
/// Messages that a shard has taken and not answered, and inputs that wait. At 30,000/s, half a second.
pub const SHARD_IN_FLIGHT_MAX: usize = 16 * 1024;
/// Places of an inbox that are given and not durable: four windows.
pub const INBOX_WINDOW_MAX: u64 = 4 * CONVERSATION_WINDOW_MAX as u64;
/// Devices of one user at a time, unless the configuration says otherwise.
pub const DEVICES_MAX: usize = 8;
/// Members of a group. Each entry goes to each of them: 200 rows of some 120 bytes are a tenth of a shard's batch.
pub use wire::GROUP_MEMBERS_MAX;
/// Of those who left a group only so many are known, the last: what they may read ends where they left.
pub const FORMER_MEMBERS_MAX: usize = GROUP_MEMBERS_MAX;
/// Entries of a group between the stored position and its head: four windows. A new owner reads so many.
pub const GROUP_LAG_MAX: u64 = 4 * CONVERSATION_WINDOW_MAX as u64;
/// Entries of groups in memory because a member has not confirmed them: a shard's share of what its 1:1 messages may be.
pub const GROUP_ENTRIES_MAX: usize = SHARD_IN_FLIGHT_MAX;
/// Rows that a shard's groups have offered and that are not confirmed: 20 entries of the largest groups.
pub const FANOUT_MAX: usize = 4 * 1024;
/// And how many a group offers in its turn: one entry of the largest group.
pub const FANOUT_TURN: usize = 256;
/// How long a member that does not confirm is left alone at most before it is offered the same again, in ms.
pub const OFFER_AGAIN_MS_MAX: u64 = 8_000;
/// How long the mark of a group stays open after its last row was confirmed, in ms: a steady chat writes it once.
pub const MARK_LINGER_MS: u64 = 2_000;
/// Groups with an open mark that are loaded at a time, each [`FORWARD_AGAIN_MS`].
pub const MARKED_LOADS: usize = 64;
/// Marks read at a time.
pub const MARKS_PAGE: usize = 1024;
/// Bytes of a body that an inbox row of a group has; a longer one is in the group's log only.
pub const PREVIEW_BYTES_MAX: usize = 64;
/// Users, chats and conversations kept while nothing needs them, unless the configuration says otherwise.
pub const CACHED_MAX: usize = 200_000;
/// Inbox rows of a user that its stored chats may not tell of. Read again when the user is loaded.
pub const CHAT_LAG_MAX: u64 = 256;
/// How long a changed chat stays in memory only, in ms.
pub const CHAT_FLUSH_MS: u64 = 2_000;
/// How long a chat rests after a mark before it is marked again by request, in ms: what a device reads meanwhile is one row.
pub const MARK_REST_MS: u64 = 1_000;
/// How long a chat stays in memory for a count that its conversation was asked for, in ms: several times as long as it takes
/// until that is asked again.
pub const COUNTED_KEPT_MS: u64 = 2_000;
/// How long the embedded store knows an id, in ms: a day, for which a retry may come, and a day for clocks that were wrong.
pub const ID_KEPT_MS: u64 = 2 * 86_400_000;
/// How long a shard remembers ids without asking its store, in ms: three times the skew, so that an id
/// made now is known to be new for two skews.
pub const DEDUP_WINDOW_MS: u64 = 3 * CLOCK_SKEW_MS_MAX;
/// Ids remembered: 17,000/s over the window. About 60 MB when full; above, the window shortens.
pub const DEDUP_ENTRIES_MAX: usize = 512 * 1024;
/// How long a conversation waits for its inboxes before it gives them its newest message again, in ms: many times what an
/// append takes. Mail may be lost, and its sender gone.
pub const FORWARD_AGAIN_MS: u64 = 500;
/// First wait for the ack of a push, in ms; it doubles with each try.
pub const PUSH_TIMEOUT_MS: u64 = 2_000;
/// Tries of a push, the first included: 2 + 4 + 8 + 16 + 32 s, then the session is closed.
pub const PUSH_TRIES_MAX: u8 = 5;
/// Rows read at a time to push them again or to catch up.
pub const PUSH_PAGE_ROWS: usize = 64;
/// Memory of a user without traffic, in bytes: its positions, chain and version (48), devices (24), and what traffic adds (8).
pub const USER_BYTES_MAX: usize = 80;
/// Memory of a logged-in device, in bytes: its session, id and generation (26), positions in the inbox (32), flags.
pub const DEVICE_BYTES_MAX: usize = 64;
/// Tokens for offline push that a user has: as many as devices. One more takes the place of the oldest login's.
pub const PUSH_TOKENS_MAX: usize = DEVICES_MAX;
/// Rows of an inbox that one notification tells of at most.
pub const OWED_ROWS: usize = 256;
/// Chats of a user whose unread messages are counted for a notification.
pub const CHATS_COUNTED_MAX: usize = 4 * 1024;
/// Users of a shard in memory because they may be owed a notification, at about 100 bytes each. The marks of more are in the
/// store, and are read when there is room.
pub const OWING_MAX: usize = 32 * 1024;
/// Marks of such users read at a time.
pub const OWING_PAGE: usize = 1024;
/// Notifications of a shard that the receiver has not taken, tokens and all: of 2 KiB each, 2 MiB.
pub const NOTIFICATIONS_MAX: usize = 1024;
/// How long to wait before a retry when a queue is full, in ms.
pub const BUSY_RETRY_MS: u32 = 100;
/// And how much longer for each message behind it, in ms: a conversation takes more than a thousand a second.
pub const BUSY_EACH_MS: u32 = 1;
/// How long a refused message holds back what follows it after it was to come again, in ms: as long as a client waits for an
/// answer. Later its sender has given it up.
pub const HELD_BACK_MS: u64 = 10_000;
/// Senders that are held back at a time, each in one conversation; the order of more is not kept. About 10 MB if each has a
/// window of messages waiting.
pub const SENDERS_HELD_BACK_MAX: usize = 4 * 1024;
/// How long to wait before a retry when the store is full or failing, in ms.
pub const STORE_RETRY_MS: u32 = 2_000;

const _: () = assert!(PUSH_PAGE_ROWS as u64 <= PUSH_WINDOW_MAX);
const _: () = assert!(OWING_PAGE < OWING_MAX && NOTIFICATIONS_MAX < OWING_MAX);
const _: () = assert!(COUNTED_KEPT_MS > FORWARD_AGAIN_MS && COUNTED_KEPT_MS > MARK_REST_MS);
const _: () = assert!(CONVERSATION_WINDOW_MAX as u64 <= CHAT_LAG_MAX);
const _: () = assert!(CONVERSATION_WINDOW_MAX as u64 <= INBOX_WINDOW_MAX);
const _: () = assert!(DEDUP_WINDOW_MS >= 2 * CLOCK_SKEW_MS_MAX);
const _: () = assert!(wire::BODY_BYTES_MAX + 1024 <= wire::FRAME_BYTES_MAX);
