//! Whether a request becomes a WebSocket: what its head must say, and the answer. It knows no connection.

use crate::limits::WEBSOCKET_PATH;
use crate::origin::is_allowed;
use crate::problem::Problem;
use crate::subprotocol::Subprotocol;
use httparse::{Header, Request};
use tungstenite::handshake::derive_accept_key;

/// Characters of a key: 16 bytes in base64.
const KEY_LEN: usize = 24;

/// Judges a request. What is accepted is answered with the text, and its messages hold the first of what it asks for that is
/// known.
pub(crate) fn judge(
    request: &Request<'_, '_>,
    origins: &[String],
) -> Result<(String, Subprotocol), Problem> {
    let headers = &*request.headers;
    if request.version != Some(1) {
        return Err(Problem::Version);
    }
    if request.method != Some("GET") {
        return Err(Problem::Method);
    }
    if request.path != Some(WEBSOCKET_PATH) {
        return Err(Problem::NotFound);
    }
    let has_body = |name| values(headers, name).next().is_some();
    if has_body("Content-Length") || has_body("Transfer-Encoding") {
        return Err(Problem::Malformed);
    }
    let host = one(headers, "Host")?.ok_or(Problem::Malformed)?;
    let version = one(headers, "Sec-WebSocket-Version")?;
    if !names(headers, "Upgrade", "websocket")
        || !names(headers, "Connection", "upgrade")
        || version != Some("13")
    {
        return Err(Problem::NoUpgrade);
    }
    if let Some(origin) = one(headers, "Origin")?
        && !is_allowed(origin, host, origins)
    {
        return Err(Problem::ForeignOrigin);
    }
    let subprotocol = list(headers, "Sec-WebSocket-Protocol").find_map(Subprotocol::of);
    let subprotocol = subprotocol.ok_or(Problem::NoSubprotocol)?;
    let key = one(headers, "Sec-WebSocket-Key")?.filter(|key| is_key(key));
    Ok((answer(key.ok_or(Problem::Malformed)?, subprotocol), subprotocol))
}

/// The answer to a request with this key.
fn answer(key: &str, subprotocol: Subprotocol) -> String {
    let (accept, name) = (derive_accept_key(key.as_bytes()), subprotocol.name());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {name}\r\n\r\n"
    )
}

/// Whether a text is 16 bytes in base64.
fn is_key(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let digits = text.strip_suffix("==");
    text.len() == KEY_LEN && digits.is_some_and(|digits| digits.bytes().all(is_digit))
}

/// The values of a header's lines. One that is no text has none.
pub(crate) fn values<'a>(
    headers: &'a [Header<'a>],
    name: &'static str,
) -> impl Iterator<Item = &'a str> {
    let named = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    named.map(|header| str::from_utf8(header.value).unwrap_or_default().trim_matches([' ', '\t']))
}

/// The value of a header that may be there once.
pub(crate) fn one<'a>(
    headers: &'a [Header<'a>],
    name: &'static str,
) -> Result<Option<&'a str>, Problem> {
    let mut values = values(headers, name);
    let first = values.next();
    if values.next().is_some() { Err(Problem::Malformed) } else { Ok(first) }
}

/// The values of a header that is a list with commas, over all of its lines.
fn list<'a>(headers: &'a [Header<'a>], name: &'static str) -> impl Iterator<Item = &'a str> {
    values(headers, name).flat_map(|value| value.split(',')).map(|it| it.trim_matches([' ', '\t']))
}

/// Whether a word is in the list of a header.
pub(crate) fn names(headers: &[Header<'_>], name: &'static str, word: &str) -> bool {
    list(headers, name).any(|it| it.eq_ignore_ascii_case(word))
}
