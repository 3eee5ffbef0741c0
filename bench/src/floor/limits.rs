//! The bounds of the relay floor.

/// Connections: places in the file table, which the descriptor limit caps (20,000 in the measured machine).
pub const CONNECTIONS_MAX: u32 = 8192;
/// Receive buffers. All that 1,000 messages in flight can have unread at once, one a buffer, with room.
pub const RECV_BUFFERS: u16 = 2048;
/// Bytes of one: a page; twelve sends of 128 bytes with their push acks.
pub const RECV_BUFFER_BYTES: usize = 4096;
/// Entries of the submission queue: a send and a receive for each of 1,000 connections, then it is submitted.
pub const QUEUE_DEPTH: u32 = 2048;
/// Completions that wait to be read; more are kept by the kernel.
pub const COMPLETIONS: u32 = QUEUE_DEPTH * 4;
/// Connections that wait to be accepted: all of a load at once.
pub const BACKLOG: i32 = 4096;
/// Bytes that wait for a peer that does not read; beyond, it is cut off. A thousand pushes and more.
pub const OUT_BYTES_MAX: usize = 1 << 20;

const _: () = assert!(RECV_BUFFERS.is_power_of_two());
const _: () = assert!(RECV_BUFFER_BYTES.is_multiple_of(4096), "frames lie aligned in a buffer");
