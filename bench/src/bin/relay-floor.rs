//! The relay floor as a program, started like the gateway, so that loadgen cannot tell them apart. SIGTERM ends
//! it at once: it has nothing to keep.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::{fs, process};

use anyhow::{Context, Result};
use bench::floor;
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The least relay that speaks Longline's protocol: no store, no token check, one device a user.
#[derive(Parser)]
struct Args {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Written once it listens: its address and process id, as TOML.
    #[arg(long)]
    ready_file: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let listener = TcpListener::bind(args.listen)
        .with_context(|| format!("could not listen on {}", args.listen))?;
    let listen = listener.local_addr()?;
    if let Some(path) = &args.ready_file {
        write_ready(path, listen)?;
    }
    println!("listening on {listen}");
    let Err(error) = floor::serve(listener);
    Err(error)
}

/// Whole or not at all: a reader never sees half of it.
fn write_ready(path: &Path, listen: SocketAddr) -> Result<()> {
    let text = format!("listen = \"{listen}\"\nadmin = \"{listen}\"\npid = {}\n", process::id());
    let partial = path.with_extension("partial");
    fs::write(&partial, text)
        .and_then(|()| fs::rename(&partial, path))
        .with_context(|| format!("could not write the ready file {}", path.display()))
}
