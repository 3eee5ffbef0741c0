//! The `gateway` program: parses what was typed and does it. It knows no messages.

use clap::Parser;
use gateway::cli::Cli;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gateway::cli::main(Cli::parse())
}
