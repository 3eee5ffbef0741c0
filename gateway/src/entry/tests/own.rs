//! The process's own sessions ask and are answered as clients are, and are no clients.

use super::*;

#[test]
fn an_own_session_asks_and_hears() {
    let mut scene = Scene::new();
    let own = scene.entry.open_own(Now { unix_ms: 0, mono_ms: 0 });
    let command = log_in(7);
    scene.call(|entry, turn| entry.ask_own(own, (command.clone(), Some(1)), turn));
    let (asked, reply) = scene.asked();
    assert_eq!((asked, reply.session.key), (command, own.to_bits()));
    let login = Login { uid: Uid(7), device: DeviceId(1), generation: Generation(1) };
    let logged_in = logged_in(login);
    scene.answer(reply, logged_in.clone());
    assert_eq!(scene.effects.own.pop(), Some((own, 1, logged_in)));
    scene.answer(ReplyTo { ticket: 0, ..reply }, head(1));
    assert_eq!(scene.effects.own.pop(), Some((own, 0, head(1))));
    assert_eq!((scene.entry.clients(), scene.entry.users_online()), (0, 0));
    scene.call(|entry, turn| entry.close_own(own, turn));
    assert_eq!(scene.asked().0, Command::Logout(login));
}

#[test]
fn what_comes_after_its_end_reaches_nobody() {
    let mut scene = Scene::new();
    let own = scene.entry.open_own(Now { unix_ms: 0, mono_ms: 0 });
    let command = log_in(7);
    scene.call(|entry, turn| entry.ask_own(own, (command, Some(1)), turn));
    let (_, reply) = scene.asked();
    scene.call(|entry, turn| entry.close_own(own, turn));
    assert_eq!(scene.effects.commands, []);
    let login = Login { uid: Uid(7), device: DeviceId(1), generation: Generation(1) };
    scene.answer(reply, logged_in(login));
    assert_eq!(scene.effects.own, []);
    assert_eq!(scene.asked().0, Command::Logout(login), "nobody has that session");
}
