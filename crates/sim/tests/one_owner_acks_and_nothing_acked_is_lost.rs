//! At any moment at most one process may commit in a partition; what was acknowledged is in every later read, once, at
//! its place; seq is dense; and when faults end, everything is soon acknowledged. Thousands of seeds, each with its own
//! faults: whole clusters, and takeovers alone, which follow each other more closely there. That each rule is needed,
//! and would be missed, is proved by taking it away.

use sim::cluster::{LOG_PLANTS, OWNERSHIP_PLANTS, Plant, Report, run, takeovers};
use std::ops::Range;

/// Seeds of whole clusters, about 10 ms each.
const CLUSTER_SEEDS: u64 = 1_000;
/// Seeds of takeovers alone, about 1 ms each.
const TAKEOVER_SEEDS: u64 = 5_000;
/// With a rule taken away, of each kind: so many that the rarest is caught more than once.
const CLUSTER_PLANTED_SEEDS: u64 = 200;
const TAKEOVER_PLANTED_SEEDS: u64 = 1_500;

type Run = fn(u64, Plant) -> Result<Report, String>;

/// `SEED` runs one seed, `SEEDS` another number of them.
fn seeds(default: u64) -> Range<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(default),
    }
}

fn check(run: Run, test: &str, default: u64) {
    let (mut total, mut runs) = (Report::default(), 0);
    for seed in seeds(default) {
        let report = run(seed, Plant::Nothing).unwrap_or_else(|failure| {
            panic!(
                "seed {seed}: {failure}\nreplay: SEED={seed} cargo test -p sim \
                 --test one_owner_acks_and_nothing_acked_is_lost {test}"
            )
        });
        total.acked += report.acked;
        total.epochs += report.epochs;
        total.healed_in_us = total.healed_in_us.max(report.healed_in_us);
        runs += 1;
    }
    let Report { acked, epochs, healed_in_us } = total;
    println!(
        "{runs} seeds: {acked} acknowledged, {epochs} epochs, healed within {} ms",
        healed_in_us / 1_000
    );
    assert!(runs == 1 || acked > 5 * runs && epochs > 5 * runs, "something happened");
}

fn check_plants(run: Run, plants: &[Plant], default: u64) {
    let mut missed = Vec::new();
    for plant in plants {
        let (mut caught, mut tried, mut first) = (0, 0, None);
        for seed in seeds(default) {
            tried += 1;
            if let Err(failure) = run(seed, *plant) {
                caught += 1;
                first.get_or_insert(format!("seed {seed} {failure}"));
            }
        }
        let share = 100.0 * f64::from(caught) / f64::from(tried);
        match first {
            Some(first) => println!("{plant:?}: {share:.1} % of {tried}; first {first}"),
            None => missed.push(plant),
        }
    }
    assert!(missed.is_empty(), "{missed:?} taken away and not caught");
}

#[test]
fn clusters_keep_every_promise() {
    check(run, "clusters_keep_every_promise", CLUSTER_SEEDS);
}

#[test]
fn takeovers_keep_every_promise() {
    check(takeovers::run, "takeovers_keep_every_promise", TAKEOVER_SEEDS);
}

#[test]
fn each_rule_of_ownership_taken_away_is_caught() {
    check_plants(run, OWNERSHIP_PLANTS, CLUSTER_PLANTED_SEEDS);
}

#[test]
fn each_rule_of_a_log_taken_away_is_caught() {
    check_plants(takeovers::run, LOG_PLANTS, TAKEOVER_PLANTED_SEEDS);
}
