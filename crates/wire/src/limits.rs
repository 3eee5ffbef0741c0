//! The bounds that both ends of a connection must agree on.

/// Bytes of a frame, header included: a body of [`BODY_BYTES_MAX`] with its fixed fields fits with room.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a frame before login: a hello or a login with a token of a few hundred bytes.
pub const FRAME_BEFORE_LOGIN_BYTES_MAX: usize = 4 * 1024;
/// Bytes of a message's body.
pub const BODY_BYTES_MAX: usize = 32 * 1024;
/// Bytes of a login token; three times an EdDSA JWT with a dozen claims.
pub const TOKEN_BYTES_MAX: usize = 2 * 1024;
/// Bytes of a token for offline push: those of APNs and FCM have up to 200, a subscription of a browser 600.
pub const PUSH_TOKEN_BYTES_MAX: usize = 1024;
/// Bytes of a refusal's text.
pub const TEXT_BYTES_MAX: usize = 256;
/// Rows in a page. A page also stops before [`FRAME_BYTES_MAX`].
pub const PAGE_ROWS_MAX: u32 = 256;
/// Messages of one conversation that may wait for their ack; a further one may be refused as Busy.
pub const SEND_WINDOW_MAX: u32 = 64;
/// Pushes to a device that it has not acknowledged yet.
pub const PUSH_WINDOW_MAX: u64 = 256;
/// Nesting of archives: a page holds chats, a chat a message, a message bytes. One to spare.
pub const ARCHIVE_DEPTH_MAX: usize = 5;
/// Seqs, rows of an inbox, times and counts are below this: a double holds each of them.
pub const NUMBER_MAX: u64 = 1 << 53;
/// Members of a group at most, and users that a change of one names.
pub const GROUP_MEMBERS_MAX: usize = 200;
/// Bytes of a group's title at most.
pub const GROUP_TITLE_BYTES_MAX: usize = 128;
/// Bytes of what a group announces at most.
pub const GROUP_NOTICE_BYTES_MAX: usize = 2_048;
/// The bit of a row's flags that says: the body is only the beginning, and the whole is in the history.
pub const ROW_IS_BEGINNING: u8 = 1;
/// The bit of hello's features that says: this side knows [`crate::Kind::SessionEnd`].
pub const FEATURE_SESSION_END: u64 = 1;
/// The bit of hello's features that says: this side knows [`crate::Kind::Signal`], and a client wants them.
pub const FEATURE_SIGNALS: u64 = 2;
/// What this release knows of, as bits in hello; a server uses with a client what both know.
pub const FEATURES: u64 = FEATURE_SESSION_END | FEATURE_SIGNALS;
/// How far the clock in a `client_msg_id` may be ahead of or behind the server's, in ms. A client makes ids on
/// the server's clock, which hello and login tell it, so this covers delay and drift.
pub const CLOCK_SKEW_MS_MAX: u64 = 10_000;
/// Age of a `client_msg_id` beyond which it is refused, in ms: one day.
pub const CLIENT_MSG_ID_AGE_MS_MAX: u64 = 86_400_000;

/// Bytes of a message in a page, beside its body.
pub const MESSAGE_BYTES: usize = 104;
/// Bytes of a chat in a page, beside the body of its newest message.
pub const CHAT_BYTES: usize = 168;
/// Bytes of what a page has of a chat in its extension.
pub const CHAT_ADDED_BYTES: usize = 8;
/// Bytes of a page's rows and bodies: a frame less its header (24), the page's own fields (48), kind, padding and extension.
pub const PAGE_BYTES_MAX: usize = FRAME_BYTES_MAX - 128;

const _: () = assert!(
    BODY_BYTES_MAX + CHAT_BYTES + CHAT_ADDED_BYTES <= PAGE_BYTES_MAX,
    "a page holds any row"
);
const _: () = assert!(BODY_BYTES_MAX * 2 <= FRAME_BYTES_MAX, "a page holds at least one message");
const _: () = assert!(TOKEN_BYTES_MAX + 512 <= FRAME_BEFORE_LOGIN_BYTES_MAX);
const _: () = assert!(FRAME_BYTES_MAX.is_multiple_of(8));
