//! A drain tells every client in its turn, takes no message more, and leaves what is under way its
//! time.

use super::*;
use crate::limits::DRAIN_GRACE_MS;

const GOING: Told = (Kind::GoingAway, 0, Some(RefusalCode::Draining));

#[test]
fn clients_are_told_at_a_rate_and_closed_when_they_had_time() {
    let mut scene = Scene::with(Settings { drain_rate: 4, entries: 2, ..SETTINGS });
    let clients = [1, 2, 3].map(|uid| scene.log_in(uid));
    scene.now_ms = 10_000;
    scene.entry.drain(scene.now_ms);
    scene.call(|entry, turn| entry.tick(turn));
    let told = |scene: &mut Scene| clients.map(|client| scene.told(client).len());
    assert_eq!(told(&mut scene), [1, 0, 0], "the first at once");
    scene.pass(500);
    assert_eq!(told(&mut scene), [0, 1, 0], "half of four a second");
    scene.pass(500);
    assert_eq!(told(&mut scene), [0, 0, 1]);
    assert_eq!(DRAIN_GRACE_MS, 1_000);
    let closed = clients.map(|client| scene.done(client));
    assert_eq!(closed, [vec![Do::Close(Some(RefusalCode::Draining))], vec![], vec![]]);
    scene.pass(1_000);
    let closed = clients.map(|client| scene.done(client));
    assert_eq!(
        closed,
        [
            vec![],
            vec![Do::Close(Some(RefusalCode::Draining))],
            vec![Do::Close(Some(RefusalCode::Draining))]
        ]
    );
    assert_eq!(scene.closes(CloseReason::Drain), 3);
    let all = std::mem::take(&mut scene.effects.commands);
    assert!(all.iter().all(|(command, _)| matches!(command, Command::Logout(_))));
    assert_eq!(all.len(), 3);
}

#[test]
fn answers_under_way_go_out_and_no_message_is_taken() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    scene.hear(client, &send(4, 8));
    let (_, reply) = scene.asked();
    scene.entry.drain(scene.now_ms);
    scene.call(|entry, turn| entry.tick(turn));
    scene.hear(client, &send(5, 8));
    scene.answer(reply, refused(RefusalCode::StoreFull));
    let refusal = |number, code| (Kind::Refusal, number, Some(code));
    let told = [GOING, refusal(5, RefusalCode::Draining), refusal(4, RefusalCode::StoreFull)];
    assert_eq!(scene.told(client), told);
    scene.hear(client, &heartbeat(6, 1));
    assert!(matches!(scene.asked().0, Command::Heartbeat { .. }), "it only asks");
}

#[test]
fn who_comes_during_a_drain_is_sent_away() {
    let mut scene = Scene::new();
    scene.entry.drain(0);
    let client = scene.connect();
    assert_eq!(
        (scene.told(client), scene.done(client)),
        (vec![GOING], vec![Do::Close(Some(RefusalCode::Draining))])
    );
    scene.lose(client);
    assert_eq!((scene.closes(CloseReason::Drain), scene.entry.clients()), (1, 0));
}
