//! Tokens that were taken back are believed no more, by whoever owns the user later; and those that were made since are.

use crate::asked::Asked;
use bytes::Bytes;
use shard::ShardConfig;
use shard::command::{Answer, Begin, Command, Now, Send};
use shard::partition::{ShardId, Share};
use shard::rows::StoreError;
use wire::{
    ClientMsgId, ConversationId, DeviceId, InboxSeq, Platform, RefusalCode, RowKind, Seq, Uid,
};

const NOW: Now = Now { unix_ms: 1_800_000_000_000, mono_ms: 1 };
const NOW_S: u64 = NOW.unix_ms / 1_000;
const UID: Uid = Uid(7);

fn config(epoch: u32) -> ShardConfig {
    ShardConfig::new(Share::Of { id: ShardId(0), shards: 1 }, epoch, 9)
}

fn ask(world: &mut Asked, command: Command) -> Vec<Answer> {
    world.ask(command, |_| false)
}

fn log_in(world: &mut Asked, uid: Uid, issued_s: u64) -> Answer {
    let (device, platform, from) = (DeviceId(1), Platform::WEB, Begin::Head);
    let answers = ask(world, Command::Login { uid, device, from, platform, issued_s });
    answers.last().expect("a login is answered").clone()
}

fn is_refused(answer: &Answer) -> bool {
    let code = RefusalCode::TokenRevoked;
    *answer == Answer::Refused { code, retry_after_ms: 0 }
}

#[test]
fn by_the_next_owner_too() {
    let mut world = Asked::new(config(1), NOW);
    let Answer::LoggedIn { login, .. } = log_in(&mut world, UID, NOW_S - 5) else { panic!() };
    let answers = ask(&mut world, Command::Revoke { uid: UID, tokens_s: NOW_S });
    assert_eq!(answers, [Answer::Closed(RefusalCode::TokenRevoked), Answer::Ended { count: 1 }]);
    for epoch in 2..4 {
        for issued_s in [0, NOW_S - 5, NOW_S] {
            assert!(is_refused(&log_in(&mut world, UID, issued_s)), "{issued_s}");
        }
        let answers = ask(&mut world, Command::register(login));
        assert_eq!(answers, [Answer::Closed(RefusalCode::TokenRevoked)]);
        assert!(matches!(log_in(&mut world, UID, NOW_S + 1), Answer::LoggedIn { .. }));
        assert!(matches!(log_in(&mut world, Uid(8), 0), Answer::LoggedIn { .. }));
        // An earlier time gives nothing back.
        let answers = ask(&mut world, Command::Revoke { uid: UID, tokens_s: NOW_S - 100 });
        assert_eq!(answers.last(), Some(&Answer::Ended { count: 1 }));
        world.take_over(config(epoch));
    }
}

/// The store is asked first: a commit that it refuses takes nothing back.
#[test]
fn only_once_it_is_durable() {
    let mut world = Asked::new(config(1), NOW);
    assert!(matches!(log_in(&mut world, UID, 1), Answer::LoggedIn { .. }));
    world.refusal = Some(StoreError::Full);
    let answers = ask(&mut world, Command::Revoke { uid: UID, tokens_s: NOW_S });
    let [Answer::Refused { code: RefusalCode::StoreFull, .. }] = answers[..] else {
        panic!("{answers:?}")
    };
    assert!(matches!(log_in(&mut world, UID, 1), Answer::LoggedIn { .. }));
    world.refusal = None;
    let answers = ask(&mut world, Command::Revoke { uid: UID, tokens_s: NOW_S });
    assert_eq!(answers.last(), Some(&Answer::Ended { count: 1 }));
    assert!(is_refused(&log_in(&mut world, UID, 1)));
}

/// A login whose cursor is still looked at when its token is taken back.
#[test]
fn also_while_a_login_is_under_way() {
    let mut world = Asked::new(config(1), NOW);
    assert!(matches!(log_in(&mut world, UID, 1), Answer::LoggedIn { .. }));
    let answers = ask(
        &mut world,
        Command::Send(Send {
            conversation: ConversationId::direct(Uid(1), UID).unwrap(),
            sender: Uid(1),
            device: DeviceId(1),
            client_msg_id: ClientMsgId::new(NOW.unix_ms, 1),
            kind: RowKind::MESSAGE,
            flags: 0,
            seen: Seq(0),
            body: Bytes::from_static(b"a body"),
        }),
    );
    let acked = |answer: &Answer| {
        let Answer::Acked { message_id, .. } = answer else { return None };
        Some(*message_id)
    };
    let message_id = answers.iter().find_map(acked).expect("it is stored");
    let (device, platform) = (DeviceId(2), Platform::WEB);
    let from = Begin::After { row: InboxSeq(1), epoch: 9, message_id };
    world.say(Command::Login { uid: UID, device, from, platform, issued_s: 1 });
    let answers = ask(&mut world, Command::Revoke { uid: UID, tokens_s: NOW_S });
    assert!(answers.iter().any(is_refused), "{answers:?}");
    assert!(!answers.iter().any(|answer| matches!(answer, Answer::LoggedIn { .. })));
    assert!(answers.contains(&Answer::Ended { count: 1 }));
}
