//! A client whose frames come in WebSocket messages, as they are or as JSON: it is told the same, in messages; its pings and its
//! end.

use super::*;
use front::{Client as Socket, Subprotocol, Told as Said};

/// A client that asked for a WebSocket and has it, its end of it, and the key of its mask.
fn connect(scene: &mut Scene) -> (Client, Socket) {
    connect_by(scene, Subprotocol::Frames)
}

fn connect_by(scene: &mut Scene, subprotocol: Subprotocol) -> (Client, Socket) {
    let client = scene.connect();
    let mut says = Vec::new();
    let mut socket = Socket::ask("im.example", subprotocol, &mut says);
    scene.hear(client, &says);
    let mut opened = false;
    socket.read(&mut scene.output(client), |said| opened = said == Said::Opened).unwrap();
    assert!(opened);
    (client, socket)
}

fn say(scene: &mut Scene, client: Client, frames: &[u8]) {
    let mut says = Vec::new();
    Socket::say(Subprotocol::Frames, frames, || [1, 2, 3, 4], &mut says);
    scene.hear(client, &says);
}

/// The last word of what carries a client's frames.
fn part(scene: &mut Scene, client: Client, why: Option<RefusalCode>) -> Vec<u8> {
    let channel = Channel { carrier: Carrier::WebSocket, ..Channel::of(client.conn) };
    let mut last = Vec::new();
    scene.tcp.part(channel, why, &mut last);
    last
}

/// A client's control frame with this first byte.
fn control(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

/// The same, logged in.
fn log_in(scene: &mut Scene, uid: u64) -> (Client, Socket) {
    let (client, mut socket) = connect(scene);
    say(scene, client, &hello());
    let token = scene.token(uid);
    say(scene, client, &login(&token));
    let (_, reply) = scene.asked();
    let login = Login { uid: Uid(uid), device: DeviceId(1), generation: Generation(uid) };
    scene.answer(reply, logged_in(login));
    let mut heard = Vec::new();
    let mut take = |said: Said<'_>| {
        let Said::Data(bytes) = said else { panic!("{said:?}") };
        heard.extend_from_slice(bytes);
    };
    socket.read(&mut scene.output(client), &mut take).unwrap();
    assert_eq!(told_in(&heard), [(Kind::HelloReply, 1, None), (Kind::LoginReply, 2, None)]);
    (Client { login, ..client }, socket)
}

#[test]
fn frames_go_both_ways_in_messages() {
    let mut scene = Scene::new();
    let (client, _) = log_in(&mut scene, 7);
    say(&mut scene, client, &[heartbeat(5, 1), push_ack(1)].concat());
    let commands = std::mem::take(&mut scene.effects.commands);
    assert!(matches!(commands[0].0, Command::Heartbeat { .. }));
    assert!(matches!(commands[1].0, Command::PushAck { .. }));
    assert_eq!(scene.metrics.upgrades.get(), 1);
}

#[test]
fn a_ping_is_answered_at_the_rate_of_frames_and_if_the_client_reads() {
    let mut scene = Scene::with(Settings { connection_rate: 2, ..SETTINGS });
    let (client, _) = connect(&mut scene);
    let pong = [&[0x8a, 2][..], b"hi"].concat();
    let answered = |scene: &mut Scene| {
        (0..9).for_each(|_| scene.hear(client, &control(0x89, b"hi")));
        scene.output(client)
    };
    assert_eq!(answered(&mut scene), pong.repeat(4), "a burst of twice the rate");
    scene.now_ms += 1_000;
    assert_eq!(answered(&mut scene), pong.repeat(2));
    scene.now_ms += 2_000;
    let output = scene.outputs.0.entry(Channel::of(client.conn).id).or_default();
    output.waiting = crate::limits::OUTBOX_HIGH_BYTES + 1;
    assert_eq!(answered(&mut scene), b"", "it does not read");
}

#[test]
fn silence_is_probed_by_a_ping_and_a_pong_is_heard() {
    let mut scene = Scene::new();
    let (client, _) = log_in(&mut scene, 7);
    for _ in 0..3 {
        scene.pass(91_000);
        assert_eq!(scene.output(client), [0x89, 0]);
        scene.hear(client, &control(0x8a, b""));
    }
    scene.pass(121_000);
    let (code, reason) = front::parting(Some(RefusalCode::Unresponsive));
    assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::Unresponsive))]);
    assert_eq!((code, reason.as_str()), (4021, "Unresponsive"));
}

#[test]
fn what_breaks_the_rules_is_refused_after_what_was_taken() {
    let mut scene = Scene::new();
    let (client, mut socket) = log_in(&mut scene, 7);
    say(&mut scene, client, &send(3, 8));
    let (_, reply) = scene.asked();
    scene.hear(client, &control(0x81, b"{}"));
    assert_eq!((scene.output(client), scene.done(client)), (vec![], vec![]), "not yet");
    say(&mut scene, client, &heartbeat(4, 1));
    scene.answer(reply, refused(RefusalCode::StoreFull));
    let mut heard = Vec::new();
    let mut take = |said: Said<'_>| {
        let Said::Data(bytes) = said else { panic!("{said:?}") };
        heard.extend_from_slice(bytes);
    };
    socket.read(&mut scene.output(client), &mut take).unwrap();
    let refusal = |number, code| (Kind::Refusal, number, Some(code));
    let expected = [refusal(3, RefusalCode::StoreFull), refusal(0, RefusalCode::Malformed)];
    assert_eq!(told_in(&heard), expected);
    assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::Malformed))]);
    let last = part(&mut scene, client, Some(RefusalCode::Malformed));
    assert_eq!(last[2..4], 1_003_u16.to_be_bytes());
    assert!(last.ends_with(b"longline.v1.json"), "it says what takes text");
    assert_eq!(scene.closes(CloseReason::Protocol), 1);
}

#[test]
fn who_closes_hears_what_was_taken_and_its_own_code() {
    let mut scene = Scene::new();
    let (client, _) = log_in(&mut scene, 7);
    say(&mut scene, client, &send(3, 8));
    let (_, reply) = scene.asked();
    scene.hear(client, &control(0x88, &[3, 0xe9]));
    scene.answer(reply, refused(RefusalCode::StoreFull));
    assert!(!scene.output(client).is_empty());
    assert_eq!(scene.done(client), [Do::Close(None)]);
    let last = part(&mut scene, client, None);
    assert_eq!((last, scene.closes(CloseReason::Peer)), (vec![0x88, 2, 3, 0xe9], 1));
}

#[test]
fn the_reason_of_an_end_is_not_lost_by_what_is_said_behind_it() {
    let mut scene = Scene::new();
    let (client, _) = log_in(&mut scene, 7);
    scene.push(client, Answer::Closed(RefusalCode::SessionReplaced));
    scene.hear(client, &control(0x81, b"{}"));
    assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::SessionReplaced))]);
    let last = part(&mut scene, client, Some(RefusalCode::SessionReplaced));
    assert_eq!(last[2..4], 4_017_u16.to_be_bytes());
}

#[test]
fn no_frame_is_said_into_a_request_that_is_still_coming() {
    let mut scene = Scene::new();
    let client = scene.connect();
    scene.hear(client, b"GET /v1/ws HT");
    scene.pass(6_000);
    assert_eq!(scene.output(client), b"");
    assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::LoginTimeout))]);
    assert_eq!(scene.closes(CloseReason::LoginTimeout), 1);
}

#[test]
fn what_is_not_served_is_counted_by_what_it_is() {
    for (says, reason) in [
        (&b"\x16\x03\x01\x02"[..], CloseReason::Tls),
        (b"GET / HTTP/1.1\r\n\r\n", CloseReason::Http),
        (b"what", CloseReason::Protocol),
    ] {
        let mut scene = Scene::new();
        let client = scene.connect();
        scene.hear(client, says);
        assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::Malformed))]);
        assert_eq!(scene.closes(reason), 1, "{reason:?}");
    }
}

/// A message of text.
fn say_text(scene: &mut Scene, client: Client, text: &str) {
    let says = if text.len() < 126 {
        control(0x81, text.as_bytes())
    } else {
        let length = u16::try_from(text.len()).unwrap().to_be_bytes();
        [&[0x81, 0xfe, length[0], length[1], 0, 0, 0, 0], text.as_bytes()].concat()
    };
    scene.hear(client, &says);
}

/// A client that speaks JSON and is logged in.
fn log_in_by_json(scene: &mut Scene, uid: u64) -> (Client, Socket) {
    let (client, mut socket) = connect_by(scene, Subprotocol::Json);
    let token = scene.token(uid);
    say_text(scene, client, &format!(r#"{{"id":1,"login":{{"token":"{token}","device":"1"}}}}"#));
    let (_, reply) = scene.asked();
    let login = Login { uid: Uid(uid), device: DeviceId(1), generation: Generation(uid) };
    scene.answer(reply, logged_in(login));
    assert_eq!(
        told_by(scene, client, &mut socket),
        [(Kind::HelloReply, 0, None), (Kind::LoginReply, 1, None)]
    );
    (Client { login, ..client }, socket)
}

/// What a client is told.
fn told_by(scene: &mut Scene, client: Client, socket: &mut Socket) -> Vec<Told> {
    let mut heard = Vec::new();
    let mut take = |said: Said<'_>| {
        let Said::Data(bytes) = said else { panic!("{said:?}") };
        heard.extend_from_slice(bytes);
    };
    socket.read(&mut scene.output(client), &mut take).unwrap();
    told_in(&heard)
}

#[test]
fn a_request_in_json_is_what_its_frame_is() {
    let mut scene = Scene::new();
    let (client, mut socket) = log_in_by_json(&mut scene, 7);
    let id = "0197c1f0-2a33-7d0e-8a5b-3c1d2e4f5a6b";
    let send = format!(r#"{{"id":3,"send":{{"to":"8","client_msg_id":"{id}","text":"hi"}}}}"#);
    say_text(&mut scene, client, &send);
    let (command, reply) = scene.asked();
    let Command::Send(send) = command else { panic!("{command:?}") };
    assert_eq!(send.conversation, wire::ConversationId::direct(Uid(7), Uid(8)).unwrap());
    assert_eq!((send.sender, &send.body[..]), (Uid(7), &b"hi"[..]));
    scene.answer(reply, refused(RefusalCode::StoreFull));
    let refusal = (Kind::Refusal, 3, Some(RefusalCode::StoreFull));
    assert_eq!(told_by(&mut scene, client, &mut socket), [refusal]);
    assert_eq!(scene.metrics.upgrades.get(), 1);
    scene.pass(91_000);
    assert_eq!(scene.output(client), [0x89, 0], "it is asked by a ping");
}

#[test]
fn a_request_that_is_not_understood_is_refused_at_the_rate_of_frames() {
    let mut scene = Scene::with(Settings { connection_rate: 2, ..SETTINGS });
    let (client, mut socket) = log_in_by_json(&mut scene, 7);
    (0..6).for_each(|_| say_text(&mut scene, client, r#"{"id":3,"sand":{}}"#));
    let told = told_by(&mut scene, client, &mut socket);
    let codes: Vec<_> = told.iter().filter_map(|(_, _, code)| *code).collect();
    let (unsupported, limited) = (RefusalCode::Unsupported, RefusalCode::RateLimited);
    assert_eq!(codes, [[unsupported; 4].as_slice(), &[limited; 2]].concat());
    assert!(told.iter().all(|(_, id, _)| *id == 3));
    assert_eq!(scene.done(client), [], "it stays");
    say_text(&mut scene, client, r#"{"sand":{}}"#);
    let refusal = (Kind::Refusal, 0, Some(RefusalCode::Malformed));
    assert_eq!(told_by(&mut scene, client, &mut socket), [refusal]);
    assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::Malformed))]);
}

#[test]
fn a_login_that_is_not_understood_ends_the_connection_with_words() {
    let mut scene = Scene::new();
    let (client, mut socket) = connect_by(&mut scene, Subprotocol::Json);
    say_text(&mut scene, client, r#"{"id":1,"login":{"token":"t","devise":"1"}}"#);
    let refusal = (Kind::Refusal, 1, Some(RefusalCode::Unsupported));
    assert_eq!(told_by(&mut scene, client, &mut socket), [refusal]);
    assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::Unsupported))]);
}

#[test]
fn what_is_not_read_holds_back_who_says_what_is_not_understood() {
    let mut scene = Scene::new();
    let (client, _) = log_in_by_json(&mut scene, 7);
    let output = scene.outputs.0.entry(Channel::of(client.conn).id).or_default();
    output.waiting = crate::limits::OUTBOX_HIGH_BYTES;
    say_text(&mut scene, client, r#"{"id":3,"sand":{}}"#);
    assert_eq!(scene.done(client), [Do::Pause]);
}
