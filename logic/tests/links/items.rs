//! Items as a sound sender may say them: one of each kind, and random ones.

use bytes::Bytes;
use logic::cluster::{Epoch, Holder, Incarnation, NodeId, OwnerRow};
use logic::command::{
    Answer, Command, ContactChange, Delivery, Login, Mail, ReplyTo, Send, Session,
};
use logic::limits::PARTITIONS;
use logic::link::{Item, NodeAddress};
use logic::partition::Partition;
use logic::rows::{ContactRow, InboxRow, MessageRow};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use wire::{
    ClientMsgId, Conversation, DeviceId, Generation, InboxSeq, MessageId, RefusalCode, Seq, Uid,
};

pub fn partition() -> impl Strategy<Value = Partition> {
    (0..PARTITIONS).prop_map(|number| Partition::all(number + 1).last().unwrap())
}

fn conversation() -> impl Strategy<Value = Conversation> {
    (1..u64::MAX, 1..u64::MAX).prop_map(|(a, b)| {
        let other = if a == b { b - 1 } else { b };
        Conversation::between(Uid(a), Uid(other.max(1))).unwrap_or(small_talk())
    })
}

pub fn small_talk() -> Conversation {
    Conversation::between(Uid(1), Uid(2)).unwrap()
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
    any::<(u16, u64, u64)>().prop_map(|(entry, connection, request_id)| ReplyTo {
        session: Session { entry, connection },
        request_id,
    })
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

fn message() -> impl Strategy<Value = MessageRow> {
    let numbers = any::<(bool, u64, u64, u64)>();
    (conversation(), numbers, client_msg_id(), body()).prop_map(
        |(conversation, (by_big, seq, message_id, time_ms), client_msg_id, body)| MessageRow {
            conversation,
            seq: Seq(seq),
            message_id: MessageId(message_id),
            from: if by_big { conversation.big() } else { conversation.small() },
            time_ms,
            client_msg_id,
            body,
        },
    )
}

fn inbox_row() -> impl Strategy<Value = InboxRow> {
    (any::<(u64, u64)>(), message()).prop_map(|((uid, inbox_seq), message)| InboxRow {
        uid: Uid(uid),
        inbox_seq: InboxSeq(inbox_seq),
        message,
    })
}

fn contact() -> impl Strategy<Value = ContactRow> {
    any::<([u64; 6], bool)>().prop_map(|([uid, peer, a, b, inbox, read_time_ms], is_deleted)| {
        ContactRow {
            uid: Uid(uid),
            peer: Uid(peer),
            recent_seq: Seq(a.max(b)),
            recent_inbox_seq: InboxSeq(inbox),
            read_seq: Seq(a.min(b)),
            read_time_ms,
            is_deleted,
        }
    })
}

fn command() -> impl Strategy<Value = Command> {
    let send = (conversation(), any::<(bool, u64)>(), client_msg_id(), body());
    prop_oneof![
        any::<(u64, u64)>()
            .prop_map(|(uid, device)| Command::Login { uid: Uid(uid), device: DeviceId(device) }),
        login().prop_map(Command::Logout),
        login().prop_map(Command::Register),
        send.prop_map(|(conversation, (by_big, device), client_msg_id, body)| {
            let from = if by_big { conversation.big() } else { conversation.small() };
            let device = DeviceId(device);
            Command::Send(Send { conversation, from, device, client_msg_id, body })
        }),
        (login(), any::<u64>()).prop_map(|(login, row)| Command::PushAck(login, InboxSeq(row))),
        any::<(u64, u64)>()
            .prop_map(|(uid, time_ms)| Command::Heartbeat { uid: Uid(uid), time_ms }),
        (any::<(u64, u64)>(), 1..=256_usize).prop_map(|((uid, after), limit)| Command::Sync {
            uid: Uid(uid),
            after: InboxSeq(after),
            limit,
        }),
        (conversation(), any::<Option<u64>>(), 1..=256_usize).prop_map(
            |(conversation, before, limit)| Command::History {
                conversation,
                before: before.map(Seq),
                limit,
            }
        ),
        (any::<(u64, u64)>(), 1..=256_usize).prop_map(|((uid, after), limit)| Command::Contacts {
            uid: Uid(uid),
            after: Uid(after),
            limit,
        }),
        (conversation(), any::<Option<u64>>()).prop_map(|(conversation, read)| {
            let change = read.map_or(ContactChange::Delete, |seq| ContactChange::Read(Seq(seq)));
            let (uid, peer) = (conversation.small(), conversation.big());
            Command::ChangeContact { uid, peer, change }
        }),
    ]
}

fn answer() -> impl Strategy<Value = Answer> {
    let contacts = vec((contact(), option::of(message())), 0..5);
    prop_oneof![
        (login(), any::<u64>())
            .prop_map(|(login, head)| Answer::LoggedIn { login, inbox_head: InboxSeq(head) }),
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
        (any::<u64>(), vec(inbox_row(), 0..5))
            .prop_map(|(head, rows)| Answer::Inbox { head: InboxSeq(head), rows }),
        vec(message(), 0..5).prop_map(Answer::History),
        (contacts, any::<bool>()).prop_map(|(contacts, more)| Answer::Contacts { contacts, more }),
        contact().prop_map(Answer::Contact),
        (code(), any::<u32>())
            .prop_map(|(code, retry_after_ms)| Answer::Refused { code, retry_after_ms }),
        code().prop_map(Answer::Closed),
    ]
}

fn mail() -> impl Strategy<Value = Mail> {
    let places = any::<(u64, u64)>();
    prop_oneof![
        (message(), any::<(bool, Option<u64>)>()).prop_map(|(message, (to_big, device))| {
            let conversation = message.conversation;
            let uid = if to_big { conversation.big() } else { conversation.small() };
            Mail::Append { uid, message, device: device.map(DeviceId) }
        }),
        (conversation(), places).prop_map(|(conversation, (seq, row))| Mail::Confirm {
            uid: conversation.small(),
            conversation,
            seq: Seq(seq),
            inbox_seq: InboxSeq(row),
        }),
        (conversation(), any::<u64>(), code()).prop_map(|(conversation, seq, code)| {
            Mail::Decline { conversation, seq: Seq(seq), code }
        }),
        (conversation(), any::<(u64, u64)>()).prop_map(|(conversation, (from, to))| Mail::Pull {
            uid: conversation.big(),
            conversation,
            from: Seq(from),
            to: Seq(to),
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
        1 => any::<u64>().prop_map(Item::Pong),
    ]
}

/// The same items in every run: some of each kind.
pub fn samples() -> Vec<Item> {
    let mut runner = TestRunner::deterministic();
    (0..120).map(|_| item().new_tree(&mut runner).unwrap().current()).collect()
}
