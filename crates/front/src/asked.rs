//! A request for something else than a WebSocket: a page, or one small thing that a page asks for. It is answered, and the
//! connection closed. What there is to be asked for is not known here.

use crate::limits::ASKED_BODY_BYTES_MAX;
use crate::origin::is_allowed;
use crate::problem::Problem;
use crate::upgrade::{one, values};
use httparse::Request;

/// How it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// For all of it.
    Get,
    /// For the head of its answer.
    Head,
    /// With a body, which is JSON.
    Post,
}

/// A request that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// How.
    pub method: Method,
    /// For what, with its query, if it has one.
    pub path: &'a str,
    /// Of which host, as its page has it: name and port.
    pub host: &'a str,
    /// With this; nothing unless it is [`Method::Post`].
    pub body: &'a [u8],
}

/// A request whose body is still coming.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Order {
    method: Method,
    path: String,
    host: String,
    body: Vec<u8>,
    /// Bytes that its body will have.
    length: usize,
}

impl Order {
    /// Judges the head of a request. Only a page of the same host may ask, so a listed origin does not help.
    pub fn judge(request: &Request<'_, '_>) -> Result<Self, Problem> {
        let headers = &*request.headers;
        if request.version != Some(1) {
            return Err(Problem::Version);
        }
        let method = match request.method {
            Some("GET") => Method::Get,
            Some("HEAD") => Method::Head,
            Some("POST") => Method::Post,
            _ => return Err(Problem::MethodOfPage),
        };
        let host = one(headers, "Host")?.ok_or(Problem::Malformed)?;
        if values(headers, "Transfer-Encoding").next().is_some() {
            return Err(Problem::Malformed);
        }
        if let Some(origin) = one(headers, "Origin")?
            && !is_allowed(origin, host, &[])
        {
            return Err(Problem::ForeignPage);
        }
        let length = match (method, one(headers, "Content-Length")?) {
            (Method::Get | Method::Head, None) => 0,
            (Method::Post, Some(length)) => body_length(length)?,
            _ => return Err(Problem::Malformed),
        };
        // A page of another origin cannot say so without asking first, which is refused.
        if method == Method::Post && !one(headers, "Content-Type")?.is_some_and(is_json) {
            return Err(Problem::NotJson);
        }
        let (path, host) = (request.path.unwrap_or_default().to_owned(), host.to_owned());
        Ok(Self { method, path, host, body: Vec::new(), length })
    }

    /// Bytes that came of its body.
    pub fn len(&self) -> usize {
        self.body.len()
    }

    /// Adds what belongs to it of a piece. Whether it is whole.
    pub fn add(&mut self, piece: &[u8]) -> bool {
        let more = piece.len().min(self.length - self.body.len());
        self.body.extend_from_slice(&piece[..more]);
        self.body.len() == self.length
    }

    /// What it asks, once it is whole.
    pub fn asked(&self) -> Asked<'_> {
        let Self { method, path, host, body, .. } = self;
        Asked { method: *method, path, host, body }
    }
}

fn body_length(text: &str) -> Result<usize, Problem> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::Malformed);
    }
    let length = text.parse().unwrap_or(usize::MAX);
    if length <= ASKED_BODY_BYTES_MAX { Ok(length) } else { Err(Problem::BodyTooLarge) }
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}
