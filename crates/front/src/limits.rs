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
/// Where an HTTP request becomes a WebSocket.
pub const WEBSOCKET_PATH: &str = "/v1/ws";
/// The subprotocol whose messages are frames.
pub const SUBPROTOCOL: &str = "longline.v1";
