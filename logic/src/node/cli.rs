//! The command line: what may be typed, and what it does.

use super::serve::serve;
use super::settings::ServeArgs;
use crate::store::schema;
use clap::{Args, Parser, Subcommand};
use service::exit::{self, Fatal};
use service::logging;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

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
    Serve(Box<ServeArgs>),
    /// The tables.
    #[command(subcommand)]
    Schema(Schema),
    /// What a running node says of itself and the cluster, as JSON.
    Status(Status),
}

#[derive(Debug, Subcommand)]
enum Schema {
    /// Make the keyspace and its tables, or bring them up to this version.
    Apply(schema::Args),
}

#[derive(Args, Debug)]
struct Status {
    /// The node's admin address.
    #[arg(long, env = "LONGLINE_LOGIC_ADMIN", default_value = "127.0.0.1:7501")]
    admin: SocketAddr,
}

/// Does what was typed. Failures go to stderr.
#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Serve(args) => EnvFilter::try_new(&args.log)
            .map_err(|e| Fatal::Config(format!("--log: {e}")))
            .and_then(|filter| {
                logging::start(filter, args.log_json);
                serve(&args)
            }),
        Command::Schema(Schema::Apply(args)) => schema::run(&args),
        Command::Status(status) => print_status(status.admin),
    };
    match done {
        Ok(()) => exit::OK.into(),
        Err(fatal) => {
            eprintln!("logic: {fatal}");
            (&fatal).into()
        }
    }
}

fn print_status(admin: SocketAddr) -> Result<(), Fatal> {
    let asked = || {
        let mut stream = TcpStream::connect_timeout(&admin, Duration::from_secs(2))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET /status HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = asked().map_err(|e: std::io::Error| {
        Fatal::Environment(format!("could not ask {admin}: {e}; is the node running there?"))
    })?;
    let body = answer.split_once("\r\n\r\n").map_or("", |parts| parts.1);
    println!("{}", body.trim_end());
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
