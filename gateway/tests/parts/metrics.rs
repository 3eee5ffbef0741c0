//! The metrics page is what Prometheus reads: each metric once, typed, named with its unit, and with the right sums.

use gateway::metrics::{CloseReason, Metrics};
use std::collections::HashMap;
use wire::RefusalCode;

/// Name with labels, and value, of every sample.
fn samples(page: &str) -> HashMap<&str, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let pairs: Vec<_> = lines.map(|line| line.rsplit_once(' ').expect(line)).collect();
    let map: HashMap<_, _> = pairs.iter().map(|(name, v)| (*name, v.parse().unwrap())).collect();
    assert_eq!(map.len(), pairs.len(), "a sample is there twice");
    map
}

#[test]
fn every_metric_is_described_once_and_named_with_its_unit() {
    let page = Metrics::new(2).render();
    let mut kinds = HashMap::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|l| l.split_once(' '))
        else {
            continue;
        };
        assert!(help.ends_with('.') && !help.contains(['\\', '\n']), "{line}");
        let kind = lines
            .next()
            .and_then(|l| l.strip_prefix(&format!("# TYPE {name} ")).map(str::to_owned));
        let kind = kind.expect(name);
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
        assert!(name.starts_with("longline_"), "{name}");
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert!(kind != "histogram" || name.ends_with("_seconds"), "{name}");
        assert!(
            lines.peek().is_some_and(|sample| sample.starts_with(name)),
            "{name} has no sample"
        );
        assert_eq!(kinds.insert(name.to_owned(), kind), None, "{name} is described twice");
    }
    assert!(kinds.len() > 20);
    samples(&page);
}

#[test]
fn cores_are_told_apart_or_summed() {
    let metrics = Metrics::new(2);
    for (core, factor) in [(0, 1), (1, 10)] {
        let cells = metrics.core(core);
        cells.connections.set(factor);
        cells.logins.add(2 * factor);
        cells.refusals.of(RefusalCode::Busy).add(3 * factor);
        cells.closes.of(CloseReason::Silent).inc();
    }
    let page = metrics.render();
    let samples = samples(&page);
    assert_eq!(samples["longline_connections{core=\"0\"}"], 1.0);
    assert_eq!(samples["longline_connections{core=\"1\"}"], 10.0);
    assert_eq!(samples["longline_logins_total"], 22.0);
    assert_eq!(samples["longline_refusals_total{code=\"busy\"}"], 33.0);
    assert_eq!(samples["longline_refusals_total{code=\"store_full\"}"], 0.0);
    assert_eq!(samples["longline_closes_total{reason=\"silent\"}"], 2.0);
}

#[test]
fn a_histogram_is_cumulative_and_in_seconds() {
    let metrics = Metrics::new(2);
    for (core, us) in [(0, 20), (1, 100), (1, 120), (0, 60_000_000)] {
        metrics.core(core).commit_seconds.observe_us(us);
    }
    let page = metrics.render();
    let samples = samples(&page);
    let bucket =
        |le: &str| samples[format!("longline_commit_seconds_bucket{{le=\"{le}\"}}").as_str()];
    assert_eq!(bucket("0.000032"), 1.0);
    assert_eq!(bucket("0.000064"), 1.0);
    assert_eq!(bucket("0.000128"), 3.0);
    assert_eq!(bucket("8.388608"), 3.0);
    assert_eq!(bucket("+Inf"), 4.0);
    assert_eq!(samples["longline_commit_seconds_count"], 4.0);
    assert_eq!(samples["longline_commit_seconds_sum"], 60.00024);
}

#[test]
fn a_reader_never_sees_a_count_fall() {
    const ADDS: u64 = 100_000;
    let metrics = Metrics::new(1);
    std::thread::scope(|scope| {
        let cells = metrics.core(0);
        scope.spawn(move || (0..ADDS).for_each(|_| cells.sends.inc()));
        let mut last = 0;
        while last < ADDS {
            let now = metrics.cores()[0].sends.get();
            assert!(now >= last);
            last = now;
        }
    });
}
