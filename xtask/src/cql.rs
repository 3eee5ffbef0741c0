//! `cargo xtask cql start|stop|kill|pause|resume|status`: a Cassandra on loopback that outlives the command, for work by
//! hand. Tests and drills start their own.
//!
//! A place is a folder; its process is known by an argument that names the folder, so that a pid that was reused is
//! never taken for it.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::process;
use crate::servers::maven;
use crate::servers::node::{self, Commitlog, Node};

/// What to do with it, and where it is.
#[derive(clap::Args)]
pub struct Args {
    #[arg(value_enum)]
    action: Action,
    /// Its folder, with its data; by default below the target directory.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// It serves on 127.0.NET.1:9042, so that several can stand side by side.
    #[arg(long, default_value_t = 0)]
    net: u8,
    /// When a write is acknowledged.
    #[arg(long, value_enum, default_value_t = Commitlog::Batch)]
    commitlog: Commitlog,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Action {
    /// Starts it with the data it had; returns when it answers.
    Start,
    /// SIGTERM, and waits until it is gone.
    Stop,
    /// SIGKILL, and waits until it is gone.
    Kill,
    /// SIGSTOP.
    Pause,
    /// SIGCONT.
    Resume,
    /// Says where it is and whether it answers; exit code 1 if it does not.
    Status,
}

/// A node may take this long to write down what it has and go.
const STOP_MAX: Duration = Duration::from_secs(60);

/// Does it.
pub fn run(args: &Args) -> Result<ExitCode> {
    let dir = args.dir.clone().unwrap_or_else(|| default_dir(args.net));
    let node = Node {
        dir: std::path::absolute(dir)?,
        host: Ipv4Addr::new(127, 0, args.net, 1),
        cql_port: 9042,
        storage_port: 7000,
        commitlog: args.commitlog,
    };
    match args.action {
        Action::Start => start(&node)?,
        Action::Stop => end(&node, Signal::TERM)?,
        Action::Kill => end(&node, Signal::KILL)?,
        Action::Pause => kill_process(running(&node)?, Signal::STOP)?,
        Action::Resume => kill_process(running(&node)?, Signal::CONT)?,
        Action::Status => return Ok(status(&node)),
    }
    Ok(ExitCode::SUCCESS)
}

fn default_dir(net: u8) -> PathBuf {
    process::target_dir().join("tmp").join(format!("cql-{net}"))
}

fn start(node: &Node) -> Result<()> {
    if let Some(pid) = process_of(node) {
        node.wait_until_it_answers(|time| ends_within(pid, time))?;
        println!("{} answers already", node.address());
        return Ok(());
    }
    node.check_free()?;
    let started = Instant::now();
    let mut command = Command::new("java");
    command.args(node.configure(&maven::class_path()?)?).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    node::quiet(&mut command, node)?;
    let child = command.spawn().context("could not start java")?;
    fs::write(pid_file(node), child.id().to_string()).context("could not keep the pid")?;
    let pid = Pid::from_child(&child);
    node.wait_until_it_answers(|time| ends_within(pid, time))?;
    println!("{} answers after {:.1} s", node.address(), started.elapsed().as_secs_f64());
    Ok(())
}

fn end(node: &Node, signal: Signal) -> Result<()> {
    let pid = running(node)?;
    kill_process(pid, signal)?;
    // A paused one hears of it when it goes on; one that is gone needs nothing.
    let _ = kill_process(pid, Signal::CONT);
    if !ends_within(pid, STOP_MAX) {
        bail!("Cassandra does not end; its log is in {}", node.dir.display());
    }
    Ok(())
}

fn status(node: &Node) -> ExitCode {
    let address = node.address();
    let Some(pid) = process_of(node) else {
        println!("{address}: down");
        return ExitCode::FAILURE;
    };
    let answers = node::answers(address).unwrap_or(false);
    let pid = pid.as_raw_nonzero();
    println!("{address}: pid {pid}, {}", if answers { "answers" } else { "does not answer" });
    if answers { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn running(node: &Node) -> Result<Pid> {
    process_of(node).with_context(|| format!("no Cassandra runs in {}", node.dir.display()))
}

/// Whether a process ends in that time. It need not be our child.
fn ends_within(pid: Pid, time: Duration) -> bool {
    // What cannot be opened has ended.
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { return true };
    let Ok(time) = Timespec::try_from(time) else { return false };
    poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&time)).is_ok_and(|ended| ended > 0)
}

/// Its process, while that is one of this folder.
fn process_of(node: &Node) -> Option<Pid> {
    let pid: i32 = fs::read_to_string(pid_file(node)).ok()?.parse().ok()?;
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mark = node.mark();
    arguments.split(|byte| *byte == 0).any(|word| word == mark.as_bytes()).then_some(())?;
    Pid::from_raw(pid)
}

fn pid_file(node: &Node) -> PathBuf {
    node.dir.join("pid")
}
