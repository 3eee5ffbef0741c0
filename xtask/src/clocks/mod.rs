//! `cargo xtask clocks`: wall clocks that are wrong, are set while everything runs and across restarts, and differ from host
//! to host; and clients whose clocks show anything.
//!
//! The processes read their clocks as always, and a file adds to them: the drill sets it. Nothing that was acknowledged may be
//! refused when it is said again, nor be stored twice, nor be missing; and what is refused for the time in its id must be
//! taken by the time that the refusal names. It ends with exit code 4 when one of these is seen broken.

mod phone;
mod known;
mod raw;
mod steps;
mod apart;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::drill::seen::BROKEN;
use crate::{process, programs};
use known::Known;

/// How much.
#[derive(clap::Args)]
pub struct Args {
    /// Some steps of the clock, not all.
    #[arg(long)]
    short: bool,
}

/// One gateway whose clock is set; then a cluster whose hosts are apart.
pub fn run(args: &Args) -> Result<ExitCode> {
    let scratch = process::scratch_dir("clocks")?;
    programs::build()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut known = Known::default();
    runtime
        .block_on(steps::show(&scratch, args.short, &mut known))
        .context("one gateway whose clock is set")?;
    apart::show(&runtime, args.short, &mut known).context("a cluster whose hosts are apart")?;
    println!("{known}");
    if known.is_broken() {
        println!("a promise was broken");
        return Ok(BROKEN.into());
    }
    println!("kept: Clocks");
    Ok(ExitCode::SUCCESS)
}
