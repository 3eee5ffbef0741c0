//! The `logic` program: parses what was typed and does it. It knows no messages.

use clap::Parser;
use logic::node::cli::Cli;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    logic::node::cli::main(Cli::parse())
}
