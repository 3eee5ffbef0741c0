//! Rows of an inbox go by age, oldest first. On a real server: where an inbox begins is found by a few statements, and a chat shows
//! its newest message as long as the conversation has it.

use super::keyspace::Keyspace;
use bytes::Bytes;
use logic::cql::Kind;
use logic::fence::Fence;
use shard::rows::{
    Chain, ChatRow, Found, InboxRow, MessageRow, Read, Row, Ticket, UserRow, sample,
};
use wire::{ConversationId, InboxSeq, Seq, Uid};

const UID: Uid = Uid(2);

fn message(seq: u64) -> MessageRow {
    MessageRow { body: Bytes::from(seq.to_string()), ..sample(seq, 0) }
}

fn copy(place: u64) -> Row {
    let (flags, chain) = (0, Chain::default());
    let inbox_seq = InboxSeq(place);
    Row::Inbox(InboxRow { uid: UID, inbox_seq, flags, chain, message: message(place) })
}

/// What is below `tail` was never written: a row that is gone leaves nothing that is read.
#[test]
fn where_an_inbox_begins_is_found_by_few_statements() {
    let keyspace = Keyspace::new();
    let mut owner = keyspace.open(1, Fence::always_open());
    let head = 40_000;
    for (ticket, tail) in (1..).zip([39_999, 32_768, 30_000, 8_191]) {
        let rows = (tail..tail + 300).chain([head]).map(copy).collect();
        owner.store.commit(Ticket(ticket), rows);
        owner.settle();
        for (from, statements) in [(1, 1 + 4 + 3), (tail - 5, 1 + 4 + 3), (tail, 1)] {
            let (before, failed) =
                (keyspace.client.stats().sent(Kind::Read), keyspace.client.stats().failed());
            // Above the first row everything is there, as far as this asks.
            let head = (tail + 299).min(head);
            let read = Read::Tail { uid: UID, from: InboxSeq(from), head: InboxSeq(head) };
            assert_eq!(owner.ask(read), Found::Tail(InboxSeq(tail)), "from {from}");
            let sent = keyspace.client.stats().sent(Kind::Read) - before;
            let again = keyspace.client.stats().failed() - failed;
            assert!(sent <= statements + again, "{sent} from {from} to {tail}");
        }
    }
    let read = Read::Tail { uid: Uid(3), from: InboxSeq(1), head: InboxSeq(head) };
    assert_eq!(owner.ask(read), Found::Tail(InboxSeq(head + 1)), "nothing is left");
}

/// A cursor of long ago: the buckets between are not read one by one.
#[test]
fn a_page_passes_over_what_is_gone() {
    let keyspace = Keyspace::new();
    let mut owner = keyspace.open(1, Fence::always_open());
    let (tail, head) = (800_000, 800_009);
    let mut rows: Vec<Row> = (tail..=head).map(copy).collect();
    let chats_through = InboxSeq(head);
    rows.push(Row::User(UserRow { chats_through, chats_version: 1, ..UserRow::empty(UID) }));
    owner.store.commit(Ticket(1), rows);
    owner.settle();
    let (before, failed) =
        (keyspace.client.stats().sent(Kind::Read), keyspace.client.stats().failed());
    let read = Read::Inbox { uid: UID, after: InboxSeq(3), limit: 10, bytes_max: 9_999 };
    let Found::Inbox(rows) = owner.ask(read) else { panic!("no page") };
    assert_eq!((rows.len(), rows[0].inbox_seq.0), (10, tail));
    let sent = keyspace.client.stats().sent(Kind::Read) - before;
    let again = keyspace.client.stats().failed() - failed;
    assert!(sent <= 20 + again, "{sent} statements");
}

#[test]
fn a_chat_shows_its_newest_message_as_long_as_the_conversation_has_it() {
    let keyspace = Keyspace::new();
    let mut owner = keyspace.open(1, Fence::always_open());
    let chat = |peer: u64, seq, place| {
        let conversation = ConversationId::direct(UID, Uid(peer)).unwrap();
        let row = ChatRow {
            recent_seq: Seq(seq),
            recent_inbox_seq: InboxSeq(place),
            recent_number: seq,
            ..ChatRow::empty(UID, conversation)
        };
        Row::Chat(row)
    };
    // Of user 1 the inbox row is gone, of user 3 the message too, of user 4 nothing.
    let mut theirs = message(7);
    theirs.conversation = ConversationId::direct(UID, Uid(4)).unwrap();
    let (uid, inbox_seq, flags, chain) = (UID, InboxSeq(20), 0, Chain::default());
    owner.store.commit(
        Ticket(1),
        vec![
            Row::Message(message(4)),
            Row::Message(message(5)),
            Row::Message(message(6)),
            Row::Inbox(InboxRow { uid, inbox_seq, flags, chain, message: theirs }),
            chat(1, 5, 10),
            chat(3, 9, 11),
            chat(4, 7, 20),
        ],
    );
    owner.settle();
    let read = Read::Chats { uid: UID, after: None, limit: 10, bytes_max: 9_999 };
    let Found::Chats(rows) = owner.ask(read) else { panic!("no chats") };
    let bodies = |(row, newest): &(ChatRow, Option<MessageRow>)| {
        let body = newest.as_ref().map(|row| String::from_utf8(row.body.to_vec()).unwrap());
        (row.conversation.peer_of(UID).unwrap().0, body)
    };
    let expect = [(1, Some("5".into())), (3, None), (4, Some("7".into()))];
    assert_eq!(rows.iter().map(bodies).collect::<Vec<_>>(), expect);
}
