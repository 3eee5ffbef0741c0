//! The items of a turn as frames, and the items of a frame. It does not know who says them.

use super::codec::{self, Decoded};
use super::fields::Reader;
use super::frame::{FrameError, HEADER_BYTES, Kind, RawFrame, seal};
use super::item::Item;
use super::limits::{LINK_BATCH_BYTES_KEPT, LINK_FRAME_BYTES_MAX};
use shard::command::ReplyTo;

/// Bytes of a usual item: a command, an ack.
const ITEM_BYTES_GUESS: usize = 128;
/// Items for which room is made before they are read: some hundred, as in a full turn.
const ITEMS_GUESS_MAX: usize = 512;

/// What is to be said: whole frames, and one that has room.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    /// Where the frame begins that has room.
    frame: usize,
}

impl Batch {
    /// Appends an item; a frame that is full is sealed first.
    ///
    /// # Panics
    /// No frame can hold it: the sender bounds its pages and lists.
    pub(super) fn say(&mut self, item: &Item, version: u8) {
        if self.bytes.is_empty() {
            self.bytes.resize(HEADER_BYTES, 0);
        }
        let start = self.bytes.len();
        codec::write(item, version, &mut self.bytes);
        if self.bytes.len() - self.frame > LINK_FRAME_BYTES_MAX {
            self.bytes.splice(start..start, [0; HEADER_BYTES]);
            seal(&mut self.bytes[self.frame..start], Kind::Batch, version);
            self.frame = start;
        }
        assert!(self.bytes.len() - self.frame <= LINK_FRAME_BYTES_MAX, "an item fits a frame");
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends what was said to `out`.
    pub(super) fn flush(&mut self, version: u8, out: &mut Vec<u8>) {
        if self.bytes.is_empty() {
            return;
        }
        seal(&mut self.bytes[self.frame..], Kind::Batch, version);
        if out.is_empty() {
            std::mem::swap(out, &mut self.bytes);
        } else {
            out.extend_from_slice(&self.bytes);
        }
        self.bytes.clear();
        self.bytes.shrink_to(LINK_BATCH_BYTES_KEPT);
        self.frame = 0;
    }
}

/// What a batch says.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) items: Vec<Item>,
    /// Who asked what this release does not know.
    pub(super) unsupported: Vec<ReplyTo>,
    /// Other items that it does not know.
    pub(super) skipped: u64,
}

/// Reads a batch, of the version in force, of a peer that proved who it is.
pub(super) fn read(frame: &RawFrame<'_>, version: u8) -> Result<Said, FrameError> {
    let mut reader = Reader::new(frame.payload);
    let guess = (frame.payload.len() / ITEM_BYTES_GUESS).min(ITEMS_GUESS_MAX);
    let mut said = Said { items: Vec::with_capacity(guess), ..Said::default() };
    while !reader.is_empty() {
        match Decoded::read(&mut reader, version).map_err(|_| FrameError::Payload(Kind::Batch))? {
            Decoded::Item(item) if !item.is_possible() => return Err(FrameError::Senseless),
            Decoded::Item(item) => said.items.push(item),
            Decoded::Unsupported(reply) => said.unsupported.push(reply),
            Decoded::Skipped => said.skipped += 1,
        }
    }
    Ok(said)
}
