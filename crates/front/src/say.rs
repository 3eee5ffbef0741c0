//! What is written to the other end of a WebSocket: messages without a copy of their content, pings, pongs, and the
//! close with its code.

use crate::mask::mask;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use wire::RefusalCode;

/// Bytes left free before a message is written: the header of most. A shorter one moves the little that is behind it.
const GAP: usize = 4;
/// What is added to a refusal's code: RFC 6455 leaves 4000 to 4999 to applications.
const REFUSALS_FROM: u16 = 4_000;

/// Appends what `write` appends as one binary message of a server. Nothing is said if it appends nothing.
pub fn message<T>(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    message_of(Data::Binary, out, write)
}

/// The same as one of this kind of message.
pub(crate) fn message_of<T>(
    data: Data,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> T,
) -> T {
    let start = out.len();
    out.resize(start + GAP, 0);
    let written = write(out);
    let length = out.len() - start - GAP;
    if length == 0 {
        out.truncate(start);
        return written;
    }
    let header = header(OpCode::Data(data), None);
    let size = header.len(length as u64);
    if size > GAP {
        out.resize(out.len() + size - GAP, 0);
    }
    if size != GAP {
        out.copy_within(start + GAP..start + GAP + length, start + size);
        out.truncate(start + size + length);
    }
    format(&header, length, &mut out[start..]);
    written
}

/// Appends bytes as one message of a client, under the mask of this key.
pub(crate) fn masked(data: Data, out: &mut Vec<u8>, bytes: &[u8], key: [u8; 4]) {
    append(out, OpCode::Data(data), bytes, Some(key));
}

/// Appends a server's ping.
pub fn ping(out: &mut Vec<u8>) {
    append(out, OpCode::Control(Control::Ping), &[], None);
}

/// Appends a server's answer to a ping.
pub fn pong(out: &mut Vec<u8>, payload: &[u8]) {
    append(out, OpCode::Control(Control::Pong), payload, None);
}

/// Appends a client's answer to a ping.
pub(crate) fn masked_pong(out: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
    append(out, OpCode::Control(Control::Pong), payload, Some(key));
}

/// Appends a server's close.
pub(crate) fn close(out: &mut Vec<u8>, code: u16, reason: &str) {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    append(out, OpCode::Control(Control::Close), &payload, None);
}

/// What a client is told to do whose messages ended for this code: they are JSON, or frames.
pub(crate) fn advice(code: u16, is_json: bool) -> &'static str {
    match (CloseCode::from(code), is_json) {
        (CloseCode::Unsupported, true) => {
            "longline.v1.json has text messages; frames are for longline.v1"
        }
        (CloseCode::Unsupported, false) => {
            "longline.v1 has binary messages; text is for longline.v1.json"
        }
        (CloseCode::Invalid, true) => {
            "a message is UTF-8, and one JSON object with an id and a request"
        }
        (CloseCode::Invalid, false) => "a message is whole frames",
        (CloseCode::Size, true) => {
            "at most 4096 bytes a message before the login, 131072 after it; 64 fragments"
        }
        (CloseCode::Size, false) => {
            "at most 4096 bytes a message before the login, 65536 after it; 64 fragments"
        }
        (_, _) => "",
    }
}

/// The code and the reason with which a server closes: in order, or because a session ended for this.
#[must_use]
pub fn parting(code: Option<RefusalCode>) -> (u16, String) {
    match code {
        None => (CloseCode::Normal.into(), String::new()),
        Some(code) if code == RefusalCode::Draining => {
            (CloseCode::Away.into(), format!("{code:?}"))
        }
        Some(code) => (REFUSALS_FROM + code as u16, format!("{code:?}")),
    }
}

fn append(out: &mut Vec<u8>, opcode: OpCode, payload: &[u8], key: Option<[u8; 4]>) {
    let start = out.len();
    let header = header(opcode, key);
    let size = header.len(payload.len() as u64);
    out.resize(start + size, 0);
    format(&header, payload.len(), &mut out[start..]);
    out.extend_from_slice(payload);
    if let Some(key) = key {
        mask(&mut out[start + size..], key, 0);
    }
}

fn header(opcode: OpCode, mask: Option<[u8; 4]>) -> FrameHeader {
    FrameHeader { opcode, mask, ..FrameHeader::default() }
}

fn format(header: &FrameHeader, length: usize, mut out: &mut [u8]) {
    header.format(length as u64, &mut out).expect("there is room for it");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{FRAGMENTS_MAX, JSON_BYTES_MAX};
    use wire::{FRAME_BEFORE_LOGIN_BYTES_MAX, FRAME_BYTES_MAX};

    #[test]
    fn a_message_has_the_shortest_header_and_all_of_its_content() {
        for (length, header) in [
            (1, vec![0x82, 1]),
            (125, vec![0x82, 125]),
            (126, vec![0x82, 126, 0, 126]),
            (65_535, vec![0x82, 126, 0xff, 0xff]),
            (65_536, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let content: Vec<u8> = (0..length).map(|at: usize| at.to_le_bytes()[0]).collect();
            let mut out = b"before".to_vec();
            message(&mut out, |out| out.extend_from_slice(&content));
            assert_eq!(out, [&b"before"[..], &header, &content].concat());
        }
        let mut out = b"before".to_vec();
        message(&mut out, |_| {});
        assert_eq!(out, b"before");
    }

    #[test]
    fn advice_names_what_the_limits_are_and_fits_a_close() {
        let most = [(true, JSON_BYTES_MAX), (false, FRAME_BYTES_MAX)];
        for (is_json, bytes_max) in most {
            let text = advice(CloseCode::Size.into(), is_json);
            for limit in [bytes_max, FRAME_BEFORE_LOGIN_BYTES_MAX, FRAGMENTS_MAX.into()] {
                assert!(text.contains(&limit.to_string()), "{text}");
            }
            for code in 1_000..1_012 {
                // Two bytes are the code's.
                assert!(advice(code, is_json).len() <= 123);
            }
        }
    }

    #[test]
    fn a_close_says_what_a_refusal_says() {
        assert_eq!(parting(None), (1_000, String::new()));
        assert_eq!(parting(Some(RefusalCode::Draining)).0, 1_001);
        assert_eq!(parting(Some(RefusalCode::Kicked)), (4_028, "Kicked".to_owned()));
        for code in RefusalCode::ALL {
            let (number, reason) = parting(Some(*code));
            assert!(reason.len() <= 123 && CloseCode::from(number).is_allowed());
        }
    }
}
