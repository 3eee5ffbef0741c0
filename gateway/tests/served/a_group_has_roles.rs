//! What members of a group are and may do, over a gateway's own port: given, taken, handed over, told, and the same after a
//! restart.

use crate::process::{Gateway, block_on};
use client::{Client, ClientError, GroupChange};
use wire::{ConversationId, RefusalCode, Role, Uid};

fn refused<T: std::fmt::Debug>(result: Result<T, ClientError>) -> Option<RefusalCode> {
    let error = result.unwrap_err();
    let ClientError::Refused { code, .. } = error else { panic!("{error}") };
    code
}

async fn roles(client: &Client, group: ConversationId) -> Vec<(u64, Role)> {
    let info = client.group_info(group).await.unwrap();
    info.roles.iter().map(|it| (it.uid.0, it.role)).collect()
}

fn set(group: ConversationId, role: Role, uid: u64) -> GroupChange {
    GroupChange::SetRole(group, role, vec![Uid(uid)])
}

#[test]
fn roles_are_given_by_the_owner_and_kept() {
    block_on(roles_of_a_group());
}

async fn roles_of_a_group() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    let (one, _ones) = gateway.connect(1, 1).await;
    let (two, _twos) = gateway.connect(2, 1).await;
    let (five, _fives) = gateway.connect(5, 1).await;
    let group = one.create_group([2, 3, 4].map(Uid).to_vec()).await.unwrap();
    assert_eq!(roles(&two, group).await, [(1, Role::Owner)]);
    assert_eq!(refused(five.group_info(group).await), Some(RefusalCode::NotMember));

    let not_allowed = Some(RefusalCode::NotAllowed);
    assert_eq!(refused(two.change_group(set(group, Role::Admin, 2)).await), not_allowed);
    let remove = |uid| GroupChange::Remove(group, vec![Uid(uid)]);
    assert_eq!(refused(two.change_group(remove(3)).await), not_allowed);
    one.change_group(set(group, Role::Admin, 2)).await.unwrap();
    two.change_group(remove(3)).await.unwrap();
    assert_eq!(refused(two.change_group(remove(1)).await), not_allowed);
    assert_eq!(refused(one.change_group(set(group, Role::Member, 1)).await), not_allowed);
    one.change_group(set(group, Role::Owner, 4)).await.unwrap();
    let handed_over = [(1, Role::Admin), (2, Role::Admin), (4, Role::Owner)];
    assert_eq!(roles(&one, group).await, handed_over);
    gateway.kill();

    let gateway = Gateway::start(dir.path(), &[]);
    let (one, _ones) = gateway.connect(1, 1).await;
    assert_eq!(roles(&one, group).await, handed_over);
    assert_eq!(refused(one.change_group(set(group, Role::Member, 2)).await), not_allowed);
    let info = one.group_info(group).await.unwrap();
    assert_eq!((info.count, info.seq.0), (3, 4));
}

#[test]
fn a_group_is_muted_named_and_ended() {
    block_on(settings_of_a_group());
}

async fn settings_of_a_group() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    let (one, _ones) = gateway.connect(1, 1).await;
    let (two, _twos) = gateway.connect(2, 1).await;
    let group = one.create_group([2, 3].map(Uid).to_vec()).await.unwrap();
    let not_allowed = Some(RefusalCode::NotAllowed);
    let rename = GroupChange::Rename(group, "walks".into());
    assert_eq!(refused(two.change_group(rename.clone()).await), not_allowed);
    one.change_group(rename).await.unwrap();
    let notice = "at nine, ".repeat(20);
    one.change_group(GroupChange::Announce(group, notice.clone())).await.unwrap();
    let never_ms = (1 << 53) - 1;
    one.change_group(GroupChange::Mute(group, never_ms, vec![Uid(2)])).await.unwrap();
    let refusal = two.send(group, "hello").await.unwrap_err();
    let ClientError::Refused { code, retry_after_ms, .. } = refusal else { panic!("{refusal}") };
    assert_eq!((code, retry_after_ms), (Some(RefusalCode::Muted), u32::MAX));
    gateway.kill();

    let gateway = Gateway::start(dir.path(), &[]);
    let (one, _ones) = gateway.connect(1, 1).await;
    let (two, _twos) = gateway.connect(2, 1).await;
    let info = two.group_info(group).await.unwrap();
    assert_eq!((info.title.as_str(), info.notice), ("walks", notice));
    let muted: Vec<_> = info.roles.iter().map(|it| (it.uid.0, it.muted_until_ms)).collect();
    assert_eq!((muted, info.muted_until_ms), (vec![(1, 0), (2, never_ms)], 0));
    assert_eq!(refused(two.send(group, "again").await), Some(RefusalCode::Muted));
    one.change_group(GroupChange::Mute(group, 0, vec![Uid(2)])).await.unwrap();
    two.send(group, "at last").await.unwrap();
    assert_eq!(refused(two.change_group(GroupChange::Dissolve(group)).await), not_allowed);
    one.change_group(GroupChange::Dissolve(group)).await.unwrap();
    assert_eq!(refused(one.send(group, "anybody?").await), Some(RefusalCode::NotMember));
    assert_eq!(two.history(group, wire::Seq(0), 256).await.unwrap().len(), 7);
}
