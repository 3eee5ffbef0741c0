//! A newer token for a session: it is told, and used from then on. Time is a number.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{START_MS, Session};
use wire::frames::{Login, Refusal, Renew, RenewReply};
use wire::{Bytes, RefusalCode};

fn refusal() -> Refusal {
    let code = RefusalCode::BadToken as u16;
    Refusal { code, retry_after_ms: 0, text: Bytes::from_static(b"no") }
}

#[test]
fn a_newer_token_is_told_and_used_from_then_on() {
    let token =
        |session: &mut Session| session.said_last(|frame| frame.read::<Login>().unwrap()).token;
    let mut session = Session::logged_in(4, 9, 4);
    assert_eq!(session.machine.renew("a.b.c".into(), &mut session.out), Some(3));
    let renew = session.said_last(|frame| frame.read::<Renew>().unwrap());
    assert_eq!(renew.token, "a.b.c");
    session.hear(3, RenewReply { until_ms: 5 }).unwrap();
    assert_eq!(session.told(), ["renewed 3 5"]);
    // One that is refused ends nothing.
    assert_eq!(session.machine.renew("d.e.f".into(), &mut session.out), Some(4));
    session.hear(4, refusal()).unwrap();
    assert_eq!(session.told(), ["refused Some(BadToken)"]);
    session.machine.on_disconnected();
    assert_eq!(session.machine.renew("g.h.i".into(), &mut session.out), None, "nobody is there");
    session.said();
    session.machine.on_connected(START_MS, &mut session.out);
    assert_eq!(token(&mut session), "g.h.i");
    // Under another request's number the same refusal ends the connection.
    let mut session = Session::logged_in(4, 9, 4);
    session.machine.renew("a.b.c".into(), &mut session.out);
    session.hear(2, refusal()).unwrap_err();
}
