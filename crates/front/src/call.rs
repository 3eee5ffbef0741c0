//! A call: one request of a client that has no WebSocket, with its token and what it wants in its head. It is judged before
//! anything of its body is kept. What the token is worth is not known here, nor what a body says.

use crate::limits::{
    JSON_BYTES_MAX, LOGIN_PATH, POLL_PATH, POLL_WAIT_S, POLL_WAIT_S_MAX, REQUESTS_PATH,
};
use crate::origin::is_allowed;
use crate::problem::Problem;
use crate::upgrade::{names, one, values};
use httparse::{Header, Request};

/// What is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// To be logged in from the head of the inbox on.
    Login,
    /// What there is in the inbox behind a row.
    Poll(Poll),
    /// What the body requests.
    Request,
}

/// A poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll {
    /// The device has every row up to this one.
    pub cursor: u64,
    /// The epoch of the inbox that the row is of.
    pub inbox_epoch: u64,
    /// The message that the device has there; 0: it does not say.
    pub message_id: u64,
    /// How long it waits for a row, in seconds.
    pub wait_s: u64,
}

/// Who calls, as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    /// Its token.
    pub token: &'a str,
    /// Its device.
    pub device: u64,
    /// What it calls for.
    pub calls: Calls,
}

/// A call whose head is there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub token: String,
    pub device: u64,
    pub calls: Calls,
    /// The client wants to hear that it is heard before it says the body.
    pub expects: bool,
    /// The connection is over with the answer.
    pub closes: bool,
    /// Bytes of its body.
    pub length: usize,
}

/// A call whose body is still coming.
#[derive(Debug)]
pub(crate) struct Calling {
    pub calls: Calls,
    /// Who is believed to call.
    pub user: u64,
    pub closes: bool,
    length: usize,
    body: Vec<u8>,
}

/// What is asked at a path of calls.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Whether a page of another origin may call: it may.
    Preflight,
    Call(Call),
}

/// Whether this path is one of calls.
pub(crate) fn is_call(path: &str) -> bool {
    [LOGIN_PATH, POLL_PATH, REQUESTS_PATH].contains(&parts(path).0)
}

/// A path, and its query.
fn parts(path: &str) -> (&str, &str) {
    path.split_once('?').unwrap_or((path, ""))
}

/// Judges the head of a request at a path of calls.
pub(crate) fn judge(request: &Request<'_, '_>, origins: &[String]) -> Result<Judged, Problem> {
    let headers = &*request.headers;
    if request.version != Some(1) {
        return Err(Problem::Version);
    }
    let host = one(headers, "Host")?.ok_or(Problem::Malformed)?;
    if let Some(origin) = one(headers, "Origin")?
        && !is_allowed(origin, host, origins)
    {
        return Err(Problem::ForeignOrigin);
    }
    let (path, query) = parts(request.path.unwrap_or_default());
    let is_poll = path == POLL_PATH;
    match (request.method, is_poll) {
        (Some("OPTIONS"), _) => return Ok(Judged::Preflight),
        (Some("GET"), true) | (Some("POST"), false) => {}
        (_, true) => return Err(Problem::MethodOfPoll),
        (_, false) => return Err(Problem::MethodOfCall),
    }
    let length = length(headers)?;
    match length {
        None if path == REQUESTS_PATH => return Err(Problem::NoLength),
        Some(1..) if path != REQUESTS_PATH => return Err(Problem::Malformed),
        None | Some(_) => {}
    }
    let token = one(headers, "Authorization")?.and_then(bearer).ok_or(Problem::NoToken)?;
    let expects = match one(headers, "Expect")? {
        None => false,
        Some(expected) if expected.eq_ignore_ascii_case("100-continue") => true,
        Some(_) => return Err(Problem::Malformed),
    };
    let (device, poll) = read(query, is_poll).ok_or(Problem::Query)?;
    let calls = match path {
        POLL_PATH => Calls::Poll(poll),
        LOGIN_PATH => Calls::Login,
        _ => Calls::Request,
    };
    let (token, closes) = (token.to_owned(), names(headers, "Connection", "close"));
    Ok(Judged::Call(Call { token, device, calls, expects, closes, length: length.unwrap_or(0) }))
}

/// The length of a body, if one is said. It comes as it is, or not at all.
fn length(headers: &[Header<'_>]) -> Result<Option<usize>, Problem> {
    if values(headers, "Transfer-Encoding").next().is_some() {
        return Err(Problem::NoLength);
    }
    let Some(text) = one(headers, "Content-Length")? else { return Ok(None) };
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::Malformed);
    }
    match text.parse() {
        Ok(length) if length <= JSON_BYTES_MAX => Ok(Some(length)),
        Ok(_) | Err(_) => Err(Problem::CallTooLarge),
    }
}

/// The token of a value of `Authorization`.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
}

/// The device and the poll of a query: numbers in decimal, each once. Only of a poll there is more than the device.
fn read(query: &str, is_poll: bool) -> Option<(u64, Poll)> {
    let mut device = None;
    let (mut cursor, mut inbox_epoch, mut message_id, mut wait_s) = (None, None, None, None);
    for part in query.split('&') {
        let (name, value) = part.split_once('=')?;
        let slot = match name {
            "device" => &mut device,
            "cursor" if is_poll => &mut cursor,
            "inbox_epoch" if is_poll => &mut inbox_epoch,
            "message_id" if is_poll => &mut message_id,
            "wait_s" if is_poll => &mut wait_s,
            _ => return None,
        };
        let is_plain = value.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = value.parse().ok().filter(|_| is_plain)?;
        if slot.replace(number).is_some() {
            return None;
        }
    }
    let or_none = |number: Option<u64>| number.unwrap_or(0);
    let poll = Poll {
        cursor: or_none(cursor),
        inbox_epoch: or_none(inbox_epoch),
        message_id: or_none(message_id),
        wait_s: wait_s.unwrap_or(POLL_WAIT_S),
    };
    let fits = poll.cursor < wire::NUMBER_MAX && poll.wait_s <= POLL_WAIT_S_MAX;
    device.filter(|_| fits).map(|device| (device, poll))
}

impl Call {
    /// Who calls.
    pub fn caller(&self) -> Caller<'_> {
        Caller { token: &self.token, device: self.device, calls: self.calls }
    }

    /// The body follows, of this user.
    pub fn of(self, user: u64) -> Calling {
        let Self { calls, closes, length, .. } = self;
        Calling { calls, user, closes, length, body: Vec::new() }
    }
}

impl Calling {
    /// Bytes that came of its body.
    pub fn len(&self) -> usize {
        self.body.len()
    }

    /// Adds what belongs to it of the front of a piece. What is behind it, if it is whole.
    pub fn add<'a>(&mut self, piece: &'a [u8]) -> Option<&'a [u8]> {
        let (more, behind) = piece.split_at(piece.len().min(self.length - self.body.len()));
        self.body.extend_from_slice(more);
        (self.body.len() == self.length).then_some(behind)
    }

    /// Its body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_each_number_once() {
        let poll = |cursor, wait_s| Poll { cursor, inbox_epoch: 9, message_id: 0, wait_s };
        let of_poll = |query| read(query, true);
        assert_eq!(of_poll("device=5&cursor=3&inbox_epoch=9"), Some((5, poll(3, POLL_WAIT_S))));
        assert_eq!(of_poll("wait_s=0&inbox_epoch=9&device=18446744073709551615"), {
            Some((u64::MAX, poll(0, 0)))
        });
        for query in [
            "",
            "cursor=3",
            "device=",
            "device=+5",
            "device=-1",
            "device=5&device=5",
            "device=5&",
            "device=5&more=1",
            "device=5&wait_s=51",
            "device=5&cursor=9007199254740992",
            "device=18446744073709551616",
            "device=%35",
        ] {
            assert_eq!(of_poll(query), None, "{query}");
        }
        assert!(read("device=5", false).is_some() && read("device=5&cursor=1", false).is_none());
    }
}
