//! A client may number its requests as it likes: each is answered once, under its number, and
//! nobody else sees the number.

use super::*;

#[test]
fn every_request_is_answered_under_its_number() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    let numbers = [0, 7, 7, 3 << 62 | 5, u64::MAX];
    for number in numbers {
        scene.hear(client, &heartbeat(number, 1));
    }
    let mut asked = std::mem::take(&mut scene.effects.commands);
    assert_eq!(asked.len(), numbers.len());
    let tickets: BTreeSet<u64> = asked.iter().map(|(_, reply)| reply.ticket).collect();
    assert!(tickets.len() == numbers.len() && !tickets.contains(&0), "{tickets:?}");
    // Answers come in any order.
    asked.reverse();
    asked.into_iter().for_each(|(_, reply)| scene.answer(reply, head(1)));
    let told = scene.told(client);
    assert_eq!(
        told,
        numbers
            .map(|number| (Kind::HeartbeatReply, number, None))
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );
    assert_eq!(scene.entry.tickets.in_flight(), 0);
}

#[test]
fn an_answer_is_told_once_and_to_who_asked() {
    let mut scene = Scene::new();
    let (seven, eight) = (scene.log_in(7), scene.log_in(8));
    scene.hear(seven, &heartbeat(5, 1));
    let (_, reply) = scene.asked();
    let session = SessionId { key: eight.key.to_bits(), ..reply.session };
    scene.answer(ReplyTo { session, ..reply }, head(1));
    assert_eq!((scene.told(seven), scene.told(eight)), (vec![], vec![]));
    scene.answer(reply, head(1));
    assert_eq!(scene.told(seven), [(Kind::HeartbeatReply, 5, None)]);
    scene.answer(reply, head(1));
    assert_eq!(scene.told(seven), []);
}

/// A slot is used again, a name is not.
#[test]
fn nothing_that_was_meant_for_one_reaches_the_next() {
    let mut scene = Scene::new();
    let before = scene.log_in(7);
    scene.hear(before, &heartbeat(5, 1));
    let (_, reply) = scene.asked();
    scene.lose(before);
    scene.asked();
    let after = scene.log_in(8);
    assert_ne!(after.key, before.key);
    scene.answer(reply, head(1));
    scene.push(before, head(1));
    assert_eq!(scene.told(after), []);
    assert_eq!(scene.entry.tickets.in_flight(), 0, "what nobody waits for is not kept");
}

#[test]
fn what_is_not_answered_has_no_number() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    scene.hear(client, &push_ack(4));
    let (command, reply) = scene.asked();
    assert_eq!(command, Command::PushAck(client.login, InboxSeq(4)));
    assert_eq!(reply.ticket, 0);
}

#[test]
fn a_session_has_so_many_requests_in_flight() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    let max = u64::from(crate::limits::REQUESTS_IN_FLIGHT_MAX);
    (0..max).for_each(|nth| scene.hear(client, &heartbeat(nth, 1)));
    let (_, reply) = scene.effects.commands.pop().unwrap();
    assert_eq!(scene.effects.commands.len() as u64, max - 1);
    scene.effects.commands.clear();
    scene.hear(client, &heartbeat(max, 1));
    assert_eq!(scene.told(client), [(Kind::Refusal, max, Some(RefusalCode::Busy))]);
    scene.hear(client, &push_ack(1));
    assert!(matches!(scene.asked().0, Command::PushAck(..)), "it takes no room");
    scene.answer(reply, head(1));
    scene.told(client);
    scene.hear(client, &heartbeat(max, 1));
    assert!(matches!(scene.asked().0, Command::Heartbeat { .. }), "there is room again");
}
