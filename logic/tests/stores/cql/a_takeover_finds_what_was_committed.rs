//! Who takes a log over finds what was committed, whatever its owners before left or send late. On a real server: the
//! former owners are stores that still write, under their epochs; what they wrote above a hole was never acknowledged.

use super::keyspace::Keyspace;
use crate::driven::Driven;
use bytes::Bytes;
use logic::fence::Fence;
use shard::rows::{Chain, Found, InboxRow, MessageRow, Read, Row, Ticket, UserRow};
use wire::{ClientMsgId, ConversationId, InboxSeq, MessageId, RowKind, Seq, Uid};

/// The last place of the first bucket.
const BUCKET_END: u64 = 8_191;

/// A message of the pair `n`, at a place, under an id, behind rows whose ids are their places; the body says who wrote it.
fn message(n: u64, seq: u64, id: u64, body: &'static str) -> MessageRow {
    MessageRow {
        conversation: ConversationId::direct(Uid(2 * n), Uid(2 * n + 1)).unwrap(),
        seq: Seq(seq),
        number: seq,
        message_id: MessageId(id),
        sender: Uid(2 * n),
        time_ms: 1,
        kind: RowKind::MESSAGE,
        flags: 0,
        chain: (1..seq).fold(Chain::default(), |chain, id| chain.after(&[id])),
        client_msg_id: ClientMsgId::new(id, 0),
        body: Bytes::from_static(body.as_bytes()),
        seen: Seq(0),
    }
}

/// A row of an inbox with the message at a place of a conversation, behind rows with those at their places.
fn inbox_row(uid: Uid, place: u64, seq: u64) -> InboxRow {
    let conversation = ConversationId::direct(uid, Uid(99_999)).unwrap();
    let (kind, a, b) = conversation.parts();
    let next = |chain: Chain, seq| chain.after(&[kind.into(), a, b, seq]);
    let chain = (1..place).fold(Chain::default(), next);
    let message = MessageRow { conversation, sender: uid, ..message(1, seq, seq, "") };
    InboxRow { uid, inbox_seq: InboxSeq(place), flags: 0, chain, message }
}

fn inbox(uid: Uid, places: impl IntoIterator<Item = u64>) -> Vec<Row> {
    places.into_iter().map(|place| Row::Inbox(inbox_row(uid, place, place))).collect()
}

fn through(uid: Uid, place: u64) -> Row {
    Row::User(UserRow { chats_through: InboxSeq(place), chats_version: 0, ..UserRow::empty(uid) })
}

fn write(owner: &mut Driven, rows: Vec<Row>) {
    owner.store.commit(Ticket(1), rows);
    owner.settle();
}

fn messages(n: u64, places: impl IntoIterator<Item = u64>, body: &'static str) -> Vec<Row> {
    places.into_iter().map(|seq| Row::Message(message(n, seq, seq, body))).collect()
}

/// Takes a conversation over; its last place and body.
fn take_over(owner: &mut Driven, n: u64) -> Vec<(u64, String)> {
    let conversation = message(n, 1, 1, "").conversation;
    found(owner, Read::Conversation { conversation })
}

/// The page before a place, as places and bodies.
fn page(owner: &mut Driven, n: u64, before: u64, limit: usize) -> Vec<(u64, String)> {
    let (conversation, before) = (message(n, 1, 1, "").conversation, Seq(before));
    found(owner, Read::Messages { conversation, before, limit, bytes_max: usize::MAX })
}

fn found(owner: &mut Driven, read: Read) -> Vec<(u64, String)> {
    let Found::Messages(rows) = owner.ask(read) else { panic!("no messages") };
    let body = |row: &MessageRow| String::from_utf8(row.body.to_vec()).unwrap();
    rows.iter().map(|row| (row.seq.0, body(row))).collect()
}

fn user(owner: &mut Driven, uid: Uid) -> (u64, Vec<u64>) {
    let Found::User { head, tail, .. } = owner.ask(Read::User { uid }) else { panic!("no user") };
    (head.0, tail.iter().map(|row| row.inbox_seq.0).collect())
}

#[test]
fn a_log_ends_where_its_committed_run_does_and_late_writes_change_nothing() {
    let keyspace = Keyspace::new();
    let owner = |epoch| keyspace.open(epoch, Fence::always_open());
    let [mut first, mut second, mut third] = [1, 2, 3].map(owner);

    // A hole at 4: of one batch, so that nothing of it says what is committed.
    write(&mut first, messages(1, [1, 2, 3, 5, 6], "first"));
    let newest = take_over(&mut third, 1);
    assert_eq!(newest, [(3, "first".to_string())]);
    // The second never served, and what it has in flight lands now: over what was adopted, and above it.
    write(&mut second, messages(1, [3, 4], "second"));
    let adopted = page(&mut third, 1, 4, 9);
    assert_eq!(adopted.last(), Some(&(3, "first".to_string())), "it was written again");
    write(&mut third, messages(1, [4, 5, 6], "third"));
    write(&mut first, messages(1, [4, 5], "first"));
    write(&mut second, messages(1, [6], "second"));
    let own = page(&mut third, 1, 7, 3);
    assert_eq!(own, [4, 5, 6].map(|seq| (seq, "third".to_string())));

    // The same id twice: the second is a late row of an owner that had given it up.
    let twice = [(1, 1), (2, 2), (3, 1), (4, 4)].map(|(seq, id)| message(2, seq, id, "first"));
    write(&mut first, twice.map(Row::Message).to_vec());
    assert_eq!(take_over(&mut third, 2), [(2, "first".to_string())]);

    // An id that was retried at another place is found there, also after its old row came late.
    write(
        &mut first,
        vec![Row::Message(message(3, 1, 1, "")), Row::Message(message(3, 3, 3, "first"))],
    );
    assert_eq!(take_over(&mut third, 3).len(), 1);
    write(&mut third, vec![Row::Message(message(3, 2, 3, "third"))]);
    write(&mut first, vec![Row::Message(message(3, 3, 3, "first"))]);
    let retried = message(3, 2, 3, "third");
    let MessageRow { sender, conversation, client_msg_id, .. } = retried;
    let found = third.ask(Read::ByClientMsgId { sender, conversation, client_msg_id });
    assert_eq!(found, Found::Messages(vec![retried]));
}

#[test]
fn a_row_that_was_written_behind_others_is_not_adopted() {
    let keyspace = Keyspace::new();
    let owner = |epoch| keyspace.open(epoch, Fence::always_open());
    let [mut first, mut second, mut third] = [1, 2, 3].map(owner);
    // The second takes places that the first had given; then what the first wrote behind its own rows comes.
    write(&mut first, messages(1, [1, 2], "first"));
    take_over(&mut second, 1);
    write(&mut second, vec![Row::Message(message(1, 3, 30, "second"))]);
    write(&mut first, messages(1, [3, 4], "first"));
    assert_eq!(take_over(&mut third, 1), [(3, "second".to_string())]);

    let uid = Uid(1);
    write(&mut first, inbox(uid, [1, 2]));
    assert_eq!(user(&mut second, uid).0, 2);
    write(&mut second, vec![Row::Inbox(inbox_row(uid, 3, 30))]);
    write(&mut first, inbox(uid, [3, 4]));
    assert_eq!(user(&mut third, uid), (3, vec![1, 2, 3]));
}

#[test]
fn a_log_goes_on_in_the_next_bucket() {
    let keyspace = Keyspace::new();
    let owner = |epoch| keyspace.open(epoch, Fence::always_open());
    let [mut first, mut second] = [1, 2].map(owner);
    // The one at the next bucket's first place, a 64th, writes the head: what was committed before this batch.
    write(&mut first, messages(1, BUCKET_END - 7..=BUCKET_END + 9, ""));
    let newest = take_over(&mut second, 1);
    assert_eq!(newest[0].0, BUCKET_END + 9);
    let places = |rows: Vec<(u64, String)>| rows.iter().map(|row| row.0).collect::<Vec<_>>();
    let around = page(&mut second, 1, BUCKET_END + 3, 5);
    assert_eq!(places(around), (BUCKET_END - 2..=BUCKET_END + 2).collect::<Vec<_>>());
    let far = page(&mut second, 1, u64::MAX, 2);
    assert_eq!(places(far), [BUCKET_END + 8, BUCKET_END + 9]);
}

#[test]
fn an_inbox_whose_old_rows_have_expired_goes_on_where_it_was() {
    let keyspace = Keyspace::new();
    let owner = |epoch| keyspace.open(epoch, Fence::always_open());
    let [mut first, mut second] = [1, 2].map(owner);

    let mut rows = inbox(Uid(1), [104, 105]);
    rows.push(through(Uid(1), 100));
    write(&mut first, rows);
    assert_eq!(user(&mut second, Uid(1)), (105, vec![104, 105]));

    write(&mut first, vec![through(Uid(2), 200)]);
    assert_eq!(user(&mut second, Uid(2)), (200, vec![]));

    // The last row of the bucket is gone, those of the next are not.
    let mut rows = inbox(Uid(3), BUCKET_END + 1..=BUCKET_END + 3);
    rows.push(through(Uid(3), BUCKET_END - 9));
    write(&mut first, rows);
    let expect = (BUCKET_END + 1..=BUCKET_END + 3).collect();
    assert_eq!(user(&mut second, Uid(3)), (BUCKET_END + 3, expect));
    // A cursor of long ago finds the first row that is left.
    let (uid, after) = (Uid(3), InboxSeq(0));
    let Found::Inbox(rows) = second.ask(Read::Inbox { uid, after, limit: 2, bytes_max: 99 }) else {
        panic!("no inbox")
    };
    assert_eq!(rows[0].inbox_seq.0, BUCKET_END + 1);
}
