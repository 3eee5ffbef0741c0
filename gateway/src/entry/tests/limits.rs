//! What is over a bound is refused with a reason, and nothing that a client owes is.

use super::*;
use crate::limits::REQUESTS_IN_FLIGHT_MAX;

#[test]
fn more_clients_than_allowed_are_turned_away_with_a_word() {
    let mut scene = Scene::with(Settings { clients_max: 1, ..SETTINGS });
    let client = scene.connect();
    assert!(scene.try_connect().is_none());
    let away = Client { conn: ConnId::new(0, scene.conns, 1), ..client };
    assert_eq!(scene.told(away), [(Kind::GoingAway, 0, Some(RefusalCode::Busy))]);
    assert_eq!(scene.done(away), [Do::Close(Some(RefusalCode::Busy))]);
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

/// Later ones would be taken first, and the conversation be in disorder.
#[test]
fn what_follows_a_refused_message_is_refused_until_that_came_again() {
    let shared = Arc::new(Shared::new(3, UserRates::new(10, 1)));
    let mut scene = Scene::sharing(SETTINGS, shared);
    let client = scene.log_in(7);
    (0..20).for_each(|nth| scene.hear(client, &send_as(nth, 8, u8::try_from(nth).unwrap())));
    assert_eq!(scene.effects.commands.drain(..).len(), 20, "twice as many at once");
    (20..23).for_each(|nth| scene.hear(client, &send_as(nth, 8, u8::try_from(nth).unwrap())));
    assert_eq!(scene.hints(client), [(20, 100), (21, 200), (22, 300)], "each in its turn");
    scene.now_ms += 150;
    scene.hear(client, &send_as(21, 8, 21));
    scene.hear(client, &send_as(23, 8, 23));
    assert_eq!(scene.hints(client), [(21, 50), (23, 250)], "there is room for one, not for these");
    scene.hear(client, &send_as(30, 9, 30));
    assert!(matches!(scene.asked().0, Command::Send(_)), "another conversation goes on");
    scene.now_ms += 100;
    for nth in [20, 21] {
        scene.hear(client, &send_as(u64::from(nth), 8, nth));
        scene.now_ms += 100;
    }
    let ids = scene.effects.commands.drain(..).map(|(command, _)| {
        let Command::Send(send) = command else { panic!("{command:?}") };
        send.client_msg_id.0[0]
    });
    assert_eq!(ids.collect::<Vec<_>>(), [20, 21]);
}

#[test]
fn a_client_that_waits_for_too_many_answers_is_told_to_wait() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    let most = u64::from(REQUESTS_IN_FLIGHT_MAX);
    (0..most).for_each(|nth| scene.hear(client, &heartbeat(nth, 1)));
    scene.effects.commands.drain(1..);
    let (_, reply) = scene.asked();
    scene.hear(client, &send_as(most, 8, 1));
    scene.hear(client, &heartbeat(most + 1, 1));
    let busy = |nth| (Kind::Refusal, nth, Some(RefusalCode::Busy));
    assert_eq!(scene.told(client), [busy(most), busy(most + 1)]);
    scene.answer(reply, head(1));
    scene.told(client);
    scene.hear(client, &send_as(most + 2, 8, 2));
    assert_eq!(scene.told(client), [busy(most + 2)], "it is behind the first");
    scene.hear(client, &send_as(most, 8, 1));
    assert!(matches!(scene.asked().0, Command::Send(_)));
}
