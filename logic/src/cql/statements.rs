//! What takeovers, pages and commits ask of the store, each answered at last or dropped by who asked: a trait, so that
//! a store that loses and repeats writes on purpose can stand in for the real one in tests, on a clock of its own. And
//! the real one.

use super::client::CqlClient;
use super::codec;
use super::columns::{PutChat, PutInbox, PutMessage, chat_parts, parts};
use super::entry::{Entry, bucket};
use super::keys::{key, slot};
use super::stats::Kind;
use super::write::{Log, Write};
use crate::cluster::Position;
use crate::cql::limits::CQL_HEAD_EVERY;
use futures_util::future::{OptionFuture, join3};
use shard::group::GroupRow;
use shard::partition::Partition;
use shard::rows::{ChatRow, InboxRow, MessageRow, Revoked, UserRow};
use std::future::Future;
use std::time::Duration;
use wire::{ClientMsgId, ConversationId, Generation, InboxSeq, Seq, Uid};

/// Whether the message at a place writes its conversation's head as well.
#[must_use]
pub fn writes_head(seq: Seq) -> bool {
    seq.0.is_multiple_of(CQL_HEAD_EVERY)
}

/// Every question and write. Dropping what is returned gives up; a write may land all the same.
pub trait Statements: Send + Sync + 'static {
    /// Writes a row under a timestamp, until it is durable.
    fn write(&self, write: &Write, timestamp_us: i64) -> impl Future<Output = ()> + Send;
    /// The bound of a partition's ids, 0 if there is none.
    fn bound(&self, partition: Partition) -> impl Future<Output = u64> + Send;
    /// A user.
    fn user(&self, uid: Uid) -> impl Future<Output = Option<UserRow>> + Send;
    /// A place of a conversation that is known to be committed, 0 if none is.
    fn head(&self, conversation: ConversationId) -> impl Future<Output = Seq> + Send;
    /// A chat.
    fn chat(
        &self,
        uid: Uid,
        conversation: ConversationId,
    ) -> impl Future<Output = Option<ChatRow>> + Send;
    /// Chats of a slot after a conversation, ascending.
    fn chats(
        &self,
        uid: Uid,
        slot: i8,
        after: Option<ConversationId>,
        limit: usize,
    ) -> impl Future<Output = Vec<ChatRow>> + Send;
    /// A group.
    fn group(&self, group: ConversationId) -> impl Future<Output = Option<GroupRow>> + Send;
    /// Groups of a partition whose mark is open, in some order, those after one in it.
    fn marks(
        &self,
        partition: Partition,
        after: Option<ConversationId>,
        limit: usize,
    ) -> impl Future<Output = Vec<ConversationId>> + Send;
    /// Where the message is that a sender once sent to a conversation under an id.
    fn place(
        &self,
        conversation: ConversationId,
        id: (Uid, ClientMsgId),
    ) -> impl Future<Output = Option<Seq>> + Send;
    /// Rows of a log in the bucket of `from`, from there on, ascending.
    fn rows(
        &self,
        log: Log,
        from: Position,
        limit: usize,
    ) -> impl Future<Output = Vec<Entry>> + Send;
    /// Rows of an inbox at these places of one bucket.
    fn inbox_at(&self, uid: Uid, places: &[InboxSeq])
    -> impl Future<Output = Vec<InboxRow>> + Send;
    /// At which of these places of one bucket an inbox has rows, in any order.
    fn inbox_there(
        &self,
        uid: Uid,
        places: &[InboxSeq],
    ) -> impl Future<Output = Vec<InboxSeq>> + Send;
    /// Messages in the bucket of the place before `before`, descending from there.
    fn messages_before(
        &self,
        conversation: ConversationId,
        before: Seq,
        limit: usize,
    ) -> impl Future<Output = Vec<MessageRow>> + Send;
    /// Nothing but the end of so much time.
    fn passed(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// `LIMIT` is an int.
fn int(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}

/// A place or a bucket as a bigint. No log gets that long; what a client names may be.
fn place(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Places of one bucket of an inbox, for a statement; `None`: there are none.
fn at(uid: Uid, places: &[InboxSeq]) -> Option<(i64, i64, Vec<i64>)> {
    let part = place(bucket((*places.first()?).into()));
    Some((uid.0.cast_signed(), part, places.iter().map(|it| place(it.0)).collect()))
}

impl CqlClient {
    async fn put_message(&self, row: &MessageRow, committed: Position, timestamp_us: i64) {
        let (texts, (kind, a, b)) = (&self.texts, parts(row.conversation));
        let values = PutMessage::new(row, committed, timestamp_us);
        let message = self.put(Kind::Message, &texts.put_message, values);
        let (sender, id) = (row.sender.0.cast_signed(), row.client_msg_id.0.as_slice());
        let values = (sender, id, kind, a, b, place(row.seq.0), timestamp_us);
        let by_id = self.put(Kind::Dedup, &texts.put_place, values);
        // The heads of an epoch have one timestamp: the greatest stays. An old one only means more to read.
        let values = (kind, a, b, place(committed.0), timestamp_us);
        let head: OptionFuture<_> =
            writes_head(row.seq).then(|| self.put(Kind::Head, &texts.put_head, values)).into();
        join3(message, by_id, head).await;
    }
}

impl Statements for CqlClient {
    async fn write(&self, write: &Write, timestamp_us: i64) {
        match write {
            Write::Message { row, committed } => {
                self.put_message(row, *committed, timestamp_us).await;
            }
            Write::Inbox { row, committed } => {
                let values = PutInbox::new(row, *committed, timestamp_us);
                self.put(Kind::Inbox, &self.texts.put_inbox, values).await;
            }
            Write::Chat(row) => {
                let values = PutChat::new(row, timestamp_us);
                self.put(Kind::Chat, &self.texts.put_chat, values).await;
            }
            Write::User(row) => {
                let (through, version) = (place(row.chats_through.0), place(row.chats_version));
                let Revoked { tokens_s, logins } = row.revoked;
                let revoked = (place(tokens_s), place(logins.0));
                let values =
                    (row.uid.0.cast_signed(), through, version, revoked.0, revoked.1, timestamp_us);
                self.put(Kind::User, &self.texts.put_user, values).await;
            }
            Write::Group(row) => {
                let gid = row.group.home().cast_signed();
                let values = (gid, place(row.position.0), row.member_bytes(), timestamp_us);
                self.put(Kind::Group, &self.texts.put_group, values).await;
            }
            Write::Mark(row) => {
                let partition = i32::from(Partition::of_conversation(row.group).number());
                let gid = row.group.home().cast_signed();
                if row.is_open {
                    let values = (partition, gid, true, timestamp_us);
                    self.put(Kind::Group, &self.texts.put_mark, values).await;
                } else {
                    let values = (timestamp_us, partition, gid);
                    self.put(Kind::Group, &self.texts.remove_mark, values).await;
                }
            }
            Write::Bound { partition, bound_ms } => {
                let (slice, number) = key(*partition);
                let values = (slice, number, place(*bound_ms), timestamp_us);
                self.put(Kind::Bound, &self.texts.put_bound, values).await;
            }
        }
    }

    async fn bound(&self, partition: Partition) -> u64 {
        let (slice, _) = key(partition);
        let read = || self.ask(&self.texts.bounds, (slice,), |rows| codec::bounds(&rows));
        self.bounds.of(partition, read).await
    }

    async fn user(&self, uid: Uid) -> Option<UserRow> {
        let values = (uid.0.cast_signed(),);
        let decode = |row: (i64, i64, Option<i64>, Option<i64>)| {
            let (chats_through, chats_version) = (InboxSeq(row.0.cast_unsigned()), row.1);
            let later = |number: Option<i64>| number.map_or(0, i64::cast_unsigned);
            let revoked = Revoked { tokens_s: later(row.2), logins: Generation(later(row.3)) };
            Ok(UserRow {
                uid,
                chats_through,
                chats_version: chats_version.cast_unsigned(),
                revoked,
                push: None,
            })
        };
        let mut rows = self.ask(&self.texts.user, values, |rows| codec::all(&rows, decode)).await;
        rows.pop()
    }

    async fn head(&self, conversation: ConversationId) -> Seq {
        let values = parts(conversation);
        let head = self.ask(&self.texts.head, values, |rows| codec::number(&rows)).await;
        Seq(head.unwrap_or(0))
    }

    async fn chat(&self, uid: Uid, conversation: ConversationId) -> Option<ChatRow> {
        let (kind, a, b) = chat_parts(Some(conversation));
        let values = (uid.0.cast_signed(), slot(conversation), kind, a, b);
        let mut rows = self.ask(&self.texts.chat, values, |rows| codec::chats(uid, &rows)).await;
        rows.pop()
    }

    async fn chats(
        &self,
        uid: Uid,
        slot: i8,
        after: Option<ConversationId>,
        limit: usize,
    ) -> Vec<ChatRow> {
        let (kind, a, b) = chat_parts(after);
        let values = (uid.0.cast_signed(), slot, kind, a, b, int(limit));
        self.ask(&self.texts.chats, values, |rows| codec::chats(uid, &rows)).await
    }

    async fn group(&self, group: ConversationId) -> Option<GroupRow> {
        let values = (group.home().cast_signed(),);
        let decode = |rows: &_| codec::groups(group, rows);
        self.ask(&self.texts.group, values, |rows| decode(&rows)).await.pop()
    }

    async fn marks(
        &self,
        partition: Partition,
        after: Option<ConversationId>,
        limit: usize,
    ) -> Vec<ConversationId> {
        let above = after.map_or(i64::MIN, |group| group.home().cast_signed());
        let values = (i32::from(partition.number()), above, int(limit));
        self.ask(&self.texts.marks, values, |rows| codec::marks(&rows)).await
    }

    async fn place(
        &self,
        conversation: ConversationId,
        (sender, id): (Uid, ClientMsgId),
    ) -> Option<Seq> {
        let (kind, a, b) = parts(conversation);
        let values = (sender.0.cast_signed(), id.0.as_slice(), kind, a, b);
        self.ask(&self.texts.place, values, |rows| codec::number(&rows)).await.map(Seq)
    }

    async fn rows(&self, log: Log, from: Position, limit: usize) -> Vec<Entry> {
        let (part, from, limit) = (place(bucket(from)), place(from.0), int(limit));
        match log {
            Log::Conversation(conversation) => {
                let (kind, a, b) = parts(conversation);
                let values = (kind, a, b, part, from, limit);
                self.ask(&self.texts.messages_from, values, |rows| codec::messages(&rows)).await
            }
            Log::Inbox(uid) => {
                let values = (uid.0.cast_signed(), part, from, limit);
                self.ask(&self.texts.inbox_from, values, |rows| codec::inbox(uid, &rows)).await
            }
        }
    }

    async fn inbox_at(&self, uid: Uid, places: &[InboxSeq]) -> Vec<InboxRow> {
        let Some(values) = at(uid, places) else { return Vec::new() };
        self.ask(&self.texts.inbox_at, values, |rows| codec::inbox_rows(uid, &rows)).await
    }

    async fn inbox_there(&self, uid: Uid, places: &[InboxSeq]) -> Vec<InboxSeq> {
        let Some(values) = at(uid, places) else { return Vec::new() };
        let place = |(place,): (i64,)| Ok(InboxSeq(place.cast_unsigned()));
        self.ask(&self.texts.inbox_there, values, |rows| codec::all(&rows, place)).await
    }

    async fn messages_before(
        &self,
        conversation: ConversationId,
        before: Seq,
        limit: usize,
    ) -> Vec<MessageRow> {
        let (kind, a, b) = parts(conversation);
        let part = bucket(Position(before.0.saturating_sub(1)));
        let values = (kind, a, b, place(part), place(before.0), int(limit));
        let entries =
            self.ask(&self.texts.messages_before, values, |rows| codec::messages(&rows)).await;
        let message = |entry: Entry| entry.row.into_message().expect("of that table");
        entries.into_iter().map(message).collect()
    }

    async fn passed(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}
