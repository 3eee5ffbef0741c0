//! What is over a bound is refused with a reason, and nothing that a client owes is.

use super::*;

#[test]
fn more_clients_than_allowed_are_closed_at_once() {
    let mut scene = Scene::with(Settings { clients_max: 1, ..SETTINGS });
    let client = scene.connect();
    assert!(scene.try_connect().is_none());
    assert_eq!(scene.effects.channels.pop().map(|(_, what)| what), Some(Do::CloseNow));
    assert_eq!((scene.closes(CloseReason::Full), scene.entry.clients()), (1, 1));
    // The process's own sessions take no client's room.
    scene.lose(client);
    scene.entry.open_own(Now { unix_ms: 0, mono_ms: 0 });
    scene.connect();
}

#[test]
fn frames_over_the_rate_are_refused_but_what_is_owed() {
    let mut scene = Scene::with(Settings { connection_rate: 2, ..SETTINGS });
    let client = scene.log_in(7);
    (0..6).for_each(|nth| scene.hear(client, &heartbeat(nth, 1)));
    assert_eq!(scene.effects.commands.drain(..).len(), 4, "twice as many at once");
    let limited = |nth| (Kind::Refusal, nth, Some(RefusalCode::RateLimited));
    assert_eq!(scene.told(client), [limited(4), limited(5)]);
    scene.hear(client, &push_ack(1));
    assert!(matches!(scene.asked().0, Command::PushAck(..)));
    scene.now_ms += 500;
    scene.hear(client, &heartbeat(7, 1));
    assert!(matches!(scene.asked().0, Command::Heartbeat { .. }));
}

#[test]
fn a_users_messages_are_counted_over_its_sessions() {
    let mut scene = Scene::with(Settings { user_rate: 1, ..SETTINGS });
    let (one, two) = (scene.log_in(7), scene.log_in(7));
    scene.hear(one, &send(1, 8));
    scene.hear(two, &send(2, 8));
    assert_eq!(scene.effects.commands.drain(..).len(), 2);
    scene.hear(one, &send(3, 8));
    assert_eq!(scene.told(one), [(Kind::Refusal, 3, Some(RefusalCode::RateLimited))]);
    // What is refused anyway takes nothing.
    scene.hear(one, &send(4, 7));
    assert_eq!(scene.told(one), [(Kind::Refusal, 4, Some(RefusalCode::BadRecipient))]);
    scene.hear(one, &heartbeat(5, 1));
    assert!(matches!(scene.asked().0, Command::Heartbeat { .. }), "no message");
}
