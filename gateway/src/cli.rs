//! The command line: what may be typed, and what it does.

use crate::api::{self, ApiKey, Scopes};
use crate::auth::{self, sign};
use crate::config::Config;
use crate::serve::{data_dir_failed, serve};
use crate::tls;
use clap::{Args, Parser, Subcommand};
use service::admin::show;
use service::clock::unix_ms;
use service::config::{Layers, LogFormat, Run};
use service::exit;
use service::exit::Fatal;
use service::logging;
use service::stdout;
use shard::store::{DataDir, verify};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wire::Uid;

/// The Longline gateway.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run<Config>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve. The default.
    Run(Run<Config>),
    /// Print a token for trying out.
    Token(Token),
    /// Make a key for a business system and print it once, or end one. Gateways that run read the keys again at a hangup.
    ApiKey(ApiKeyArgs),
    /// Print what a running gateway says of itself, as JSON.
    Status(Layers<Config>),
    /// Read all of a data directory that no process uses, and print what is damaged; exit with 0 or 74.
    Check(Directory),
    /// Say that a data directory, which no process uses, was put back from a backup or a snapshot: clients read their inboxes
    /// anew.
    Restored(Directory),
}

#[derive(Args, Debug)]
struct Token {
    /// The user it speaks for.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    uid: u64,
    /// How long it is good for: a number and s, m, h or d.
    #[arg(long, default_value = "30d", value_parser = ttl_s, value_name = "TIME")]
    ttl: u64,
    #[command(flatten)]
    layers: Layers<Config>,
}

#[derive(Args, Debug)]
struct ApiKeyArgs {
    /// What it is called, in the log of calls too.
    #[arg(long)]
    name: String,
    /// What it is good for, with commas between: read, send, system, devices, kick, groups.
    #[arg(long, required_unless_present = "end")]
    scope: Option<Scopes>,
    /// How long it is good for: a number and s, m, h or d.
    #[arg(long, default_value = "90d", value_parser = ttl_s, value_name = "TIME")]
    expires: u64,
    /// End the key of that name.
    #[arg(long, conflicts_with = "scope")]
    end: bool,
    #[command(flatten)]
    layers: Layers<Config>,
}

#[derive(Args, Debug)]
struct Directory {
    /// The data directory.
    #[arg(value_name = "DIR")]
    path: PathBuf,
}

/// Does what was typed. Failures go to stderr.
#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    exit::at_panic();
    let done = match cli.command.unwrap_or(Command::Run(cli.run)) {
        Command::Run(run) => run.run(look, |config| {
            logging::start(config.log.to_filter(), config.log_format == LogFormat::Json);
            serve(config)
        }),
        Command::Token(token) => print_token(&token),
        Command::ApiKey(key) => change_api_key(key),
        Command::Status(layers) => layers.load().and_then(|config| show(config.admin, "/status")),
        Command::Check(directory) => check_directory(&directory.path),
        Command::Restored(directory) => DataDir::restored(&directory.path).map_err(data_dir_failed),
    };
    exit::end("gateway", &done)
}

fn look(config: &Config) -> Result<(), Fatal> {
    auth::check(config).map_err(|e| Fatal::Config(e.to_string()))?;
    tls::check(config).map_err(|e| Fatal::Config(e.to_string()))?;
    api::keyring(config).map(drop).map_err(Fatal::Config)
}

fn check_directory(path: &Path) -> Result<(), Fatal> {
    let report = verify(path).map_err(data_dir_failed)?;
    for line in report.lines.iter().chain(&report.damaged) {
        stdout::print(&format!("{line}\n"));
    }
    match report.damaged.len() {
        0 => Ok(()),
        count => Err(Fatal::Store(format!("{} is damaged: {count} findings", path.display()))),
    }
}

fn print_token(token: &Token) -> Result<(), Fatal> {
    let config = token.layers.load()?;
    let signed = sign(&config, Uid(token.uid), unix_ms() / 1_000, token.ttl);
    let token = signed.map_err(|e| Fatal::Config(e.to_string()))?;
    stdout::print(&format!("{token}\n"));
    Ok(())
}

fn change_api_key(typed: ApiKeyArgs) -> Result<(), Fatal> {
    let config = typed.layers.load()?;
    let makes = typed.scope.map(|scopes| (scopes, typed.expires));
    let shown = api::change_keys(&config, ApiKey { name: typed.name, makes });
    stdout::print(&format!("{}\n", shown.map_err(Fatal::Config)?));
    Ok(())
}

/// Seconds of a text such as `90s`, `15m`, `12h`, `30d`.
fn ttl_s(text: &str) -> Result<u64, String> {
    let seconds = text.char_indices().next_back().and_then(|(end, unit)| {
        let unit_s: u64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        text[..end].parse::<u32>().ok().map(|number| u64::from(number) * unit_s)
    });
    seconds.filter(|s| *s > 0).ok_or_else(|| "give a number and s, m, h or d, such as 30d".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_time_has_a_unit() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000)] {
            assert_eq!(ttl_s(text), Ok(seconds));
        }
        for text in ["", "d", "30", "0s", "-1d", "1.5h", "1w", "1é", "99999999999d"] {
            assert!(ttl_s(text).is_err(), "{text}");
        }
    }
}
