//! The Longline protocol: what is on the wire, byte for byte, and nothing else.
//!
//! A frame is a fixed header ([`Header`]) and an rkyv archive ([`frames`]). [`encode`] appends one to a
//! send buffer; [`FrameBuffer`] finds them again in whatever pieces TCP delivers; [`RawFrame::access`]
//! checks an archive and reads it in place. `PROTOCOL.md` beside this crate says the same for a
//! client in another language.
//!
//! This crate knows no sockets, no clocks, no threads.

mod limits;
mod ids;
mod uids;
mod role;
mod error;
mod exact;
#[macro_use]
mod declare;
mod kind;
pub mod frames;
mod conversation;
mod header;
mod codec;
mod frame_buffer;

pub use bytes::Bytes;
pub use codec::{Output, RawFrame, encode, encode_extended, try_encode};
pub use error::{Next, RefusalCode};
pub use frame_buffer::{FrameBuffer, Frames, Scratch};
pub use frames::Frame;
pub use header::{FrameError, HEADER_BYTES, Header};
pub use ids::{ClientMsgId, ConversationId, ConversationKind, DeviceId, Generation, InboxSeq};
pub use ids::{MessageId, Platform, RowKind, Seq, SignalKind, Uid, mix};
pub use kind::{CURSOR_MESSAGE_ID, INBOX_TAIL, Kind, NOTES_FROM, PEER_READ_SEQS, PLATFORM};
pub use kind::{SEEN_SEQ, SERVER_TIME, VERSION};
pub use limits::*;
pub use role::Role;
pub use uids::{put_set, put_uids, take_set, take_uids};
