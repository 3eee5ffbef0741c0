//! Every statement of the message path and of ownership, prepared once a process. It knows no values.
//!
//! Each names whole partition keys, so that the driver sends it to a node that has the row. Only the two tables of
//! ownership are read whole; they have a row a node and a row a partition.

use super::config::CqlError;
use scylla::client::session::Session;
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::statement::prepared::PreparedStatement;
use std::sync::Arc;

/// A message's columns, as [`super::codec`] takes them.
const MESSAGE: &str = "seq, message_id, direction, time_ms, client_msg_id, body, committed";
/// An inbox row's.
const INBOX: &str =
    "inbox_seq, peer, seq, message_id, direction, time_ms, client_msg_id, body, committed";
/// A contact's.
const CONTACT: &str = "peer, recent_seq, recent_inbox_seq, read_seq, read_time_ms, is_deleted";
/// What a change of a lease compares.
const IF_LEASE: &str = "IF incarnation = ? AND life_token = ? AND beat = ? AND standing = ?";

/// Prepared statements, named for what they do.
#[derive(Debug)]
pub struct Texts {
    pub put_message: PreparedStatement,
    pub put_place: PreparedStatement,
    pub put_inbox: PreparedStatement,
    pub put_contact: PreparedStatement,
    pub put_user: PreparedStatement,
    pub put_bound: PreparedStatement,
    pub messages_from: PreparedStatement,
    pub messages_before: PreparedStatement,
    pub message_ids: PreparedStatement,
    pub inbox_from: PreparedStatement,
    pub inbox_ids: PreparedStatement,
    pub place: PreparedStatement,
    pub contact: PreparedStatement,
    pub contacts: PreparedStatement,
    pub user: PreparedStatement,
    pub bounds: PreparedStatement,
    pub cluster_value: PreparedStatement,
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

    /// An `INSERT` of these columns under a timestamp.
    async fn put(&self, table: &str, columns: &str) -> Result<PreparedStatement, CqlError> {
        let places = vec!["?"; columns.split(',').count()].join(", ");
        let text =
            format!("INSERT INTO {{k}}.{table} ({columns}) VALUES ({places}) USING TIMESTAMP ?");
        self.idempotent(&text).await
    }

    async fn from(&self, columns: &str, rest: &str) -> Result<PreparedStatement, CqlError> {
        self.idempotent(&format!("SELECT {columns} FROM {{k}}.{rest}")).await
    }
}

impl Texts {
    /// Prepares them all.
    pub async fn prepare(session: &Session, keyspace: &str) -> Result<Self, CqlError> {
        let p = Preparer { session, keyspace };
        let messages = "messages WHERE big = ? AND small = ? AND bucket = ?";
        let inbox = "inbox WHERE uid = ? AND bucket = ?";
        let set_lease = "incarnation = ?, life_token = ?, beat = ?, standing = ?";
        Ok(Self {
            put_message: p.put("messages", &format!("big, small, bucket, {MESSAGE}")).await?,
            put_place: p.put("msg_dedup", "sender, client_msg_id, peer, seq").await?,
            put_inbox: p.put("inbox", &format!("uid, bucket, {INBOX}")).await?,
            put_contact: p.put("contacts", &format!("uid, {CONTACT}")).await?,
            put_user: p.put("users", "uid, contacts_through").await?,
            put_bound: p.put("id_bounds", "slice, partition, bound_ms").await?,
            messages_from: p
                .from(MESSAGE, &format!("{messages} AND seq >= ? ORDER BY seq ASC LIMIT ?"))
                .await?,
            messages_before: p
                .from(MESSAGE, &format!("{messages} AND seq < ? ORDER BY seq DESC LIMIT ?"))
                .await?,
            message_ids: p
                .from(
                    "seq, direction, client_msg_id",
                    &format!("{messages} AND seq >= ? AND seq < ? ORDER BY seq ASC"),
                )
                .await?,
            inbox_from: p.from(INBOX, &format!("{inbox} AND inbox_seq >= ? LIMIT ?")).await?,
            inbox_ids: p
                .from(
                    "inbox_seq, message_id",
                    &format!("{inbox} AND inbox_seq >= ? AND inbox_seq < ?"),
                )
                .await?,
            place: p.from("peer, seq", "msg_dedup WHERE sender = ? AND client_msg_id = ?").await?,
            contact: p.from(CONTACT, "contacts WHERE uid = ? AND peer = ?").await?,
            contacts: p.from(CONTACT, "contacts WHERE uid = ? AND peer > ? LIMIT ?").await?,
            user: p.from("contacts_through", "users WHERE uid = ?").await?,
            bounds: p.from("partition, bound_ms", "id_bounds WHERE slice = ?").await?,
            cluster_value: p.from("value", "cluster WHERE name = ?").await?,
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
