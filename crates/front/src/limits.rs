//! The bounds of what carries frames, and its names.

/// First bytes of a connection that say what it speaks.
pub const FIRST_BYTES: usize = 4;
/// Bytes of an HTTP request's head: a browser sends some 600, more with the cookies of a site that shares its name.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Lines of headers in it: a browser behind two proxies sends some 25.
pub const HEADERS_MAX: usize = 48;
/// WebSocket frames of one message: proxies cut messages into a few.
pub const FRAGMENTS_MAX: u8 = 64;
/// Bytes of a control frame, by RFC 6455.
pub const CONTROL_BYTES_MAX: u64 = 125;
/// Bytes of the body of a request for something else than a WebSocket: a small object.
pub const ASKED_BODY_BYTES_MAX: usize = 256;
/// Where an HTTP request becomes a WebSocket.
pub const WEBSOCKET_PATH: &str = "/v1/ws";
/// Where a client without a WebSocket logs in, polls, and requests.
pub const LOGIN_PATH: &str = "/v1/login";
/// See [`LOGIN_PATH`].
pub const POLL_PATH: &str = "/v1/poll";
/// See [`LOGIN_PATH`].
pub const REQUESTS_PATH: &str = "/v1/requests";
/// How long a poll waits that does not say, in seconds: balancers end what is silent for 60 s, some for 30.
pub const POLL_WAIT_S: u64 = 25;
/// How long a poll may wait, in seconds.
pub const POLL_WAIT_S_MAX: u64 = 50;
/// Bytes of a JSON message from a client that is logged in: a body of [`wire::BODY_BYTES_MAX`] of which all that is not ASCII is
/// escaped, at most 12 bytes for four of UTF-8, and the keys around it.
pub const JSON_BYTES_MAX: usize = 128 * 1024;
/// Bytes of a JSON message from a server. In a page of chats a row has at most 660 bytes beside its body and 168 in the frame,
/// and of a body no byte becomes more than two: so no message has four times the bytes of its frame.
pub const SAID_BYTES_MAX: usize = 4 * wire::FRAME_BYTES_MAX;
/// What the ends of TLS agree on when frames follow.
pub const PROTOCOL_FRAMES: &str = "longline/1";
/// The same when an HTTP request follows.
pub const PROTOCOL_HTTP: &str = "http/1.1";
/// Bytes of a TLS record with all that is around its 16 KiB, by RFC 5246.
pub const RECORD_BYTES_MAX: usize = 5 + 16 * 1024 + 2_048;
/// Bytes kept of a client that shakes hands by TLS, in records that are not whole and behind them. A browser's first record has
/// some 1,800.
pub const SEALED_BEFORE_LOGIN_BYTES_MAX: usize = HEAD_BYTES_MAX + 512;
/// The same of a client that has shaken hands and not logged in: one record, as a client makes it that calls, with its head and
/// the front of its body in it.
pub const RECORD_BEFORE_LOGIN_BYTES_MAX: usize = 5 + 16 * 1024 + 256;

const _: () = assert!(ASKED_BODY_BYTES_MAX < HEAD_BYTES_MAX);
const _: () = assert!(SEALED_BEFORE_LOGIN_BYTES_MAX < RECORD_BEFORE_LOGIN_BYTES_MAX);
const _: () = assert!(RECORD_BEFORE_LOGIN_BYTES_MAX < RECORD_BYTES_MAX);
const _: () = assert!(JSON_BYTES_MAX > 3 * wire::BODY_BYTES_MAX + 1_024);
