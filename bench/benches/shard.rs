//! Time of the shard's own work: a message on its whole way, a login, a page. The store costs nothing here.

use bench::shards::Shards;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn messages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("message");
    for (name, count, per_step) in
        [("alone", 1, 1), ("64 a step", 1, 64), ("64 a step, two shards", 2, 64)]
    {
        let mut shards = Shards::with_pairs(count, per_step);
        group.throughput(Throughput::Elements(per_step as u64));
        group.bench_function(name, |bencher| bencher.iter(|| shards.messages(per_step)));
    }
    group.finish();
}

fn logins(criterion: &mut Criterion) {
    let mut shards = Shards::new(1);
    criterion.bench_function("login and logout", |bencher| bencher.iter(|| shards.login()));
}

fn pages(criterion: &mut Criterion) {
    let mut shards = Shards::new(1);
    criterion.bench_function("sync page of 64", |bencher| bencher.iter(|| shards.sync_page(64)));
}

criterion_group!(benches, messages, logins, pages);
criterion_main!(benches);
