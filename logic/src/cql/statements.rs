//! What takeovers, pages and commits ask of the store, each answered at last or dropped by who asked: a trait, so that
//! a store that loses and repeats writes on purpose can stand in for the real one in tests. And the real one.

use super::client::CqlClient;
use super::codec;
use super::stats::Kind;
use super::write::{Log, Write};
use crate::cluster::Position;
use shard::partition::Partition;
use shard::rows::{ContactRow, InboxRow, MessageRow, Row, UserRow};
use shard::store::limits::CQL_BUCKET_BITS;
use std::future::Future;
use wire::{ClientMsgId, Conversation, MessageId, Seq, Uid};

/// A row of a log as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub position: Position,
    /// What its writer knew to be committed.
    pub committed: Position,
    /// [`Row::Message`] or [`Row::Inbox`].
    pub row: Row,
}

/// What a row of a log carries again if it is written twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogId {
    /// A conversation's: the sender's.
    Sent(Uid, ClientMsgId),
    /// An inbox's.
    Message(MessageId),
}

/// Which partition of a log's table a place is in.
pub fn bucket(position: Position) -> u64 {
    position.0 >> CQL_BUCKET_BITS
}

/// The first place of a bucket.
pub fn bucket_start(bucket: u64) -> Position {
    Position(bucket << CQL_BUCKET_BITS)
}

/// See the module. Dropping what is returned gives up; a write may land all the same.
pub trait Statements: Send + Sync + 'static {
    /// Writes a row under a timestamp, until it is durable.
    fn write(&self, write: &Write, timestamp_us: i64) -> impl Future<Output = ()> + Send;
    /// The bound of a partition's ids, 0 if there is none.
    fn bound(&self, partition: Partition) -> impl Future<Output = u64> + Send;
    /// A user.
    fn user(&self, uid: Uid) -> impl Future<Output = Option<UserRow>> + Send;
    /// A contact.
    fn contact(&self, uid: Uid, peer: Uid) -> impl Future<Output = Option<ContactRow>> + Send;
    /// Contacts after a peer, ascending.
    fn contacts(
        &self,
        uid: Uid,
        after: Uid,
        limit: usize,
    ) -> impl Future<Output = Vec<ContactRow>> + Send;
    /// Where the message is that a sender once sent under an id.
    fn place(
        &self,
        from: Uid,
        id: ClientMsgId,
    ) -> impl Future<Output = Option<(Conversation, Seq)>> + Send;
    /// Rows of a log in the bucket of `from`, from there on, ascending.
    fn rows(
        &self,
        log: Log,
        from: Position,
        limit: usize,
    ) -> impl Future<Output = Vec<Entry>> + Send;
    /// Messages in the bucket of the place before `before`, descending from there.
    fn messages_before(
        &self,
        conversation: Conversation,
        before: Seq,
        limit: usize,
    ) -> impl Future<Output = Vec<MessageRow>> + Send;
    /// Ids in a log's bucket of `from`, from there to before `before`, ascending.
    fn ids(
        &self,
        log: Log,
        from: Position,
        before: Position,
    ) -> impl Future<Output = Vec<(Position, LogId)>> + Send;
}

/// `LIMIT` is an int.
fn int(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}

/// A place or a bucket as a bigint. No log gets that long; what a client names may be.
fn place(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl CqlClient {
    async fn put_message(&self, row: &MessageRow, committed: Position, timestamp_us: i64) {
        let (texts, conversation) = (&self.texts, row.conversation);
        let message = self.put(
            Kind::Message,
            &texts.put_message,
            (
                conversation.big().0.cast_signed(),
                conversation.small().0.cast_signed(),
                place(bucket(row.seq.into())),
                place(row.seq.0),
                row.message_id.0.cast_signed(),
                codec::direction(row),
                row.time_ms.cast_signed(),
                row.client_msg_id.0.as_slice(),
                &row.body,
                place(committed.0),
                timestamp_us,
            ),
        );
        let peer = conversation.peer_of(row.from);
        let by_id = self.put(
            Kind::Dedup,
            &texts.put_place,
            (
                row.from.0.cast_signed(),
                row.client_msg_id.0.as_slice(),
                peer.0.cast_signed(),
                place(row.seq.0),
                timestamp_us,
            ),
        );
        futures_util::future::join(message, by_id).await;
    }

    async fn put_inbox(&self, row: &InboxRow, committed: Position, timestamp_us: i64) {
        let message = &row.message;
        let values = (
            row.uid.0.cast_signed(),
            place(bucket(row.inbox_seq.into())),
            place(row.inbox_seq.0),
            message.conversation.peer_of(row.uid).0.cast_signed(),
            place(message.seq.0),
            message.message_id.0.cast_signed(),
            codec::direction(message),
            message.time_ms.cast_signed(),
            message.client_msg_id.0.as_slice(),
            &message.body,
            place(committed.0),
            timestamp_us,
        );
        self.put(Kind::Inbox, &self.texts.put_inbox, values).await;
    }

    async fn put_contact(&self, row: &ContactRow, timestamp_us: i64) {
        let values = (
            row.uid.0.cast_signed(),
            codec::varint(row.peer.0),
            place(row.recent_seq.0),
            place(row.recent_inbox_seq.0),
            place(row.read_seq.0),
            row.read_time_ms.cast_signed(),
            row.is_deleted,
            timestamp_us,
        );
        self.put(Kind::Contact, &self.texts.put_contact, values).await;
    }
}

impl Statements for CqlClient {
    async fn write(&self, write: &Write, timestamp_us: i64) {
        match write {
            Write::Message { row, committed } => {
                self.put_message(row, *committed, timestamp_us).await;
            }
            Write::Inbox { row, committed } => self.put_inbox(row, *committed, timestamp_us).await,
            Write::Contact(row) => self.put_contact(row, timestamp_us).await,
            Write::User(row) => {
                let values = (row.uid.0.cast_signed(), place(row.contacts_through.0), timestamp_us);
                self.put(Kind::User, &self.texts.put_user, values).await;
            }
            Write::Bound { partition, bound_ms } => {
                let (slice, number) = codec::key(*partition);
                let values = (slice, number, place(*bound_ms), timestamp_us);
                self.put(Kind::Bound, &self.texts.put_bound, values).await;
            }
        }
    }

    async fn bound(&self, partition: Partition) -> u64 {
        let (slice, _) = codec::key(partition);
        let read = || self.ask(&self.texts.bounds, (slice,), |rows| codec::bounds(&rows));
        self.bounds.of(partition, read).await
    }

    async fn user(&self, uid: Uid) -> Option<UserRow> {
        let values = (uid.0.cast_signed(),);
        let through = self.ask(&self.texts.user, values, |rows| codec::number(&rows)).await?;
        Some(UserRow { uid, contacts_through: Position(through).into() })
    }

    async fn contact(&self, uid: Uid, peer: Uid) -> Option<ContactRow> {
        let values = (uid.0.cast_signed(), codec::varint(peer.0));
        let mut rows =
            self.ask(&self.texts.contact, values, |rows| codec::contacts(uid, &rows)).await;
        rows.pop()
    }

    async fn contacts(&self, uid: Uid, after: Uid, limit: usize) -> Vec<ContactRow> {
        let values = (uid.0.cast_signed(), codec::varint(after.0), int(limit));
        self.ask(&self.texts.contacts, values, |rows| codec::contacts(uid, &rows)).await
    }

    async fn place(&self, from: Uid, id: ClientMsgId) -> Option<(Conversation, Seq)> {
        let values = (from.0.cast_signed(), id.0.as_slice());
        let decode = |row: (i64, i64)| {
            let conversation = codec::between(from, Uid(row.0.cast_unsigned()))?;
            Ok((conversation, Seq(row.1.cast_unsigned())))
        };
        let mut rows = self.ask(&self.texts.place, values, |rows| codec::all(&rows, decode)).await;
        rows.pop()
    }

    async fn rows(&self, log: Log, from: Position, limit: usize) -> Vec<Entry> {
        let (part, from, limit) = (place(bucket(from)), place(from.0), int(limit));
        match log {
            Log::Conversation(conversation) => {
                let (big, small) = (conversation.big().0, conversation.small().0);
                let values = (big.cast_signed(), small.cast_signed(), part, from, limit);
                let decode = |rows| codec::messages(conversation, &rows);
                self.ask(&self.texts.messages_from, values, decode).await
            }
            Log::Inbox(uid) => {
                let values = (uid.0.cast_signed(), part, from, limit);
                self.ask(&self.texts.inbox_from, values, |rows| codec::inbox(uid, &rows)).await
            }
        }
    }

    async fn messages_before(
        &self,
        conversation: Conversation,
        before: Seq,
        limit: usize,
    ) -> Vec<MessageRow> {
        let (big, small) = (conversation.big().0, conversation.small().0);
        let part = bucket(Position(before.0.saturating_sub(1)));
        let values =
            (big.cast_signed(), small.cast_signed(), place(part), place(before.0), int(limit));
        let decode = |rows| codec::messages(conversation, &rows);
        let entries = self.ask(&self.texts.messages_before, values, decode).await;
        let message = |entry: Entry| match entry.row {
            Row::Message(row) => row,
            Row::Inbox(_) | Row::Contact(_) | Row::User(_) => unreachable!("of that table"),
        };
        entries.into_iter().map(message).collect()
    }

    async fn ids(&self, log: Log, from: Position, before: Position) -> Vec<(Position, LogId)> {
        let (part, from, before) = (place(bucket(from)), place(from.0), place(before.0));
        let decode = |rows| codec::ids(log, &rows);
        match log {
            Log::Conversation(conversation) => {
                let (big, small) = (conversation.big().0, conversation.small().0);
                let values = (big.cast_signed(), small.cast_signed(), part, from, before);
                self.ask(&self.texts.message_ids, values, decode).await
            }
            Log::Inbox(uid) => {
                let values = (uid.0.cast_signed(), part, from, before);
                self.ask(&self.texts.inbox_ids, values, decode).await
            }
        }
    }
}
