//! The bounds that both ends of a link must agree on.

use wire::{FRAME_BYTES_MAX, PAGE_BYTES_MAX, PAGE_ROWS_MAX};

use crate::limits::PARTITIONS;

/// Bytes of a frame, header included: some hundred messages of a turn. Only a batch comes near.
pub const LINK_FRAME_BYTES_MAX: usize = 4 * FRAME_BYTES_MAX;
/// Bytes of a frame before the handshake is over: a hello with the longest name, a refusal with the longest text.
pub const LINK_HANDSHAKE_BYTES_MAX: usize = 512;
/// Bytes of a row in an answer beside its body: 200 for a chat with its newest message, and padding.
pub const LINK_ROW_BYTES_MAX: usize = 256;
/// Bytes of a cluster's name.
pub const LINK_CLUSTER_BYTES_MAX: usize = 64;
/// Bytes of a refusal's text.
pub const LINK_TEXT_BYTES_MAX: usize = 256;
/// Nodes in one item: many times a cluster that gives each node some partitions.
pub const LINK_NODES_MAX: usize = 256;
/// Bytes of a node's address: the longest host name (253), a colon, a port.
pub const LINK_ADDRESS_BYTES_MAX: usize = 260;
/// Owners in one item: every partition's.
pub const LINK_OWNERS_MAX: usize = PARTITIONS as usize;
/// Bytes of the shortest secret: as strong as its 128 bits.
pub const LINK_SECRET_BYTES_MIN: usize = 16;
/// Nesting of archives: a batch holds items, an item rows, a row bytes. One to spare.
pub const LINK_ARCHIVE_DEPTH_MAX: usize = 5;

/// Room in a batch beside its items: the header, the archive's root, padding.
pub(super) const BATCH_BYTES: usize = 64;

/// A page's first row may have a body of its own size beside the page's bytes.
const PAGE_MAX: usize = PAGE_ROWS_MAX as usize * LINK_ROW_BYTES_MAX
    + PAGE_BYTES_MAX
    + wire::BODY_BYTES_MAX
    + LINK_ROW_BYTES_MAX;

const _: () = assert!(PAGE_MAX + BATCH_BYTES <= LINK_FRAME_BYTES_MAX, "a page fits");
const _: () =
    assert!(FRAME_BYTES_MAX + BATCH_BYTES <= LINK_FRAME_BYTES_MAX, "so does a client's frame");
const _: () = assert!(
    LINK_NODES_MAX * (LINK_ADDRESS_BYTES_MAX + 24) + LINK_ROW_BYTES_MAX + BATCH_BYTES
        <= LINK_FRAME_BYTES_MAX
);
const _: () =
    assert!(LINK_OWNERS_MAX * 16 + LINK_ROW_BYTES_MAX + BATCH_BYTES <= LINK_FRAME_BYTES_MAX);
const _: () = assert!(LINK_TEXT_BYTES_MAX + BATCH_BYTES <= LINK_HANDSHAKE_BYTES_MAX);
const _: () = assert!(LINK_CLUSTER_BYTES_MAX + 192 <= LINK_HANDSHAKE_BYTES_MAX);
const _: () = assert!(LINK_HANDSHAKE_BYTES_MAX <= LINK_FRAME_BYTES_MAX);
const _: () = assert!(LINK_FRAME_BYTES_MAX.is_multiple_of(8));
