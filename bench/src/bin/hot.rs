//! Runs one hot function so many times: what `cargo xtask bench counts` counts instructions of.

use anyhow::{Context, Result};
use bench::hot;
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs one hot function so many times; without a name, lists them.
#[derive(Parser)]
struct Args {
    /// The function.
    name: Option<String>,
    /// How often.
    #[arg(default_value_t = 1)]
    calls: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let Some(name) = args.name else {
        for hot in hot::ALL {
            println!("{}", hot.name);
        }
        return Ok(());
    };
    let found = hot::ALL.iter().find(|hot| hot.name == name);
    let found =
        found.with_context(|| format!("no function {name}; call without a name to list them"))?;
    (found.run)(args.calls);
    Ok(())
}
