//! A token for trying out, for a page of this machine: `{"uid":"7"}` gets `{"token":"...","until_ms":...}`.
//!
//! Whoever connects is on this machine already. What is looked at here is the page: one of another host that lets its name mean
//! this machine (DNS rebinding) still says its own name in `Host`, and gets nothing.

use super::answer::Answer;
use crate::auth::{Auth, uid};
use crate::canary::is_reserved;
use front::Asked;
use serde::{Deserialize, Serialize};

/// How long a token is good for.
const TTL_S: u64 = 24 * 3_600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    uid: String,
}

#[derive(Serialize)]
struct Made {
    token: String,
    until_ms: u64,
}

/// The answer to a request for one, at this Unix time in ms.
pub fn answer(auth: &Auth, asked: &Asked<'_>, now_unix_ms: u64) -> Answer {
    if !is_this_machine(asked.host) {
        let text = "Tokens for trying out are for pages of localhost, 127.0.0.1 or [::1].\n";
        return Answer::text("403 Forbidden", "", text);
    }
    let wanted = serde_json::from_slice::<Wanted>(asked.body).ok();
    let uid = wanted.and_then(|wanted| uid(&wanted.uid)).filter(|uid| !is_reserved(*uid));
    let Some(uid) = uid else {
        let text = "Give {\"uid\":\"7\"}: a decimal number from 1 up, which the server's own users have not.\n";
        return Answer::text("400 Bad Request", "", text);
    };
    let now_unix_s = now_unix_ms / 1_000;
    let Some(token) = auth.token_for_trying_out(uid, now_unix_s, TTL_S) else {
        return Answer::NOT_FOUND;
    };
    let made = Made { token, until_ms: (now_unix_s + TTL_S) * 1_000 };
    Answer::json(serde_json::to_string(&made).expect("a text and a number"))
}

/// Whether a host, with its port or without, is a name that only this machine has.
fn is_this_machine(host: &str) -> bool {
    let without_port = host
        .rsplit_once(':')
        .filter(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = without_port.map_or(host, |(name, _)| name);
    name.eq_ignore_ascii_case("localhost") || matches!(name, "127.0.0.1" | "[::1]")
}
