//! `cargo xtask go`: the client in Go: its format, its lints, its tests by the vectors and against a gateway, and hostile bytes.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::{process, programs};

/// How long.
#[derive(clap::Args)]
pub struct Args {
    /// Seconds of hostile bytes for the parser, and as many for the machine.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
}

/// Debian's is older: it is installed by hand.
const GO_MIN: (u32, u32) = (1, 24);

/// Runs everything, and ends at the first that fails.
pub fn run(args: &Args) -> Result<ExitCode> {
    check_version()?;
    programs::build()?;
    let unformatted = go("gofmt", &["-l", "."]).output().context("could not run gofmt")?;
    if !unformatted.stdout.is_empty() {
        bail!("not formatted: {}", String::from_utf8_lossy(&unformatted.stdout));
    }
    process::run_ok(&mut go("go", &["vet", "./..."]))?;
    let mut tests = go("go", &["test", "-count=1", "./..."]);
    process::run_ok(tests.env("GATEWAY", programs::path("gateway")))?;
    let seconds = format!("{}s", args.seconds);
    for (package, target) in [("./wire", "FuzzDecode"), ("./machine", "FuzzFrames")] {
        let mut fuzz = go("go", &["test", package, "-run", "^$", "-fuzz", target]);
        fuzz.args(["-fuzztime", &seconds, "-fuzzminimizetime", "10x", "-parallel", "2"]);
        process::run_ok(&mut fuzz)?;
    }
    println!("kept: Go");
    Ok(ExitCode::SUCCESS)
}

fn go(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(process::root().join("go"));
    command
}

fn check_version() -> Result<()> {
    let (major, minor) = GO_MIN;
    let advice =
        format!("Go {major}.{minor} or newer is needed: install it from https://go.dev/dl");
    let asked = go("go", &["env", "GOVERSION"]).output();
    let Ok(output) = asked else { bail!(advice) };
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let numbers: Vec<u32> =
        said.trim_start_matches("go").split('.').map_while(|part| part.parse().ok()).collect();
    match numbers[..] {
        [found, of, ..] if (found, of) >= GO_MIN => Ok(()),
        _ => bail!("{advice}; found {said:?}"),
    }
}
