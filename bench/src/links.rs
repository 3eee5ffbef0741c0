//! Two ends of a link, and the items that a busy one carries: a command to a node, a push from it.

use link::{Admission, Item, Link, Peer, PeerId, Secret, Terms};
use shard::command::{Answer, Command, Delivery, ReplyTo, Send, Session};
use shard::owner::{Epoch, Holder, Incarnation, NodeId};
use shard::rows::{Chain, InboxRow, MessageRow};
use wire::{Bytes, ClientMsgId, ConversationId, DeviceId, InboxSeq, MessageId, RowKind, Seq, Uid};

use crate::samples::BODY_BYTES;

const BODY: Bytes = Bytes::from_static(&[0x5a; BODY_BYTES]);
const REPLY: ReplyTo = ReplyTo { session: Session { entry: 1, key: 2 }, ticket: 3 };

/// A dialer and an acceptor that have let each other in.
///
/// # Panics
/// They have not.
#[must_use]
pub fn open() -> (Link, Link) {
    let terms = || Terms::new("bench".into(), Secret::for_loopback());
    let peer = Peer { id: PeerId::Gateway { instance: 1, core: 0 }, generation: 1 };
    let holder = Holder { node: NodeId(1), incarnation: Incarnation(1) };
    let (mut challenge, mut hello, mut welcome) = (vec![], vec![], vec![]);
    let mut acceptor = Link::accept(terms(), [1; 32], &mut challenge);
    let mut dialer = Link::dial(terms(), [2; 32], peer);
    dialer.read(&challenge, &mut hello, &mut vec![]);
    acceptor.read(&hello, &mut vec![], &mut vec![]);
    acceptor.admit(0, Admission { entry: 1, holder }, &mut welcome).expect("it asked");
    dialer.read(&welcome, &mut vec![], &mut vec![]);
    assert!(dialer.is_open(), "it was let in");
    (dialer, acceptor)
}

fn conversation() -> ConversationId {
    ConversationId::direct(Uid(3), Uid(7)).expect("two users")
}

/// A message on its way to its node.
#[must_use]
pub fn send() -> Item {
    let send = Send {
        conversation: conversation(),
        sender: Uid(3),
        device: DeviceId(1),
        client_msg_id: ClientMsgId([7; 16]),
        kind: RowKind::MESSAGE,
        flags: 0,
        body: BODY,
        seen: Seq(0),
    };
    Item::Command { round: 1, epoch: Epoch(1), command: Command::Send(send), reply: REPLY }
}

/// The same message on its way to a device.
#[must_use]
pub fn push() -> Item {
    let message = MessageRow {
        conversation: conversation(),
        seq: Seq(5),
        number: 5,
        message_id: MessageId(1),
        sender: Uid(3),
        time_ms: 1,
        kind: RowKind::MESSAGE,
        flags: 0,
        chain: Chain(9),
        client_msg_id: ClientMsgId([7; 16]),
        body: BODY,
        seen: Seq(0),
    };
    let (uid, inbox_seq, chain) = (Uid(7), InboxSeq(9), Chain(3));
    let row = Box::new(InboxRow { uid, inbox_seq, flags: 0, chain, message });
    let answer = Answer::Push { previous: InboxSeq(8), row };
    Item::Delivery(Delivery { to: REPLY, answer })
}
