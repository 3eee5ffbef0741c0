//! The `loadgen` program: what may be typed, and the code it ends with.

use clap::{Parser, Subcommand};
use loadgen::failure::{self, Failure};
use loadgen::{compare, doctor, herd, keeper, merge, report, run, runs, scenario, search};
use std::io::Write;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The Longline load generator: measures what a user feels, and verifies every message.
///
/// Options may stand in a file, under the same names: `--scenario FILE`. What is typed comes first.
///
/// Exit codes: 0 valid, 1 usage, 2 preflight, 3 SLO missed, 4 a promise was broken, 5 the generator
/// was the bottleneck, 6 the target is down, 7 the server did not keep up, 8 the machine did not
/// let the generator run, 9 too few messages to judge, 10 messages were never answered, 130
/// interrupted.
#[derive(Parser)]
#[command(name = "loadgen", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::RunArgs),
    Plan(run::PlanArgs),
    Search(search::SearchArgs),
    Compare(compare::CompareArgs),
    Merge(merge::MergeArgs),
    Idle(herd::IdleArgs),
    Storm(herd::StormArgs),
    /// Says what this machine can carry.
    Doctor,
    /// Prints the JSON Schema of summary.json.
    Schema,
    /// Not for people: ends a server of loadgen's own when loadgen is gone.
    #[command(hide = true)]
    KeepServer(keeper::KeepArgs),
}

fn main() -> ExitCode {
    let line = match scenario::expand(std::env::args_os().collect()) {
        Ok(line) => line,
        Err(failure) => {
            eprintln!("loadgen: {failure}");
            return failure.into();
        }
    };
    let cli = match Cli::try_parse_from(line) {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { failure::USAGE } else { failure::PASS };
            // A closed stderr leaves nobody to tell.
            let _ = error.print();
            return code.into();
        }
    };
    let ended: Result<u8, Failure> = match cli.command {
        Command::Run(args) => runs::run(&args),
        Command::Plan(args) => run::print_plan(&args),
        Command::Search(args) => search::search(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::Idle(args) => herd::idle(&args),
        Command::Storm(args) => herd::storm(&args),
        Command::KeepServer(args) => keeper::keep(&args),
        Command::Doctor => doctor::doctor().map(|()| failure::PASS),
        Command::Schema => {
            // Whoever stopped reading has read enough.
            let _ = std::io::stdout().write_all(report::schema().as_bytes());
            Ok(failure::PASS)
        }
    };
    match ended {
        Ok(code) => code.into(),
        Err(failure) => {
            eprintln!("loadgen: {failure}");
            failure.into()
        }
    }
}
