//! Stands between this program and a server of its own: a process that starts the server, and ends
//! it and takes its folder away when nobody holds the other end of its stdin any more. So neither
//! is left behind, however this program ends. It is in a process group of its own: Ctrl-C in a
//! terminal is for the run, which still needs its server.

use crate::failure::Failure;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// From SIGTERM to the end; the gateway drains for up to 10 s.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// A folder is deleted only if it has this file.
const MARKER: &str = "loadgen-scratch";
/// The subcommand, which is not for people.
const SUBCOMMAND: &str = "keep-server";

/// What the keeper is told.
#[derive(Clone, Debug, clap::Args)]
pub struct KeepArgs {
    /// The server's folder.
    scratch: PathBuf,
    /// The server and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Starts a keeper that starts `server`, whose folder is `scratch`. Both end when the child's stdin
/// is closed.
///
/// # Errors
/// The folder cannot be marked, or this program not started.
pub fn start(
    server: &Command,
    scratch: &Path,
    log: Stdio,
    log_too: Stdio,
) -> Result<Child, Failure> {
    std::fs::write(scratch.join(MARKER), "made by loadgen, which deletes it\n")
        .map_err(|error| Failure::preflight("mark the server's directory", error))?;
    let own =
        std::env::current_exe().map_err(|error| Failure::preflight("find this program", error))?;
    let mut keeper = Command::new(own);
    keeper.arg(SUBCOMMAND).arg(scratch).arg("--").arg(server.get_program());
    keeper.args(server.get_args()).process_group(0);
    keeper.stdin(Stdio::piped()).stdout(log).stderr(log_too);
    keeper.spawn().map_err(|error| Failure::preflight("start the server's keeper", error))
}

/// The keeper's life.
///
/// # Errors
/// The server could not be started.
pub fn keep(args: &KeepArgs) -> Result<u8, Failure> {
    let is_left = Arc::new(AtomicBool::new(false));
    let ended = serve(&args.command, Arc::clone(&is_left));
    // A server that ended by itself has left a log there, which somebody is about to read. Without
    // the mark it is not ours.
    if is_left.load(Ordering::Acquire)
        && args.scratch.join(MARKER).is_file()
        && let Err(error) = std::fs::remove_dir_all(&args.scratch)
    {
        eprintln!("loadgen: could not delete {}: {error}", args.scratch.display());
    }
    ended
}

fn serve(command: &[OsString], is_left: Arc<AtomicBool>) -> Result<u8, Failure> {
    let (program, arguments) = command.split_first().expect("clap asks for one");
    let mut server =
        Command::new(program).args(arguments).stdin(Stdio::null()).spawn().map_err(|error| {
            Failure::preflight(&format!("start {}", Path::new(program).display()), error)
        })?;
    let pid = i32::try_from(server.id()).ok().and_then(Pid::from_raw);
    let until_closed = move || {
        // An end and an error say the same: nobody is there.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        is_left.store(true, Ordering::Release);
        let asked = Instant::now();
        // This process ends with the server, so the id is no other's.
        pid.map(|pid| kill_process(pid, Signal::TERM));
        while asked.elapsed() < STOP_TIMEOUT {
            std::thread::park_timeout(STOP_TIMEOUT);
        }
        pid.map(|pid| kill_process(pid, Signal::KILL));
    };
    std::thread::spawn(until_closed);
    let ended = server.wait().map_err(|error| Failure::preflight("wait for the server", error))?;
    Ok(ended.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(0))
}
