//! A client that does not read costs bounded memory: first it is not heard, then not pushed to,
//! then closed.

use super::*;
use crate::limits::{OUTBOX_BYTES_MAX, OUTBOX_CLOSE_BYTES};
use crate::limits::{OUTBOX_HIGH_BYTES, OUTBOX_SIGNALS_BYTES_MAX};
use crate::metrics::DropReason;
use shard::command::Signal;
use shard::rows::{Chain, InboxRow, MessageRow};
use wire::{ClientMsgId, ConversationId, MessageId, RowKind, Seq};

fn row(uid: u64) -> Answer {
    let message = MessageRow {
        conversation: ConversationId::direct(Uid(uid), Uid(99)).unwrap(),
        seq: Seq(1),
        number: 1,
        kind: RowKind::MESSAGE,
        flags: 0,
        chain: Chain(0),
        message_id: MessageId(1),
        client_msg_id: ClientMsgId([1; 16]),
        sender: Uid(99),
        time_ms: 1,
        body: Bytes::from_static(b"a body"),
        seen: Seq(0),
    };
    let row =
        InboxRow { uid: Uid(uid), inbox_seq: InboxSeq(1), flags: 0, chain: Chain(0), message };
    Answer::Push { previous: InboxSeq(0), row: Box::new(row) }
}

fn waits(scene: &mut Scene, client: Client, bytes: usize) {
    scene.outputs.0.entry(Channel::of(client.conn).id).or_default().waiting = bytes;
}

fn dropped(scene: &Scene, reason: DropReason) -> u64 {
    scene.metrics.deliveries_dropped.of(reason).get()
}

#[test]
fn who_does_not_read_is_not_heard_until_it_has() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    scene.push(client, row(7));
    assert_eq!(scene.done(client), []);
    waits(&mut scene, client, OUTBOX_HIGH_BYTES);
    scene.push(client, row(7));
    assert_eq!(scene.done(client), [Do::Pause]);
    assert_eq!(scene.told(client), [(Kind::Push, 0, None), (Kind::Push, 0, None)]);
    scene.call(|entry, turn| entry.on_sent(client.key, turn));
    assert_eq!(scene.done(client), [Do::Resume]);
    scene.push(client, Answer::Closed(RefusalCode::SessionReplaced));
    scene.call(|entry, turn| entry.on_sent(client.key, turn));
    assert_eq!(
        scene.done(client),
        [Do::Close(Some(RefusalCode::SessionReplaced))],
        "nothing more is heard from it"
    );
}

#[test]
fn pushes_are_left_to_the_inbox_before_answers_are() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    waits(&mut scene, client, OUTBOX_BYTES_MAX + 1);
    scene.push(client, row(7));
    assert_eq!((scene.told(client), dropped(&scene, DropReason::OutboxFull)), (vec![], 1));
    scene.hear(client, &heartbeat(3, 1));
    let (_, reply) = scene.asked();
    scene.answer(reply, head(1));
    assert_eq!(scene.told(client), [(Kind::HeartbeatReply, 3, None)]);
    assert_eq!(scene.done(client), [Do::Pause]);
}

#[test]
fn signals_go_before_pushes_do_and_only_to_who_wants_them() {
    let read = |uid: u64| {
        let conversation = ConversationId::direct(Uid(uid), Uid(99)).unwrap();
        Answer::Signal { uid: Uid(uid), signal: Signal::read(conversation, Uid(99), Seq(1)) }
    };
    let mut scene = Scene::new();
    let client = scene.log_in_knowing(7, wire::FEATURES);
    scene.push(client, read(7));
    assert_eq!(scene.told(client), [(Kind::Signal, 0, None)]);
    scene.push(client, read(8));
    assert_eq!(scene.told(client), [], "it is another user's");
    waits(&mut scene, client, OUTBOX_SIGNALS_BYTES_MAX + 1);
    scene.push(client, read(7));
    assert_eq!((scene.told(client), dropped(&scene, DropReason::OutboxFull)), (vec![], 1));
    scene.push(client, row(7));
    assert_eq!(scene.told(client), [(Kind::Push, 0, None)]);
    let client = scene.log_in(9);
    scene.push(client, read(9));
    assert_eq!(scene.told(client), [], "it did not ask");
}

#[test]
fn who_asks_and_does_not_read_is_closed_at_last() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    scene.hear(client, &heartbeat(3, 1));
    let (_, reply) = scene.asked();
    waits(&mut scene, client, OUTBOX_CLOSE_BYTES);
    scene.answer(reply, head(1));
    assert_eq!(scene.done(client), [Do::CloseNow]);
    assert_eq!(scene.asked().0, Command::Logout(client.login));
    assert_eq!(scene.closes(CloseReason::Unresponsive), 1);
}

/// Their answers are large, and come faster than any client reads: one that asks for many at once is not cut off.
#[test]
fn pages_for_which_there_is_no_room_are_refused_and_may_be_asked_for_again() {
    let conversation = ConversationId::direct(Uid(7), Uid(99)).unwrap();
    let pages = [
        Answer::Inbox { head: InboxSeq(1), rows: Vec::new(), tail: InboxSeq(1) },
        Answer::Chats { version: 1, chats: Vec::new(), more: false },
        Answer::History { conversation, rows: Vec::new() },
        Answer::GroupMembers { group: conversation, count: 0, members: Vec::new() },
        Answer::GroupInfo { group: conversation, info: Box::default() },
    ];
    for (page, is_read) in pages.into_iter().flat_map(|page| [(page.clone(), true), (page, false)])
    {
        let mut scene = Scene::new();
        let client = scene.log_in(7);
        scene.hear(client, &heartbeat(3, 1));
        let (_, reply) = scene.asked();
        waits(&mut scene, client, OUTBOX_BYTES_MAX + usize::from(!is_read));
        scene.answer(reply, page);
        let told = scene.told(client);
        let [(kind, 3, code)] = told[..] else { panic!("{told:?}") };
        let is_refused = kind == Kind::Refusal && code == Some(RefusalCode::Busy);
        assert_eq!(is_refused, !is_read, "{told:?}");
        assert_eq!(scene.done(client), [Do::Pause]);
    }
}

#[test]
fn a_push_for_another_user_is_not_shown() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    scene.push(client, row(8));
    assert_eq!((scene.told(client), dropped(&scene, DropReason::ConnectionGone)), (vec![], 1));
}

#[test]
fn nothing_is_written_where_nothing_is_open() {
    let mut scene = Scene::new();
    let client = scene.log_in(7);
    scene.outputs.0.entry(Channel::of(client.conn).id).or_default().is_closed = true;
    scene.push(client, row(7));
    assert_eq!((scene.told(client), scene.metrics.pushes.get()), (vec![], 0));
}
