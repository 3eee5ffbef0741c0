//! Leases and owners change by compare-and-set only, and tables that are not this program's are refused with what to run.

use super::keyspace::{Keyspace, RUNTIME, config, session, settings};
use logic::cluster::{LeaseChange, LeaseRow, Moment, Outcome, OwnerChange, Standing};
use logic::cql::{CqlClient, schema};
use shard::owner::{Epoch, Holder, Incarnation, NodeId, OwnerRow};
use shard::partition::Partition;
use wire::Uid;

fn lease(beat: u64, standing: Standing) -> LeaseRow {
    let (node, incarnation) = (NodeId(7), Incarnation(3));
    LeaseRow { node, incarnation, token: u64::MAX - 1, beat, standing }
}

#[test]
fn a_change_is_made_only_where_the_row_is_as_expected() {
    let keyspace = Keyspace::new();
    let client = &keyspace.client;
    let change = |expected, next, address| {
        let change = LeaseChange { expected, next, asked_at: Moment(0) };
        RUNTIME.block_on(client.change_lease(change, address))
    };
    let leases = || RUNTIME.block_on(client.leases()).unwrap();
    let [first, second, over] = [(0, Standing::Active), (1, Standing::Active), (1, Standing::Over)]
        .map(|it| lease(it.0, it.1));
    assert_eq!(change(Some(first), second, None), Outcome::Refused(None), "there is none");
    assert_eq!(change(None, first, Some("10.0.0.7:4000")), Outcome::Applied);
    assert_eq!(change(None, second, None), Outcome::Refused(Some(first)));
    assert_eq!(leases(), [(first, Some("10.0.0.7:4000".to_string()))]);
    assert_eq!(change(Some(first), second, Some("10.0.0.7:5000")), Outcome::Applied);
    assert_eq!(change(Some(first), over, None), Outcome::Refused(Some(second)));
    assert_eq!(change(Some(second), over, None), Outcome::Applied);
    assert_eq!(leases(), [(over, Some("10.0.0.7:5000".to_string()))], "the address stays");

    let owner = |epoch, node| OwnerRow {
        partition: Partition::of_user(Uid(5)),
        epoch: Epoch(epoch),
        holder: Holder { node: NodeId(node), incarnation: Incarnation(1) },
    };
    let change = |expected, next| {
        let change = OwnerChange { expected, next };
        RUNTIME.block_on(client.change_owners(&[change]))[0].1
    };
    assert_eq!(change(Some(owner(1, 1)), owner(2, 2)), Outcome::Refused(None));
    assert_eq!(change(None, owner(1, 1)), Outcome::Applied);
    assert_eq!(change(None, owner(1, 2)), Outcome::Refused(Some(owner(1, 1))));
    assert_eq!(change(Some(owner(1, 1)), owner(2, 2)), Outcome::Applied);
    assert_eq!(change(Some(owner(1, 1)), owner(2, 3)), Outcome::Refused(Some(owner(2, 2))));
    assert_eq!(RUNTIME.block_on(client.owners()).unwrap(), [owner(2, 2)]);
}

#[test]
fn of_racing_claims_of_one_epoch_one_wins() {
    let keyspace = Keyspace::new();
    let row = |node| OwnerRow {
        partition: Partition::of_user(Uid(5)),
        epoch: Epoch(1),
        holder: Holder { node: NodeId(node), incarnation: Incarnation(1) },
    };
    let claims = (1..=8).map(|node| {
        let client = keyspace.client.clone();
        let change = OwnerChange { expected: None, next: row(node) };
        RUNTIME.spawn(async move { client.change_owners(&[change]).await[0].1 })
    });
    let claims: Vec<_> = claims.collect();
    let outcomes: Vec<_> =
        claims.into_iter().map(|claim| RUNTIME.block_on(claim).unwrap()).collect();
    let owners = RUNTIME.block_on(keyspace.client.owners()).unwrap();
    assert_eq!(owners.len(), 1);
    for (node, outcome) in (1..).zip(outcomes) {
        let is_owner = owners == [row(node)];
        match outcome {
            Outcome::Applied => assert!(is_owner, "{node} was told that it owns"),
            Outcome::Refused(there) => assert_eq!(there, Some(owners[0])),
            Outcome::Unknown => {}
        }
    }
}

#[test]
fn owners_of_a_slice_change_together_but_for_those_that_others_changed() {
    let keyspace = Keyspace::new();
    let client = &keyspace.client;
    let owner = |partition, epoch, node| OwnerRow {
        partition,
        epoch: Epoch(epoch),
        holder: Holder { node: NodeId(node), incarnation: Incarnation(1) },
    };
    let all: Vec<Partition> = Partition::all(192).collect();
    let adds = all.iter().map(|it| OwnerChange { expected: None, next: owner(*it, 1, 1) });
    let adds = CqlClient::together(adds);
    assert_eq!(adds.iter().map(Vec::len).collect::<Vec<_>>(), [128, 64]);
    for changes in adds {
        let outcomes = RUNTIME.block_on(client.change_owners(&changes));
        assert!(outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Applied));
    }
    // One of them has another owner than is thought: the others change, and of it the row is told.
    let claim = |it| OwnerChange { expected: Some(owner(it, 1, 1)), next: owner(it, 2, 2) };
    let taken = OwnerChange { expected: Some(owner(all[7], 1, 1)), next: owner(all[7], 2, 3) };
    assert_eq!(RUNTIME.block_on(client.change_owners(&[taken]))[0].1, Outcome::Applied);
    let claims = CqlClient::together(all.iter().map(|it| claim(*it)));
    for changes in claims {
        for (change, outcome) in RUNTIME.block_on(client.change_owners(&changes)) {
            let is_taken = change.next.partition == all[7];
            let refused = Outcome::Refused(Some(taken.next));
            assert_eq!(outcome, if is_taken { refused } else { Outcome::Applied });
        }
    }
    let mut owners = RUNTIME.block_on(client.owners()).unwrap();
    owners.sort_unstable_by_key(|row| row.partition);
    let expected = all.iter().map(|it| owner(*it, 2, if *it == all[7] { 3 } else { 2 }));
    assert_eq!(owners, expected.collect::<Vec<_>>());
}

#[test]
fn tables_are_made_once_and_asked_for_when_they_are_missing() {
    let config = config();
    let refusal = RUNTIME.block_on(CqlClient::connect(config.clone(), RUNTIME.handle()));
    let refusal = refusal.err().expect("there are no tables").to_string();
    assert!(refusal.contains("logic schema apply"), "{refusal}");
    assert_eq!(RUNTIME.block_on(schema::apply(&config, &settings())).unwrap(), schema::VERSION);
    let keyspace = Keyspace::of(config.clone());
    let epoch = RUNTIME.block_on(keyspace.client.inbox_epoch()).unwrap();
    assert_eq!(RUNTIME.block_on(schema::apply(&config, &settings())).unwrap(), schema::VERSION);
    assert_eq!(RUNTIME.block_on(keyspace.client.inbox_epoch()).unwrap(), epoch);
}

#[test]
fn tables_are_used_within_their_layout_only() {
    let keyspace = Keyspace::new();
    let config = &keyspace.config;
    let set = |change: &str| {
        let text = change.replace("{t}", &format!("{}.cluster", config.keyspace));
        let session = session();
        RUNTIME.block_on(async { session.query_unpaged(text, ()).await }).unwrap();
    };
    let open = || RUNTIME.block_on(CqlClient::connect(config.clone(), RUNTIME.handle())).map(drop);
    let apply = || RUNTIME.block_on(schema::apply(config, &settings()));

    // Of a later version of the layout: it has more in it.
    set("UPDATE {t} SET value = 9 WHERE name = 'schema_version'");
    assert!(open().is_ok());
    assert_eq!(apply().unwrap(), schema::VERSION);
    // Of the layout before, which did not name itself; of a later one.
    set("DELETE FROM {t} WHERE name = 'layout'");
    for layout in [1, 3] {
        if layout > 1 {
            set("INSERT INTO {t} (name, value) VALUES ('layout', 3)");
        }
        for refusal in [open().unwrap_err(), apply().unwrap_err()] {
            let refusal = refusal.to_string();
            assert!(refusal.contains(&format!("have layout {layout}, ")), "{refusal}");
            assert!(refusal.contains("name another keyspace"), "{refusal}");
        }
    }
}
