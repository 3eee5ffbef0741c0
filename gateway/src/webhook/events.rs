//! The body of a request: notifications in JSON. `docs/push.md` has its form.

use serde_json::{Value, json};
use shard::limits::PREVIEW_BYTES_MAX;
use shard::notification::Notification;

/// The body that asks for these.
pub(super) fn body(notifications: &[&Notification]) -> Vec<u8> {
    let events: Vec<Value> = notifications.iter().map(|it| event(it)).collect();
    json!({ "events": events }).to_string().into_bytes()
}

fn event(it: &Notification) -> Value {
    let newest = &it.newest;
    let tokens = it.tokens.iter().map(|token| {
        json!({
            "device": token.device.0.to_string(),
            "provider": token.provider,
            "token": String::from_utf8_lossy(&token.token),
        })
    });
    let mut event = json!({
        "id": format!("{:032x}", it.id),
        "uid": it.uid.0.to_string(),
        "after": it.after.0,
        "through": it.through.0,
        "count": it.count,
        "badge": it.unread,
        "collapse_key": newest.conversation.to_string(),
        "sender": newest.sender.0.to_string(),
        "seq": newest.seq.0,
        "time_ms": newest.time_ms,
        "tokens": tokens.collect::<Vec<_>>(),
    });
    if !newest.body.is_empty() {
        event["preview"] = beginning(&newest.body).into();
    }
    event
}

/// The beginning of a body as text.
fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let end = text.floor_char_boundary(PREVIEW_BYTES_MAX);
    text[..end].to_owned()
}

/// What user 1 is told, for tests.
#[cfg(test)]
pub(super) fn sample(uid: u64) -> Notification {
    use shard::notification::id;
    use shard::offline::PushToken;
    use shard::rows::sample;
    use wire::{DeviceId, Generation, InboxSeq, Uid};
    let (uid, through) = (Uid(uid), InboxSeq(9));
    let token = format!("token of {}", uid.0).into();
    let (device, generation) = (DeviceId(3), Generation(1));
    let tokens = vec![PushToken { uid, device, generation, provider: 2, token }];
    let (id, after, newest) = (id(1, uid, through), InboxSeq(7), sample(4, 0));
    Notification { uid, after, through, id, count: 2, unread: 5, newest, tokens }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_says_what_the_page_says() {
        let mut told = sample(1);
        let value: Value = serde_json::from_slice(&body(&[&told])).unwrap();
        let event = &value["events"][0];
        assert_eq!(event["uid"], "1");
        assert_eq!(event["badge"], 5);
        assert_eq!(event["tokens"][0]["token"], "token of 1");
        assert_eq!(event["id"].as_str().unwrap().len(), 32);
        assert_eq!(event.get("preview"), None);
        told.newest.body = "ü".repeat(40).into();
        let value: Value = serde_json::from_slice(&body(&[&told])).unwrap();
        assert_eq!(value["events"][0]["preview"], "ü".repeat(32));
    }
}
