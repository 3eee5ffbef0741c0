//! A frame of any kind is the same after it was JSON, to the last byte; so is every text, but for what may be left out or said
//! in another way.

use crate::forms::{bytes, text};
use crate::sayable::{KINDS, any_frame};
use proptest::prelude::*;
use serde_json::Value;
use wire::{Kind, NUMBER_MAX};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn of_any_frame(frame in any_frame()) {
        let said = text(&frame);
        prop_assert_eq!(bytes(&said), Ok(frame), "{}", said);
        // A client reads it with whatever reads JSON, and finds one key beside the id.
        let value: Value = serde_json::from_str(&said).unwrap();
        let keys = value.as_object().unwrap().keys().filter(|key| *key != "id");
        prop_assert_eq!(keys.count(), 1);
        // In another order of keys and with other spaces it is the same.
        let again = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(bytes(&again), bytes(&said));
    }

    /// Numbers are what a double holds, or strings.
    #[test]
    fn no_number_is_larger_than_a_double_holds(frame in any_frame()) {
        let value: Value = serde_json::from_str(&text(&frame)).unwrap();
        prop_assert!(holds(&value));
    }

    #[test]
    fn no_text_panics(text in any::<String>(), user in any::<u64>()) {
        let mut out = Vec::new();
        if front::json::read(&text, user, &mut out).is_err() {
            prop_assert!(out.is_empty());
        }
    }
}

fn holds(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_u64().is_some_and(|number| number < NUMBER_MAX),
        Value::Array(values) => values.iter().all(holds),
        Value::Object(values) => values.values().all(holds),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

#[test]
fn every_kind_has_a_form_but_hello() {
    let mut kinds = KINDS.to_vec();
    kinds.sort_by_key(|kind| *kind as u8);
    let known: Vec<Kind> = Kind::ALL.iter().copied().filter(|it| *it != Kind::Hello).collect();
    let mut sorted = known.clone();
    sorted.sort_by_key(|kind| *kind as u8);
    assert_eq!(kinds, sorted);
}

/// What a row of each kind may become at most: the outbox of a server counts on it.
#[test]
fn no_frame_becomes_more_than_four_times_as_long() {
    use wire::frames::{Chat, ChatsPage, Conversation, Message, SyncPage};
    use wire::{Bytes, encode};
    let most = u64::MAX;
    let conversation = Conversation { kind: 255, a: most, b: most };
    let message = |body: &[u8]| Message {
        inbox_seq: NUMBER_MAX - 1,
        conversation: conversation.clone(),
        seq: NUMBER_MAX - 1,
        number: NUMBER_MAX - 1,
        sender: most,
        message_id: most,
        time_ms: NUMBER_MAX - 1,
        client_msg_id: [0xff; 16],
        kind: 255,
        row_flags: 255,
        flags: u16::MAX,
        body: Bytes::copy_from_slice(body),
    };
    let chat = |body: &[u8]| Chat {
        conversation: conversation.clone(),
        recent: message(body),
        read_time_ms: NUMBER_MAX - 1,
        read_seq: NUMBER_MAX - 1,
        unread: NUMBER_MAX - 1,
        version: NUMBER_MAX - 1,
        is_hidden: 0,
    };
    for body in [&b""[..], b"\"\"\"\"\"\"\"\"", &[1; 8], &[0xff; 8], b"\n\\\t\r\x08\x0c"] {
        for rows in [1, 256] {
            let mut frame = Vec::new();
            let messages = (0..rows).map(|_| message(body)).collect();
            encode(&mut frame, 0, SyncPage { inbox_epoch: most, inbox_head: 0, messages });
            assert!(text(&frame).len() <= 4 * frame.len(), "{rows} messages of {body:?}");
            frame.clear();
            let chats = (0..rows).map(|_| chat(body)).collect();
            let (next_after, version) = (conversation.clone(), 1);
            encode(&mut frame, 0, ChatsPage { next_after, version, chats });
            assert!(text(&frame).len() <= 4 * frame.len(), "{rows} chats of {body:?}");
        }
    }
}
