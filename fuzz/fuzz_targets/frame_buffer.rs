//! Bytes in pieces: the first byte of the input says how large they are. Nothing may panic, memory stays bounded, and
//! the same bytes in one piece give the same frames and the same end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{FRAME_BYTES_MAX, FrameBuffer, FrameError, Scratch};

/// Request ids of the frames found, and what ended them.
type Seen = (Vec<u64>, Option<FrameError>);

fuzz_target!(|input: &[u8]| {
    let Some((size, bytes)) = input.split_first() else { return };
    let pieces = read(bytes, usize::from(*size) + 1);
    assert_eq!(pieces, read(bytes, bytes.len().max(1)));
});

fn read(bytes: &[u8], size: usize) -> Seen {
    let (mut buffer, mut scratch, mut seen) = (FrameBuffer::default(), Scratch::default(), vec![]);
    for piece in bytes.chunks(size) {
        let mut frames = buffer.read(piece, FRAME_BYTES_MAX);
        while let Some(frame) = frames.next(&mut scratch) {
            match frame {
                Ok(frame) => seen.push(frame.header.request_id),
                Err(error) => return (seen, Some(error)),
            }
        }
        assert!(buffer.partial_len() < FRAME_BYTES_MAX);
        assert!(buffer.memory_bytes() <= 24.max(2 * buffer.partial_len()) + 32);
    }
    (seen, None)
}
