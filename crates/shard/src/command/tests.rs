//! Each command with what answers it.

use super::*;
use crate::rows::ChatRow;

/// Each command with what answers it.
fn pairs() -> Vec<(Command, Option<Answer>)> {
    let login = Login { uid: Uid(1), device: DeviceId(2), generation: Generation(3) };
    let conversation = ConversationId::direct(Uid(1), Uid(2)).unwrap();
    let (uid, device, limit, head) = (Uid(1), DeviceId(2), 1, InboxSeq(4));
    let send = Send {
        conversation,
        sender: uid,
        device,
        client_msg_id: ClientMsgId([5; 16]),
        kind: RowKind::MESSAGE,
        flags: 0,
        body: Bytes::from_static(b"hello"),
        seen: Seq(0),
    };
    let acked =
        Answer::Acked { message_id: MessageId(1), seq: Seq(1), time_ms: 1, inbox_seq: InboxSeq(1) };
    let change = ChatChange::Hide;
    let group = ConversationId::group(6).unwrap();
    let chat = Answer::Chat(ChatRow::empty(uid, conversation));
    vec![
        (
            Command::login(uid, device, Begin::Head),
            Some(Answer::LoggedIn { login, inbox_head: head, cursor: head, inbox_tail: head }),
        ),
        (Command::Logout(login), Some(Answer::LoggedOut(Generation(3)))),
        (Command::register(login), Some(Answer::News(head))),
        (Command::Send(send), Some(acked)),
        (Command::PushAck(login, head), None),
        (Command::Heartbeat { uid, time_ms: 1 }, Some(Answer::Head { head, time_ms: 1 })),
        (
            Command::Sync { uid, after: head, limit },
            Some(Answer::Inbox { head, rows: vec![], tail: head }),
        ),
        (
            Command::History { conversation, before: None, limit },
            Some(Answer::History { conversation, rows: vec![] }),
        ),
        (
            Command::Chats { uid, after: None, limit },
            Some(Answer::Chats { version: 1, chats: vec![], more: false }),
        ),
        (Command::ChangeChat { uid, conversation, change }, Some(chat)),
        (
            Command::GroupMembers { group, uid, after: Uid(0), limit },
            Some(Answer::GroupMembers { group, count: 0, members: vec![] }),
        ),
        (
            Command::GroupInfo { group, uid },
            Some(Answer::GroupInfo { group, info: Box::default() }),
        ),
    ]
}

#[test]
fn a_command_is_answered_by_its_own_answer_or_a_refusal() {
    let pairs = pairs();
    for (at, (command, own)) in pairs.iter().enumerate() {
        assert_eq!(command.needs().answer, own.is_some());
        for (other, (_, answer)) in pairs.iter().enumerate() {
            let Some(answer) = answer else { continue };
            assert_eq!(command.is_answered_by(answer), at == other, "{command:?} {answer:?}");
        }
        let refused = Answer::Refused { code: RefusalCode::Busy, retry_after_ms: 1 };
        assert_eq!(command.is_answered_by(&refused), own.is_some());
    }
}

#[test]
fn what_a_user_may_read_of_a_group_is_a_history() {
    let group = ConversationId::group(6).unwrap();
    let command = Command::GroupHistory { group, uid: Uid(1), before: None, limit: 1 };
    assert!(command.is_answered_by(&Answer::History { conversation: group, rows: vec![] }));
    assert!(command.is_possible());
    let conversation = ConversationId::direct(Uid(1), Uid(2)).unwrap();
    let other = Command::GroupHistory { group: conversation, uid: Uid(1), before: None, limit: 1 };
    assert!(!other.is_possible(), "what two users said is not asked for so");
}

#[test]
fn only_a_registration_is_answered_by_the_end_of_its_session() {
    let closed = Answer::Closed(RefusalCode::SessionReplaced);
    for (command, _) in pairs() {
        let is_registration = matches!(command, Command::Register { .. });
        assert_eq!(command.is_answered_by(&closed), is_registration, "{command:?}");
    }
}

#[test]
fn only_an_account_tells_and_only_where_the_system_speaks() {
    let told = Send {
        conversation: ConversationId::system(Uid(1)).unwrap(),
        sender: Uid::account(5).unwrap(),
        device: DeviceId(0),
        client_msg_id: ClientMsgId([5; 16]),
        kind: RowKind::MESSAGE,
        flags: 0,
        body: Bytes::from_static(b"hello"),
        seen: Seq(0),
    };
    let command = Command::Tell(told.clone());
    assert!(command.is_possible());
    assert_eq!(command.partition(), Partition::of_user(Uid(1)));
    let conversation = ConversationId::direct(Uid(1), Uid(2)).unwrap();
    for other in [
        Send { conversation, ..told.clone() },
        Send { sender: Uid(1), ..told.clone() },
        Send { kind: RowKind::READ, ..told.clone() },
        Send { body: Bytes::from(vec![0; BODY_BYTES_MAX + 1]), ..told.clone() },
    ] {
        assert!(!Command::Tell(other).is_possible());
    }
    assert!(!Command::Send(told).is_possible(), "a client does not say it");
}
