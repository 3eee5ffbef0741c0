//! Child processes: run one to its end, or hold one that never outlives its guard.
//!
//! It kills only what it started, by its own id. It waits for events, never for a time to pass.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Lines of a guarded child kept until somebody waits for one; what comes beyond is only printed.
const LINES_MAX: usize = 4096;
/// Lines shown when a wait fails.
const LAST_LINES_MAX: usize = 20;
/// Clock ticks a second in `/proc`: fixed at 100 for user space on every architecture Longline runs on.
const TICK: Duration = Duration::from_millis(10);

/// The root of the tree.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the root")
}

/// Where cargo builds.
pub fn target_dir() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// A release binary of this workspace, which must have been built.
pub fn release_binary(name: &str) -> PathBuf {
    target_dir().join("release").join(name)
}

/// An empty directory of that name below the target directory.
pub fn scratch_dir(name: &str) -> Result<PathBuf> {
    let dir = target_dir().join("tmp").join(name);
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("could not empty {}", dir.display()))?;
    }
    fs::create_dir_all(&dir).with_context(|| format!("could not make {}", dir.display()))?;
    Ok(dir)
}

/// A command that the kernel kills when this process, or the thread of it that starts the command, ends in whatever way.
pub fn mortal(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// Runs a command to its end with the output of this process.
pub fn run(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| could_not_start(command))
}

/// Like [`run`], and an error when it does not end well.
pub fn run_ok(command: &mut Command) -> Result<()> {
    let status = run(command)?;
    if !status.success() {
        bail!("{} ended with {status}", command.get_program().to_string_lossy());
    }
    Ok(())
}

/// Runs a command to its end; every line it prints goes to `on_line` and to the output of this process.
pub fn run_lines(mut command: Command, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
    let (output, writer) = io::pipe().context("could not make a pipe")?;
    command.stdout(writer.try_clone().context("could not share a pipe")?).stderr(writer);
    let mut child = command.spawn().with_context(|| could_not_start(&command))?;
    // It holds the pipe's other end: without it the output ends when the child's does.
    drop(command);
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("could not read the child's output")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        on_line(&line);
    }
    child.wait().context("could not wait for the child")
}

fn could_not_start(command: &Command) -> String {
    format!("could not start {}", command.get_program().to_string_lossy())
}

/// A loopback port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("could not bind a loopback port")?;
    Ok(listener.local_addr()?.port())
}

/// CPU time that process `pid` has used, user and system, in steps of 10 ms.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("could not read {path}"))?;
    parse_cpu_time(&stat).with_context(|| format!("{path} has no CPU times"))
}

/// proc_pid_stat(5): fields 14 and 15; the command's name, which may hold anything, ends at the last `)`.
fn parse_cpu_time(stat: &str) -> Option<Duration> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u32 = fields.get(11)?.parse::<u32>().ok()? + fields.get(12)?.parse::<u32>().ok()?;
    Some(TICK * ticks)
}

/// A child that is killed and reaped when this is dropped. Its output is printed, each line after its name.
pub struct Guarded {
    child: Child,
    name: String,
    lines: Receiver<String>,
    last: VecDeque<String>,
}

impl Guarded {
    /// Starts `command`, called `name` in what is printed.
    pub fn spawn(name: &str, command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| could_not_start(command))?;
        let stdout = child.stdout.take().context("the child has no output")?;
        let (sender, lines) = sync_channel(LINES_MAX);
        let prefix = name.to_owned();
        thread::spawn(move || forward(stdout, &prefix, &sender));
        Ok(Self { child, name: name.to_owned(), lines, last: VecDeque::new() })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the first line that `wanted` makes something of.
    ///
    /// # Errors
    /// When the time is over or the output ends first; tells the last lines.
    pub fn wait_line<T>(
        &mut self,
        timeout: Duration,
        mut wanted: impl FnMut(&str) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + timeout;
        loop {
            let line = self.next_line(deadline)?;
            if let Some(line) = line.as_deref() {
                if let Some(found) = wanted(line) {
                    return Ok(found);
                }
            } else {
                let last = self.last.make_contiguous().join("\n  ");
                bail!("{} ended its output before the line waited for; last:\n  {last}", self.name);
            }
        }
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When the time is over first.
    pub fn wait_exit(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + timeout;
        while self.next_line(deadline)?.is_some() {}
        self.child.wait().with_context(|| format!("could not wait for {}", self.name))
    }

    /// Whether its output ends within that time.
    pub fn ends_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.keep(line),
                Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Timeout) => return false,
            }
        }
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.child.kill().with_context(|| format!("could not kill {}", self.name))?;
        self.child.wait().with_context(|| format!("could not wait for {}", self.name))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let sent = kill_process(Pid::from_child(&self.child), signal);
        sent.with_context(|| format!("could not signal {}", self.name))
    }

    /// Remembers a line for when a wait fails.
    fn keep(&mut self, line: String) {
        self.last.push_back(line);
        if self.last.len() > LAST_LINES_MAX {
            self.last.pop_front();
        }
    }

    /// The next line; none when the output has ended.
    fn next_line(&mut self, deadline: Instant) -> Result<Option<String>> {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                self.keep(line.clone());
                Ok(Some(line))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                let last = self.last.make_contiguous().join("\n  ");
                bail!("waited too long for {}; its last lines:\n  {last}", self.name)
            }
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn forward(stdout: ChildStdout, name: &str, lines: &SyncSender<String>) {
    for line in BufReader::new(stdout).split(b'\n') {
        let Ok(line) = line else { return };
        let line = String::from_utf8_lossy(&line).into_owned();
        println!("{name}: {line}");
        // Full: nobody waits for lines any more. The child must not block on that.
        let _ = lines.try_send(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn shell(script: &str) -> Guarded {
        Guarded::spawn("sh", Command::new("sh").args(["-c", script])).unwrap()
    }

    #[test]
    fn a_line_is_waited_for() {
        let mut child = shell("echo starting; echo listening on 7; exec cat /dev/zero > /dev/null");
        let port = child
            .wait_line(PATIENCE, |line| line.strip_prefix("listening on ")?.parse::<u16>().ok());
        assert_eq!(port.unwrap(), 7);
    }

    #[test]
    fn a_child_that_ends_first_is_told_with_its_last_words() {
        let mut child = shell("echo no such file");
        let error = child.wait_line(PATIENCE, |line| line.strip_prefix("ready").map(drop));
        assert!(error.unwrap_err().to_string().contains("no such file"));
        assert_eq!(shell("exit 3").wait_exit(PATIENCE).unwrap().code(), Some(3));
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let mut child = shell("exec tail -f /dev/null");
        let error = child.wait_line(Duration::ZERO, |_| Some(())).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
        child.kill().unwrap();
    }

    #[test]
    fn an_end_is_told_from_a_time_that_passed() {
        assert!(shell("echo done").ends_within(PATIENCE));
        assert!(!shell("exec tail -f /dev/null").ends_within(Duration::ZERO));
    }

    #[test]
    fn the_guard_leaves_no_process() {
        let child = shell("echo $$; exec cat /dev/zero > /dev/null");
        let proc_dir = PathBuf::from(format!("/proc/{}", child.pid()));
        assert!(proc_dir.exists() && cpu_time(child.pid()).is_ok());
        drop(child);
        assert!(!proc_dir.exists());
    }

    #[test]
    fn cpu_times_are_read_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 1 2 3";
        assert_eq!(parse_cpu_time(stat), Some(Duration::from_secs(2)));
        assert_eq!(parse_cpu_time("7 (a) S 1"), None);
    }
}
