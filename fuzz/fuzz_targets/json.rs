//! Any text, as a message of JSON, and any payload behind a right header, as a frame: the first byte of the input says which.
//! Nothing may panic. What stands for frames stands for the same after it was written again, and a frame that is written is read
//! as itself, or refused for a number that JSON does not say.
#![no_main]

use front::json;
use libfuzzer_sys::fuzz_target;
use wire::{FRAME_BYTES_MAX, FrameBuffer, HEADER_BYTES, Kind, Scratch, VERSION};

fuzz_target!(|input: &[u8]| {
    let Some((manner, rest)) = input.split_first() else { return };
    if let 0 = manner % 2 {
        let Ok(text) = str::from_utf8(rest) else { return };
        let mut frames = vec![];
        if json::read(text, 7, &mut frames).is_ok() {
            assert_eq!(again(&frames).as_ref(), Ok(&frames), "{text}");
        } else {
            assert!(frames.is_empty());
        }
    } else if let Some((kind, payload)) = rest.split_first() {
        let kind = Kind::ALL[usize::from(*kind) % Kind::ALL.len()];
        let frame = seal(kind, payload);
        if frame.len() <= FRAME_BYTES_MAX && kind != Kind::Hello {
            let _ = again(&frame);
        }
    }
});

/// Frames after each was text. A login's text stands for the hello before it too, which has none of its own.
fn again(frames: &[u8]) -> Result<Vec<u8>, ()> {
    let (mut buffer, mut scratch, mut out) = (FrameBuffer::default(), Scratch::default(), vec![]);
    let mut frames = buffer.read(frames, FRAME_BYTES_MAX);
    while let Some(frame) = frames.next(&mut scratch) {
        let mut text = vec![];
        json::write(&frame.map_err(|_| ())?, &mut text).map_err(|_| ())?;
        if !text.is_empty() {
            let text = String::from_utf8(text).expect("JSON is UTF-8");
            json::read(&text, 7, &mut out).map_err(|_| ())?;
        }
    }
    Ok(out)
}

/// A frame with a right header.
fn seal(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; HEADER_BYTES];
    frame.extend_from_slice(payload);
    frame.resize(frame.len().next_multiple_of(8), 0);
    let length = u32::try_from(frame.len()).expect("inputs are small").to_le_bytes();
    frame[..4].copy_from_slice(&length);
    frame[4..6].copy_from_slice(&[kind as u8, VERSION]);
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[..16]);
    hasher.update(&frame[20..]);
    frame[16..20].copy_from_slice(&hasher.finalize().to_le_bytes());
    frame
}
