//! Every statement of the message path and of ownership, prepared once a process. It knows no values.
//!
//! Each names whole partition keys, so that the driver sends it to a node that has the row. Only the two tables of
//! ownership are read whole; they have a row a node and a row a partition.

use super::columns::{ChatColumns, InboxColumns, MessageColumns};
use super::config::CqlError;
use scylla::client::session::Session;
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::statement::prepared::PreparedStatement;
use std::sync::Arc;

/// A message's columns.
const MESSAGE: &str = MessageColumns::NAMES;
/// An inbox row's.
const INBOX: &str = InboxColumns::NAMES;
/// A chat's.
const CHAT: &str = ChatColumns::NAMES;
/// What a change of a lease compares.
const IF_LEASE: &str = "IF incarnation = ? AND life_token = ? AND beat = ? AND standing = ?";

/// Prepared statements, named for what they do.
#[derive(Debug)]
pub struct Texts {
    pub put_message: PreparedStatement,
    pub put_place: PreparedStatement,
    pub put_inbox: PreparedStatement,
    pub put_head: PreparedStatement,
    pub put_chat: PreparedStatement,
    pub put_user: PreparedStatement,
    pub put_bound: PreparedStatement,
    pub put_group: PreparedStatement,
    pub put_mark: PreparedStatement,
    pub remove_mark: PreparedStatement,
    pub group: PreparedStatement,
    pub marks: PreparedStatement,
    pub messages_from: PreparedStatement,
    pub messages_before: PreparedStatement,
    pub head: PreparedStatement,
    pub inbox_from: PreparedStatement,
    pub inbox_at: PreparedStatement,
    pub inbox_there: PreparedStatement,
    pub place: PreparedStatement,
    pub chat: PreparedStatement,
    pub chats: PreparedStatement,
    pub user: PreparedStatement,
    pub bounds: PreparedStatement,
    pub cluster_value: PreparedStatement,
    pub clock: PreparedStatement,
    pub leases: PreparedStatement,
    pub owners: PreparedStatement,
    pub add_lease: PreparedStatement,
    pub change_lease: PreparedStatement,
    pub change_lease_and_address: PreparedStatement,
    pub add_owner: PreparedStatement,
    pub change_owner: PreparedStatement,
}

/// Prepares for one keyspace.
struct Preparer<'a> {
    session: &'a Session,
    keyspace: &'a str,
}

impl Preparer<'_> {
    /// May be sent twice: the same rows under the same timestamps, or a read.
    async fn idempotent(&self, text: &str) -> Result<PreparedStatement, CqlError> {
        let mut prepared = self.prepare(text).await?;
        prepared.set_is_idempotent(true);
        Ok(prepared)
    }

    /// A compare-and-set: sent once, whoever asked reads what became of it.
    async fn once(&self, text: &str) -> Result<PreparedStatement, CqlError> {
        let mut prepared = self.prepare(text).await?;
        prepared.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy::new())));
        Ok(prepared)
    }

    async fn prepare(&self, text: &str) -> Result<PreparedStatement, CqlError> {
        let text = text.replace("{k}", self.keyspace);
        self.session.prepare(text).await.map_err(|error| CqlError::Statement {
            what: "prepare a statement",
            reason: error.to_string(),
        })
    }

    /// An `INSERT` of these columns under a timestamp, each bound by its name.
    async fn put(&self, table: &str, columns: &str) -> Result<PreparedStatement, CqlError> {
        let places = columns.replace(", ", ", :");
        let text = format!(
            "INSERT INTO {{k}}.{table} ({columns}) VALUES (:{places}) USING TIMESTAMP :timestamp_us"
        );
        self.idempotent(&text).await
    }

    async fn from(&self, columns: &str, rest: &str) -> Result<PreparedStatement, CqlError> {
        self.idempotent(&format!("SELECT {columns} FROM {{k}}.{rest}")).await
    }
}

impl Texts {
    /// Prepares them all.
    #[allow(clippy::too_many_lines, reason = "a list, of a statement an entry")]
    pub async fn prepare(session: &Session, keyspace: &str) -> Result<Self, CqlError> {
        let p = Preparer { session, keyspace };
        let messages = "messages WHERE kind = ? AND a = ? AND b = ? AND bucket = ?";
        let inbox = "inbox WHERE uid = ? AND bucket = ?";
        let set_lease = "incarnation = ?, life_token = ?, beat = ?, standing = ?";
        Ok(Self {
            put_message: p.put("messages", &format!("bucket, {MESSAGE}")).await?,
            put_place: p.put("msg_dedup", "sender, client_msg_id, kind, a, b, seq").await?,
            put_inbox: p.put("inbox", &format!("uid, bucket, {INBOX}")).await?,
            put_head: p.put("heads", "kind, a, b, seq").await?,
            put_chat: p.put("chats", &format!("uid, slot, {CHAT}")).await?,
            put_user: p.put("users", "uid, chats_through, chats_version, revoked_tokens_s, revoked_logins").await?,
            put_bound: p.put("id_bounds", "slice, partition, bound_ms").await?,
            put_group: p.put("groups", "gid, position, members").await?,
            put_mark: p.put("group_marks", "partition, gid, is_open").await?,
            remove_mark: p
                .idempotent(
                    "DELETE FROM {k}.group_marks USING TIMESTAMP ? WHERE partition = ? AND gid = ?",
                )
                .await?,
            group: p.from("position, members", "groups WHERE gid = ?").await?,
            marks: p
                .from("gid", "group_marks WHERE partition = ? AND gid > ? LIMIT ?")
                .await?,
            messages_from: p
                .from(MESSAGE, &format!("{messages} AND seq >= ? ORDER BY seq ASC LIMIT ?"))
                .await?,
            messages_before: p
                .from(MESSAGE, &format!("{messages} AND seq < ? ORDER BY seq DESC LIMIT ?"))
                .await?,
            head: p.from("seq", "heads WHERE kind = ? AND a = ? AND b = ?").await?,
            inbox_from: p.from(INBOX, &format!("{inbox} AND inbox_seq >= ? LIMIT ?")).await?,
            inbox_at: p.from(INBOX, &format!("{inbox} AND inbox_seq IN ?")).await?,
            inbox_there: p.from("inbox_seq", &format!("{inbox} AND inbox_seq IN ?")).await?,
            place: p
                .from(
                    "seq",
                    "msg_dedup WHERE sender = ? AND client_msg_id = ? AND kind = ? AND a = ? AND b = ?",
                )
                .await?,
            chat: p
                .from(CHAT, "chats WHERE uid = ? AND slot = ? AND kind = ? AND a = ? AND b = ?")
                .await?,
            chats: p
                .from(CHAT, "chats WHERE uid = ? AND slot = ? AND (kind, a, b) > (?, ?, ?) LIMIT ?")
                .await?,
            user: p.from("chats_through, chats_version, revoked_tokens_s, revoked_logins", "users WHERE uid = ?").await?,
            bounds: p.from("partition, bound_ms", "id_bounds WHERE slice = ?").await?,
            cluster_value: p.from("value", "cluster WHERE name = ?").await?,
            clock: p.idempotent("SELECT toUnixTimestamp(now()) FROM system.local").await?,
            leases: p.from("node, incarnation, life_token, beat, standing, address", "leases").await?,
            owners: p.from("partition, epoch, node, incarnation", "partitions").await?,
            add_lease: p
                .once(
                    "INSERT INTO {k}.leases (incarnation, life_token, beat, standing, address, node) \
                     VALUES (?, ?, ?, ?, ?, ?) IF NOT EXISTS",
                )
                .await?,
            change_lease: p
                .once(&format!("UPDATE {{k}}.leases SET {set_lease} WHERE node = ? {IF_LEASE}"))
                .await?,
            change_lease_and_address: p
                .once(&format!(
                    "UPDATE {{k}}.leases SET {set_lease}, address = ? WHERE node = ? {IF_LEASE}"
                ))
                .await?,
            add_owner: p
                .once(
                    "INSERT INTO {k}.partitions (epoch, node, incarnation, slice, partition) \
                     VALUES (?, ?, ?, ?, ?) IF NOT EXISTS",
                )
                .await?,
            change_owner: p
                .once(
                    "UPDATE {k}.partitions SET epoch = ?, node = ?, incarnation = ? \
                     WHERE slice = ? AND partition = ? IF epoch = ? AND node = ? AND incarnation = ?",
                )
                .await?,
        })
    }
}
