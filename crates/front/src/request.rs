//! What an HTTP request is for, by its head.

use crate::asked::Order;
use crate::call::{self, Call, Judged};
use crate::head::{self, Head};
use crate::heard::Bounds;
use crate::limits::WEBSOCKET_PATH;
use crate::problem::Problem;
use crate::subprotocol::Subprotocol;
use crate::upgrade;
use httparse::Request;

/// What a request is for.
pub(crate) enum Wants {
    /// A WebSocket: its answer, and what its messages hold.
    Socket(String, Subprotocol),
    /// An answer to a client.
    Call(Call),
    /// Whether a page may call.
    Preflight,
    /// Something else.
    Order(Order),
}

/// Reads a request's head.
pub(crate) fn judged(
    head: &mut Head,
    piece: &mut &mut [u8],
    bounds: Bounds<'_>,
) -> Result<Option<Wants>, Problem> {
    head.read(piece, |bytes, headers| {
        let mut request = Request::new(headers);
        let Some(size) = head::size(request.parse(bytes))? else { return Ok(None) };
        let wants = if request.path.is_some_and(call::is_call) {
            match call::judge(&request, bounds.origins)? {
                Judged::Preflight => Wants::Preflight,
                Judged::Call(call) => Wants::Call(call),
            }
        } else if bounds.has_pages && request.path != Some(WEBSOCKET_PATH) {
            Wants::Order(Order::judge(&request)?)
        } else {
            let (answer, subprotocol) = upgrade::judge(&request, bounds.origins)?;
            Wants::Socket(answer, subprotocol)
        };
        Ok(Some((size, wants)))
    })
}
