//! The command line: what may be typed, and what it does.

use super::serve::{runtime, serve};
use super::settings::Config;
use crate::cql::CqlConfig;
use crate::cql::schema::{self, SchemaConfig, Server};
use clap::{Args, Parser, Subcommand};
use service::admin::show;
use service::config::Run;
use service::exit::{self, Fatal};
use service::logging;
use service::stdout;
use std::net::SocketAddr;
use std::process::ExitCode;

/// A Longline logic node.
#[derive(Debug, Parser)]
#[command(name = "logic", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve.
    Serve(Run<Config>),
    /// The tables.
    #[command(subcommand)]
    Schema(Schema),
    /// What a running node says of itself and the cluster, as JSON.
    Status(Status),
    /// Where users belong: their partition and the node that owns it, as JSON.
    Locate(Locate),
}

#[derive(Debug, Subcommand)]
enum Schema {
    /// Make the keyspace and its tables, or bring them up to this version. Doing it again changes nothing.
    Apply(Apply),
}

#[derive(Args, Debug)]
struct Apply {
    /// The CQL servers to begin with, host:port,...
    #[arg(long, env = "LONGLINE_LOGIC_CQL", value_delimiter = ',', required = true)]
    cql: Vec<String>,
    /// The keyspace.
    #[arg(long, env = "LONGLINE_LOGIC_KEYSPACE", default_value = "longline")]
    keyspace: String,
    /// The servers are ScyllaDB, not Apache Cassandra: other compaction.
    #[arg(long)]
    scylla: bool,
    /// ScyllaDB spreads the tables by tablets.
    #[arg(long, requires = "scylla")]
    tablets: bool,
    /// Copies of each row in each data centre.
    #[arg(long, default_value_t = 3)]
    replication_factor: u8,
    /// Days for which an inbox row is kept.
    #[arg(long, default_value_t = 30)]
    inbox_ttl_days: u32,
    /// Days for which a sender's id is known.
    #[arg(long, default_value_t = 2)]
    dedup_ttl_days: u32,
}

#[derive(Args, Debug)]
struct Status {
    /// The node's admin address.
    #[arg(long, env = "LONGLINE_LOGIC_ADMIN", default_value = "127.0.0.1:7501")]
    admin: SocketAddr,
}

#[derive(Args, Debug)]
struct Locate {
    /// The users, uid,...
    #[arg(value_delimiter = ',', required = true)]
    uids: Vec<u64>,
    /// The admin address of any node.
    #[arg(long, env = "LONGLINE_LOGIC_ADMIN", default_value = "127.0.0.1:7501")]
    admin: SocketAddr,
}

/// Does what was typed. Failures go to stderr.
#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    exit::at_panic();
    let done = match cli.command {
        Command::Serve(run) => run.run(Config::look, |config| {
            logging::start(config.log.to_filter(), config.log_json);
            serve(config)
        }),
        Command::Schema(Schema::Apply(args)) => apply(&args),
        Command::Status(status) => show(status.admin, "/status"),
        Command::Locate(Locate { uids, admin }) => {
            let uids: Vec<String> = uids.iter().map(u64::to_string).collect();
            show(admin, &format!("/users/{}", uids.join(",")))
        }
    };
    exit::end("logic", &done)
}

fn apply(args: &Apply) -> Result<(), Fatal> {
    const DAY_S: u32 = 86_400;
    let config = CqlConfig::new(args.cql.clone(), args.keyspace.clone());
    let settings = SchemaConfig {
        server: if args.scylla { Server::Scylla } else { Server::Cassandra },
        replication_factor: args.replication_factor,
        tablets: args.tablets,
        inbox_ttl_s: args.inbox_ttl_days.saturating_mul(DAY_S),
        dedup_ttl_s: args.dedup_ttl_days.saturating_mul(DAY_S),
    };
    let applied = runtime()?.block_on(schema::apply(&config, &settings));
    let version = applied.map_err(|e| Fatal::Store(e.to_string()))?;
    stdout::print(&format!("keyspace {} has the tables of version {version}\n", args.keyspace));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
