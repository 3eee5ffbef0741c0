//! From a piece of a connection's bytes to the entry: each frame in it, and what only the carrier says. It knows neither
//! ring nor socket, and decides nothing.

use crate::entry::{Entry, Reading, SessionKey, Turn};
use crate::limits::OUTBOX_HIGH_BYTES;
use crate::metrics::CloseReason;
use crate::pages::Pages;
use crate::transport::tcp::Tcp;
use crate::transport::{Channel, Outboxes};
use front::{Bounds, Fault, Heard};
use netring::ConnId;

/// What browsers may do here.
#[derive(Clone, Copy, Default)]
pub struct Site<'a> {
    /// Origins whose pages may connect, beside this host's.
    pub origins: &'a [String],
    /// What they get beside a WebSocket.
    pub pages: Option<&'a Pages>,
}

/// Hands over what is in a piece. Returns the bytes that were copied, because their frame is split or lies unaligned.
pub fn hear<O: Outboxes>(
    (tcp, entry): (&mut Tcp<SessionKey>, &mut Entry),
    (conn, piece): (ConnId, &mut [u8]),
    site: Site<'_>,
    turn: &mut Turn<'_, O>,
) -> usize {
    let Some(was) = tcp.key(conn) else { return 0 };
    let mut key = was;
    let Some(reading) = entry.on_bytes(key, turn.now) else { return 0 };
    let Reading { channel, frame_bytes_max, user } = reading;
    let (origins, has_pages) = (site.origins, site.pages.is_some());
    let bounds = Bounds { frame_bytes_max, origins, has_pages, user: user.0 };
    let copied = tcp.read(channel, piece, bounds, |heard| match heard {
        Heard::Frame(frame) => entry.on_frame(key, frame, turn),
        Heard::Unclear(request_id, code, text) => {
            entry.on_unclear(key, request_id, (code, text), turn)
        }
        Heard::Speaks(carrier) => entry.on_carrier(key, carrier),
        Heard::Say(bytes) => {
            // It may have become sealed since.
            say(entry.channel(key), bytes, turn)
        }
        Heard::Asks(asked) => {
            let mut answer = Vec::new();
            let unix_ms = turn.now.unix_ms;
            let answers = |pages: &Pages| pages.answer(&asked, unix_ms, &mut answer);
            let is_given = site.pages.is_some_and(answers);
            say(entry.channel(key), &answer, turn);
            let why = if is_given { CloseReason::Page } else { CloseReason::Http };
            entry.on_asked(key, why, turn)
        }
        Heard::Calls(caller, user) => match entry.on_call(key, &caller, turn) {
            Some((session, uid)) => {
                (key, *user) = (session, uid.0);
                true
            }
            None => false,
        },
        Heard::Called(calls) => entry.on_called(key, calls, turn),
        Heard::Sealed => entry.on_sealed(key),
        Heard::Raw(bytes) => say(Some(Channel { is_sealed: false, ..channel }), bytes, turn),
        Heard::Waits => unreachable!("the transport keeps who waits"),
        Heard::Agreed => entry.on_agreed(key),
        Heard::Ping(payload) => {
            answer_ping(entry, key, payload, turn);
            true
        }
        Heard::Closes => entry.on_ended(key, turn),
        Heard::Broken(fault) => entry.on_broken(key, reason(fault), turn),
    });
    if key != was {
        tcp.rename(conn, key);
    }
    copied
}

/// Writes bytes as they are.
fn say<O: Outboxes>(channel: Option<Channel>, bytes: &[u8], turn: &mut Turn<'_, O>) -> bool {
    if let Some(out) = channel.and_then(|channel| turn.outboxes.outbox(channel)) {
        out.bytes.extend_from_slice(bytes);
    }
    true
}

/// Answers at the rate of frames, and not what the client does not read: of several pings one may be answered.
fn answer_ping<O: Outboxes>(
    entry: &mut Entry,
    key: SessionKey,
    payload: &[u8],
    turn: &mut Turn<'_, O>,
) {
    let channel = entry.takes_ping(key, turn.now_us);
    if let Some(out) = channel.and_then(|channel| turn.outboxes.outbox(channel))
        && out.waiting <= OUTBOX_HIGH_BYTES
    {
        front::pong(out.bytes, payload);
    }
}

/// Under which reason a connection is counted that said this.
fn reason(fault: Fault) -> CloseReason {
    match fault {
        Fault::Tls => CloseReason::Tls,
        Fault::Plain => CloseReason::Plain,
        Fault::TlsAlert => CloseReason::TlsAlert,
        Fault::TlsTerms => CloseReason::TlsTerms,
        Fault::TlsRecord => CloseReason::TlsRecord,
        Fault::Http => CloseReason::Http,
        Fault::Origin => CloseReason::Origin,
        Fault::WebSocket => CloseReason::Protocol,
    }
}
