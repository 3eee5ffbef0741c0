//! One call from its head to its answer: which it is, who makes it, whether it may, what is given; and the line of the audit
//! log that says so. It knows no socket.

use super::call::Call;
use super::calls::{self, Found, PLACES};
use super::desk::{Asked, Desk};
use super::form::Fields;
use super::keyring::Holder;
use super::refused::{Page, Refused};
use super::run::run;
use crate::metrics::ApiResult;
use hyper::body::Bytes;
use serde_json::{Map, Value};
use service::clock::unix_ms;
use std::future::Future;
use std::sync::Arc;
use wire::RefusalCode;

/// The head of a call.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its path.
    pub path: &'a str,
    /// What stands behind the question mark.
    pub query: &'a str,
    /// The header of that name.
    pub authorization: Option<&'a str>,
    /// The header of that name.
    pub idempotency_key: Option<&'a str>,
}

/// Bytes of a path that the audit log shows.
const SHOWN_BYTES_MAX: usize = 160;

/// Users of a body that it shows.
const SHOWN_MAX: usize = 8;

/// Answers a call. Its body is read only if it has one and its key is good for it.
pub async fn serve(
    desk: &Desk,
    request: &Request<'_>,
    body: impl Future<Output = Result<Bytes, Refused>>,
) -> Page {
    let path = &request.path[..request.path.floor_char_boundary(SHOWN_BYTES_MAX)];
    let holder = match desk.keyring.who(request.authorization, unix_ms() / 1_000) {
        Ok(holder) => holder,
        Err(refused) => {
            desk.count(ApiResult::Denied);
            if desk.logs_denied() {
                tracing::warn!(target: "longline::audit", method = request.method, path, result = ?refused.code, "a call without a good key");
            }
            return Page::from(&refused);
        }
    };
    let found = calls::find(request.method, request.path);
    let (call, places) = match found {
        Found::Call(call, places) => (call, places),
        Found::Method(allow) => return Page::nothing(Some(allow)),
        Found::Nothing => return Page::nothing(None),
    };
    let mut fields = Fields::default();
    let answered = answered(desk, (call, places, &mut fields), request, (&holder, body)).await;
    let result = match &answered {
        Ok(_) => "done".to_owned(),
        Err(refused) => format!("{:?}", refused.code),
    };
    let key = &holder.key.name;
    let whom = whom(&fields);
    tracing::info!(target: "longline::audit", key, call = call.name, path, whom, result, "a call");
    desk.count(if answered.is_ok() { ApiResult::Done } else { ApiResult::Refused });
    answered.unwrap_or_else(|refused| Page::from(&refused))
}

async fn answered(
    desk: &Desk,
    (call, places, fields): (&'static Call, Vec<(&'static str, &str)>, &mut Fields),
    request: &Request<'_>,
    (holder, body): (&Arc<Holder>, impl Future<Output = Result<Bytes, Refused>>),
) -> Result<Page, Refused> {
    holder.may(call.scope)?;
    desk.keyring.take(holder, desk.now_us()).map_err(|wait_ms| {
        Refused::wait(RefusalCode::RateLimited, wait_ms, "over the rate of this key")
    })?;
    let bad = |text: String| Refused::new(RefusalCode::OutOfRange, text);
    for (name, text) in places {
        let field =
            PLACES.iter().find(|field| field.name == name).expect("every place is described");
        fields.add_text(field, text).map_err(bad)?;
    }
    for part in request.query.split('&').filter(|part| !part.is_empty()) {
        let (name, text) = part.split_once('=').unwrap_or((part, ""));
        let field = call.query.iter().find(|field| field.name == name);
        let field = field.ok_or_else(|| bad("the query has what is not known here".into()))?;
        fields.add_text(field, text).map_err(bad)?;
    }
    fields.check(call.query).map_err(bad)?;
    if let Some(described) = call.body {
        let body = body.await?;
        fields.add_object(described, &object(&body)?).map_err(bad)?;
    }
    let key = request.idempotency_key.map(str::to_owned);
    run(desk, holder, &Asked { call, fields: fields.clone(), key }).await
}

/// Whom a body names: a few of them, and how many more.
fn whom(fields: &Fields) -> String {
    let one = ["to", "group", "device"].into_iter().filter_map(|name| fields.number(name));
    let many = ["to", "uids"].into_iter().flat_map(|name| fields.ids(name).iter().copied());
    let all: Vec<u64> = one.chain(many).collect();
    let shown: Vec<String> = all.iter().take(SHOWN_MAX).map(u64::to_string).collect();
    match all.len().saturating_sub(SHOWN_MAX) {
        0 => shown.join(","),
        more => format!("{},+{more}", shown.join(",")),
    }
}

/// The object of a body; one that says nothing may be left out.
fn object(body: &[u8]) -> Result<Map<String, Value>, Refused> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refused::new(RefusalCode::Malformed, "a body is a JSON object")),
        Err(error) => {
            Err(Refused::new(RefusalCode::Malformed, format!("the body is no JSON: {error}")))
        }
    }
}
