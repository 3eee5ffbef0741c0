//! A session ends once, with a last word where there is one, and its shard is told.

use super::*;
use crate::limits::RECONNECT_JITTER_MS;
use wire::Next;

/// The shard hears of the end, without an answer.
#[track_caller]
fn logged_out(scene: &mut Scene, client: Client) {
    let (command, reply) = scene.asked();
    assert_eq!((command, reply.request_id), (Command::Logout(client.login), 0));
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
    assert_eq!(scene.done(client), [Do::Close]);
    scene.lose(client);
    assert_eq!(scene.effects.commands, [], "the shard knows");
    assert_eq!((scene.closes(CloseReason::Logout), scene.closes(CloseReason::Peer)), (1, 0));
    assert_eq!((scene.entry.users_online(), scene.entry.clients()), (0, 0));
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
        assert_eq!(scene.done(client), [Do::Close]);
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
    assert_eq!(scene.done(client), [Do::Close]);
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
        let silent = scene.log_in_knowing(8, features);
        scene.pass(122_000);
        let told = scene.told(silent);
        assert_eq!(told[1..], [(kind, 0, Some(RefusalCode::Unresponsive))], "after the question");
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
    assert_eq!((scene.done(silent), scene.done(answering)), (vec![Do::Close], vec![]));
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
