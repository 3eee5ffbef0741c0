//! The bounds that both ends of a link must agree on.

use wire::{CLIENT_MSG_ID_AGE_MS_MAX, CLOCK_SKEW_MS_MAX};
use wire::{FRAME_BYTES_MAX, PAGE_BYTES_MAX, PAGE_ROWS_MAX};

use super::versions::Versions;
use shard::limits::PARTITIONS;

/// The newest version of links that a release has.
const NEWEST: u8 = 1;
/// Whether this is built as the next release, which has a version more. A drill is; no release is.
pub(super) const IS_NEXT: bool = cfg!(feature = "next-release");
/// The versions of links that this release speaks. A release speaks the one before's too.
pub const LINK_VERSIONS: Versions = Versions { min: 1, max: NEWEST + IS_NEXT as u8 };
/// What this release knows of, as bits; what both ends know is in force. None yet.
pub const LINK_FEATURES: u64 = 0;
/// Bytes of a frame, header included: some hundred messages of a turn. Only a batch comes near.
pub const LINK_FRAME_BYTES_MAX: usize = 4 * FRAME_BYTES_MAX;
/// Bytes of a frame before the handshake is over: a hello with the longest name, a refusal with the longest text.
/// The rest is for what later releases add at the ends.
pub const LINK_HANDSHAKE_BYTES_MAX: usize = 1024;
/// Bytes of a row in an answer beside its body: 183 for a chat with its newest message, and room for later fields.
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
/// Bytes of a turn's batch that a link keeps for the next one: a usual turn's.
pub const LINK_BATCH_BYTES_KEPT: usize = 64 * 1024;

/// How far a process's wall clock may be from the others' before it counts as wrong, in ms: two that are right are then no
/// further apart than an id may be ahead of the clock that judges it, so what is made on one's clock is taken by the other.
pub const CLOCK_APART_MS_MAX: u64 = CLOCK_SKEW_MS_MAX / 2;
/// How far it may be before the log says so, in ms: many times what NTP leaves.
pub const CLOCK_APART_TOLD_MS: u64 = 1_000;
/// How old a measurement may be, in ms: three pings unanswered. Who has no link any more is forgotten by it.
pub const CLOCK_HEARD_MS_MAX: u64 = 3_500;
/// How far a node's clock may be behind the usual one and still be told to clients, in ms: half of the age that an id may have.
pub const CLOCK_TOLD_BEHIND_MS_MAX: u64 = CLIENT_MSG_ID_AGE_MS_MAX / 2;

// Lanes. What waits for a peer waits in one queue, so that nothing overtakes; a lane's bound is on all that waits. Each lane
// so has what the ones below leave: a lane of fan-out comes below mail, with half of its bound.

/// Bytes that wait for a peer, beyond which signals are dropped, and mail that ends in one: half of what pushes and mail have,
/// so these go first. Nobody says them again at once.
pub const LINK_SIGNALS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes that wait for a peer, beyond which pushes are dropped: 33,000 of 250 bytes, what a core pushes in a second. A
/// row that was not pushed is pushed again, or read from the inbox.
pub const LINK_PUSHES_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The same for mail between shards: 33,000 of 250 bytes, a second of a core's. Its sender says it again.
pub const LINK_MAIL_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes that wait for a peer, beyond which its link is closed: it does not read. What is never dropped (answers, commands,
/// owners) has 24 MiB for itself: 300,000 acks, or 384 of the largest pages.
pub const LINK_CLOSE_BYTES: usize = 32 * 1024 * 1024;

/// Room in a frame beside a page: the header, and the item's own fields.
const BESIDE_BYTES: usize = 128;

/// A page's first row may have a body of its own size beside the page's bytes.
const PAGE_MAX: usize = PAGE_ROWS_MAX as usize * LINK_ROW_BYTES_MAX
    + PAGE_BYTES_MAX
    + wire::BODY_BYTES_MAX
    + LINK_ROW_BYTES_MAX;

const _: () = assert!(PAGE_MAX + BESIDE_BYTES <= LINK_FRAME_BYTES_MAX, "a page fits");
const _: () =
    assert!(FRAME_BYTES_MAX + BESIDE_BYTES <= LINK_FRAME_BYTES_MAX, "so does a client's frame");
const _: () = assert!(
    LINK_NODES_MAX * (LINK_ADDRESS_BYTES_MAX + 10) + LINK_ROW_BYTES_MAX + BESIDE_BYTES
        <= LINK_FRAME_BYTES_MAX
);
const _: () =
    assert!(LINK_OWNERS_MAX * 16 + LINK_ROW_BYTES_MAX + BESIDE_BYTES <= LINK_FRAME_BYTES_MAX);
const _: () = assert!(LINK_TEXT_BYTES_MAX + BESIDE_BYTES <= LINK_HANDSHAKE_BYTES_MAX);
const _: () = assert!(LINK_CLUSTER_BYTES_MAX + 192 <= LINK_HANDSHAKE_BYTES_MAX);
const _: () = assert!(LINK_HANDSHAKE_BYTES_MAX <= LINK_FRAME_BYTES_MAX);
const _: () = assert!(2 * CLOCK_APART_MS_MAX <= CLOCK_SKEW_MS_MAX);
const _: () = assert!(CLOCK_APART_TOLD_MS < CLOCK_APART_MS_MAX);
const _: () = assert!(2 * LINK_SIGNALS_BYTES_MAX <= LINK_MAIL_BYTES_MAX);
const _: () = assert!(2 * LINK_SIGNALS_BYTES_MAX <= LINK_PUSHES_BYTES_MAX);
const _: () = assert!(2 * LINK_MAIL_BYTES_MAX <= LINK_CLOSE_BYTES);
const _: () = assert!(2 * LINK_PUSHES_BYTES_MAX <= LINK_CLOSE_BYTES);
const _: () = assert!(LINK_FRAME_BYTES_MAX <= LINK_MAIL_BYTES_MAX, "a lane takes any item");
