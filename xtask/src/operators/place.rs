//! Where one case happens: an empty folder, the programs, and how a process of it is started, watched and ended.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::process::{self, Guarded};
use crate::programs;

/// A step that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at what a process says.
const LOOK: Duration = Duration::from_millis(20);
/// A password that nothing may print.
pub const SECRET: &str = "told-to-nobody";

/// How a process ended: its code, none if a signal killed it, and what it said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub told: String,
}

/// An empty folder.
pub struct Place {
    pub dir: PathBuf,
}

impl Place {
    pub fn new(name: &str) -> Result<Self> {
        let dir = process::scratch_dir(name)?;
        fs::write(dir.join("link"), "the secret of a drill's links, 16 bytes at least")?;
        Ok(Self { dir })
    }

    /// A gateway with one core and a store of its own in `data`, on free ports.
    pub fn gateway(&self, data: &str) -> Command {
        self.gateway_at("127.0.0.1:0", data)
    }

    /// The same at an address.
    pub fn gateway_at(&self, listen: &str, data: &str) -> Command {
        let mut command = Command::new(programs::path("gateway"));
        command.args(["--listen", listen, "--admin", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(self.dir.join(data));
        command
    }

    /// A gateway in front of nodes.
    pub fn gateway_of(&self, logic: &str) -> Command {
        let mut command = self.gateway("unused");
        command.args(["--logic", logic, "--cores", "1"]);
        command.arg("--link-secret-file").arg(self.dir.join("link"));
        command
    }

    /// A node that serves on these addresses of links and pages.
    pub fn node(&self, listen: &str, admin: &str) -> Command {
        let mut command = Command::new(programs::path("logic"));
        command.args(["serve", "--listen", listen, "--admin", admin, "--cores", "1"]);
        command.arg("--secret-file").arg(self.dir.join("link"));
        command
    }

    /// Starts a process.
    pub fn start(&self, name: &str, command: &mut Command) -> Result<Process> {
        let log = self.dir.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("could not make {}", log.display()));
        let guarded = Guarded::spawn(name, command.stderr(file?))?;
        Ok(Process { guarded, log, more: String::new() })
    }

    /// How a process ends that is to end by itself.
    pub fn ends(&self, name: &str, command: &mut Command) -> Result<Ended> {
        self.start(name, command)?.end()
    }
}

/// The command behind others: `under(["taskset", "-c", "1"], gateway)`.
pub fn under(words: &[&str], command: &Command) -> Command {
    let mut wrapped = Command::new(words[0]);
    wrapped.args(&words[1..]).arg(command.get_program()).args(command.get_args());
    wrapped
}

/// The command after a line of the shell.
pub fn after(line: &str, command: &Command) -> Command {
    under(&["sh", "-c", &format!("{line} && exec \"$0\" \"$@\"")], command)
}

/// The command after a line of the shell that changes what is mounted, for it alone.
pub fn in_namespace(line: &str, command: &Command) -> Command {
    under(&["unshare", "--map-root-user", "--mount"], &after(line, command))
}

/// A process that runs; killed when dropped.
pub struct Process {
    guarded: Guarded,
    log: PathBuf,
    /// What it said elsewhere than on stderr.
    more: String,
}

impl Process {
    /// Waits until it serves; its addresses for clients and pages.
    pub fn serves(&mut self) -> Result<(String, String)> {
        let addresses = |line: &str| {
            let after = |word| line.split_once(word)?.1.split(',').next().map(str::to_owned);
            Some((after("listening on ")?, after("admin on ")?))
        };
        let served = self.guarded.wait_line(PATIENCE, addresses);
        served.with_context(|| format!("it did not start: {}", self.told()))
    }

    /// Waits until it has said this on stderr.
    pub fn says(&mut self, text: &str) -> Result<()> {
        self.until(&format!("it says {text:?}"), |process| process.told().contains(text))
    }

    /// Waits until its page about readiness says this, and remembers it.
    pub fn is_ready(&mut self, admin: &str, text: &str) -> Result<()> {
        let mut last = String::new();
        let waited = self.until(&format!("its page says {text:?}"), |_| {
            last = page(admin).unwrap_or_default();
            last.contains(text)
        });
        self.more.push_str(&last);
        waited.with_context(|| format!("the page says {last:?}"))
    }

    fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if holds(self) {
                return Ok(());
            }
            if self.guarded.ends_within(LOOK) && !holds(self) {
                bail!("it ended before {what}: {}", self.told());
            }
            if Instant::now() > deadline {
                bail!("waited too long until {what}: {}", self.told());
            }
        }
    }

    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.guarded.signal(signal)
    }

    pub fn pid(&self) -> u32 {
        self.guarded.pid()
    }

    /// Waits for its end.
    pub fn end(mut self) -> Result<Ended> {
        let code = self.guarded.wait_exit(PATIENCE)?.code();
        Ok(Ended { code, told: self.told() })
    }

    /// Tells it to drain, and waits for its end.
    pub fn drain(self) -> Result<Ended> {
        self.signal(Signal::TERM)?;
        self.end()
    }

    fn told(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default() + &self.more
    }
}

fn page(admin: &str) -> Result<String> {
    let mut stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}

/// What a program says whose stdout nobody reads.
pub fn unread(command: &mut Command, stderr: &Path) -> Result<Ended> {
    let (reader, stdout) = std::io::pipe()?;
    drop(reader);
    command.stdin(Stdio::null()).stdout(stdout).stderr(File::create(stderr)?);
    let status = command.status()?;
    Ok(Ended { code: status.code(), told: fs::read_to_string(stderr)? })
}
