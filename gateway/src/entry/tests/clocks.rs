//! Clients are told the clock that judges their ids: in the replies to hello, login and heartbeats, and with refusals that are
//! about it.

use super::*;

const HOUR_MS: u64 = 3_600_000;

/// What a client hears of the clock in a whole session, the last thing a refusal of each of these codes.
fn told(scene: &mut Scene, codes: &[RefusalCode]) -> Vec<(Kind, u64)> {
    let client = scene.connect();
    let token = scene.token(7);
    scene.hear(client, &[hello(), login(&token)].concat());
    let (_, reply) = scene.asked();
    let login = Login { uid: Uid(7), device: DeviceId(1), generation: Generation(1) };
    scene.answer(reply, logged_in(login));
    scene.hear(client, &heartbeat(3, 5));
    let (_, reply) = scene.asked();
    scene.answer(reply, head(5));
    for (at, code) in (4..).zip(codes) {
        scene.hear(client, &send_as(at, 8, u8::try_from(at).unwrap()));
        let (_, reply) = scene.asked();
        scene.answer(reply, refused(*code));
    }
    scene.clocks(client)
}

#[test]
fn clients_are_told_the_clock_of_this_process_while_no_other_judges() {
    let mut scene = Scene::new();
    scene.now_ms = 77;
    let all = [Kind::HelloReply, Kind::LoginReply, Kind::HeartbeatReply];
    assert_eq!(told(&mut scene, &[]), all.map(|kind| (kind, START_MS + 77)));
}

#[test]
fn clients_are_told_the_owners_clock_and_what_refuses_an_id_tells_it_again() {
    let mut scene = Scene::new();
    let behind_ms = i64::try_from(START_MS - HOUR_MS).unwrap();
    scene.entry.set_clock(Some(behind_ms));
    scene.now_ms = 9;
    let codes = [RefusalCode::IdInFuture, RefusalCode::IdTooOld, RefusalCode::IdConflict];
    let clock_ms = START_MS - HOUR_MS + 9;
    let all = [
        (Kind::HelloReply, clock_ms),
        (Kind::LoginReply, clock_ms),
        (Kind::HeartbeatReply, clock_ms),
        (Kind::Refusal, clock_ms),
        (Kind::Refusal, clock_ms),
        (Kind::Refusal, 0),
    ];
    assert_eq!(told(&mut scene, &codes), all);
}
