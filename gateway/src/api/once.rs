//! What makes a call that is said twice the same call: an id of the producer's, from which the message's own id comes. Pure,
//! and the same on every gateway and after every restart.

use super::form::Fields;
use super::refused::Refused;
use super::uuid::uuid;
use sha2::{Digest, Sha256};
use wire::{ClientMsgId, RefusalCode};

/// Bytes of an id that is no UUID, at most.
pub const ID_BYTES_MAX: usize = 128;

/// The id of a message: a UUIDv7 in the body's `client_msg_id` or in the header Idempotency-Key; or made of another text
/// there and the body's `created_ms`.
///
/// # Errors
/// There is none, or it is no id.
pub fn id(header: Option<&str>, fields: &Fields) -> Result<ClientMsgId, Refused> {
    let bad = |text| Err(Refused::new(RefusalCode::BadId, text));
    let created_ms = fields.number("created_ms");
    match (fields.words("client_msg_id"), header) {
        (Some(_), Some(_)) => bad("give client_msg_id or Idempotency-Key, not both"),
        (Some(text), None) => Ok(uuid(text).expect("it was read as one")),
        (None, None) => bad(
            "give client_msg_id, or the header Idempotency-Key: what is said again has the same",
        ),
        (None, Some(text)) => {
            let is_text = (1..=ID_BYTES_MAX).contains(&text.len());
            match (uuid(text), created_ms) {
                (Some(id), _) => Ok(id),
                (None, _) if !is_text => bad("Idempotency-Key has 1 to 128 bytes"),
                (None, Some(created_ms)) => Ok(made(text, created_ms)),
                (None, None) => bad(
                    "an Idempotency-Key that is no UUIDv7 needs created_ms: Unix ms, the same each time it is said",
                ),
            }
        }
    }
}

/// The id that a producer's own stands for, which it gave at a time. Whose message it is, and where, is told apart by its
/// sender and conversation.
fn made(text: &str, created_ms: u64) -> ClientMsgId {
    let hash = Sha256::digest(text.as_bytes());
    let (random, _) = hash.split_first_chunk().expect("32 bytes");
    ClientMsgId::new(created_ms, u128::from_be_bytes(*random))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::form::{Field, Form, NUMBER, perhaps};
    use serde_json::{Value, json};

    const FIELDS: &[Field] =
        &[perhaps("client_msg_id", Form::Uuid, ""), perhaps("created_ms", NUMBER, "")];
    const UUID: &str = "0197c1f0-0000-7000-8000-0000000000ab";

    fn judged(header: Option<&str>, body: &Value) -> Result<ClientMsgId, Refused> {
        let mut fields = Fields::default();
        fields.add_object(FIELDS, body.as_object().unwrap()).unwrap();
        id(header, &fields)
    }

    #[test]
    fn one_id_is_one_message_wherever_it_stands() {
        let id = judged(None, &json!({"client_msg_id": UUID})).unwrap();
        assert_eq!(judged(Some(UUID), &json!({})), Ok(id));
        assert_eq!(format!("{id:?}"), UUID.replace('-', ""));
        let made = judged(Some("order 5"), &json!({"created_ms": 1_700_000_000_000_u64})).unwrap();
        assert_eq!(made.unix_ms(), Some(1_700_000_000_000));
        // It is what another release makes of it too.
        assert_eq!(format!("{made:?}"), "018bcfe5680076b6b82b06a53559886b");
        let other = judged(Some("order 6"), &json!({"created_ms": 1_700_000_000_000_u64}));
        assert_ne!(other.unwrap(), made);
    }

    #[test]
    fn what_has_no_id_is_refused() {
        let long = "x".repeat(129);
        for (header, body) in [
            (None, json!({})),
            (None, json!({"created_ms": 5})),
            (Some("order 5"), json!({})),
            (Some(""), json!({"created_ms": 5})),
            (Some(&long[..]), json!({"created_ms": 5})),
            (Some(UUID), json!({"client_msg_id": UUID})),
        ] {
            let refused = judged(header, &body).unwrap_err();
            assert_eq!(refused.code, RefusalCode::BadId, "{header:?} {body}");
        }
    }
}
