//! Groups for the suite of stores: with entries, rows and marks. It knows no store.

use shard::group::{GroupRow, MarkRow, Member, Members, Settings};
use shard::rows::{Chain, MessageRow, Read, Row, sample};
use wire::{ConversationId, MessageId, Seq, Uid};

/// Three numbers of groups in one partition, that of user 1.
pub const GROUPS: [u64; 3] = [1, 748, 1258];

/// A group by its number.
pub fn group(number: u64) -> ConversationId {
    ConversationId::group(number).unwrap()
}

/// A group with so many who are or were members; the second has left.
pub fn group_row(number: u64, position: u64, count: usize) -> GroupRow {
    let uids = [7, 300, u64::MAX];
    let member = |uid: u64| Member {
        uid: Uid(uid),
        since: Seq(uid % 5),
        until: Seq(u64::from(uid == 300) * position),
        is_owner: uid == 7,
        is_admin: uid == u64::MAX,
        muted_until_ms: uid % 7,
    };
    let settings = Settings { muted_until_ms: 5, title: Seq(2), notice: Seq(1) };
    let members = Members::new(uids.into_iter().take(count).map(member).collect()).set(settings);
    GroupRow { group: group(number), position: Seq(position), members }
}

fn mark(number: u64, is_open: bool) -> Row {
    Row::Mark(MarkRow { group: group(number), is_open })
}

fn entries(number: u64, count: u64) -> Vec<Vec<Row>> {
    let mut chain = Chain::default();
    let next = |seq: u64| {
        let message_id = MessageId(number << 16 | seq);
        let row = MessageRow { conversation: group(number), message_id, chain, ..sample(seq, 9) };
        chain = row.next_chain();
        vec![Row::Message(row)]
    };
    (1..=count).map(next).collect()
}

/// One with ten entries, of which everybody has seven; one without a row; marks that are open, closed, and open again.
pub fn groups() -> Vec<Vec<Row>> {
    let [one, other, third] = GROUPS;
    let mut batches = entries(one, 10);
    batches.extend(entries(other, 2));
    batches.push(vec![Row::Group(group_row(one, 3, 1)), mark(one, true)]);
    batches.push(vec![Row::Group(group_row(one, 7, 3)), mark(other, true)]);
    batches.push(vec![mark(one, false), mark(other, false), mark(third, true)]);
    batches.push(vec![mark(one, true)]);
    batches
}

/// What a store is asked about them, and what it answers.
pub fn questions() -> Vec<(Read, &'static str)> {
    vec![
        (Read::Group { group: group(GROUPS[0]) }, "Some((7, 2)) 7..=10"),
        (Read::Group { group: group(GROUPS[1]) }, "None 1..=2"),
        (Read::Group { group: group(GROUPS[2]) }, "None none"),
        (Read::Marks { after: None, limit: 9 }, "[1, 1258]"),
        (Read::Marks { after: None, limit: 1 }, "[1]"),
        (Read::Marks { after: Some(group(GROUPS[0])), limit: 9 }, "[1258]"),
        (Read::Marks { after: Some(group(GROUPS[2])), limit: 9 }, "[]"),
    ]
}
