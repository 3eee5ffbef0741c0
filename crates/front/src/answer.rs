//! The answer to a call, as its client reads it: it comes in pieces, and stands for a frame.

use crate::client::ClientError;
use crate::head::{self, Head};
use crate::json;
use crate::limits::SAID_BYTES_MAX;
use crate::upgrade::{names, one};
use httparse::Response;
use serde_json::Value;

/// An answer that comes in pieces.
#[derive(Default)]
pub(crate) struct Answer {
    head: Head,
    /// Of one whose head is there: its status, how long its body is, and whether the connection ends with it.
    of: Option<(u16, usize, bool)>,
    body: Vec<u8>,
}

impl Answer {
    /// Reads an answer off the front of a piece, if all of it is there then: its status and body, and whether the connection ends
    /// with it.
    pub fn read(
        &mut self,
        piece: &mut &mut [u8],
    ) -> Result<Option<(u16, Vec<u8>, bool)>, ClientError> {
        if self.of.is_none() {
            let read = self.head.read(piece, |bytes, headers| {
                let mut response = Response::new(headers);
                let Some(size) = head::size(response.parse(bytes))? else { return Ok(None) };
                let length = one(response.headers, "Content-Length")?;
                let closes = names(response.headers, "Connection", "close");
                let of =
                    (response.code.unwrap_or(0), length.and_then(|it| it.parse().ok()), closes);
                Ok(Some((size, of)))
            });
            match read {
                Ok(None) => return Ok(None),
                Ok(Some((status, Some(length), closes))) if length <= SAID_BYTES_MAX => {
                    self.of = Some((status, length, closes));
                }
                Ok(Some((status, _, _))) => return Err(ClientError::Refused(status)),
                Err(_) => return Err(ClientError::Refused(0)),
            }
        }
        let Some((status, length, closes)) = self.of else { return Ok(None) };
        let more = piece.len().min(length - self.body.len());
        let (of_it, behind) = std::mem::take(piece).split_at_mut(more);
        self.body.extend_from_slice(of_it);
        *piece = behind;
        if self.body.len() < length {
            return Ok(None);
        }
        let Self { body, .. } = std::mem::take(self);
        Ok(Some((status, body, closes)))
    }
}

/// Appends the frame that an answer stands for, under the id of its request.
pub(crate) fn frame_of(
    status: u16,
    body: &[u8],
    request_id: u64,
    out: &mut Vec<u8>,
) -> Result<(), ClientError> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| ClientError::Refused(status))?;
    let is_said =
        |key: &&String| !["id", "type", "title", "status", "detail"].contains(&key.as_str());
    let said = answer.as_object().and_then(|object| {
        let key = object.keys().find(is_said)?;
        Some((key.clone(), object[key].clone()))
    });
    let Some((key, value)) = said else { return Err(ClientError::Refused(status)) };
    let text = if request_id == 0 {
        serde_json::json!({ key: value })
    } else {
        serde_json::json!({ "id": request_id, key: value })
    };
    json::read(&text.to_string(), 0, out).map_err(|unclear| ClientError::Unclear(unclear.text))
}
