//! What is over a bound is refused with a reason, and nothing that a client owes is.

use super::*;

#[test]
fn more_clients_than_allowed_are_turned_away_with_a_word() {
    let mut scene = Scene::with(Settings { clients_max: 1, ..SETTINGS });
    let client = scene.connect();
    assert!(scene.try_connect().is_none());
    let away = Client { conn: ConnId::new(0, scene.conns, 1), ..client };
    assert_eq!(scene.told(away), [(Kind::GoingAway, 0, Some(RefusalCode::Busy))]);
    assert_eq!(scene.done(away), [Do::Close]);
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

/// Each entry is one of a process, which is allowed so many.
#[test]
fn clients_are_counted_over_all_entries() {
    let shared = Arc::new(Shared::new(3, UserRates::new(0, 1)));
    let mut scenes = [0, 1].map(|_| Scene::sharing(SETTINGS, shared.clone()));
    let [first, second] = &mut scenes;
    let client = first.connect();
    first.connect();
    second.connect();
    assert!(first.try_connect().is_none() && second.try_connect().is_none());
    first.lose(client);
    second.connect();
    assert!(first.try_connect().is_none());
}

#[test]
fn a_users_messages_are_counted_over_all_entries() {
    let shared = Arc::new(Shared::new(3, UserRates::new(1, 1)));
    let mut scenes = [0, 1].map(|_| Scene::sharing(SETTINGS, shared.clone()));
    for scene in &mut scenes {
        let client = scene.log_in(7);
        scene.hear(client, &send(1, 8));
        assert_eq!(scene.effects.commands.drain(..).len(), 1);
    }
    let [first, _] = &mut scenes;
    let client = first.log_in(7);
    first.hear(client, &send(3, 8));
    assert_eq!(first.told(client), [(Kind::Refusal, 3, Some(RefusalCode::RateLimited))]);
}

#[test]
fn a_users_messages_are_counted_over_its_sessions() {
    let shared = Arc::new(Shared::new(3, UserRates::new(1, 1)));
    let mut scene = Scene::sharing(SETTINGS, shared);
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
