//! Why a call is not answered with what it asks for, and the answer itself: JSON with a status. A refusal is what clients are
//! refused with, as a problem by RFC 9457.

use crate::questions::Unanswered;
use serde_json::{Value, json};
use shard::limits::BUSY_RETRY_MS;
use std::borrow::Cow;
use wire::frames::Refusal;
use wire::{RefusalCode, TEXT_BYTES_MAX, encode};

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub code: RefusalCode,
    /// How long to wait before the same, in ms; 0: it is of no use.
    pub retry_after_ms: u32,
    /// For a person.
    pub text: Cow<'static, str>,
}

impl Refused {
    /// One that may not come again as it is.
    pub fn new(code: RefusalCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, retry_after_ms: 0, text: text.into() }
    }

    /// One that may come again after so many ms.
    pub fn wait(code: RefusalCode, ms: u32, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, retry_after_ms: ms, text: text.into() }
    }

    /// The refusal as clients read it: its code, name, hint and text.
    #[must_use]
    pub fn object(&self) -> Value {
        let Self { code, retry_after_ms, text } = self;
        let (number, name) = (*code as u16, format!("{code:?}"));
        json!({"code": number, "name": name, "retry_after_ms": retry_after_ms, "text": text})
    }
}

impl From<Unanswered> for Refused {
    fn from(why: Unanswered) -> Self {
        match why {
            Unanswered::Busy => {
                Self::wait(RefusalCode::Busy, BUSY_RETRY_MS, "too much is asked at once")
            }
            Unanswered::Late => {
                let text = "no answer in time: it may still be done; say it again with the same id";
                Self::wait(RefusalCode::StoreUnavailable, BUSY_RETRY_MS, text)
            }
        }
    }
}

/// What a call is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// Seconds after which the same may come again; 0: nothing is said of it.
    pub retry_after_s: u32,
    /// The methods that there are, if it came by another.
    pub allow: Option<&'static str>,
    /// JSON.
    pub body: Vec<u8>,
}

impl Page {
    /// What was asked for.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        Self { status: 200, retry_after_s: 0, allow: None, body: value.to_string().into_bytes() }
    }

    /// What one frame says to clients.
    ///
    /// # Panics
    /// It is no frame.
    #[must_use]
    pub fn said(frames: &[u8]) -> Self {
        let front::Said { status, wait_ms, body } =
            front::said(frames).expect("an answer is a frame");
        let status = status[..3].parse().expect("a status begins with its number");
        Self { status, retry_after_s: wait_ms.div_ceil(1_000), allow: None, body }
    }

    /// Nothing is there, or not by this method.
    #[must_use]
    pub fn nothing(allow: Option<&'static str>) -> Self {
        let (status, title, detail) = match allow {
            None => (404, "Not Found", "there is no such call: see /openapi.json"),
            Some(_) => {
                (405, "Method Not Allowed", "this call has another method: see /openapi.json")
            }
        };
        let problem =
            json!({"type": "about:blank", "title": title, "status": status, "detail": detail});
        Self { status, allow, ..Self::of(&problem) }
    }

    /// What the body is.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        if self.status == 200 { "application/json" } else { "application/problem+json" }
    }
}

impl From<&Refused> for Page {
    fn from(refused: &Refused) -> Self {
        let Refused { code, retry_after_ms, text } = refused;
        let end = text.floor_char_boundary(TEXT_BYTES_MAX);
        let text = text.as_bytes()[..end].to_vec().into();
        let refusal = Refusal { code: *code as u16, retry_after_ms: *retry_after_ms, text };
        let mut frames = Vec::new();
        encode(&mut frames, 0, refusal);
        Self::said(&frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_problem_with_its_code_and_hint() {
        let refused = Refused::wait(RefusalCode::RateLimited, 1_500, "too many");
        let page = Page::from(&refused);
        assert_eq!((page.status, page.retry_after_s), (429, 2));
        assert_eq!(page.content_type(), "application/problem+json");
        let body: Value = serde_json::from_slice(&page.body).unwrap();
        assert_eq!((&body["status"], &body["title"]), (&json!(429), &json!("RateLimited")));
        assert_eq!(body["refusal"], refused.object());
        let long = Page::from(&Refused::new(RefusalCode::Busy, "ü".repeat(999)));
        assert!(serde_json::from_slice::<Value>(&long.body).is_ok());
    }
}
