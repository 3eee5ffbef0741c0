//! The two tables of ownership, read whole and changed by compare-and-set: one try each. It decides nothing.
//!
//! Owners of a slice of partitions are changed by one conditional batch: a takeover would otherwise wait for the server's
//! consensus once a partition.
//!
//! What a server tells of a change that it refused differs: Cassandra sends the columns that were compared, ScyllaDB the
//! whole row, also of nulls. So columns are looked up by name.

use super::client::CqlClient;
use super::config::CqlError;
use super::{codec, keys, schema};
use crate::cluster::{LeaseChange, LeaseRow, Outcome, OwnerChange, Standing};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::response::query_result::QueryRowsResult;
use scylla::statement::batch::{Batch, BatchType};
use scylla::value::{CqlValue, Row};
use shard::owner::{Epoch, Holder, Incarnation, NodeId, OwnerRow};
use shard::partition::Partition;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A row of an answer, by the names of its columns.
struct Named(Vec<(String, Option<CqlValue>)>);

impl Named {
    fn first(rows: &QueryRowsResult) -> Option<Self> {
        let row: Row = rows.maybe_first_row().ok()??;
        let names = rows.column_specs().iter().map(|spec| spec.name().to_string());
        Some(Self(names.zip(row.columns).collect()))
    }

    fn get(&self, name: &str) -> Option<&CqlValue> {
        self.0.iter().find(|column| column.0 == name)?.1.as_ref()
    }

    fn bigint(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_bigint()
    }
}

fn standing_text(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Leaving => "leaving",
        Standing::Over => "over",
    }
}

fn standing(text: &str) -> Option<Standing> {
    let all = [Standing::Active, Standing::Leaving, Standing::Over];
    all.into_iter().find(|standing| standing_text(*standing) == text)
}

/// Columns in the order of every statement: incarnation, token, beat, standing.
fn lease_values(row: &LeaseRow) -> (i64, i64, i64, &'static str) {
    let LeaseRow { incarnation, token, beat, standing, .. } = *row;
    let beat = beat.cast_signed();
    (i64::from(incarnation.0), token.cast_signed(), beat, standing_text(standing))
}

fn lease(node: NodeId, values: (i64, i64, i64, &str)) -> Option<LeaseRow> {
    Some(LeaseRow {
        node,
        incarnation: Incarnation(u32::try_from(values.0).ok()?),
        token: values.1.cast_unsigned(),
        beat: values.2.cast_unsigned(),
        standing: standing(values.3)?,
    })
}

fn owner(partition: Partition, values: (i64, i32, i64)) -> Option<OwnerRow> {
    let node = NodeId(u16::try_from(values.1).ok()?);
    let incarnation = Incarnation(u32::try_from(values.2).ok()?);
    let epoch = Epoch(u32::try_from(values.0).ok()?);
    Some(OwnerRow { partition, epoch, holder: Holder { node, incarnation } })
}

/// Columns in the order of every statement: epoch, node, incarnation.
fn owner_values(row: &OwnerRow) -> (i64, i32, i64) {
    let Holder { node, incarnation } = row.holder;
    (i64::from(row.epoch.0), i32::from(node.0), i64::from(incarnation.0))
}

/// What of a row a change sets, and which row: slice and partition.
type Added = (i64, i32, i64, i32, i32);
/// The same, and what must be there.
type Changed = (i64, i32, i64, i32, i32, i64, i32, i64);

fn add_values(row: &OwnerRow) -> Added {
    let (epoch, node, incarnation) = owner_values(row);
    let (slice, number) = keys::key(row.partition);
    (epoch, node, incarnation, slice, number)
}

/// `None`: there is no row to change.
fn change_values(change: &OwnerChange) -> Option<Changed> {
    let old = owner_values(change.expected.as_ref()?);
    let (epoch, node, incarnation, slice, number) = add_values(&change.next);
    Some((epoch, node, incarnation, slice, number, old.0, old.1, old.2))
}

fn bad_row(what: &str) -> CqlError {
    CqlError::Statement { what: "read who owns what", reason: format!("{what} is damaged") }
}

/// What became of a change, if the answer can be read.
fn outcome<R>(rows: &QueryRowsResult, there: impl Fn(&Named) -> Option<R>) -> Outcome<R> {
    let Some(named) = Named::first(rows) else { return Outcome::Unknown };
    match named.get("[applied]").and_then(CqlValue::as_boolean) {
        Some(true) => Outcome::Applied,
        Some(false) => Outcome::Refused(there(&named)),
        None => Outcome::Unknown,
    }
}

impl CqlClient {
    /// What the clock of a server shows, Unix ms.
    ///
    /// # Errors
    /// No answer in time, or none that can be read.
    pub async fn clock_ms(&self) -> Result<u64, CqlError> {
        let rows = self.once(&self.texts.clock, ()).await?;
        let ms = codec::number(&rows).map_err(|error| bad_row(&error.to_string()))?;
        ms.ok_or_else(|| bad_row("a clock"))
    }

    /// All leases, with where their nodes listen.
    ///
    /// # Errors
    /// No answer in time, or a row that cannot be read.
    pub async fn leases(&self) -> Result<Vec<(LeaseRow, Option<String>)>, CqlError> {
        type Columns = (i32, i64, i64, i64, String, Option<String>);
        let rows = self.once(&self.texts.leases, ()).await?;
        let decode = |row: Columns| {
            let (node, incarnation, token, beat, standing, address) = row;
            let node = u16::try_from(node).map(NodeId).ok();
            let values = (incarnation, token, beat, standing.as_str());
            Ok(node.and_then(|node| lease(node, values)).map(|row| (row, address)))
        };
        let rows = codec::all(&rows, decode).map_err(|error| bad_row(&error.to_string()))?;
        rows.into_iter().collect::<Option<_>>().ok_or_else(|| bad_row("a lease"))
    }

    /// All owners.
    ///
    /// # Errors
    /// No answer in time, or a row that cannot be read.
    pub async fn owners(&self) -> Result<Vec<OwnerRow>, CqlError> {
        let rows = self.once(&self.texts.owners, ()).await?;
        let decode = |row: (i32, i64, i32, i64)| {
            let partition = keys::partition(row.0)?;
            Ok(owner(partition, (row.1, row.2, row.3)))
        };
        let rows = codec::all(&rows, decode).map_err(|error| bad_row(&error.to_string()))?;
        rows.into_iter().collect::<Option<_>>().ok_or_else(|| bad_row("an owner"))
    }

    /// Changes a lease; `address` is where its node listens, `None` leaves it as it is.
    pub async fn change_lease(
        &self,
        change: LeaseChange,
        address: Option<&str>,
    ) -> Outcome<LeaseRow> {
        let node = i32::from(change.next.node.0);
        let (incarnation, token, beat, standing) = lease_values(&change.next);
        let result = match (change.expected.as_ref().map(lease_values), address) {
            (None, address) => {
                let address = address.unwrap_or_default();
                let values = (incarnation, token, beat, standing, address, node);
                self.once(&self.texts.add_lease, values).await
            }
            (Some(old), None) => {
                let next = (incarnation, token, beat, standing, node);
                let values = (next.0, next.1, next.2, next.3, next.4, old.0, old.1, old.2, old.3);
                self.once(&self.texts.change_lease, values).await
            }
            (Some(old), Some(address)) => {
                let values =
                    (incarnation, token, beat, standing, address, node, old.0, old.1, old.2, old.3);
                self.once(&self.texts.change_lease_and_address, values).await
            }
        };
        let there = |row: &Named| {
            let standing = row.get("standing")?.as_text()?;
            let numbers =
                (row.bigint("incarnation")?, row.bigint("life_token")?, row.bigint("beat")?);
            lease(change.next.node, (numbers.0, numbers.1, numbers.2, standing))
        };
        result.map_or(Outcome::Unknown, |rows| outcome(&rows, there))
    }

    /// Changes that can be made together: of one slice, all of rows that are there or all of rows that are not.
    pub fn together(changes: impl IntoIterator<Item = OwnerChange>) -> Vec<Vec<OwnerChange>> {
        let mut all = BTreeMap::<_, Vec<_>>::new();
        for change in changes {
            let key = (keys::slice(change.next.partition), change.expected.is_some());
            all.entry(key).or_default().push(change);
        }
        all.into_values().collect()
    }

    /// Changes owners that [`CqlClient::together`] has put together: all of them, or else those whose row is as expected.
    ///
    /// # Panics
    /// They cannot be changed together, or there is none.
    pub async fn change_owners(
        &self,
        changes: &[OwnerChange],
    ) -> Vec<(OwnerChange, Outcome<OwnerRow>)> {
        assert_eq!(Self::together(changes.iter().copied()).len(), 1, "one slice, and alike");
        let of_all = |changes: &[OwnerChange], outcome| -> Vec<_> {
            changes.iter().map(|change| (*change, outcome)).collect()
        };
        let outcome = self.change_alike(changes).await;
        if changes.len() == 1 || !matches!(outcome, Outcome::Refused(_)) {
            return of_all(changes, outcome);
        }
        let Ok(rows) = self.owners().await else { return of_all(changes, Outcome::Unknown) };
        let there = |partition| rows.iter().find(|row| row.partition == partition).copied();
        let is_expected = |change: &OwnerChange| there(change.next.partition) == change.expected;
        let (expected, others): (Vec<_>, Vec<_>) = changes.iter().partition(|it| is_expected(it));
        let refused = |it: OwnerChange| (it, Outcome::Refused(there(it.next.partition)));
        let mut outcomes: Vec<_> = others.into_iter().map(refused).collect();
        if !expected.is_empty() {
            let outcome = match self.change_alike(&expected).await {
                // What was read is old already.
                Outcome::Refused(_) => Outcome::Unknown,
                outcome @ (Outcome::Applied | Outcome::Unknown) => outcome,
            };
            outcomes.extend(of_all(&expected, outcome));
        }
        outcomes
    }

    /// Refused: some row is not as expected. Which of several, servers tell in ways of their own.
    async fn change_alike(&self, changes: &[OwnerChange]) -> Outcome<OwnerRow> {
        if let [change] = changes {
            return self.change_owner(change).await;
        }
        let is_change = changes[0].expected.is_some();
        let text = if is_change { &self.texts.change_owner } else { &self.texts.add_owner };
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_retry_policy(Some(Arc::new(FallthroughRetryPolicy::new())));
        changes.iter().for_each(|_| batch.append_statement(text.clone()));
        let result = if is_change {
            let values: Vec<_> = changes.iter().filter_map(change_values).collect();
            self.once_all(&batch, values).await
        } else {
            let values: Vec<_> = changes.iter().map(|change| add_values(&change.next)).collect();
            self.once_all(&batch, values).await
        };
        result.map_or(Outcome::Unknown, |rows| outcome(&rows, |_| None))
    }

    async fn change_owner(&self, change: &OwnerChange) -> Outcome<OwnerRow> {
        let result = match change_values(change) {
            None => self.once(&self.texts.add_owner, add_values(&change.next)).await,
            Some(values) => self.once(&self.texts.change_owner, values).await,
        };
        let there = |row: &Named| {
            let node = row.get("node")?.as_int()?;
            owner(change.next.partition, (row.bigint("epoch")?, node, row.bigint("incarnation")?))
        };
        result.map_or(Outcome::Unknown, |rows| outcome(&rows, there))
    }

    /// Tells this cluster's data from another's: written once, by `logic schema apply`.
    ///
    /// # Errors
    /// No answer in time, or no tables.
    pub async fn inbox_epoch(&self) -> Result<u64, CqlError> {
        schema::inbox_epoch(&self.session(), &self.config).await
    }
}
