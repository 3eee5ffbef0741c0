//! A session ends once, with a last word where there is one, and its shard is told.

use super::*;
use crate::limits::{LEAVE_MS_MAX, RECONNECT_JITTER_MS};
use wire::{MessageId, Next, Seq};

/// The shard hears of the end, without an answer.
#[track_caller]
fn logged_out(scene: &mut Scene, client: Client) {
    let (command, reply) = scene.asked();
    assert_eq!((command, reply.ticket), (Command::Logout(client.login), 0));
    assert_eq!(scene.entry.users_online(), 0);
}

#[test]
fn who_goes_is_logged_out() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    scene.lose(client);
    logged_out(&mut scene, client);
    assert_eq!((scene.closes(CloseReason::Peer), scene.entry.clients()), (1, 0));
}

#[test]
fn a_logout_is_answered_then_closed_and_is_not_the_peers_close() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    let mut bytes = Vec::new();
    // Also without a number, which is one like another.
    encode(&mut bytes, 0, frames::Logout { generation: 7 });
    scene.hear(client, &bytes);
    let (command, reply) = scene.asked();
    assert_eq!(command, Command::Logout(client.login));
    scene.answer(reply, Answer::LoggedOut(client.login.generation));
    assert_eq!(scene.told(client), [(Kind::LogoutReply, 0, None)]);
    assert_eq!(scene.done(client), [Do::Close(None)]);
    scene.lose(client);
    assert_eq!(scene.effects.commands, [], "the shard knows");
    assert_eq!((scene.closes(CloseReason::Logout), scene.closes(CloseReason::Peer)), (1, 0));
    assert_eq!((scene.entry.users_online(), scene.entry.clients()), (0, 0));
}

/// How a session with a request under way may come to its end, and what its client hears last.
const ENDS: [(End, Option<LastFrame>); 4] = [
    (log_out, Some((Kind::LogoutReply, 9, None))),
    (say_garbage, Some((Kind::Refusal, 0, Some(RefusalCode::UnsupportedVersion)))),
    (half_close, None),
    (replace, Some((Kind::GoingAway, 0, Some(RefusalCode::SessionReplaced)))),
];

type End = fn(&mut Scene, Client, &[u8]);
/// Its kind, its request id, and the code in it.
type LastFrame = (Kind, u64, Option<RefusalCode>);

fn log_out(scene: &mut Scene, client: Client, before: &[u8]) {
    let mut bytes = before.to_vec();
    encode(&mut bytes, 9, frames::Logout { generation: client.login.generation.0 });
    scene.hear(client, &bytes);
}

fn say_garbage(scene: &mut Scene, client: Client, before: &[u8]) {
    scene.hear(client, &[before, &[0xff; 24]].concat());
}

fn half_close(scene: &mut Scene, client: Client, before: &[u8]) {
    scene.hear(client, before);
    scene.call(|entry, turn| entry.on_ended(client.key, turn));
}

fn replace(scene: &mut Scene, client: Client, before: &[u8]) {
    scene.hear(client, before);
    scene.push(client, Answer::Closed(RefusalCode::SessionReplaced));
}

fn acked() -> Answer {
    let (message_id, inbox_seq) = (MessageId(1), InboxSeq(1));
    Answer::Acked { message_id, seq: Seq(1), time_ms: 1, inbox_seq }
}

/// The shard is told, and answers if somebody waits for that.
fn log_out_of_the_shard(scene: &mut Scene, client: Client) {
    let (command, reply) = scene.asked();
    assert_eq!(command, Command::Logout(client.login));
    if reply.ticket != 0 {
        scene.answer(reply, Answer::LoggedOut(client.login.generation));
    }
}

#[test]
fn what_was_taken_is_answered_before_the_end() {
    for (end, last) in ENDS {
        let mut scene = Scene::new();
        let client = scene.log_in(7);
        end(&mut scene, client, &send(3, 8));
        let (command, reply) = scene.asked();
        assert!(matches!(command, Command::Send(_)), "{command:?}");
        assert_eq!((scene.told(client), scene.done(client)), (vec![], vec![]), "not yet");
        scene.hear(client, &heartbeat(10, 1));
        assert_eq!(scene.effects.commands, [], "nothing more is heard");
        scene.answer(reply, acked());
        log_out_of_the_shard(&mut scene, client);
        let told: Vec<Told> = [(Kind::SendAck, 3, None)].into_iter().chain(last).collect();
        assert_eq!(scene.told(client), told);
        let close = Do::Close(last.and_then(|(_, _, code)| code));
        assert_eq!((scene.done(client), scene.entry.users_online()), (vec![close], 0));
        scene.lose(client);
        assert_eq!((scene.effects.commands.len(), scene.entry.clients()), (0, 0));
    }
}

#[test]
fn an_answer_that_does_not_come_holds_no_end() {
    for (end, last) in ENDS {
        let mut scene = Scene::new();
        let client = scene.log_in(7);
        end(&mut scene, client, &send(3, 8));
        let (_, late) = scene.asked();
        scene.pass(LEAVE_MS_MAX - 1_000);
        assert_eq!((scene.told(client), scene.done(client)), (vec![], vec![]));
        scene.pass(2_000);
        log_out_of_the_shard(&mut scene, client);
        assert_eq!(scene.told(client), last.into_iter().collect::<Vec<_>>());
        assert_eq!(scene.done(client), [Do::Close(last.and_then(|(_, _, code)| code))]);
        scene.answer(late, acked());
        scene.lose(client);
        assert_eq!((scene.told(client), scene.effects.commands.len()), (vec![], 0));
    }
}

/// The client goes while its last answers are under way.
#[test]
fn who_goes_before_its_last_word_is_counted_as_it_ended() {
    let mut scene = Scene::new();
    for (end, _) in ENDS {
        let client = scene.log_in(7);
        end(&mut scene, client, &send(3, 8));
        scene.asked();
        scene.lose(client);
        assert_eq!(scene.asked().0, Command::Logout(client.login));
    }
    let reasons =
        [CloseReason::Logout, CloseReason::Protocol, CloseReason::Peer, CloseReason::Replaced];
    assert_eq!(reasons.map(|reason| scene.closes(reason)), [1; 4]);
}

#[test]
fn only_ones_own_session_can_be_logged_out() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    for generation in [0, 6, 8, u64::MAX] {
        let mut bytes = Vec::new();
        encode(&mut bytes, 4, frames::Logout { generation });
        scene.hear(client, &bytes);
        assert_eq!(scene.told(client), [(Kind::Refusal, 4, Some(RefusalCode::OutOfRange))]);
        assert_eq!((scene.effects.commands.len(), scene.done(client)), (0, vec![]));
    }
    scene.hear(client, &heartbeat(5, 1));
    assert!(matches!(scene.asked().0, Command::Heartbeat { .. }), "it goes on");
}

#[test]
fn a_logout_that_is_refused_can_be_asked_again() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    log_out(&mut scene, client, &[]);
    let (_, reply) = scene.asked();
    scene.answer(reply, refused(RefusalCode::Busy));
    assert_eq!(scene.told(client), [(Kind::Refusal, 9, Some(RefusalCode::Busy))]);
    assert_eq!(scene.done(client), []);
    log_out(&mut scene, client, &[]);
    let (_, reply) = scene.asked();
    scene.answer(reply, Answer::LoggedOut(client.login.generation));
    assert_eq!(scene.told(client), [(Kind::LogoutReply, 9, None)]);
}

/// Its logout is said before: it would stay among the user's devices for ever.
#[test]
fn who_leaves_is_not_registered_with_a_new_owner() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    log_out(&mut scene, client, &[]);
    scene.asked();
    let partitions = BTreeSet::from([Partition::of_user(Uid(7))]);
    scene.call(|entry, turn| entry.register(&partitions, turn));
    assert_eq!(scene.effects.commands, []);
}

#[test]
fn who_says_what_may_not_be_said_hears_why() {
    let mut scene = Scene::new();
    for (bytes, code) in
        [(hello(), RefusalCode::Malformed), (vec![0xff; 24], RefusalCode::UnsupportedVersion)]
    {
        let client = scene.log_in(7);
        scene.hear(client, &[bytes, heartbeat(9, 1)].concat());
        let told = scene.told(client);
        assert_eq!(told.iter().map(|told| told.2).collect::<Vec<_>>(), [Some(code)]);
        assert_eq!(scene.done(client), [Do::Close(Some(code))]);
        logged_out(&mut scene, client);
        scene.hear(client, &heartbeat(9, 1));
        assert_eq!((scene.told(client), scene.effects.commands.len()), (vec![], 0));
        scene.lose(client);
    }
    assert_eq!(scene.closes(CloseReason::Protocol), 2);
}

#[test]
fn the_shard_ends_a_session() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    scene.push(client, Answer::Closed(RefusalCode::SessionReplaced));
    assert_eq!(scene.told(client), [(Kind::GoingAway, 0, Some(RefusalCode::SessionReplaced))]);
    assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::SessionReplaced))]);
    logged_out(&mut scene, client);
    assert_eq!(scene.closes(CloseReason::Replaced), 1);
}

/// A client that does not know the frame hears the other one, as it always did.
#[test]
fn a_session_that_is_ended_is_told_in_the_frame_that_its_client_knows() {
    for (features, kind) in [(0, Kind::GoingAway), (u64::MAX, Kind::SessionEnd)] {
        let mut scene = Scene::new();
        let replaced = scene.log_in_knowing(7, features);
        scene.push(replaced, Answer::Closed(RefusalCode::SessionReplaced));
        assert_eq!(scene.told(replaced), [(kind, 0, Some(RefusalCode::SessionReplaced))]);
        scene.asked();
        let silent = scene.log_in_knowing(8, features);
        scene.pass(122_000);
        let told = scene.told(silent);
        assert_eq!(told[1..], [(kind, 0, Some(RefusalCode::Unresponsive))], "after the question");
        scene.asked();
        let late = scene.connect();
        scene.hear(late, &hello_knowing(features));
        scene.told(late);
        scene.pass(6_000);
        assert_eq!(scene.told(late), [(kind, 0, Some(RefusalCode::LoginTimeout))]);
        // The server goes, and not the session: one frame for all.
        let drained = scene.log_in_knowing(9, features);
        scene.call(|entry, turn| entry.drain(turn.now.mono_ms));
        scene.pass(1_000);
        assert_eq!(scene.told(drained), [(Kind::GoingAway, 0, Some(RefusalCode::Draining))]);
    }
}

/// A token counts for as long as a session that it began.
#[test]
fn a_session_ends_when_its_token_does() {
    let mut scene = Scene::new();
    let client = scene.log_in_knowing(7, u64::MAX);
    // The token is one of an hour, and clocks may differ by half a minute.
    let ends_ms = (3_600 + 30) * 1_000;
    while scene.now_ms < ends_ms - 30_000 {
        scene.pass(30_000);
        scene.hear(client, &push_ack(1));
    }
    scene.effects.commands.clear();
    scene.pass(29_000);
    assert_eq!(scene.told(client), []);
    scene.hear(client, &send(3, 8));
    let (_, reply) = scene.asked();
    scene.pass(2_000);
    scene.answer(reply, acked());
    let end = (Kind::SessionEnd, 0, Some(RefusalCode::TokenExpired));
    assert_eq!(scene.told(client), [(Kind::SendAck, 3, None), end]);
    assert_eq!(
        (scene.done(client), scene.closes(CloseReason::Token)),
        (vec![Do::Close(Some(RefusalCode::TokenExpired))], 1)
    );
    logged_out(&mut scene, client);
}

/// A session whose token is renewed ends with the newer one; one that is refused changes nothing.
#[test]
fn a_session_is_renewed_in_place() {
    let mut scene = Scene::new();
    let client = scene.log_in_knowing(7, u64::MAX);
    let minutes = |scene: &mut Scene, minutes| {
        for _ in 0..2 * minutes {
            scene.pass(30_000);
            scene.hear(client, &push_ack(1));
        }
    };
    let first = scene.token(7);
    minutes(&mut scene, 30);
    let strangers = scene.token(8);
    scene.hear(client, &renew(5, &strangers));
    scene.hear(client, &renew(6, "no.token.at-all"));
    let refused = |id| (Kind::Refusal, id, Some(RefusalCode::BadToken));
    assert_eq!(scene.told(client), [refused(5), refused(6)]);
    let second = scene.token(7);
    let renews = |scene: &mut Scene, id, token: &str, issued_ms: u64, answer| {
        scene.effects.commands.clear();
        scene.hear(client, &renew(id, token));
        let (command, reply) = scene.asked();
        let issued_s = issued_ms / 1_000;
        assert_eq!(command, Command::Believe { uid: Uid(7), issued_s });
        assert_eq!(scene.told(client), [], "it waits for that");
        scene.answer(reply, answer);
        scene.told(client)
    };
    let now_ms = START_MS + 1_800_000;
    let revoked = Answer::Refused { code: RefusalCode::TokenRevoked, retry_after_ms: 0 };
    let told = renews(&mut scene, 9, &second, now_ms, revoked);
    assert_eq!(told, [(Kind::Refusal, 9, Some(RefusalCode::TokenRevoked))]);
    let told = renews(&mut scene, 7, &second, now_ms, Answer::Believed);
    assert_eq!(told, [(Kind::RenewReply, 7, None)]);
    // The longer counts, whatever comes last.
    let told = renews(&mut scene, 8, &first, START_MS, Answer::Believed);
    assert_eq!(told, [(Kind::RenewReply, 8, None)]);
    minutes(&mut scene, 59);
    assert_eq!(scene.told(client), [], "the first token has been over for half an hour");
    scene.pass(90_000);
    let end = (Kind::SessionEnd, 0, Some(RefusalCode::TokenExpired));
    assert_eq!(scene.told(client), [end]);
}

#[test]
fn the_end_of_a_session_says_what_the_client_does_next() {
    let said = |code| {
        let mut bytes = Vec::new();
        delivery::session_end(&mut bytes, code);
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        let mut frames = buffer.read(&bytes, FRAME_BYTES_MAX);
        let end = frames.next(&mut scratch).unwrap().unwrap().read::<SessionEnd>().unwrap();
        assert!(!end.text.is_empty() && end.code == code as u16);
        (Next::from_wire(end.next), end.jitter_ms)
    };
    assert_eq!(said(RefusalCode::SessionReplaced), (Next::StayAway, 0));
    assert_eq!(said(RefusalCode::TokenExpired), (Next::OtherToken, RECONNECT_JITTER_MS));
    assert_eq!(said(RefusalCode::TokenRevoked), (Next::OtherToken, RECONNECT_JITTER_MS));
    assert_eq!(said(RefusalCode::Kicked), (Next::StayAway, 0));
    assert_eq!(said(RefusalCode::EndedByUser), (Next::StayAway, 0));
    assert_eq!(said(RefusalCode::LoginTimeout), (Next::Again, RECONNECT_JITTER_MS));
    assert_eq!(said(RefusalCode::Unresponsive), (Next::Again, RECONNECT_JITTER_MS));
}

#[test]
fn the_silent_are_asked_then_closed_after_two_heartbeats() {
    let mut scene = Scene::new();
    let (silent, answering) = (scene.log_in(7), scene.log_in(8));
    scene.pass(89_000);
    assert_eq!(scene.told(silent), []);
    scene.pass(2_000);
    for client in [silent, answering] {
        assert_eq!(scene.told(client), [(Kind::Heartbeat, 0, None)]);
    }
    let mut reply = Vec::new();
    encode(&mut reply, 0, frames::HeartbeatReply { time_ms: 1, inbox_epoch: 0, inbox_head: 0 });
    scene.hear(answering, &reply);
    scene.pass(28_000);
    assert_eq!(scene.told(silent), [], "not yet");
    scene.pass(2_000);
    assert_eq!(scene.told(silent), [(Kind::GoingAway, 0, Some(RefusalCode::Unresponsive))]);
    assert_eq!(
        (scene.done(silent), scene.done(answering)),
        (vec![Do::Close(Some(RefusalCode::Unresponsive))], vec![])
    );
    assert_eq!((scene.told(answering), scene.closes(CloseReason::Silent)), (vec![], 1));
    assert_eq!(scene.asked().0, Command::Logout(silent.login));
    scene.pass(62_000);
    assert_eq!(scene.told(answering), [(Kind::Heartbeat, 0, None)], "it is asked again");
}

#[test]
fn who_is_sent_away_with_many_others_is_told_how_long_to_spread() {
    use RefusalCode::{Draining, LoginTimeout, SessionReplaced, TooManyDevices, Unresponsive};
    let jitter_ms = |code| {
        let mut bytes = Vec::new();
        delivery::going_away(&mut bytes, code);
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        let mut frames = buffer.read(&bytes, FRAME_BYTES_MAX);
        frames.next(&mut scratch).unwrap().unwrap().read::<GoingAway>().unwrap().jitter_ms
    };
    for code in [Draining, LoginTimeout, Unresponsive] {
        assert_eq!(jitter_ms(code), RECONNECT_JITTER_MS, "{code:?}");
    }
    for code in [SessionReplaced, TooManyDevices] {
        assert_eq!(jitter_ms(code), 0, "{code:?}: it does not come back");
    }
}
