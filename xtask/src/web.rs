//! The web page: its client's tests, its files against what `web/` builds, and a real Chromium that drives it against a real
//! gateway, with kills, restarts and a foreign page. What it drives is in `web/drive.mjs`.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::needs::{self, Need};
use crate::process;
use crate::programs;

/// How much of it to do.
#[derive(clap::Args)]
pub struct Args {
    /// Build the gateway's files anew, and nothing else.
    #[arg(long)]
    build: bool,
}

const NEEDS: &[Need] = &[
    Need { program: "node", package: "nodejs", purpose: "the web page" },
    Need { program: "npm", package: "npm", purpose: "the web page" },
];

const CHROMIUM: Need =
    Need { program: "chromium", package: "chromium", purpose: "driving the web page" };

/// Files that are built.
const FILES: &[&str] = &["index.html", "app.js", "app.css", "icon.svg"];

/// Installs, builds and compares, then drives.
pub fn run(args: &Args) -> Result<ExitCode> {
    needs::install(NEEDS)?;
    let web = process::root().join("web");
    let assets = process::root().join("gateway/assets");
    do_in(&web, "npm ci --ignore-scripts --no-fund --no-audit")?;
    do_in(&web, "npx tsc -p chat")?;
    if args.build {
        do_in(&web, "node build.mjs")?;
        return Ok(ExitCode::SUCCESS);
    }
    do_in(&web, "npm test")?;
    let built = process::scratch_dir("web-assets")?;
    process::run_ok(Command::new("node").arg("build.mjs").arg(&built).current_dir(&web))?;
    for file in FILES {
        if fs::read(assets.join(file))? != fs::read(built.join(file))? {
            bail!("gateway/assets/{file} is not what web/ builds: cargo xtask web --build");
        }
    }
    needs::install(&[CHROMIUM])?;
    programs::build()?;
    let mut drive = Command::new("node");
    drive.arg("drive.mjs").arg(programs::path("gateway")).arg("/usr/bin/chromium");
    drive.arg(process::scratch_dir("web")?).current_dir(&web);
    let ended = process::run(&mut drive)?;
    Ok(if ended.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a line in a directory.
fn do_in(dir: &Path, line: &str) -> Result<()> {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    process::run_ok(command.args(words).current_dir(dir))
}
