//! Whatever error a server answers with, nothing is acknowledged that is not there, and what may pass is tried again; of a
//! compare-and-set that was done though the server said otherwise, nobody claims to know. The proxy answers in a real
//! server's place.

use std::sync::Arc;

use super::between::Between;
use super::keyspace::{Keyspace, RUNTIME, open};
use crate::driven::message;
use logic::cluster::{Outcome, OwnerChange};
use logic::fence::Fence;
use scylla::errors::{DbError, WriteType};
use scylla::statement::Consistency;
use shard::owner::{Epoch, Holder, Incarnation, NodeId, OwnerRow};
use shard::partition::Partition;
use shard::rows::{Completion, Ticket};

fn write_timeout(write_type: WriteType) -> DbError {
    DbError::WriteTimeout {
        consistency: Consistency::LocalQuorum,
        received: 0,
        required: 1,
        write_type,
    }
}

/// Those of a server that is busy, starts, or has lost another one.
fn passing() -> [DbError; 5] {
    let consistency = Consistency::LocalQuorum;
    [
        DbError::Overloaded,
        DbError::IsBootstrapping,
        DbError::ServerError,
        DbError::Unavailable { consistency, required: 2, alive: 1 },
        write_timeout(WriteType::Simple),
    ]
}

#[test]
fn a_write_that_is_refused_for_now_is_acked_when_it_is_there() {
    let (mut between, keyspace) = (Between::start(), Keyspace::new());
    let client = between.connect(&keyspace);
    let mut driven = open(&client, 1, Arc::new(Fence::always_open()));
    for (number, error) in (1..).zip(passing()) {
        let failed = client.stats().failed();
        between.refuse(5, error.clone());
        driven.store.commit(Ticket(number), vec![message(number, 9)]);
        assert_eq!(driven.settle(), [Completion::Committed(Ticket(number), Ok(()))], "{error}");
        assert!(client.stats().failed() > failed, "{error} was seen");
        assert_eq!(keyspace.messages() as u64, number, "after {error}");
    }
}

#[test]
fn a_change_that_was_made_and_denied_is_unknown_and_there() {
    let (mut between, keyspace) = (Between::start(), Keyspace::new());
    let client = between.connect(&keyspace);
    let rows = Partition::all(8).map(|partition| OwnerRow {
        partition,
        epoch: Epoch(1),
        holder: Holder { node: NodeId(1), incarnation: Incarnation(1) },
    });
    let rows: Vec<OwnerRow> = rows.collect();
    let changes: Vec<_> =
        rows.iter().map(|row| OwnerChange { expected: None, next: *row }).collect();
    between.deny(1, write_timeout(WriteType::Cas));
    let outcomes = RUNTIME.block_on(client.change_owners(&changes));
    between.heal();
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Unknown), "{outcomes:?}");
    let mut there = RUNTIME.block_on(client.owners()).unwrap();
    there.sort_unstable_by_key(|row| row.partition);
    assert_eq!(there, rows);
    // Asked again it is refused, with the row that tells that it was one's own.
    let again = RUNTIME.block_on(client.change_owners(&changes));
    for ((_, outcome), row) in again.iter().zip(&rows) {
        assert_eq!(*outcome, Outcome::Refused(Some(*row)));
    }
}
