//! A user with a token is told what no device of it acknowledged in time: once, and by later owners under the same id.

use crate::asked::Asked;
use shard::command::{Answer, Begin, ChatChange, Command, Login, Now, Send};
use shard::limits::PUSH_TOKENS_MAX;
use shard::notification::{Notification, Notified};
use shard::partition::{ShardId, Share};
use shard::rows::StoreError;
use shard::{PushConfig, ShardConfig};
use wire::{ClientMsgId, ConversationId, DeviceId, InboxSeq, RefusalCode, RowKind, Seq, Uid};

const NOW: Now = Now { unix_ms: 1_800_000_000_000, mono_ms: 1 };
const ALICE: Uid = Uid(7);
const BOB: Uid = Uid(8);
const GRACE_MS: u64 = 5_000;
const SETTLE_MS: u64 = 20_000;

fn config(epoch: u32) -> ShardConfig {
    let share = Share::Of { id: ShardId(0), shards: 1 };
    let push = PushConfig { grace_ms: GRACE_MS, settle_ms: SETTLE_MS, preview: true };
    ShardConfig { push: Some(push), ..ShardConfig::new(share, epoch, 9) }
}

/// A world in which nobody waits for sessions of before.
fn world() -> Asked {
    let mut world = Asked::new(config(1), NOW);
    world.pass(SETTLE_MS);
    world
}

fn ask(world: &mut Asked, command: Command) -> Vec<Answer> {
    world.ask(command, |_| false)
}

fn log_in(world: &mut Asked, uid: Uid, device: u64, from: Begin) -> Login {
    let answers = ask(world, Command::login(uid, DeviceId(device), from));
    let logged_in = answers.into_iter().find_map(|answer| {
        let Answer::LoggedIn { login, .. } = answer else { return None };
        Some(login)
    });
    logged_in.expect("a login is answered")
}

fn set_token(world: &mut Asked, login: Login, token: &str) -> Answer {
    let token = token.to_owned().into();
    ask(world, Command::SetPushToken { login, provider: 2, token }).pop().expect("an answer")
}

fn log_out(world: &mut Asked, login: Login) {
    ask(world, Command::Logout(login));
}

/// Bob has a token, and no device that is logged in.
fn away(world: &mut Asked) {
    let login = log_in(world, BOB, 1, Begin::Head);
    assert_eq!(set_token(world, login, "bob's"), Answer::PushTokenSet { is_kept: true });
    log_out(world, login);
}

/// What Alice writes to Bob.
fn message(world: &Asked, number: u64) -> Command {
    let conversation = ConversationId::direct(ALICE, BOB).unwrap();
    Command::Send(Send {
        conversation,
        sender: ALICE,
        device: DeviceId(1),
        client_msg_id: ClientMsgId::new(world.now.unix_ms, number.into()),
        kind: RowKind::MESSAGE,
        flags: 0,
        body: format!("message {number}").into(),
        seen: Seq(0),
    })
}

/// She writes it: where.
fn write(world: &mut Asked, number: u64) -> Seq {
    let send = message(world, number);
    let answers = ask(world, send);
    let seq = answers.iter().find_map(|answer| {
        let Answer::Acked { seq, .. } = answer else { return None };
        Some(*seq)
    });
    seq.expect("it is acknowledged")
}

fn took(world: &mut Asked, told: &Notification) {
    let Notification { uid, through, .. } = *told;
    world.notified(Notified { uid, through, is_taken: true, gone: Vec::new() });
}

/// What was told: from where to where, how many, the newest's body, how many tokens.
fn short(told: &[Notification]) -> Vec<(u64, u64, u64, String, usize)> {
    let short = |it: &Notification| {
        let body = String::from_utf8(it.newest.body.to_vec()).unwrap();
        (it.after.0, it.through.0, it.unread, body, it.tokens.len())
    };
    told.iter().map(short).collect()
}

#[test]
fn at_once_without_a_device_and_then_what_came_since_together() {
    let mut world = world();
    away(&mut world);
    write(&mut world, 1);
    assert_eq!(short(&world.told), [(0, 1, 1, "message 1".to_owned(), 1)]);
    write(&mut world, 2);
    write(&mut world, 3);
    world.pass(GRACE_MS);
    assert_eq!(world.told.len(), 1, "the receiver has not answered");
    let told = world.told.remove(0);
    took(&mut world, &told);
    assert_eq!(world.told.len(), 0, "who was just told has rest");
    world.pass(GRACE_MS);
    assert_eq!(short(&world.told), [(1, 3, 3, "message 3".to_owned(), 1)]);
    let told = world.told.remove(0);
    took(&mut world, &told);
    assert_eq!(world.shard.owing(), (0, 0), "whoever is owed nothing is not in memory for it");
    world.pass(10 * GRACE_MS);
    assert_eq!(world.told.len(), 0);
}

/// The first of several that come in one step begins what is owed.
#[test]
fn none_is_left_out_of_those_that_come_together() {
    let mut world = world();
    away(&mut world);
    write(&mut world, 1);
    let told = world.told.remove(0);
    took(&mut world, &told);
    world.pass(2 * GRACE_MS);
    assert_eq!(world.shard.owing(), (0, 0));
    let second = message(&world, 2);
    world.say(second);
    write(&mut world, 3);
    world.pass(2 * GRACE_MS);
    let ranges: Vec<_> = world.told.iter().map(|it| (it.after.0, it.through.0)).collect();
    assert_eq!(ranges, [(1, 3)]);
}

#[test]
fn what_a_device_acknowledges_in_time_is_not_told_and_the_rest_is() {
    let mut world = world();
    away(&mut world);
    let login = log_in(&mut world, BOB, 1, Begin::Head);
    for number in 1..20 {
        write(&mut world, number);
        world.pass(GRACE_MS / 3);
        ask(&mut world, Command::PushAck(login, InboxSeq(number)));
    }
    assert_eq!(world.told.len(), 0);
    write(&mut world, 20);
    world.pass(GRACE_MS - 200);
    assert_eq!(world.told.len(), 0, "it has the time that it has");
    world.pass(GRACE_MS + 400);
    assert_eq!(short(&world.told), [(19, 20, 20, "message 20".to_owned(), 1)]);
}

#[test]
fn what_was_acknowledged_before_a_device_left_is_not_told() {
    let mut world = world();
    away(&mut world);
    let login = log_in(&mut world, BOB, 1, Begin::Head);
    write(&mut world, 1);
    ask(&mut world, Command::PushAck(login, InboxSeq(1)));
    log_out(&mut world, login);
    world.pass(10 * GRACE_MS);
    assert_eq!(world.told.len(), 0);
}

#[test]
fn what_is_read_or_ones_own_is_not_told() {
    let mut world = world();
    away(&mut world);
    let login = log_in(&mut world, BOB, 1, Begin::Head);
    let seq = write(&mut world, 1);
    let conversation = ConversationId::direct(ALICE, BOB).unwrap();
    let change = ChatChange::Read(seq);
    ask(&mut world, Command::ChangeChat { uid: BOB, conversation, change });
    world.pass(3 * GRACE_MS);
    // Alice's own, who is away too.
    let login_of_alice = log_in(&mut world, ALICE, 1, Begin::Head);
    set_token(&mut world, login_of_alice, "alice's");
    log_out(&mut world, login_of_alice);
    log_out(&mut world, login);
    let seq = write(&mut world, 2);
    assert_eq!(world.told.iter().map(|it| it.uid).collect::<Vec<_>>(), [BOB]);
    assert_eq!((world.told[0].after, world.told[0].newest.seq), (InboxSeq(2), seq));
}

#[test]
fn a_later_owner_tells_the_same_under_the_same_id_once_sessions_had_time_to_come_back() {
    let mut world = world();
    away(&mut world);
    write(&mut world, 1);
    let first = world.told.remove(0);
    for epoch in 2..5 {
        // Nobody says anything, but that more comes meanwhile.
        if epoch > 2 {
            write(&mut world, epoch.into());
        }
        world.take_over(config(epoch));
        world.pass(SETTLE_MS - 100);
        assert_eq!(world.told.len(), 0, "sessions may come back");
        world.pass(200);
        assert_eq!(world.told.len(), 1);
        let again = world.told.remove(0);
        assert_eq!((again.id, again.through), (first.id, first.through));
    }
    took(&mut world, &first);
    world.pass(GRACE_MS);
    assert_eq!(short(&world.told), [(1, 3, 3, "message 4".to_owned(), 1)]);
    assert_ne!(world.told[0].id, first.id);
}

#[test]
fn whose_session_comes_back_after_a_take_over_is_told_nothing() {
    let mut world = world();
    away(&mut world);
    let login = log_in(&mut world, BOB, 1, Begin::Head);
    write(&mut world, 1);
    world.take_over(config(2));
    world.pass(SETTLE_MS / 2);
    let _ = login;
    let login = log_in(&mut world, BOB, 1, Begin::after(InboxSeq(0), 9));
    ask(&mut world, Command::PushAck(login, InboxSeq(1)));
    world.pass(2 * SETTLE_MS);
    assert_eq!((world.told.len(), world.shard.owing()), (0, (0, 0)));
}

#[test]
fn nobody_is_asked_before_that_is_durable() {
    let mut world = world();
    away(&mut world);
    write(&mut world, 1);
    let first = world.told.remove(0);
    took(&mut world, &first);
    world.pass(GRACE_MS);
    write(&mut world, 2);
    assert_eq!(world.told.len(), 1);
    let second = world.told.remove(0);
    took(&mut world, &second);
    world.pass(GRACE_MS);
    let login = log_in(&mut world, BOB, 2, Begin::Head);
    write(&mut world, 3);
    world.refusal = Some(StoreError::Full);
    world.pass(3 * GRACE_MS);
    assert_eq!(world.told.len(), 0);
    world.refusal = None;
    world.pass(3 * GRACE_MS);
    assert_eq!(short(&world.told), [(2, 3, 3, "message 3".to_owned(), 1)]);
    let _ = login;
}

#[test]
fn tokens_go_with_their_devices() {
    let mut world = world();
    // By the device itself.
    let login = log_in(&mut world, BOB, 1, Begin::Head);
    set_token(&mut world, login, "first");
    assert_eq!(set_token(&mut world, login, ""), Answer::PushTokenSet { is_kept: false });
    // By its user, though it is logged in no more.
    set_token(&mut world, login, "second");
    log_out(&mut world, login);
    let (device, code) = (Some(DeviceId(1)), RefusalCode::EndedByUser);
    let answers = ask(&mut world, Command::EndDevices { uid: BOB, device, code });
    assert_eq!(answers, [Answer::Ended { count: 0 }]);
    // By an operator, who believes no login of before.
    let login = log_in(&mut world, BOB, 2, Begin::Head);
    set_token(&mut world, login, "third");
    ask(&mut world, Command::Revoke { uid: BOB, tokens_s: 1 });
    write(&mut world, 1);
    world.pass(3 * GRACE_MS);
    assert_eq!(world.told.len(), 0);
    // By what the receiver says: of that device only.
    for device in 3..5 {
        let answers = ask(
            &mut world,
            Command::Login {
                uid: BOB,
                device: DeviceId(device),
                from: Begin::Head,
                platform: wire::Platform::UNKNOWN,
                issued_s: NOW.unix_ms,
            },
        );
        let Some(Answer::LoggedIn { login, .. }) = answers.last() else { panic!("{answers:?}") };
        set_token(&mut world, *login, &format!("of {device}"));
        log_out(&mut world, *login);
    }
    write(&mut world, 2);
    let Notification { uid, through, .. } = world.told.remove(0);
    world.notified(Notified { uid, through, is_taken: true, gone: vec!["of 3".into()] });
    world.pass(GRACE_MS);
    write(&mut world, 3);
    let tokens: Vec<_> = world.told[0].tokens.iter().map(|it| it.device.0).collect();
    assert_eq!(tokens, [4]);
}

#[test]
fn a_user_has_so_many_tokens_those_of_the_newest_logins() {
    let mut world = world();
    let devices = PUSH_TOKENS_MAX as u64 + 3;
    for device in 1..=devices {
        let login = log_in(&mut world, BOB, device, Begin::Head);
        set_token(&mut world, login, &format!("of {device}"));
        log_out(&mut world, login);
    }
    write(&mut world, 1);
    let tokens = world.told[0].tokens.iter().map(|it| it.device.0);
    assert_eq!(tokens.collect::<Vec<_>>(), (4..=devices).collect::<Vec<_>>());
}

#[test]
fn what_is_not_taken_is_listed_and_told_again_under_its_id() {
    let mut world = world();
    away(&mut world);
    write(&mut world, 1);
    let Notification { uid, through, id, .. } = world.told.remove(0);
    world.notified(Notified { uid, through, is_taken: false, gone: Vec::new() });
    let list = |world: &mut Asked, after| {
        let partition = shard::partition::Partition::of_user(BOB);
        match ask(world, Command::Dead { partition, after, limit: 9 }).pop() {
            Some(Answer::Dead(rows)) => rows.iter().map(|row| (row.uid, row.through)).collect(),
            other => panic!("{other:?}"),
        }
    };
    let dead: Vec<_> = list(&mut world, Uid(0));
    assert_eq!(dead, [(BOB, InboxSeq(1))]);
    assert_eq!(list(&mut world, BOB), []);
    write(&mut world, 2);
    world.pass(GRACE_MS);
    assert_eq!(world.told.remove(0).through, InboxSeq(2), "what follows does not wait for it");
    assert_eq!(ask(&mut world, Command::Replay { uid: BOB }), [Answer::Replayed { count: 1 }]);
    let again = world.told.remove(0);
    assert_eq!((again.id, again.after, again.through), (id, InboxSeq(0), InboxSeq(1)));
    took(&mut world, &again);
    assert_eq!(list(&mut world, Uid(0)), []);
}

#[test]
fn without_a_receiver_nobody_has_a_token() {
    let mut world = Asked::new(ShardConfig { push: None, ..config(1) }, NOW);
    let login = log_in(&mut world, BOB, 1, Begin::Head);
    let refused = Answer::Refused { code: RefusalCode::Unsupported, retry_after_ms: 0 };
    assert_eq!(set_token(&mut world, login, "bob's"), refused);
    assert_eq!(ask(&mut world, Command::Replay { uid: BOB }), [refused]);
}

/// What came while there was none is not told later.
#[test]
fn a_receiver_is_not_told_what_came_before_it() {
    let mut world = world();
    away(&mut world);
    world.take_over(ShardConfig { push: None, ..config(2) });
    (1..400).for_each(|number| _ = write(&mut world, number));
    assert_eq!(world.shard.owing(), (0, 0));
    world.take_over(config(3));
    world.pass(2 * SETTLE_MS);
    assert_eq!(world.told.len(), 0);
    write(&mut world, 400);
    assert_eq!(short(&world.told), [(399, 400, 400, "message 400".to_owned(), 1)]);
}

/// Each rule is needed: without it one of these tests fails, in a process of its own since each shard reads the variable.
#[cfg(feature = "planted")]
#[test]
fn every_planted_fault_is_caught() {
    for (fault, test) in [
        (
            "notify-no-mark",
            "a_later_owner_tells_the_same_under_the_same_id_once_sessions_had_time_to_come_back",
        ),
        ("notify-unsettled", "whose_session_comes_back_after_a_take_over_is_told_nothing"),
        ("notify-nobody", "at_once_without_a_device_and_then_what_came_since_together"),
        ("notify-acked", "what_a_device_acknowledges_in_time_is_not_told_and_the_rest_is"),
        ("notify-unwritten", "nobody_is_asked_before_that_is_durable"),
        (
            "notify-anew",
            "a_later_owner_tells_the_same_under_the_same_id_once_sessions_had_time_to_come_back",
        ),
    ] {
        let name = format!("who_is_away_is_told::{test}");
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &name])
            .env("PLANTED_FAULT", fault)
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap();
        assert!(!output.status.success(), "{fault} is not caught by {test}");
    }
}
