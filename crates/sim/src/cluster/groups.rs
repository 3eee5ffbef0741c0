//! The groups of a run, and who is owed what of them, counted from their logs without the code under test.

use super::client::PARTITIONS;
use super::store::Store;
use shard::partition::Partition;
use shard::rows::{Chain, MessageRow};
use std::collections::BTreeSet;
use wire::{ClientMsgId, ConversationId, MessageId, RowKind, Seq, Uid, put_uids, take_uids};

/// Who makes each group, and who its first members are beside, by the place of a user among all.
const FIRST: [(usize, &[usize]); 2] = [(0, &[1, 2, 4]), (5, &[0, 3])];

/// Every group of a run that has some, by number: those whose partitions are among the run's.
pub fn groups() -> impl Iterator<Item = ConversationId> {
    let served: Vec<Partition> = Partition::all(PARTITIONS).collect();
    let all = (1..).filter_map(ConversationId::group);
    all.filter(move |id| served.contains(&Partition::of_conversation(*id))).take(FIRST.len())
}

/// The first entry of each group: it is committed, and nobody has been told.
pub fn first_entries(users: &[Uid]) -> impl Iterator<Item = MessageRow> {
    groups().zip(FIRST).map(|(conversation, (maker, others))| MessageRow {
        conversation,
        seq: Seq(1),
        number: 0,
        message_id: MessageId::new(Partition::of_conversation(conversation).number(), 0, 1),
        sender: users[maker],
        time_ms: 1,
        kind: RowKind::GROUP_CREATED,
        flags: 0,
        chain: Chain::default(),
        client_msg_id: ClientMsgId::new(1, conversation.home().into()),
        body: put_uids(others.iter().map(|at| users[*at]).collect()),
        seen: Seq(0),
    })
}

/// The entries of a group that a user's inbox is to have: those in whose place it was a member, or became one or none.
pub fn owed(store: &Store, group: ConversationId, uid: Uid) -> Vec<Seq> {
    let (mut members, mut owed) = (BTreeSet::new(), Vec::new());
    for row in store.messages(group) {
        let was_member = members.contains(&uid);
        members = after(members, row);
        if row.kind != RowKind::NOTHING && (was_member || members.contains(&uid)) {
            owed.push(row.seq);
        }
    }
    owed
}

/// The first entry of a group that its members allowed nobody to make.
pub fn forbidden(store: &Store, group: ConversationId) -> Option<&MessageRow> {
    let mut members = BTreeSet::new();
    store.messages(group).find(|row| {
        let before = members.clone();
        members = after(std::mem::take(&mut members), row);
        let may_be = match row.kind {
            RowKind::GROUP_CREATED | RowKind::NOTHING => true,
            RowKind::MEMBERS_ADDED => {
                before.contains(&row.sender) && before.is_disjoint(&named(row))
            }
            RowKind::MEMBERS_REMOVED => {
                before.contains(&row.sender) && before.is_superset(&named(row))
            }
            _ => before.contains(&row.sender),
        };
        !may_be
    })
}

/// The members after an entry.
fn after(mut members: BTreeSet<Uid>, row: &MessageRow) -> BTreeSet<Uid> {
    match row.kind {
        RowKind::GROUP_CREATED => members.extend(named(row).into_iter().chain([row.sender])),
        RowKind::MEMBERS_ADDED => members.extend(named(row)),
        RowKind::MEMBERS_REMOVED => members.retain(|uid| !named(row).contains(uid)),
        RowKind::MEMBER_LEFT => _ = members.remove(&row.sender),
        kind => assert!(kind == RowKind::MESSAGE || kind == RowKind::NOTHING, "{kind:?} was sent"),
    }
    members
}

/// The users whom a change of members names.
fn named(row: &MessageRow) -> BTreeSet<Uid> {
    take_uids(&row.body).expect("what changes members names users").into_iter().collect()
}
