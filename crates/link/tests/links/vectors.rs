//! The bytes of this release's links are those of the file, and are read as what they were made of. A vector is never
//! changed: a later release adds lines, and reads these.

use crate::ends::{ADMISSION, End, gateway, open, seal, usual_terms};
use crate::items::small_talk;
use bytes::Bytes;
use link::{Event, HEADER_BYTES, Item, LinkError, NodeAddress, Peer, PeerId, Reach};
use shard::command::{
    Answer, Begin, ChatChange, Command, Delivery, DeviceState, Login, Mail, ReplyTo, Send, Session,
    Signal,
};
use shard::group::{GroupInfo, Member};
use shard::offline::DeadRow;
use shard::owner::{Epoch, Holder, Incarnation, NodeId, OwnerRow};
use shard::partition::Partition;
use shard::rows::{Chain, ChatRow, InboxRow, MessageRow};
use std::fmt::Write;
use wire::{ClientMsgId, ConversationId, DeviceId, Generation, InboxSeq, MessageId};
use wire::{Platform, RefusalCode, RowKind, Seq, SignalKind, Uid};

/// A name, a space, a frame in hex.
const FILE: &str = include_str!("vectors/version-1.hex");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The file's lines of a handshake, or the others, against these; if they differ, says what they would have to be.
fn check(is_handshake: bool, made: &[(String, Vec<u8>)]) {
    let known: Vec<(&str, Vec<u8>)> = FILE
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(name, _)| name.starts_with("handshake.") == is_handshake)
        .filter(|(name, _)| former().iter().all(|former| former.0 != *name))
        .map(|(name, hex)| (name, bytes(hex)))
        .collect();
    let is_same = known.len() == made.len()
        && known.iter().zip(made).all(|(a, b)| (a.0, &a.1) == (&b.0, &b.1));
    let lines = made.iter().map(|(name, bytes)| format!("{name} {}\n", hex(bytes)));
    assert!(is_same, "made:\n{}", lines.collect::<String>());
}

const LOGIN: Login = Login { uid: Uid(1), device: DeviceId(2), generation: Generation(3) };
const REPLY: ReplyTo = ReplyTo { session: Session { entry: 4, key: 5 }, ticket: 6 };

fn group() -> ConversationId {
    ConversationId::from_parts(2, 0x0102_0304_0506_0708, 0).unwrap()
}

fn message(body: &'static [u8]) -> MessageRow {
    MessageRow {
        conversation: small_talk(),
        seq: Seq(7),
        number: 8,
        message_id: MessageId(9),
        sender: Uid(1),
        time_ms: 10,
        kind: RowKind::MESSAGE,
        flags: 0x0b0c,
        chain: Chain(13),
        client_msg_id: ClientMsgId(*b"0123456789abcdef"),
        body: Bytes::from_static(body),
        seen: Seq(0),
    }
}

fn inbox_row() -> InboxRow {
    let (flags, chain) = (InboxRow::POINTS, Chain(15));
    InboxRow { uid: Uid(2), inbox_seq: InboxSeq(14), flags, chain, message: message(b"hello") }
}

fn chat() -> ChatRow {
    ChatRow {
        uid: Uid(2),
        conversation: small_talk(),
        recent_seq: Seq(7),
        recent_inbox_seq: InboxSeq(14),
        recent_number: 8,
        read_seq: Seq(6),
        read_number: 5,
        read_time_ms: 16,
        version: 17,
        is_hidden: true,
        peer_read_seq: Seq(0),
    }
}

fn owner() -> OwnerRow {
    OwnerRow {
        partition: Partition::from_number(1023).unwrap(),
        epoch: Epoch(18),
        holder: Holder { node: NodeId(19), incarnation: Incarnation(20) },
    }
}

fn commands() -> Vec<(&'static str, Command)> {
    let send = Send {
        conversation: small_talk(),
        sender: Uid(1),
        device: DeviceId(2),
        client_msg_id: ClientMsgId(*b"0123456789abcdef"),
        kind: RowKind::MESSAGE,
        flags: 3,
        body: Bytes::from_static(b"hello"),
        seen: Seq(0),
    };
    let (uid, device) = (Uid(1), DeviceId(2));
    let told = ConversationId::system(Uid(2)).unwrap();
    let account = Uid::account(5).unwrap();
    let change = |change| Command::ChangeChat { uid, conversation: small_talk(), change };
    let history = |before| Command::History { conversation: group(), before, limit: 256 };
    vec![
        ("logout", Command::Logout(LOGIN)),
        ("send", Command::Send(send.clone())),
        ("push_ack", Command::PushAck(LOGIN, InboxSeq(4))),
        ("heartbeat", Command::Heartbeat { uid, time_ms: 21 }),
        ("sync", Command::Sync { uid, after: InboxSeq(4), limit: 64 }),
        ("history", history(None)),
        ("history_before", history(Some(Seq(22)))),
        ("chats", Command::Chats { uid, after: None, limit: 1 }),
        ("chats_after", Command::Chats { uid, after: Some(small_talk()), limit: 1 }),
        ("read", change(ChatChange::Read(Seq(7)))),
        ("hide", change(ChatChange::Hide)),
        ("send_seen", Command::Send(Send { seen: Seq(5), ..send.clone() })),
        ("tell", Command::Tell(Send { conversation: told, sender: account, ..send })),
        ("group_history", Command::GroupHistory { group: group(), uid, before: None, limit: 256 }),
        ("group_members", Command::GroupMembers { group: group(), uid, after: Uid(5), limit: 256 }),
        (
            "login_platform",
            Command::Login {
                uid,
                device,
                from: Begin::Head,
                platform: Platform::WEB,
                issued_s: 28,
            },
        ),
        ("register_platform", Command::Register { login: LOGIN, platform: Platform::WEB }),
        ("devices", Command::Devices { uid, after: Generation(3), limit: 256 }),
        ("end_devices", Command::EndDevices { uid, device: None, code: RefusalCode::EndedByUser }),
        (
            "end_device",
            Command::EndDevices { uid, device: Some(device), code: RefusalCode::Kicked },
        ),
        ("revoke", Command::Revoke { uid, tokens_s: 28 }),
        ("believe", Command::Believe { uid, issued_s: 28 }),
        (
            "set_push_token",
            Command::SetPushToken {
                login: LOGIN,
                provider: 2,
                token: Bytes::from_static(b"APA91"),
            },
        ),
        (
            "dead",
            Command::Dead {
                partition: Partition::from_number(258).unwrap(),
                after: Uid(5),
                limit: 256,
            },
        ),
        ("replay", Command::Replay { uid }),
        ("signal", Command::Signal { uid: Uid(2), signal: typing() }),
        ("group_info", Command::GroupInfo { group: group(), uid }),
    ]
}

fn after(message_id: MessageId) -> Begin {
    Begin::After { row: InboxSeq(3), epoch: 27, message_id }
}

fn logged_in(inbox_tail: InboxSeq) -> Answer {
    let (inbox_head, cursor) = (InboxSeq(14), InboxSeq(4));
    Answer::LoggedIn { login: LOGIN, inbox_head, cursor, inbox_tail }
}

fn inbox(rows: Vec<InboxRow>, tail: InboxSeq) -> Answer {
    Answer::Inbox { head: InboxSeq(14), rows, tail }
}

/// What former releases said, which knew no tail of an inbox, told no time, and said of no login which message it has, what its
/// device is, or when its token was made.
fn former() -> Vec<(&'static str, Item)> {
    let none = InboxSeq(0);
    let command = |command| Item::Command { round: 23, epoch: Epoch(18), command, reply: REPLY };
    let login = |from| command(Command::login(Uid(1), DeviceId(2), from));
    let answer = |answer| Item::Delivery(Delivery { to: REPLY, answer });
    vec![
        ("command.login_head", login(Begin::Head)),
        ("command.login_after", login(after(MessageId(0)))),
        ("command.login_after_message", login(after(MessageId(9)))),
        ("command.register", command(Command::register(LOGIN))),
        ("answer.logged_in", answer(logged_in(none))),
        ("answer.inbox", answer(inbox(vec![inbox_row(), inbox_row()], none))),
        ("answer.inbox_empty", answer(inbox(vec![], none))),
        ("item.pong", Item::Pong { number: 26, unix_ms: 0 }),
        ("answer.devices", answer(Answer::Devices(vec![device()]))),
    ]
}

/// As a former release told of it, which did not say what it has acknowledged.
fn device() -> DeviceState {
    let Login { device, generation, .. } = LOGIN;
    let (platform, silent_s) = (Platform::WEB, 29);
    DeviceState { device, generation, platform, silent_s, acked: InboxSeq(0) }
}

fn typing() -> Signal {
    let (conversation, sender, kind) = (small_talk(), Uid(1), SignalKind::TYPING);
    Signal { conversation, sender, seq: Seq(0), ttl_ms: 6_000, kind }
}

fn answers() -> Vec<(&'static str, Answer)> {
    let head = InboxSeq(14);
    let (message_id, seq, time_ms, inbox_seq) = (MessageId(9), Seq(7), 10, head);
    let conversation = small_talk();
    let chats = vec![(chat(), Some(message(b"hello"))), (chat(), None)];
    let (code, retry_after_ms) = (RefusalCode::Busy, 100);
    let (since, until, is_owner) = (Seq(6), Seq(0), true);
    let (is_admin, muted_until_ms) = (false, 0);
    let owner = Member { uid: Uid(1), since, until, is_owner, is_admin, muted_until_ms };
    let admin = Member { uid: Uid(2), is_owner: false, is_admin: true, ..owner };
    let muted = Member { uid: Uid(3), is_owner: false, muted_until_ms: 30, ..owner };
    let members = vec![owner];
    let (title, notice) = (Bytes::from_static(b"walks"), Bytes::from_static(b"at nine"));
    let (count, muted_until_ms) = (7, 31);
    let roles = vec![owner, admin, muted];
    let info = GroupInfo { seq, count, muted_until_ms, title, notice, members: roles };
    let Login { device, generation, .. } = LOGIN;
    let (platform, silent_s) = (Platform::WEB, 29);
    let state = DeviceState { device, generation, platform, silent_s, acked: head };
    vec![
        ("logged_in_tail", logged_in(InboxSeq(3))),
        ("logged_out", Answer::LoggedOut(Generation(3))),
        ("acked", Answer::Acked { message_id, seq, time_ms, inbox_seq }),
        ("push", Answer::Push { previous: InboxSeq(13), row: Box::new(inbox_row()) }),
        ("head", Answer::Head { head, time_ms: 21 }),
        ("news", Answer::News(head)),
        ("inbox_tail", inbox(vec![inbox_row(), inbox_row()], InboxSeq(3))),
        ("inbox_empty_tail", inbox(vec![], InboxSeq(15))),
        ("history", Answer::History { conversation, rows: vec![message(b""), message(b"a")] }),
        ("chats", Answer::Chats { version: 17, chats, more: true }),
        ("chat", Answer::Chat(chat())),
        ("group_members", Answer::GroupMembers { group: group(), count: 7, members }),
        ("devices_acked", Answer::Devices(vec![state])),
        ("ended", Answer::Ended { count: 2 }),
        ("believed", Answer::Believed),
        ("push_token_set", Answer::PushTokenSet { is_kept: true }),
        (
            "dead",
            Answer::Dead(vec![DeadRow {
                uid: Uid(1),
                after: InboxSeq(5),
                through: InboxSeq(6),
                unix_ms: 30,
                is_gone: false,
            }]),
        ),
        ("replayed", Answer::Replayed { count: 2 }),
        ("group_info", Answer::GroupInfo { group: group(), info: Box::new(info) }),
        ("refused", Answer::Refused { code, retry_after_ms }),
        ("closed", Answer::Closed(RefusalCode::SessionReplaced)),
        ("signal", Answer::Signal { uid: Uid(2), signal: Signal::read(small_talk(), Uid(1), seq) }),
        ("chat_peer_read", Answer::Chat(ChatRow { peer_read_seq: Seq(5), ..chat() })),
    ]
}

fn mail() -> Vec<(&'static str, Mail)> {
    let (uid, conversation, seq) = (Uid(2), small_talk(), Seq(7));
    let append = |device| Mail::Append { uid, message: message(b"hello"), device };
    let (inbox_seq, after) = (InboxSeq(14), Seq(6));
    let seen = MessageRow { seen: Seq(5), ..message(b"hello") };
    let of_group = MessageRow { conversation: group(), ..message(b"hello") };
    let offer = Mail::Offer { uid, message: of_group, device: Some(DeviceId(2)), previous: Seq(6) };
    vec![
        ("append", append(None)),
        ("append_device", append(Some(DeviceId(2)))),
        ("confirm", Mail::Confirm { uid, conversation, seq, inbox_seq }),
        ("decline", Mail::Decline { conversation, seq, code: RefusalCode::StoreFull }),
        ("pull", Mail::Pull { uid, conversation, from: Seq(6), to: seq }),
        ("append_seen", Mail::Append { uid, message: seen, device: None }),
        ("count", Mail::Count { uid, conversation, after, to: seq }),
        ("counted", Mail::Counted { uid, conversation, after, through: seq, to: seq, others: 1 }),
        ("offer", offer),
        ("peer_read", Mail::PeerRead { uid, conversation, seq }),
    ]
}

fn items() -> Vec<(String, Item)> {
    let (round, epoch, partition) = (23, Epoch(18), Partition::from_number(258).unwrap());
    let command = |(name, command)| {
        (format!("command.{name}"), Item::Command { round, epoch, command, reply: REPLY })
    };
    let answer =
        |(name, answer)| (format!("answer.{name}"), Item::Delivery(Delivery { to: REPLY, answer }));
    let mails = mail()
        .into_iter()
        .map(|(name, mail)| (format!("mail.{name}"), Item::Mail(partition, mail)));
    let address = "node-1:7400".to_owned();
    let others = [
        ("item.not_here", Item::NotHere { round, partition }),
        ("item.owners", Item::Owners(vec![owner(), owner()])),
        (
            "item.nodes",
            Item::Nodes(vec![NodeAddress { node: NodeId(19), address: address.clone() }]),
        ),
        ("item.clients_at", Item::ClientsAt(address)),
        ("item.inbox_epoch", Item::InboxEpoch(24)),
        ("item.told", Item::Told(owner())),
        ("item.ping", Item::Ping(25)),
        ("item.pong_clock", Item::Pong { number: 26, unix_ms: 27 }),
        ("item.reach", Item::Reach(Reach { serves: true, nodes: vec![NodeId(19), NodeId(28)] })),
    ];
    let others = others.into_iter().map(|(name, item)| (name.to_owned(), item));
    let commands = commands().into_iter().map(command);
    commands.chain(answers().into_iter().map(answer)).chain(mails).chain(others).collect()
}

#[test]
fn the_frames_of_a_handshake_are_those_of_the_file() {
    let (node, incarnation) = (NodeId(19), Incarnation(20));
    let node = Peer { id: PeerId::Logic { node, incarnation, core: 2 }, generation: 3 };
    let mut made = vec![];
    for (name, peer) in [("gateway", gateway(5)), ("logic", node)] {
        let mut acceptor = End::acceptor(usual_terms());
        let mut dialer = End::dialer(usual_terms(), peer);
        let challenge = acceptor.said();
        dialer.read(&challenge);
        let hello = dialer.said();
        assert_eq!(acceptor.read(&hello), [Event::Asked(peer)]);
        acceptor.link.admit(0, ADMISSION, &mut acceptor.out).unwrap();
        let welcome = acceptor.said();
        assert_eq!(dialer.read(&welcome), [Event::Welcomed(ADMISSION)]);
        for (frame, bytes) in [("challenge", challenge), ("hello", hello), ("welcome", welcome)] {
            made.push((format!("handshake.{name}.{frame}"), bytes));
        }
    }
    let mut refusing = End::acceptor(usual_terms());
    refusing.said();
    refusing.link.refuse("not now", &mut refusing.out);
    let refused = refusing.said();
    let told = End::dialer(usual_terms(), node).fate(&refused);
    assert_eq!(told, Some(LinkError::Refused("not now".into())));
    made.push(("handshake.refused".into(), refused));
    check(true, &made);
}

#[test]
fn what_a_former_release_said_is_read() {
    for (name, item) in former() {
        let line = FILE.lines().filter_map(|line| line.split_once(' ')).find(|line| line.0 == name);
        let (_, mut acceptor) = open();
        let frame = seal(5, 1, &bytes(line.unwrap().1)[HEADER_BYTES..]);
        assert_eq!(acceptor.read(&frame), [Event::Items(vec![item])], "{name}");
    }
}

#[test]
fn items_are_those_of_the_file() {
    let mut made = vec![];
    for (name, item) in items() {
        let (mut dialer, mut acceptor) = open();
        let frame = dialer.say(std::slice::from_ref(&item));
        assert_eq!(seal(5, 1, &frame[HEADER_BYTES..]), frame);
        assert_eq!(acceptor.read(&frame), [Event::Items(vec![item])], "{name}");
        made.push((name, frame));
    }
    check(false, &made);
}
