//! Messages of text: one that is written, and one that comes in pieces.

use crate::json;
use crate::say::message_of;
use tungstenite::protocol::frame::coding::Data;
use wire::{FRAME_BYTES_MAX, FrameBuffer, FrameError, Scratch};

/// A small frame: a push of a short message.
const FRAME_BYTES: usize = 256;

/// Appends the frame that `write` appends as one text message of a server. Nothing is said if it appends nothing, or what has no
/// form in JSON.
///
/// # Panics
/// `write` appends what is no frame.
pub fn text<T>(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut frames = Vec::with_capacity(FRAME_BYTES);
    let written = write(&mut frames);
    message_of(Data::Text, out, |out| append(&frames, out)).expect("this side writes frames");
    written
}

/// Appends frames as JSON.
pub(crate) fn append(frames: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
    let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
    let mut frames = buffer.read(frames, FRAME_BYTES_MAX);
    while let Some(frame) = frames.next(&mut scratch) {
        json::write(&frame?, out)?;
    }
    Ok(())
}

/// A message that comes in pieces. Nothing is kept of one that comes whole.
#[derive(Debug, Default)]
pub(crate) struct Gathered(Vec<u8>);

impl Gathered {
    /// Bytes that wait for the rest.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a piece; hands over the message if it ends with this one.
    pub fn add<T>(
        &mut self,
        piece: &[u8],
        is_last: bool,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Option<T> {
        if is_last && self.0.is_empty() {
            return Some(take(piece));
        }
        self.0.extend_from_slice(piece);
        is_last.then(|| take(&std::mem::take(&mut self.0)))
    }
}
