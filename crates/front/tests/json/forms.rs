//! From text to bytes of frames and back, as tests want it.

use front::json::{self, Unclear};
use wire::{FRAME_BYTES_MAX, FrameBuffer, Kind, Scratch};

/// Bytes of frames as text, one after the other.
pub fn text(bytes: &[u8]) -> String {
    let (mut buffer, mut scratch, mut text) =
        (FrameBuffer::default(), Scratch::default(), Vec::new());
    let mut frames = buffer.read(bytes, FRAME_BYTES_MAX);
    while let Some(frame) = frames.next(&mut scratch) {
        json::write(&frame.unwrap(), &mut text).unwrap();
    }
    String::from_utf8(text).unwrap()
}

/// The bytes of the frame that a text of user 7 stands for; a login's are those behind its hello.
pub fn bytes(text: &str) -> Result<Vec<u8>, Unclear> {
    let mut bytes = Vec::new();
    json::read(text, 7, &mut bytes)?;
    if bytes[4] == Kind::Hello as u8 {
        bytes.drain(..usize::from(bytes[0]));
        assert_eq!(bytes[4], Kind::Login as u8);
    }
    Ok(bytes)
}
