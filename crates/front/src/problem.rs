//! Why an HTTP request is not answered with what it asks for, and the answer that says so and what to do: a problem by RFC 9457.

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// No head of a request, or a header that may not be there.
    Malformed,
    /// The page is of another origin.
    ForeignOrigin,
    /// The page is of another origin, and asks for what only pages of this host get.
    ForeignPage,
    /// Nothing is there.
    NotFound,
    /// Another method than GET.
    Method,
    /// Another method than GET, HEAD or POST.
    MethodOfPage,
    /// A body that is not JSON.
    NotJson,
    /// A body that is too large.
    BodyTooLarge,
    /// Another method than POST for a call.
    MethodOfCall,
    /// Another method than GET for a poll.
    MethodOfPoll,
    /// A call without a token.
    NoToken,
    /// A call whose query is not understood.
    Query,
    /// A call that does not say how long its body is.
    NoLength,
    /// A call whose body is too large.
    CallTooLarge,
    /// The head is too large.
    TooLarge,
    /// It asks for no WebSocket, or for one of another version.
    NoUpgrade,
    /// It asks for none of our subprotocols.
    NoSubprotocol,
    /// Another version of HTTP.
    Version,
    /// It did not come by TLS, as it must here.
    Plain,
    /// It took too long.
    Timeout,
    /// The server goes, or has no room.
    Unavailable,
}

impl Problem {
    /// Appends the answer; the connection is to be closed behind it.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let (status, text) = self.words();
        let more = match self {
            Self::Method | Self::MethodOfPoll => "Connection: close\r\nAllow: GET\r\n",
            Self::MethodOfCall => "Connection: close\r\nAllow: POST\r\n",
            Self::MethodOfPage => "Connection: close\r\nAllow: GET, HEAD, POST\r\n",
            Self::NoUpgrade => {
                "Connection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            }
            Self::NoToken => "Connection: close\r\nWWW-Authenticate: Bearer\r\n",
            Self::Unavailable => "Connection: close\r\nRetry-After: 1\r\n",
            Self::Malformed
            | Self::ForeignOrigin
            | Self::ForeignPage
            | Self::NotFound
            | Self::NotJson
            | Self::BodyTooLarge
            | Self::Query
            | Self::NoLength
            | Self::CallTooLarge
            | Self::TooLarge
            | Self::NoSubprotocol
            | Self::Version
            | Self::Plain
            | Self::Timeout => "Connection: close\r\n",
        };
        let (number, title) = status.split_at(4);
        // No text here has anything to escape.
        let body = format!(
            "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{},\"detail\":\"{text}\"}}",
            number.trim_end(),
        );
        write(out, status, ("application/problem+json", more), body.as_bytes());
    }

    /// The status and the text for a person.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Malformed => ("400 Bad Request", "This is no request that is understood here."),
            Self::ForeignOrigin => (
                "403 Forbidden",
                "Pages of this origin may not connect: it is to be in the gateway's setting origins.",
            ),
            Self::ForeignPage => ("403 Forbidden", "Only a page of this host may ask for this."),
            Self::NotFound => (
                "404 Not Found",
                "This is Longline. A WebSocket is at /v1/ws, with the subprotocol longline.v1 or \
                 longline.v1.json; a long poll at /v1/poll.",
            ),
            Self::Method => ("405 Method Not Allowed", "A WebSocket begins with GET."),
            Self::MethodOfPage => ("405 Method Not Allowed", "Ask with GET, HEAD or POST."),
            Self::NotJson => {
                ("415 Unsupported Media Type", "A body is application/json, and says so.")
            }
            Self::BodyTooLarge => ("413 Content Too Large", "A body has at most 256 bytes."),
            Self::MethodOfCall => ("405 Method Not Allowed", "Call with POST."),
            Self::MethodOfPoll => ("405 Method Not Allowed", "Poll with GET."),
            Self::NoToken => {
                ("401 Unauthorized", "Give a token: Authorization: Bearer and the token.")
            }
            Self::Query => (
                "400 Bad Request",
                "The query has device, and of a poll perhaps cursor, inbox_epoch, message_id and wait_s up to 50: each a \
                 number in decimal, once.",
            ),
            Self::NoLength => ("411 Length Required", "Say Content-Length: a body comes as it is."),
            Self::CallTooLarge => ("413 Content Too Large", "A body has at most 131072 bytes."),
            Self::TooLarge => (
                "431 Request Header Fields Too Large",
                "A head has at most 8192 bytes and 48 headers.",
            ),
            Self::NoUpgrade => (
                "426 Upgrade Required",
                "A WebSocket of version 13 is here, with the subprotocol longline.v1 or longline.v1.json.",
            ),
            Self::NoSubprotocol => (
                "400 Bad Request",
                "Ask for the subprotocol longline.v1 or longline.v1.json in Sec-WebSocket-Protocol.",
            ),
            Self::Version => ("505 HTTP Version Not Supported", "HTTP/1.1 is spoken here."),
            Self::Plain => {
                ("400 Bad Request", "This port speaks TLS only: use https:// or wss:// for it.")
            }
            Self::Timeout => ("408 Request Timeout", "The login did not come in time."),
            Self::Unavailable => ("503 Service Unavailable", "Connect again."),
        }
    }
}

/// Appends an answer: of this status, with a body of this type behind more lines of the head.
pub(crate) fn write(
    out: &mut Vec<u8>,
    status: &str,
    (content_type, more): (&str, &str),
    body: &[u8],
) {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n{more}\r\n",
        body.len(),
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{ASKED_BODY_BYTES_MAX, HEAD_BYTES_MAX, HEADERS_MAX, JSON_BYTES_MAX};
    use crate::limits::{POLL_PATH, POLL_WAIT_S_MAX, WEBSOCKET_PATH};
    use crate::subprotocol::Subprotocol;

    #[test]
    fn texts_name_what_the_limits_are() {
        let (_, text) = Problem::TooLarge.words();
        assert!(text.contains(&HEAD_BYTES_MAX.to_string()));
        assert!(text.contains(&HEADERS_MAX.to_string()));
        let (_, text) = Problem::BodyTooLarge.words();
        assert!(text.contains(&ASKED_BODY_BYTES_MAX.to_string()));
        for problem in [Problem::NotFound, Problem::NoUpgrade, Problem::NoSubprotocol] {
            for subprotocol in [Subprotocol::Frames, Subprotocol::Json] {
                assert!(problem.words().1.contains(subprotocol.name()));
            }
        }
        assert!(Problem::NotFound.words().1.contains(WEBSOCKET_PATH));
        assert!(Problem::NotFound.words().1.contains(POLL_PATH));
        assert!(Problem::CallTooLarge.words().1.contains(&JSON_BYTES_MAX.to_string()));
        assert!(Problem::Query.words().1.contains(&format!("up to {POLL_WAIT_S_MAX}:")));
    }
}
