//! A gateway as a process of its own, and what is asked of it from outside. It waits for lines and exits, never for
//! a time to pass; [`PATIENCE`] only ends a test that hangs.

use client::{Client, Config, Inbox, Position, Received};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use wire::{ConversationId, DeviceId, Uid};

/// A step that takes longer hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running gateway; killed when dropped.
pub struct Gateway {
    child: Child,
    /// What it writes to stderr.
    told: File,
    /// Where clients connect.
    pub listen: SocketAddr,
    admin: SocketAddr,
    /// Where business systems call, if they may.
    pub api: Option<SocketAddr>,
    data_dir: PathBuf,
}

/// How a gateway ended.
pub struct End {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stderr.
    pub told: String,
}

impl Gateway {
    /// Starts one on free ports with two shards, and waits until it serves.
    pub fn start(data_dir: &Path, settings: &[&str]) -> Self {
        Self::start_with(data_dir, settings, [])
    }

    /// The same in a directory of its own, which goes with what is given beside it.
    pub fn in_new_dir(settings: &[&str]) -> (Self, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (Self::start(dir.path(), settings), dir)
    }

    /// The same with variables.
    pub fn start_with<const N: usize>(
        data_dir: &Path,
        settings: &[&str],
        variables: [(&str, &str); N],
    ) -> Self {
        let mut command = command(data_dir);
        command.args(["--shards", "2", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        command.args(settings).envs(variables);
        Self::spawn(command, data_dir)
    }

    /// Starts one by a command, and waits until it serves.
    pub fn spawn(mut command: Command, data_dir: &Path) -> Self {
        let (told, stderr) = told();
        let mut child = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some((listen, admin)) = addresses(&line) else {
            panic!("it did not start: {}", end(&mut child, told).told);
        };
        let api = address(&line, "api on ");
        Self { child, told, listen, admin, api, data_dir: data_dir.to_owned() }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it has written this to stderr.
    pub fn until_told(&self, text: &str) {
        let started = Instant::now();
        let mut told = Vec::new();
        while !String::from_utf8_lossy(&told).contains(text) {
            assert!(started.elapsed() < PATIENCE, "it did not say {text:?}");
            // The place in the file is also the writer's: it stays where it is.
            told.resize(1 << 16, 0);
            let length = self.told.read_at(&mut told, 0).unwrap();
            told.truncate(length);
            std::thread::yield_now();
        }
    }

    /// Waits for its end.
    pub fn wait(mut self) -> End {
        let told = self.told.try_clone().unwrap();
        end(&mut self.child, told)
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// A client of it that has nothing yet.
    pub async fn connect(&self, uid: u64, device: u64) -> (Client, Inbox) {
        self.connect_from(uid, device, Position::default()).await
    }

    /// A client of it that has so much of its inbox.
    pub async fn connect_from(&self, uid: u64, device: u64, position: Position) -> (Client, Inbox) {
        let addresses = vec![self.listen.to_string()];
        let (token, device) = (self.token(uid), DeviceId(device));
        let config = Config { addresses, token, device, position, tls: None };
        Client::connect(config).await.unwrap()
    }

    /// A token for a user.
    pub fn token(&self, uid: u64) -> String {
        let uid = uid.to_string();
        let output = command(&self.data_dir).args(["token", "--uid", &uid]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// A metric, by its name and its labels but the core's: the sum over all cores.
    #[track_caller]
    pub fn metric(&self, name: &str) -> u64 {
        let page = self.page("/metrics");
        let samples = page.lines().filter_map(|line| line.strip_prefix(name));
        let values = samples.filter_map(|rest| match rest.strip_prefix("{core=") {
            Some(labelled) => labelled.split_once("} ").map(|(_, value)| value),
            None => rest.strip_prefix(' '),
        });
        let values: Vec<u64> = values.map(|value| value.parse().unwrap()).collect();
        assert!(!values.is_empty(), "no metric {name}");
        values.iter().sum()
    }

    /// What its admin server answers, from the status on.
    pub fn page(&self, path: &str) -> String {
        self.ask_admin("GET", path)
    }

    /// The same of what changes something.
    pub fn post(&self, path: &str) -> String {
        self.ask_admin("POST", path)
    }

    fn ask_admin(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(self.admin).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        page
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with this data directory, knowing nothing of the tests' environment.
pub fn command(data_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.env_clear().stdin(Stdio::null());
    // Settings come behind a subcommand's name, if there is one, so this one goes by the environment.
    command.env("LONGLINE_DATA_DIR", AsRef::<OsStr>::as_ref(data_dir));
    command
}

/// What a gateway that does not start says.
pub fn refused(data_dir: &Path, settings: &[&str]) -> End {
    let mut command = command(data_dir);
    command.envs([("LONGLINE_LISTEN", "127.0.0.1:0"), ("LONGLINE_ADMIN", "127.0.0.1:0")]);
    told_by(command.args(settings), Stdio::null())
}

/// How a process that ends by itself does, and what it says on stderr.
pub fn told_by(command: &mut Command, stdout: Stdio) -> End {
    let (told, stderr) = told();
    let command = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    end(&mut command.spawn().unwrap(), told)
}

/// The next `count` messages that come: inbox row, sender, and body as text.
pub async fn messages(inbox: &mut Inbox, count: usize) -> Vec<(u64, Uid, String)> {
    let mut messages = Vec::new();
    while messages.len() < count {
        if let Received::Message { message, .. } = inbox.recv().await.unwrap() {
            let body = String::from_utf8(message.body.to_vec()).unwrap();
            messages.push((message.inbox_seq.0, message.sender, body));
        }
    }
    messages
}

/// The conversation of two users.
pub fn between(one: u64, other: u64) -> ConversationId {
    ConversationId::direct(Uid(one), Uid(other)).unwrap()
}

/// Runs a test's conversation to its end.
pub fn block_on<T>(conversation: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bounded = async { tokio::time::timeout(PATIENCE, conversation).await };
    runtime.block_on(bounded).expect("the conversation hangs")
}

/// A file for stderr, which unlike a pipe takes all that is written, and its end for the process.
fn told() -> (File, Stdio) {
    let file = tempfile::tempfile().unwrap();
    let stderr = Stdio::from(file.try_clone().unwrap());
    (file, stderr)
}

fn end(child: &mut Child, mut file: File) -> End {
    let code = child.wait().unwrap().code();
    let mut told = String::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_string(&mut told).unwrap();
    End { code, told }
}

/// The addresses in `... listening on 127.0.0.1:4000, admin on 127.0.0.1:4001, ...`.
fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    Some((address(line, "listening on ")?, address(line, "admin on ")?))
}

fn address(line: &str, word: &str) -> Option<SocketAddr> {
    line.split_once(word)?.1.split(',').next()?.parse().ok()
}
