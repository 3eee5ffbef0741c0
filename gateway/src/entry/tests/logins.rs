//! A client is somebody once its login is answered, not before.

use super::*;

#[test]
fn a_client_is_logged_in_by_the_shard() {
    let mut scene = Scene::new();
    let client = scene.connect();
    scene.hear(client, &hello());
    assert_eq!(scene.told(client), [(Kind::HelloReply, 1, None)]);
    let token = scene.token(7);
    scene.hear(client, &login(&token));
    let (command, reply) = scene.asked();
    assert_eq!(command, log_in(7));
    assert_eq!((scene.told(client), scene.entry.users_online()), (vec![], 0));
    let login = Login { uid: Uid(7), device: DeviceId(1), generation: Generation(1) };
    scene.answer(reply, logged_in(login));
    assert_eq!(scene.told(client), [(Kind::LoginReply, 2, None)]);
    assert_eq!((scene.entry.users_online(), scene.entry.clients()), (1, 1));
}

/// Hello and login may come in one piece, before either is answered.
#[test]
fn hello_and_login_may_be_said_at_once() {
    let mut scene = Scene::new();
    let client = scene.connect();
    let token = scene.token(7);
    scene.hear(client, &[hello(), login(&token)].concat());
    assert_eq!(scene.told(client), [(Kind::HelloReply, 1, None)]);
    assert!(matches!(scene.asked().0, Command::Login { .. }));
}

#[test]
fn a_login_that_fails_closes_with_the_reason() {
    let mut scene = Scene::new();
    let client = scene.connect();
    scene.hear(client, &[hello(), login("no token")].concat());
    let refusal = (Kind::Refusal, 2, Some(RefusalCode::BadToken));
    assert_eq!(scene.told(client), [(Kind::HelloReply, 1, None), refusal]);
    assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::BadToken))]);
    assert_eq!((scene.closes(CloseReason::Token), scene.effects.commands.len()), (1, 0));

    let client = scene.connect();
    let token = scene.token(7);
    scene.hear(client, &[hello(), login(&token)].concat());
    let (_, reply) = scene.asked();
    scene.told(client);
    scene.answer(reply, refused(RefusalCode::TooManyDevices));
    assert_eq!(scene.told(client), [(Kind::Refusal, 2, Some(RefusalCode::TooManyDevices))]);
    assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::TooManyDevices))]);
    assert_eq!(scene.closes(CloseReason::Replaced), 1);
}

#[test]
fn who_asks_before_its_login_is_answered_is_closed() {
    let mut scene = Scene::new();
    let client = scene.connect();
    let token = scene.token(7);
    scene.hear(client, &[hello(), login(&token), heartbeat(3, 1), heartbeat(4, 1)].concat());
    let refusal = (Kind::Refusal, 3, Some(RefusalCode::NotLoggedIn));
    assert_eq!(scene.told(client), [(Kind::HelloReply, 1, None), refusal]);
    assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::NotLoggedIn))]);
    let (_, reply) = scene.asked();
    // The login comes to nobody, and is taken back.
    let login = Login { uid: Uid(7), device: DeviceId(1), generation: Generation(1) };
    scene.answer(reply, logged_in(login));
    let (command, reply) = scene.asked();
    assert_eq!((command, reply.ticket), (Command::Logout(login), 0));
    assert_eq!((scene.told(client), scene.entry.users_online()), (vec![], 0));
}

#[test]
fn a_login_that_is_answered_late_is_logged_out() {
    for is_given_up in [false, true] {
        let mut scene = Scene::new();
        let client = scene.connect();
        let token = scene.token(7);
        scene.hear(client, &[hello(), login(&token)].concat());
        let (_, to) = scene.asked();
        scene.lose(client);
        assert_eq!((scene.entry.clients(), scene.effects.commands.len()), (0, 0));
        let login = Login { uid: Uid(7), device: DeviceId(1), generation: Generation(1) };
        let answer = logged_in(login);
        if is_given_up {
            scene.answer(to, refused(RefusalCode::StoreUnavailable));
            let late = Delivery { to, answer };
            scene.call(|entry, turn| entry.on_late(&late, turn));
        } else {
            scene.answer(to, answer);
        }
        let (command, reply) = scene.asked();
        assert_eq!((command, reply.session), (Command::Logout(login), to.session));
    }
}

/// What waits of it must not be carried out later: the device may be logged in elsewhere by then.
#[test]
fn a_login_is_withdrawn_when_its_session_ends() {
    let mut scene = Scene::new();
    let (lost, late) = (scene.connect(), scene.connect());
    let token = scene.token(7);
    for client in [lost, late] {
        scene.hear(client, &[hello(), login(&token)].concat());
        scene.asked();
    }
    let of = |client: Client| SessionId { entry: SETTINGS.id, key: client.key.to_bits() };
    scene.lose(lost);
    assert_eq!(scene.effects.withdrawn, [of(lost)]);
    scene.pass(6_000);
    assert_eq!(scene.effects.withdrawn, [of(lost), of(late)]);
    let active = scene.log_in(7);
    scene.lose(active);
    assert_eq!(scene.effects.withdrawn.len(), 2, "it is logged out");
}

#[test]
fn who_does_not_log_in_in_time_is_closed() {
    let mut scene = Scene::new();
    let (silent, greeted) = (scene.connect(), scene.connect());
    scene.hear(greeted, &hello());
    scene.told(greeted);
    scene.pass(4_750);
    assert_eq!((scene.done(silent), scene.done(greeted)), (vec![], vec![]));
    scene.pass(1_250);
    for client in [silent, greeted] {
        assert_eq!(scene.told(client), [(Kind::GoingAway, 0, Some(RefusalCode::LoginTimeout))]);
        assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::LoginTimeout))]);
    }
    assert_eq!(scene.closes(CloseReason::LoginTimeout), 2);
}

#[test]
fn owners_that_are_new_are_told_who_is_here() {
    let mut scene = Scene::new();
    let (seven, eight) = (scene.log_in(7), scene.log_in(8));
    scene.connect();
    let own = scene.entry.open_own(Now { unix_ms: 0, mono_ms: 0 });
    let partition = Partition::of_user(Uid(8));
    assert_ne!(partition, Partition::of_user(Uid(7)));
    scene.call(|entry, turn| entry.register(&BTreeSet::from([partition]), turn));
    let (command, reply) = scene.asked();
    assert_eq!(command, Command::register(eight.login));
    assert_eq!(reply.session.key, eight.key.to_bits());
    // Its answer is news for the client, which has not asked.
    scene.answer(reply, head(1));
    assert_eq!(scene.told(eight), [(Kind::HeartbeatReply, 0, None)]);
    assert_eq!(scene.told(seven), []);
    assert_ne!(own, eight.key);
}
