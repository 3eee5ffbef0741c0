//! What a browser gets on the clients' port beside WebSockets: the chat page, and tokens for trying out. It knows no connection
//! and no session: a request comes in, an answer goes out, and the connection is closed behind it.

mod answer;
mod files;
mod token;

use crate::auth::Auth;
use crate::config::Config;
use answer::Answer;
use front::{Asked, Method};
use std::sync::Arc;

/// Where tokens for trying out are made.
const TOKEN_PATH: &str = "/v1/dev-token";

/// What there is to be asked for.
#[derive(Debug)]
pub struct Pages {
    auth: Arc<Auth>,
    /// Tokens are made for pages of this machine.
    makes_tokens: bool,
}

impl Pages {
    /// What this configuration serves; nothing, if it has no pages. Tokens are made only by the key for trying out, and only
    /// where nobody but this machine can connect.
    #[must_use]
    pub fn of(config: &Config, auth: &Arc<Auth>) -> Option<Self> {
        let makes_tokens = config.is_trying_out() && config.listen.ip().is_loopback();
        config.has_pages().then(|| Self { auth: auth.clone(), makes_tokens })
    }

    /// Appends the answer to a request, at this Unix time in ms. Whether it got what it asked for.
    pub fn answer(&self, asked: &Asked<'_>, now_unix_ms: u64, out: &mut Vec<u8>) -> bool {
        let answer = match (asked.path, asked.method) {
            (TOKEN_PATH, Method::Post) if self.makes_tokens => {
                token::answer(&self.auth, asked, now_unix_ms)
            }
            (TOKEN_PATH, _) if self.makes_tokens => Answer::WRONG_METHOD_OF_TOKEN,
            (path, method) => match (files::find(path), method) {
                (Some(file), Method::Get | Method::Head) => Answer::file(file),
                (Some(_), Method::Post) => Answer::WRONG_METHOD_OF_FILE,
                (None, _) => Answer::NOT_FOUND,
            },
        };
        answer.write(asked.method != Method::Head, out);
        answer.is_given()
    }
}

#[cfg(test)]
mod tests;
