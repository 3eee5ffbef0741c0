//! Rows come back as they were written; what is damaged is refused.

use proptest::prelude::*;

use super::*;
use crate::group::{Member, Members};
use crate::rows::sample;

/// Every field has another value than its neighbours.
fn message(a: u64, b: u64, seq: u64) -> MessageRow {
    let conversation = ConversationId::direct(Uid(a), Uid(b)).unwrap();
    let (number, message_id, chain) = (seq / 2, MessageId(seq ^ 5), Chain(seq ^ 9));
    let (sender, kind, flags) = (Uid(a), RowKind(3), 0x8001);
    let fields = MessageRow { conversation, number, message_id, ..sample(seq, 5) };
    MessageRow { sender, kind, flags, chain, seen: Seq(seq / 3), ..fields }
}

proptest! {
    #[test]
    fn keys_sort_as_their_numbers(a in any::<[u64; 2]>(), b in any::<[u64; 2]>(), shift in 0..64u32) {
        let [a, b] = [a, b].map(|key| key.map(|number| number >> shift));
        let key = |[uid, inbox_seq]: [u64; 2]| Key::inbox(Uid(uid), InboxSeq(inbox_seq));
        prop_assert_eq!(a.cmp(&b), key(a).as_ref().cmp(key(b).as_ref()));
    }

    #[test]
    fn rows_come_back_as_they_were(a in 1u64.., b in 1u64.., seq: u64, is_hidden: bool) {
        prop_assume!(a != b);
        let mut value = Vec::new();

        let row = message(a, b, seq);
        put_message(&mut value, &row);
        let key = Key::message(row.conversation, row.seq);
        prop_assert_eq!(take_message(key.as_ref(), &value), Some(row.clone()));

        value.clear();
        put_id(&mut value, &row);
        prop_assert_eq!(take_id(&[], &value), Some(row.seq));

        value.clear();
        let (uid, inbox_seq) = (Uid(b), InboxSeq(seq));
        let row = InboxRow { uid, inbox_seq, flags: 1, chain: Chain(a), message: row };
        put_inbox(&mut value, &row);
        let key = Key::inbox(row.uid, row.inbox_seq);
        prop_assert_eq!(take_inbox(key.as_ref(), &value), Some(row.clone()));

        value.clear();
        let row = ChatRow {
            recent_seq: Seq(seq), recent_inbox_seq: InboxSeq(a), recent_number: a, read_seq: Seq(b),
            read_number: a / 2, read_time_ms: seq, version: b, is_hidden, peer_read_seq: Seq(a ^ b),
            ..ChatRow::empty(Uid(a), row.message.conversation)
        };
        put_chat(&mut value, &row);
        let key = Key::chat(row.uid, row.conversation);
        prop_assert_eq!(take_chat(key.as_ref(), &value), Some(row));
        prop_assert!(Key::user(row.uid).as_ref() < key.as_ref());
        prop_assert!(key.as_ref() < Key::chats_end(row.uid).as_ref());

        value.clear();
        let row = UserRow { chats_through: InboxSeq(seq), chats_version: b, ..UserRow::empty(Uid(a)) };
        put_user(&mut value, &row);
        prop_assert_eq!(take_user(Key::user(row.uid).as_ref(), &value), Some(row));
        let row = UserRow { revoked: Revoked { tokens_s: b, logins: Generation(seq) }, ..row };
        value.clear();
        put_user(&mut value, &row);
        prop_assert_eq!(take_user(Key::user(row.uid).as_ref(), &value), Some(row));

        let group = ConversationId::group(a).unwrap();
        let (until, is_owner, is_admin, muted_until_ms) = (Seq(0), true, b % 2 == 0, seq);
        let joined = |uid, since| {
            Member { uid, since, until, is_owner, is_admin, muted_until_ms }
        };
        let members = Members::new(vec![joined(Uid(a.min(b)), Seq(b)), joined(Uid(a.max(b)), Seq(a))]);
        let row = GroupRow { group, position: Seq(seq), members };
        value.clear();
        put_group(&mut value, &row);
        prop_assert_eq!(take_group(Key::group(group).as_ref(), &value), Some(row));

        value.clear();
        put_mark(&mut value, &MarkRow { group, is_open: true });
        let key = Key::group_mark(Some(group));
        prop_assert_eq!(take_mark(key.as_ref(), &value), Some(group));
        prop_assert!(Key::group_mark(None).as_ref() < key.as_ref());
        prop_assert!(key.as_ref() < Key::group_marks_end().as_ref());
        prop_assert!(Key::user(Uid(u64::MAX)).as_ref() < Key::group(group).as_ref());
    }

    #[test]
    fn fields_of_a_later_release_are_passed_over(seq: u64, added in proptest::collection::vec(any::<u8>(), 0..99)) {
        let row = message(1, 2, seq);
        let (key, mut value) = (Key::message(row.conversation, row.seq), Vec::new());
        put_message(&mut value, &row);
        let len = usize::from(value[0]);
        value[0] += u8::try_from(added.len()).unwrap();
        value.splice(len + 1..len + 1, added);
        prop_assert_eq!(take_message(key.as_ref(), &value), Some(row));
    }

    #[test]
    fn damaged_rows_are_refused_without_panic(key: Vec<u8>, value: Vec<u8>) {
        let _ = take_message(&key, &value);
        let _ = take_inbox(&key, &value);
        let _ = take_id(&key, &value);
        let _ = take_chat(&key, &value);
        let _ = take_user(&key, &value);
        let _ = take_group(&key, &value);
        let _ = take_mark(&key, &value);
    }
}

#[test]
fn a_field_that_a_former_release_did_not_write_is_zero() {
    let row = MessageRow { seen: Seq(0), ..message(1, 2, 3) };
    let (key, mut value) = (Key::message(row.conversation, row.seq), Vec::new());
    put_message(&mut value, &row);
    value[0] -= 1;
    value.remove(usize::from(value[0]) + 1);
    assert_eq!(take_message(key.as_ref(), &value), Some(row));

    let chat = ChatRow { read_seq: Seq(2), ..ChatRow::empty(Uid(1), sample(1, 0).conversation) };
    value.clear();
    put_chat(&mut value, &chat);
    value[0] -= 1;
    assert_eq!(value.pop(), Some(0), "the number 0 has no further bytes");
    assert_eq!(take_chat(Key::chat(chat.uid, chat.conversation).as_ref(), &value), Some(chat));
}

#[test]
fn usual_keys_stay_inline() {
    let (a, b) = (Uid(1 << 40), Uid(1 << 39));
    let conversation = ConversationId::direct(a, b).unwrap();
    assert!(Key::message(conversation, Seq(1 << 24)).as_ref().len() <= 20);
    assert!(Key::inbox(a, InboxSeq(1 << 40)).as_ref().len() <= 20);
}

#[test]
fn a_value_that_is_cut_is_refused() {
    let (row, mut value) = (message(1, 2, 3), Vec::new());
    put_message(&mut value, &row);
    let key = Key::message(row.conversation, row.seq);
    assert_eq!(take_message(key.as_ref(), &value[..40]), None);
    assert_eq!(take_message(&key.as_ref()[1..], &value), None);
}
