//! What an answer of the receiver means. It knows no connection.

use serde::Deserialize;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The receiver has it. These tokens reach nobody any more.
    Taken { gone: Vec<String> },
    /// It is for nobody any more.
    Gone,
    /// The receiver will never take what is in it.
    Refused,
    /// Not now; after so many ms, if it says so.
    Later { wait_ms: Option<u64> },
    /// It may or may not have it.
    Failed(String),
}

/// What a receiver may say in its answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    gone: Vec<String>,
}

impl Outcome {
    /// Of an answer's status, its `Retry-After` and its body. Where the fault may be the receiver's own, or a setting's (401, 404),
    /// it is asked again.
    pub fn of(status: u16, retry_after: Option<&str>, body: &[u8]) -> Self {
        match status {
            200..300 => {
                let said: Said = serde_json::from_slice(body).unwrap_or_default();
                Self::Taken { gone: said.gone }
            }
            410 => Self::Gone,
            429 | 503 => {
                // The other form, a date, is for caches.
                let seconds = retry_after.and_then(|text| text.trim().parse::<u64>().ok());
                Self::Later { wait_ms: seconds.map(|it| it.saturating_mul(1_000)) }
            }
            400 | 409 | 411 | 413..=417 | 422 => Self::Refused,
            status => Self::Failed(format!("it answers {status}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_became_of_it() {
        let of =
            |status, retry_after, body: &str| Outcome::of(status, retry_after, body.as_bytes());
        let taken =
            |gone: &[&str]| Outcome::Taken { gone: gone.iter().map(|it| (*it).into()).collect() };
        assert_eq!(of(204, None, ""), taken(&[]));
        assert_eq!(of(200, None, "ok"), taken(&[]));
        assert_eq!(of(200, None, r#"{"gone":["a","b"],"more":1}"#), taken(&["a", "b"]));
        assert_eq!(of(200, None, r#"{"gone":7}"#), taken(&[]));
        assert_eq!(of(410, None, ""), Outcome::Gone);
        assert_eq!(of(422, None, ""), Outcome::Refused);
        assert_eq!(of(429, Some(" 7 "), ""), Outcome::Later { wait_ms: Some(7_000) });
        assert_eq!(of(503, Some("Wed, 21 Oct"), ""), Outcome::Later { wait_ms: None });
        for status in [301, 401, 403, 404, 408, 500, 502, 504] {
            assert!(matches!(of(status, None, ""), Outcome::Failed(_)), "{status}");
        }
    }
}
