//! An answer as HTTP has it, with what a browser may do with it. The connection is closed behind it.

use super::files::File;

/// What pages may do: load what this host has, connect to it, and nothing else. No script stands in a page, and no other page
/// may frame one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is answered.
pub struct Answer {
    status: &'static str,
    content_type: &'static str,
    /// Nothing is kept of it, but a file, which is asked for again each time.
    cache: &'static str,
    more: &'static str,
    body: Body,
}

enum Body {
    Fixed(&'static [u8]),
    Made(String),
}

const GIVEN: &str = "200 OK";
const TEXT: &str = "text/plain; charset=utf-8";

impl Answer {
    pub const NOT_FOUND: Self = Self::text(
        "404 Not Found",
        "",
        "This is Longline. The chat page is at /, a WebSocket at /v1/ws, with the subprotocol longline.v1 or longline.v1.json, a long poll at /v1/poll.\n",
    );
    pub const WRONG_METHOD_OF_FILE: Self =
        Self::text("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "Ask with GET.\n");
    pub const WRONG_METHOD_OF_TOKEN: Self =
        Self::text("405 Method Not Allowed", "Allow: POST\r\n", "Ask with POST.\n");

    pub fn file(file: &File) -> Self {
        let File { content_type, bytes, .. } = *file;
        Self { status: GIVEN, content_type, cache: "no-cache", more: "", body: Body::Fixed(bytes) }
    }

    pub fn json(body: String) -> Self {
        let content_type = "application/json";
        Self { status: GIVEN, content_type, cache: "no-store", more: "", body: Body::Made(body) }
    }

    pub const fn text(status: &'static str, more: &'static str, text: &'static str) -> Self {
        let body = Body::Fixed(text.as_bytes());
        Self { status, content_type: TEXT, cache: "no-store", more, body }
    }

    /// Whether it is what was asked for.
    pub fn is_given(&self) -> bool {
        self.status == GIVEN
    }

    /// Appends it, or only its head.
    pub fn write(&self, has_body: bool, out: &mut Vec<u8>) {
        let Self { status, content_type, cache, more, body } = self;
        let body = match body {
            Body::Fixed(bytes) => bytes,
            Body::Made(text) => text.as_bytes(),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
             Content-Security-Policy: {POLICY}\r\nX-Content-Type-Options: nosniff\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n\
             Referrer-Policy: no-referrer\r\nCache-Control: {cache}\r\nConnection: close\r\n{more}\r\n",
            body.len(),
        );
        out.extend_from_slice(head.as_bytes());
        if has_body {
            out.extend_from_slice(body);
        }
    }
}
