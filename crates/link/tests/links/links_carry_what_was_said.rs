//! What one end of a link says is what the other end hears: every kind of item, in order, in whatever pieces, in frames that
//! are never too large.
//!
//! Random items and random cuts; and the largest pages and lists that there can be.

use crate::ends::{End, frames, gateway, open, usual_terms};
use crate::items::{item, samples, small_talk};
use bytes::Bytes;
use link::{
    Event, Item, LINK_ADDRESS_BYTES_MAX, LINK_FRAME_BYTES_MAX, LINK_NODES_MAX, NodeAddress,
};
use proptest::collection::vec;
use proptest::prelude::*;
use shard::command::{Answer, Delivery, ReplyTo, Session};
use shard::limits::PARTITIONS;
use shard::owner::{Epoch, Holder, Incarnation, NodeId, OwnerRow};
use shard::partition::Partition;
use shard::rows::{Chain, ChatRow, InboxRow, MessageRow};
use wire::{BODY_BYTES_MAX, CHAT_BYTES, MESSAGE_BYTES, PAGE_BYTES_MAX, PAGE_ROWS_MAX};
use wire::{ClientMsgId, InboxSeq, MessageId, RowKind, Seq, Uid};

fn heard(events: Vec<Event>) -> Vec<Item> {
    let items = events.into_iter().flat_map(|event| {
        let Event::Items(items) = event else { panic!("not items: {event:?}") };
        items
    });
    items.collect()
}

/// Says the items from one end to the other, and says how large the largest frame was.
fn carry(items: &[Item]) -> usize {
    let (mut dialer, mut acceptor) = open();
    let bytes = dialer.say(items);
    assert_eq!(heard(acceptor.read(&bytes)), items);
    let bytes = acceptor.say(items);
    assert_eq!(heard(dialer.read(&bytes)), items);
    frames(&bytes).into_iter().map(<[u8]>::len).max().unwrap_or(0)
}

proptest! {
    #[test]
    fn items_arrive_as_they_were_said(items in vec(item(), 0..40)) {
        carry(&items);
    }

    #[test]
    fn pieces_of_any_size_are_put_together(
        turns in vec(vec(item(), 1..8), 1..6),
        cuts in vec(1..400_usize, 1..50),
    ) {
        let (mut dialer, mut acceptor) = open();
        let bytes: Vec<u8> = turns.iter().flat_map(|items| dialer.say(items)).collect();
        let (mut rest, mut events) = (bytes.as_slice(), vec![]);
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at(rest.len().min(*cut));
            events.extend(acceptor.read(piece));
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(events.len(), turns.len());
        prop_assert_eq!(heard(events), turns.concat());
    }
}

#[test]
fn every_kind_of_item_is_among_the_samples() {
    let kinds =
        samples().iter().map(std::mem::discriminant).collect::<std::collections::HashSet<_>>();
    assert_eq!(kinds.len(), 12);
    carry(&samples());
}

#[test]
fn the_handshake_comes_byte_by_byte_too() {
    let mut acceptor = End::acceptor(usual_terms());
    let mut dialer = End::dialer(usual_terms(), gateway(5));
    for byte in acceptor.said() {
        assert_eq!(dialer.read(&[byte]), []);
    }
    let hello = dialer.said();
    let mut events = vec![];
    for byte in hello {
        events.extend(acceptor.read(&[byte]));
    }
    assert_eq!(events, [Event::Asked(gateway(5))]);
}

fn message(body: usize) -> MessageRow {
    let conversation = small_talk();
    MessageRow {
        conversation,
        seq: Seq(1),
        number: 1,
        message_id: MessageId(2),
        sender: Uid(1),
        time_ms: 3,
        kind: RowKind::MESSAGE,
        flags: 0,
        chain: Chain(6),
        client_msg_id: ClientMsgId([4; 16]),
        body: Bytes::from(vec![5; body]),
        seen: Seq(0),
    }
}

fn delivery(answer: Answer) -> Item {
    let session = Session { entry: 1, key: 2 };
    Item::Delivery(Delivery { to: ReplyTo { session, ticket: 3 }, answer })
}

/// A page full of rows, each with a body of the same size, or with one body.
fn full_page(row_bytes: usize) -> (usize, usize) {
    let rows = PAGE_ROWS_MAX as usize;
    (rows, PAGE_BYTES_MAX / rows - row_bytes)
}

fn largest() -> Vec<Item> {
    let inbox = |message| InboxRow {
        uid: Uid(1),
        inbox_seq: InboxSeq(1),
        flags: 0,
        chain: Chain(2),
        message,
    };
    let chat = ChatRow { read_time_ms: 6, ..ChatRow::empty(Uid(1), small_talk()) };
    let owner = |partition| OwnerRow {
        partition,
        epoch: Epoch(1),
        holder: Holder { node: NodeId(2), incarnation: Incarnation(3) },
    };
    let node = |_| NodeAddress { node: NodeId(1), address: "a".repeat(LINK_ADDRESS_BYTES_MAX) };
    let head = InboxSeq(9);
    let (rows, body) = full_page(MESSAGE_BYTES);
    let messages = || (0..rows).map(|_| message(body));
    let (chats, recent) = full_page(CHAT_BYTES);
    let chats = (0..chats).map(|_| (chat, Some(message(recent)))).collect();
    vec![
        delivery(Answer::Inbox { head, rows: messages().map(inbox).collect(), tail: head }),
        delivery(Answer::Inbox { head, rows: vec![inbox(message(BODY_BYTES_MAX))], tail: head }),
        delivery(Answer::History { conversation: small_talk(), rows: messages().collect() }),
        delivery(Answer::Chats { version: 1, chats, more: true }),
        Item::Owners(Partition::all(PARTITIONS).map(owner).collect()),
        Item::Nodes((0..LINK_NODES_MAX).map(node).collect()),
    ]
}

#[test]
fn the_largest_items_fit_a_frame_each() {
    for item in largest() {
        carry(&[item]);
    }
}

#[test]
fn much_is_said_in_frames_that_are_full_and_not_too_large() {
    let items: Vec<_> = largest().into_iter().cycle().take(200).collect();
    let largest_frame = carry(&items);
    assert!(largest_frame <= LINK_FRAME_BYTES_MAX);
    assert!(largest_frame > LINK_FRAME_BYTES_MAX / 2, "frames are used: {largest_frame}");
}
