//! Items as a sound sender may say them: one of each kind, and random ones.

use bytes::Bytes;
use link::{Item, NodeAddress, Reach};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use shard::command::{
    Answer, Begin, ChatChange, Command, Delivery, DeviceState, Login, Mail, ReplyTo, Send, Session,
    Signal,
};
use shard::group::{GroupInfo, Member};
use shard::limits::PARTITIONS;
use shard::offline::DeadRow;
use shard::owner::{Epoch, Holder, Incarnation, NodeId, OwnerRow};
use shard::partition::Partition;
use shard::rows::{Chain, ChatRow, InboxRow, MessageRow};
use wire::{
    ClientMsgId, ConversationId, DeviceId, Generation, InboxSeq, MessageId, Platform, RefusalCode,
    RowKind, Seq, SignalKind, Uid,
};

pub fn partition() -> impl Strategy<Value = Partition> {
    (0..PARTITIONS).prop_map(|number| Partition::all(number + 1).last().unwrap())
}

/// A conversation and a user that it names, or anybody where it names none.
fn conversation() -> impl Strategy<Value = (ConversationId, Uid)> {
    let parts = (1..=4_u8, 1..u64::MAX, 1..u64::MAX, any::<bool>());
    parts.prop_map(|(kind, a, b, is_first)| {
        let (a, b) =
            if kind == 1 { (a.max(b).max(2), a.min(b).min(a.max(b).max(2) - 1)) } else { (a, 0) };
        let conversation = ConversationId::from_parts(kind, a, b).unwrap();
        let mut users = conversation.users();
        let user = if is_first { users.next() } else { users.last() };
        (conversation, user.unwrap_or(Uid(7)))
    })
}

fn group() -> impl Strategy<Value = ConversationId> {
    (1..u64::MAX).prop_map(|number| ConversationId::group(number).unwrap())
}

fn group_info() -> impl Strategy<Value = GroupInfo> {
    let texts = any::<[[u8; 3]; 2]>().prop_map(|texts| texts.map(|it| it.to_vec().into()));
    let all = (any::<[u64; 3]>(), texts, vec(member(), 0..5));
    all.prop_map(|([seq, count, muted_until_ms], [title, notice], members)| GroupInfo {
        seq: Seq(seq),
        count,
        muted_until_ms,
        title,
        notice,
        members,
    })
}

fn member() -> impl Strategy<Value = Member> {
    let any = any::<([u64; 4], [bool; 2])>();
    any.prop_map(|([uid, since, until, muted_until_ms], [is_owner, is_admin])| Member {
        uid: Uid(uid),
        since: Seq(since),
        until: Seq(until),
        is_owner,
        is_admin,
        muted_until_ms,
    })
}

pub fn small_talk() -> ConversationId {
    ConversationId::direct(Uid(1), Uid(2)).unwrap()
}

fn body() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..90).prop_map(Bytes::from)
}

fn client_msg_id() -> impl Strategy<Value = ClientMsgId> {
    any::<[u8; 16]>().prop_map(ClientMsgId)
}

fn login() -> impl Strategy<Value = Login> {
    any::<(u64, u64, u64)>().prop_map(|(uid, device, generation)| Login {
        uid: Uid(uid),
        device: DeviceId(device),
        generation: Generation(generation),
    })
}

fn reply() -> impl Strategy<Value = ReplyTo> {
    any::<(u16, u64, u64)>()
        .prop_map(|(entry, key, ticket)| ReplyTo { session: Session { entry, key }, ticket })
}

fn code() -> impl Strategy<Value = RefusalCode> {
    proptest::sample::select(RefusalCode::ALL)
}

fn owner() -> impl Strategy<Value = OwnerRow> {
    (partition(), any::<(u32, u16, u32)>()).prop_map(|(partition, (epoch, node, incarnation))| {
        let holder = Holder { node: NodeId(node), incarnation: Incarnation(incarnation) };
        OwnerRow { partition, epoch: Epoch(epoch), holder }
    })
}

fn message() -> impl Strategy<Value = (MessageRow, Uid)> {
    let numbers = any::<([u64; 6], u8, u16)>();
    (conversation(), numbers, client_msg_id(), body()).prop_map(
        |((conversation, uid), (numbers, kind, flags), client_msg_id, body)| {
            let [seq, number, message_id, time_ms, chain, seen] = numbers;
            let message = MessageRow {
                conversation,
                seq: Seq(seq),
                number,
                message_id: MessageId(message_id),
                sender: uid,
                time_ms,
                kind: RowKind(kind),
                flags,
                chain: Chain(chain),
                client_msg_id,
                body,
                seen: Seq(seen),
            };
            (message, uid)
        },
    )
}

fn inbox_row() -> impl Strategy<Value = InboxRow> {
    (any::<(u64, u64, u8)>(), message()).prop_map(|((inbox_seq, chain, flags), (message, uid))| {
        InboxRow { uid, inbox_seq: InboxSeq(inbox_seq), flags, chain: Chain(chain), message }
    })
}

fn chat() -> impl Strategy<Value = ChatRow> {
    let numbers = any::<([u64; 8], bool)>();
    (conversation(), numbers).prop_map(|((conversation, uid), (numbers, is_hidden))| {
        let [a, b, inbox, c, d, read_time_ms, version, peer_read] = numbers;
        ChatRow {
            uid,
            conversation,
            recent_seq: Seq(a.max(b)),
            recent_inbox_seq: InboxSeq(inbox),
            recent_number: c.max(d),
            read_seq: Seq(a.min(b)),
            read_number: c.min(d),
            read_time_ms,
            version,
            is_hidden,
            peer_read_seq: Seq(peer_read),
        }
    })
}

fn begin() -> impl Strategy<Value = Begin> {
    any::<Option<(u64, u64, u64)>>().prop_map(|after| {
        after.map_or(Begin::Head, |(row, epoch, message_id)| Begin::After {
            row: InboxSeq(row),
            epoch,
            message_id: MessageId(message_id),
        })
    })
}

fn send() -> impl Strategy<Value = Send> {
    let numbers = any::<(u64, u8, u16, u64)>();
    (conversation(), numbers, client_msg_id(), body()).prop_map(
        |((conversation, sender), (device, kind, flags, seen), client_msg_id, body)| {
            // What changes a group has a body of its own.
            let kind = if conversation.is_group() { RowKind::MESSAGE } else { RowKind(kind) };
            let (device, seen) = (DeviceId(device), Seq(seen));
            Send { conversation, sender, device, client_msg_id, kind, flags, body, seen }
        },
    )
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (any::<(u64, u64, u8, u64)>(), begin()).prop_map(
            |((uid, device, platform, issued_s), from)| {
                let (uid, device, platform) = (Uid(uid), DeviceId(device), Platform(platform));
                Command::Login { uid, device, from, platform, issued_s }
            }
        ),
        login().prop_map(Command::Logout),
        (1..u64::MAX, send(), 1..u32::MAX).prop_map(|(uid, send, account)| {
            let conversation = ConversationId::system(Uid(uid)).unwrap();
            let (sender, kind) = (Uid::account(account).unwrap(), RowKind::MESSAGE);
            Command::Tell(Send { conversation, sender, kind, ..send })
        }),
        (login(), any::<u8>()).prop_map(|(login, platform)| {
            let platform = Platform(platform);
            Command::Register { login, platform }
        }),
        (any::<(u64, u64)>(), 1..=256_usize).prop_map(|((uid, after), limit)| {
            Command::Devices { uid: Uid(uid), after: Generation(after), limit }
        }),
        (any::<u64>(), any::<Option<u64>>()).prop_map(|(uid, device)| {
            let (uid, device) = (Uid(uid), device.map(DeviceId));
            Command::EndDevices { uid, device, code: RefusalCode::Kicked }
        }),
        any::<(u64, u64)>()
            .prop_map(|(uid, issued_s)| Command::Believe { uid: Uid(uid), issued_s }),
        offline(),
        any::<(u64, u64)>().prop_map(|(uid, tokens_s)| Command::Revoke { uid: Uid(uid), tokens_s }),
        send().prop_map(Command::Send),
        (login(), any::<u64>()).prop_map(|(login, row)| Command::PushAck(login, InboxSeq(row))),
        any::<(u64, u64)>()
            .prop_map(|(uid, time_ms)| Command::Heartbeat { uid: Uid(uid), time_ms }),
        (any::<(u64, u64)>(), 1..=256_usize).prop_map(|((uid, after), limit)| Command::Sync {
            uid: Uid(uid),
            after: InboxSeq(after),
            limit,
        }),
        (conversation(), any::<Option<u64>>(), 1..=256_usize).prop_map(
            |((conversation, _), before, limit)| Command::History {
                conversation,
                before: before.map(Seq),
                limit,
            }
        ),
        (group(), any::<(u64, Option<u64>)>(), 1..=256_usize).prop_map(
            |(group, (uid, before), limit)| Command::GroupHistory {
                group,
                uid: Uid(uid),
                before: before.map(Seq),
                limit,
            }
        ),
        (group(), any::<(u64, u64)>(), 1..=256_usize).prop_map(|(group, (uid, after), limit)| {
            Command::GroupMembers { group, uid: Uid(uid), after: Uid(after), limit }
        }),
        (group(), any::<u64>())
            .prop_map(|(group, uid)| Command::GroupInfo { group, uid: Uid(uid) }),
        (any::<u64>(), option::of(conversation()), 1..=256_usize).prop_map(
            |(uid, after, limit)| Command::Chats {
                uid: Uid(uid),
                after: after.map(|(conversation, _)| conversation),
                limit,
            }
        ),
        (conversation(), any::<Option<u64>>()).prop_map(|((conversation, uid), read)| {
            let change = read.map_or(ChatChange::Hide, |seq| ChatChange::Read(Seq(seq)));
            Command::ChangeChat { uid, conversation, change }
        }),
    ]
}

/// What is asked about offline push.
fn offline() -> impl Strategy<Value = Command> {
    prop_oneof![
        (login(), any::<u8>(), "[a-z]{0,9}").prop_map(|(login, provider, token)| {
            Command::SetPushToken { login, provider, token: token.into() }
        }),
        (0..1024_u16, any::<u64>(), 1..=256_usize).prop_map(|(partition, after, limit)| {
            let partition = Partition::from_number(partition).unwrap();
            Command::Dead { partition, after: Uid(after), limit }
        }),
        any::<u64>().prop_map(|uid| Command::Replay { uid: Uid(uid) }),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let rows = || vec(message().prop_map(|(message, _)| message), 0..5);
    let chats = vec((chat(), option::of(message().prop_map(|(message, _)| message))), 0..5);
    prop_oneof![
        (login(), any::<[u64; 3]>()).prop_map(|(login, [head, cursor, tail])| Answer::LoggedIn {
            login,
            inbox_head: InboxSeq(head),
            cursor: InboxSeq(cursor),
            inbox_tail: InboxSeq(tail),
        }),
        any::<u64>().prop_map(|generation| Answer::LoggedOut(Generation(generation))),
        any::<[u64; 4]>().prop_map(|[id, seq, time_ms, row]| Answer::Acked {
            message_id: MessageId(id),
            seq: Seq(seq),
            time_ms,
            inbox_seq: InboxSeq(row),
        }),
        (any::<u64>(), inbox_row()).prop_map(|(previous, row)| Answer::Push {
            previous: InboxSeq(previous),
            row: Box::new(row),
        }),
        any::<(u64, u64)>()
            .prop_map(|(head, time_ms)| Answer::Head { head: InboxSeq(head), time_ms }),
        any::<u64>().prop_map(|head| Answer::News(InboxSeq(head))),
        (any::<(u64, u64)>(), vec(inbox_row(), 0..5)).prop_map(|((head, tail), rows)| {
            Answer::Inbox { head: InboxSeq(head), rows, tail: InboxSeq(tail) }
        }),
        (conversation(), rows())
            .prop_map(|((conversation, _), rows)| Answer::History { conversation, rows }),
        (any::<u64>(), chats, any::<bool>()).prop_map(|(version, chats, more)| Answer::Chats {
            version,
            chats,
            more
        }),
        chat().prop_map(Answer::Chat),
        (group(), any::<u64>(), vec(member(), 0..5))
            .prop_map(|(group, count, members)| { Answer::GroupMembers { group, count, members } }),
        vec(device(), 0..5).prop_map(Answer::Devices),
        any::<u32>().prop_map(|count| Answer::Ended { count }),
        Just(Answer::Believed),
        any::<bool>().prop_map(|is_kept| Answer::PushTokenSet { is_kept }),
        vec(dead(), 0..5).prop_map(Answer::Dead),
        any::<u32>().prop_map(|count| Answer::Replayed { count }),
        (group(), group_info().prop_map(Box::new))
            .prop_map(|(group, info)| Answer::GroupInfo { group, info }),
        (code(), any::<u32>())
            .prop_map(|(code, retry_after_ms)| Answer::Refused { code, retry_after_ms }),
        code().prop_map(Answer::Closed),
        signal().prop_map(|(signal, uid)| Answer::Signal { uid, signal }),
    ]
}

fn dead() -> impl Strategy<Value = DeadRow> {
    any::<(u64, u32, u32, u64, bool)>().prop_map(|(uid, after, more, unix_ms, is_gone)| {
        let after = u64::from(after);
        let through = InboxSeq(after + u64::from(more) + 1);
        DeadRow { uid: Uid(uid), after: InboxSeq(after), through, unix_ms, is_gone }
    })
}

fn device() -> impl Strategy<Value = DeviceState> {
    any::<(u64, u64, u8, u32, u64)>().prop_map(|(device, generation, platform, silent_s, acked)| {
        DeviceState {
            device: DeviceId(device),
            generation: Generation(generation),
            platform: Platform(platform),
            silent_s,
            acked: InboxSeq(acked),
        }
    })
}

/// And whom it is for.
fn signal() -> impl Strategy<Value = (Signal, Uid)> {
    let two_users = conversation().prop_filter_map("two users", |(conversation, uid)| {
        Some((conversation, uid, conversation.peer_of(uid)?))
    });
    (two_users, any::<(u64, u32, u8)>()).prop_map(|(users, (seq, ttl_ms, kind))| {
        let (conversation, uid, sender) = users;
        (Signal { conversation, sender, seq: Seq(seq), ttl_ms, kind: SignalKind(kind) }, uid)
    })
}

fn mail() -> impl Strategy<Value = Mail> {
    let places = any::<(u64, u64)>();
    prop_oneof![
        signal().prop_map(|(Signal { conversation, seq, .. }, uid)| Mail::PeerRead {
            uid,
            conversation,
            seq
        }),
        (message(), any::<Option<u64>>()).prop_map(|((message, uid), device)| Mail::Append {
            uid,
            message,
            device: device.map(DeviceId),
        }),
        (message(), group(), any::<(u64, Option<u64>)>()).prop_map(
            |((message, uid), conversation, (previous, device))| {
                let seq = Seq(message.seq.0.max(1));
                let message = MessageRow { conversation, seq, ..message };
                let previous = Seq(previous % seq.0);
                Mail::Offer { uid, message, device: device.map(DeviceId), previous }
            }
        ),
        (conversation(), places).prop_map(|((conversation, uid), (seq, row))| Mail::Confirm {
            uid,
            conversation,
            seq: Seq(seq),
            inbox_seq: InboxSeq(row),
        }),
        (conversation(), any::<u64>(), code()).prop_map(|((conversation, _), seq, code)| {
            Mail::Decline { conversation, seq: Seq(seq), code }
        }),
        (conversation(), places).prop_map(|((conversation, uid), (from, to))| Mail::Pull {
            uid,
            conversation,
            from: Seq(from),
            to: Seq(to),
        }),
        (conversation(), places).prop_map(|((conversation, uid), (after, to))| Mail::Count {
            uid,
            conversation,
            after: Seq(after),
            to: Seq(to),
        }),
        (conversation(), any::<[u32; 4]>()).prop_map(|((conversation, uid), numbers)| {
            let [after, places, more, others] = numbers.map(u64::from);
            let (after, through) = (Seq(after), Seq(after + places));
            let (to, others) = (Seq(through.0 + more), others.min(places));
            Mail::Counted { uid, conversation, after, through, to, others }
        }),
    ]
}

fn node() -> impl Strategy<Value = NodeAddress> {
    (any::<u16>(), "[a-z0-9.-]{1,40}:[0-9]{1,5}")
        .prop_map(|(node, address)| NodeAddress { node: NodeId(node), address })
}

/// Any item.
pub fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        4 => (any::<(u32, u32)>(), command(), reply()).prop_map(|((round, epoch), command, reply)| {
            Item::Command { round, epoch: Epoch(epoch), command, reply }
        }),
        1 => (any::<u32>(), partition())
            .prop_map(|(round, partition)| Item::NotHere { round, partition }),
        4 => (reply(), answer()).prop_map(|(to, answer)| Item::Delivery(Delivery { to, answer })),
        2 => (partition(), mail()).prop_map(|(partition, mail)| Item::Mail(partition, mail)),
        1 => vec(owner(), 0..20).prop_map(Item::Owners),
        1 => vec(node(), 0..5).prop_map(Item::Nodes),
        1 => owner().prop_map(Item::Told),
        1 => any::<u64>().prop_map(Item::InboxEpoch),
        1 => "[a-z0-9.-]{1,40}:[0-9]{1,5}".prop_map(Item::ClientsAt),
        1 => any::<u64>().prop_map(Item::Ping),
        1 => any::<[u64; 2]>().prop_map(|[number, unix_ms]| Item::Pong { number, unix_ms }),
        1 => (any::<bool>(), vec(any::<u16>().prop_map(NodeId), 0..5))
            .prop_map(|(serves, nodes)| Item::Reach(Reach { serves, nodes })),
    ]
}

/// The same items in every run: some of each kind.
pub fn samples() -> Vec<Item> {
    let mut runner = TestRunner::deterministic();
    (0..120).map(|_| item().new_tree(&mut runner).unwrap().current()).collect()
}
