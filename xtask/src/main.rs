//! Everything a developer does, one command each: `cargo xtask <command>`. CI calls the same commands.
//!
//! A command is one file with an `Args` and a `run`; to add one, add its `mod`, its variant and its arm here.
//! Exit codes: 0 well, 1 not well or could not be done, 2 wrong usage, 4 a promise of
//! Longline was seen broken (as loadgen says it).

mod process;
mod summary;
mod needs;
mod steps;
mod servers;
mod programs;
mod check;
mod test;
mod drills;
mod with_servers;
mod cql;
mod bench;
mod drill;
mod crash;
mod damage;
mod restore;
mod clocks;
mod cluster;
mod promises;
mod lossy;
mod push;
mod hostile;
mod operators;
mod fuzz;
mod deny;
mod web;
mod truth;
mod api;
mod go;

use std::process::ExitCode;

use clap::Parser;

/// Everything a developer does, one command each.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Formatting, lints, docs and style. Changes nothing.
    Check(check::Args),
    /// Every test, beside a Cassandra and a Redis of its own. Installs what it needs.
    Test(test::Args),
    /// Every drill: the processes end to end, under faults, and with faults planted in them. Installs what it needs.
    Drills(drills::Args),
    /// Runs one command beside a Cassandra and a Redis, as the tests of the cluster need.
    WithServers(with_servers::Args),
    /// A Cassandra that stays, for work by hand.
    Cql(cql::Args),
    /// What Longline costs: each figure by one command.
    Bench(bench::Args),
    /// Kills the gateway under load, and counts what became of every message.
    Crash(crash::Args),
    /// Damages data directories at random: each is refused by name, or served with nothing missing.
    Damage(damage::Args),
    /// Puts copies of a data directory back under clients that know more.
    Restore(restore::Args),
    /// Sets the clocks of gateways, nodes and clients, and counts what is refused, lost and stored twice.
    Clocks(clocks::Args),
    /// Logic nodes and gateways as processes of their own, on Cassandra and Redis.
    #[command(subcommand)]
    Cluster(cluster::Command),
    /// What a cluster promises where it is hard to keep, on Cassandra and Redis.
    Promises(promises::Args),
    /// Eats acks, doubles sends and cuts connections, and counts what is stored.
    Lossy(lossy::Args),
    /// Tells users that are away through a receiver that is slow, fails and is down, and kills the gateway.
    Push(push::Args),
    /// Peers that do not keep to the protocol, beside users who do.
    Hostile(hostile::Args),
    /// What the environment and people do to processes: exit codes and words, as the docs say.
    Operators(operators::Args),
    /// Feeds hostile bytes to the parsers, guided by coverage, on the stable toolchain.
    Fuzz(fuzz::Args),
    /// Licenses, sources and bans of every dependency.
    Deny(deny::Args),
    /// The web page: its tests, its built files, and a Chromium that drives it. Installs what it needs.
    Web(web::Args),
    /// Whether loadgen says what is so: each verdict and count against what was planted, its files as others read them.
    LoadgenTruth(truth::Args),
    /// The calls of business systems: each with each answer that their document has.
    Api(api::Args),
    /// The client in Go: format, lints, tests by the vectors and against a gateway. Needs Go.
    Go(go::Args),
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Check(args) => check::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Drills(args) => drills::run(&args),
        Command::WithServers(args) => with_servers::run(&args),
        Command::Cql(args) => cql::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Crash(args) => crash::run(&args),
        Command::Damage(args) => damage::run(&args),
        Command::Restore(args) => restore::run(&args),
        Command::Clocks(args) => clocks::run(&args),
        Command::Cluster(command) => cluster::run(&command),
        Command::Promises(args) => promises::run(&args),
        Command::Lossy(args) => lossy::run(&args),
        Command::Push(args) => push::run(&args),
        Command::Hostile(args) => hostile::run(&args),
        Command::Operators(args) => operators::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Deny(args) => deny::run(&args),
        Command::Web(args) => web::run(&args),
        Command::LoadgenTruth(args) => truth::run(&args),
        Command::Api(args) => api::run(&args),
        Command::Go(args) => go::run(&args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
