//! The answer to a call: a frame as an HTTP response with JSON in it. What refuses or ends is a problem by RFC 9457, with what
//! the frame says under the frame's own key.

use crate::json;
use crate::problem::write;
use wire::frames::{GoingAway, Refusal, SessionEnd};
use wire::{FRAME_BYTES_MAX, FrameBuffer, Kind, RawFrame, RefusalCode, Scratch};

/// Behind every answer to a call. Pages that may not call got none, and what others read is theirs by their token.
const EVERY_PAGE: &str = "Access-Control-Allow-Origin: *\r\n";
/// The answer to a page that may call, and asks for that first. The connection is closed behind it: it needs no token.
pub(crate) const PREFLIGHT: &[u8] = b"HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\n\
    Access-Control-Allow-Methods: GET, POST\r\nAccess-Control-Allow-Headers: Authorization, Content-Type\r\n\
    Access-Control-Max-Age: 7200\r\nVary: Origin\r\nConnection: close\r\n\r\n";
/// The status of what is no refusal.
const OK: &str = "200 OK";
/// A small frame: the acknowledgement of a message.
const FRAME_BYTES: usize = 256;

/// Appends the one frame that `write` appends as the answer to a call, behind which the connection closes or stays. Nothing is
/// said if it appends nothing.
///
/// # Panics
/// `write` appends what is no frame.
pub fn reply<T>(closes: bool, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut frames = Vec::with_capacity(FRAME_BYTES);
    let written = write(&mut frames);
    if let Some(said) = said(&frames) {
        append(&said, closes, out);
    }
    written
}

/// What one frame is over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The status and its words.
    pub status: &'static str,
    /// How long to wait before the same, in ms; 0: it is of no use, or needs none.
    pub wait_ms: u32,
    /// JSON: the frame's object under its key; of a refusal a problem by RFC 9457, with the object in it.
    pub body: Vec<u8>,
}

impl Said {
    /// What the body is.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        if self.status == OK { "application/json" } else { "application/problem+json" }
    }
}

/// What the one frame in these bytes is over HTTP; none: there is no frame.
///
/// # Panics
/// They are no frame.
#[must_use]
pub fn said(frames: &[u8]) -> Option<Said> {
    let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
    let mut read = buffer.read(frames, FRAME_BYTES_MAX);
    read.next(&mut scratch).map(|frame| of(&frame.expect("this side writes frames")))
}

fn append(said: &Said, closes: bool, out: &mut Vec<u8>) {
    let mut more = EVERY_PAGE.to_owned();
    if closes {
        more += "Connection: close\r\n";
    }
    if said.wait_ms > 0 {
        more += &format!("Retry-After: {}\r\n", said.wait_ms.div_ceil(1_000));
    }
    if said.status.starts_with("401") {
        more += "WWW-Authenticate: Bearer\r\n";
    }
    write(out, said.status, (said.content_type(), &more), &said.body);
}

fn of(frame: &RawFrame<'_>) -> Said {
    let mut body = Vec::with_capacity(2 * FRAME_BYTES);
    json::write(frame, &mut body).expect("this side writes frames");
    let Some(Refused { code, wait_ms, text }) = Refused::of(frame) else {
        return Said { status: OK, wait_ms: 0, body };
    };
    let code = RefusalCode::from_wire(code).expect("this side says what it knows");
    let (status, title) = (status(code), format!("{code:?}"));
    let number = &status[..3];
    let detail = serde_json::to_string(&text).expect("a text");
    let mut problem = format!(
        "{{\"type\":\"urn:longline:refusal:{title}\",\"title\":\"{title}\",\"status\":{number},\"detail\":{detail},"
    )
    .into_bytes();
    // The frame's object goes on behind what every problem has.
    problem.extend_from_slice(&body[1..]);
    Said { status, wait_ms, body: problem }
}

/// What a frame refuses with.
struct Refused {
    code: u16,
    /// How long to wait before the same, in ms; 0: it is of no use, or needs none.
    wait_ms: u32,
    text: String,
}

impl Refused {
    /// What a frame refuses with, or ends.
    fn of(frame: &RawFrame<'_>) -> Option<Self> {
        let text = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        if frame.header.kind == Some(Kind::Refusal) {
            let said = frame.read::<Refusal>().ok()?;
            let Refusal { code, retry_after_ms: wait_ms, .. } = said;
            Some(Self { code, wait_ms, text: text(&said.text) })
        } else if frame.header.kind == Some(Kind::SessionEnd) {
            let said = frame.read::<SessionEnd>().ok()?;
            let SessionEnd { code, wait_ms, jitter_ms, .. } = said;
            Some(Self { code, wait_ms: wait_ms + jitter_ms, text: text(&said.text) })
        } else if frame.header.kind == Some(Kind::GoingAway) {
            let GoingAway { code, reconnect_after_ms, jitter_ms } = frame.read().ok()?;
            let text = "connect again".to_owned();
            Some(Self { code, wait_ms: reconnect_after_ms + jitter_ms, text })
        } else {
            None
        }
    }
}

/// The status that says the same as a code.
#[must_use]
pub fn status(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::Malformed
        | RefusalCode::UnsupportedVersion
        | RefusalCode::BadId
        | RefusalCode::OutOfRange
        | RefusalCode::Unsupported => "400 Bad Request",
        RefusalCode::NotLoggedIn
        | RefusalCode::BadToken
        | RefusalCode::TokenExpired
        | RefusalCode::TokenRevoked => "401 Unauthorized",
        RefusalCode::NotMember
        | RefusalCode::NotAllowed
        | RefusalCode::Muted
        | RefusalCode::Kicked
        | RefusalCode::EndedByUser => "403 Forbidden",
        RefusalCode::BadRecipient => "404 Not Found",
        RefusalCode::LoginTimeout | RefusalCode::Unresponsive => "408 Request Timeout",
        RefusalCode::IdConflict
        | RefusalCode::IdTooOld
        | RefusalCode::IdInFuture
        | RefusalCode::GroupFull
        | RefusalCode::AlreadyMember
        | RefusalCode::SessionReplaced
        | RefusalCode::TooManyDevices => "409 Conflict",
        RefusalCode::BodyTooLarge => "413 Content Too Large",
        RefusalCode::RateLimited => "429 Too Many Requests",
        RefusalCode::Busy
        | RefusalCode::StoreUnavailable
        | RefusalCode::StoreFull
        | RefusalCode::Draining => "503 Service Unavailable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use wire::{Bytes, encode, frames::SendAck};

    fn said(closes: bool, write: impl FnOnce(&mut Vec<u8>)) -> (String, Value) {
        let mut out = Vec::new();
        reply(closes, &mut out, write);
        let text = String::from_utf8(out).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(format!("{head}\r\n").contains(&format!("Content-Length: {}\r\n", body.len())));
        (head.to_owned(), serde_json::from_str(body).unwrap())
    }

    #[test]
    fn an_answer_is_the_frame_as_json() {
        let ack = SendAck { message_id: 5, seq: 1, time_ms: 2, inbox_seq: 3 };
        let (head, body) = said(false, |out| encode(out, 7, ack));
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && !head.contains("close"), "{head}");
        assert_eq!((body["id"].as_u64(), body["send_ack"]["message_id"].as_str()), {
            (Some(7), Some("5"))
        });
    }

    #[test]
    fn every_refusal_is_a_problem_with_its_hint() {
        for code in RefusalCode::ALL {
            let text = Bytes::from_static(b"a \"text\"");
            let refusal = Refusal { code: *code as u16, retry_after_ms: 1_001, text };
            let (head, body) = said(true, |out| encode(out, 0, refusal));
            assert!(
                head.contains("Connection: close") && head.contains("Retry-After: 2"),
                "{head}"
            );
            assert!(head.contains("application/problem+json"), "{head}");
            assert_eq!(head[9..12], body["status"].to_string());
            assert_eq!(body["title"], format!("{code:?}"));
            assert_eq!(body["detail"], "a \"text\"");
            assert_eq!(body["refusal"]["retry_after_ms"], 1_001);
        }
    }

    #[test]
    fn the_page_has_every_status() {
        let page = include_str!("../../wire/PROTOCOL.md");
        for code in RefusalCode::ALL {
            let row = format!("| {} | ", &status(*code)[..3]);
            let codes = page.lines().find_map(|line| line.strip_prefix(&row)).expect(&row);
            let mut names = codes.trim_end_matches(" |").split(", ");
            assert!(names.any(|name| name == format!("{code:?}")), "{code:?} is not in {codes}");
        }
    }

    #[test]
    fn what_ends_is_a_problem_too() {
        let code = RefusalCode::Draining as u16;
        let going = GoingAway { code, reconnect_after_ms: 0, jitter_ms: 5_000 };
        let (head, body) = said(false, |out| encode(out, 0, going));
        assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("Retry-After: 5"), "{head}");
        assert_eq!(body["going_away"]["jitter_ms"], 5_000);
        let (code, text) = (RefusalCode::SessionReplaced as u16, Bytes::from_static(b"elsewhere"));
        let end = SessionEnd { code, next: 2, wait_ms: 0, jitter_ms: 0, text };
        let (head, body) = said(false, |out| encode(out, 0, end));
        assert!(head.starts_with("HTTP/1.1 409 ") && !head.contains("Retry-After"), "{head}");
        assert_eq!(body["detail"], "elsewhere");
        assert_eq!(body["session_end"]["next"], 2);
    }
}
