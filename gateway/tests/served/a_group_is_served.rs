//! A group over a gateway's own port: made, spoken in, changed; what each member gets live and what after it was away; who
//! reads what; and all of it again after a restart.

use crate::process::{Gateway, PATIENCE, block_on};
use client::{Client, ClientError, GroupChange, Inbox, Message, Received, named_users};
use tokio::time::timeout;
use wire::{ConversationId, RefusalCode, RowKind, Seq, Uid};

/// The next rows of a group.
async fn rows(inbox: &mut Inbox, count: usize) -> Vec<Message> {
    let mut rows = Vec::new();
    while rows.len() < count {
        let received = timeout(PATIENCE, inbox.recv()).await.expect("it comes").unwrap();
        if let Received::Message { message, .. } = received {
            rows.push(message);
        }
    }
    rows
}

fn places(rows: &[Message]) -> Vec<(u64, RowKind)> {
    rows.iter().map(|row| (row.seq.0, row.kind)).collect()
}

fn refused<T: std::fmt::Debug>(result: Result<T, ClientError>) -> Option<RefusalCode> {
    let error = result.unwrap_err();
    let ClientError::Refused { code, .. } = error else { panic!("{error}") };
    code
}

/// Longer than an inbox row of a group holds.
fn long() -> Vec<u8> {
    vec![b'x'; 5_000]
}

async fn reads(client: &Client, group: ConversationId) -> Vec<u64> {
    let page = client.history(group, Seq(0), 256).await.unwrap();
    page.iter().map(|row| row.seq.0).collect()
}

#[test]
fn members_get_what_is_said_while_they_are_members() {
    block_on(members_of_a_group());
}

async fn members_of_a_group() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    let (one, mut ones) = gateway.connect(1, 1).await;
    let (two, mut twos) = gateway.connect(2, 1).await;
    let group = one.create_group(vec![Uid(2), Uid(3)]).await.unwrap();
    assert!(one.send(group, "hello").await.is_ok());
    assert!(two.send(group, long()).await.is_ok());
    let told = rows(&mut twos, 2).await;
    assert_eq!(places(&told), [(1, RowKind::GROUP_CREATED), (2, RowKind::MESSAGE)]);
    assert_eq!(named_users(told[0].kind, &told[0].body), Some(vec![Uid(2), Uid(3)]));
    let told = rows(&mut ones, 1).await;
    assert_eq!((told[0].seq, told[0].body.to_vec()), (Seq(3), long()), "live it is whole");

    let (four, mut fours) = gateway.connect(4, 1).await;
    assert_eq!(refused(four.send(group, "let me in").await), Some(RefusalCode::NotMember));
    assert_eq!(refused(four.history(group, Seq(0), 9).await), Some(RefusalCode::NotMember));
    assert_eq!(refused(four.group_members(group, Uid(0), 9).await), Some(RefusalCode::NotMember));
    let add = GroupChange::Add(group, vec![Uid(4)]);
    assert_eq!(two.change_group(add.clone()).await.unwrap().seq, Seq(4));
    assert_eq!(refused(two.change_group(add).await), Some(RefusalCode::AlreadyMember));
    let remove = GroupChange::Remove(group, vec![Uid(2)]);
    assert_eq!(refused(four.change_group(remove.clone()).await), Some(RefusalCode::NotAllowed));
    assert!(four.send(group, "thanks").await.is_ok());
    assert_eq!(one.change_group(remove).await.unwrap().seq, Seq(6));
    assert!(four.send(group, "only us").await.is_ok());
    assert_eq!(refused(two.send(group, "and me?").await), Some(RefusalCode::NotMember));

    assert_eq!(
        places(&rows(&mut fours, 2).await),
        [(4, RowKind::MEMBERS_ADDED), (6, RowKind::MEMBERS_REMOVED)]
    );
    assert_eq!(
        places(&rows(&mut twos, 2).await),
        [(5, RowKind::MESSAGE), (6, RowKind::MEMBERS_REMOVED)]
    );
    assert_eq!(reads(&one, group).await, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(reads(&two, group).await, [1, 2, 3, 4, 5, 6], "up to where it was removed");
    assert_eq!(reads(&four, group).await, [4, 5, 6, 7], "from where it was added");
    gateway.kill();

    // Nothing of it is only in memory.
    let gateway = Gateway::start(dir.path(), &[]);
    let (three, mut threes) = gateway.connect(3, 1).await;
    let told = rows(&mut threes, 7).await;
    assert_eq!(told.iter().map(|row| row.seq.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(told[2].body.to_vec(), long(), "after a while away it is whole too");
    assert_eq!(three.change_group(GroupChange::Leave(group)).await.unwrap().seq, Seq(8));
    let (one, _) = gateway.connect(1, 2).await;
    let page = one.group_members(group, Uid(0), 256).await.unwrap();
    let members: Vec<_> =
        page.members.iter().map(|it| (it.uid.0, it.since.0, it.is_owner)).collect();
    assert_eq!((page.count, members), (2, vec![(1, 1, true), (4, 4, false)]));
    assert_eq!(reads(&three, group).await, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_group_takes_two_hundred_members_and_no_more() {
    block_on(a_full_group());
}

async fn a_full_group() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    let (one, _) = gateway.connect(1, 1).await;
    let uids = |range: std::ops::RangeInclusive<u64>| range.map(Uid).collect::<Vec<_>>();
    assert_eq!(refused(one.create_group(uids(2..=201)).await), Some(RefusalCode::GroupFull));
    let group = one.create_group(uids(2..=199)).await.unwrap();
    let full = GroupChange::Add(group, uids(200..=201));
    assert_eq!(refused(one.change_group(full).await), Some(RefusalCode::GroupFull));
    assert!(one.change_group(GroupChange::Add(group, uids(200..=200))).await.is_ok());
    assert!(one.send(group, "all of you").await.is_ok());
    let (last, mut lasts) = gateway.connect(200, 1).await;
    let told = rows(&mut lasts, 2).await;
    assert_eq!(places(&told), [(2, RowKind::MEMBERS_ADDED), (3, RowKind::MESSAGE)]);
    let chats = last.chats(None, 9).await.unwrap().chats;
    let state = chats[0].state;
    assert_eq!(
        (state.conversation, state.unread),
        (Some(group), 1),
        "what was said since it joined"
    );
}
