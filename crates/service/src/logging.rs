//! Logging to stderr, for a terminal, for a journal, or for a collector. It never holds up who logs: one thread writes, and
//! lines that stderr does not take in time are dropped and counted.

use flume::{Receiver, Sender};
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

/// Lines that wait to be written, at most: a few hundred bytes each, so about 1 MiB.
const LINES_MAX: usize = 4_096;
/// How long an end waits for stderr to take the last lines.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// The lines of the process, once logging was started.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Lines on their way to stderr.
struct Lines {
    queue: Sender<Entry>,
    /// Lines that found no room.
    dropped: AtomicU64,
}

enum Entry {
    Line(Vec<u8>),
    /// Everything before it was written.
    Flush(Sender<()>),
}

/// Starts logging what `filter` lets through, as text or as a JSON object a line. The first call of
/// a process counts; later ones change nothing.
pub fn start(filter: EnvFilter, is_json: bool) {
    let (queue, entries) = flume::bounded(LINES_MAX);
    if LINES.set(Lines { queue, dropped: AtomicU64::new(0) }).is_err() {
        return tracing::debug!("logging had been started");
    }
    let lines = LINES.get().expect("set above");
    // Without the thread the queue takes nothing, and every line counts as dropped.
    let _ = thread::Builder::new().name("log".into()).spawn(move || lines.write_all(&entries));
    let registry = registry().with(filter);
    let lines = fmt::layer().with_writer(move || lines).with_ansi(io::stderr().is_terminal());
    // systemd sets it when stderr goes to the journal, which has its own times.
    let in_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let started = match (is_json, in_journal) {
        (true, _) => {
            tracing::subscriber::set_global_default(registry.with(lines.json().flatten_event(true)))
        }
        (false, true) => {
            tracing::subscriber::set_global_default(registry.with(lines.without_time()))
        }
        (false, false) => tracing::subscriber::set_global_default(registry.with(lines)),
    };
    if started.is_err() {
        tracing::debug!("somebody else logs");
    }
}

/// Lines that were dropped since the start, because stderr did not take them.
#[must_use]
pub fn dropped() -> u64 {
    LINES.get().map_or(0, |lines| lines.dropped.load(Relaxed))
}

/// Writes what a program says at its end, and what was logged before. It waits for stderr, but not for long.
pub fn last_word(text: &str) {
    match LINES.get() {
        Some(lines) => {
            let line = Entry::Line(text.as_bytes().to_vec());
            let _ = lines.queue.send_timeout(line, FLUSH_TIMEOUT);
            flush();
        }
        None => drop(io::stderr().write_all(text.as_bytes())),
    }
}

/// Waits until what was logged is written, but not for long.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        let (written, wait) = flume::bounded(1);
        let asked = lines.queue.send_timeout(Entry::Flush(written), FLUSH_TIMEOUT);
        let _ = asked.map(|()| wait.recv_timeout(FLUSH_TIMEOUT));
    }
}

impl Lines {
    fn take(&self, line: &[u8]) {
        if self.queue.try_send(Entry::Line(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Writes what comes, on a thread of its own. Once stderr has taken all, says what was lost.
    fn write_all(&self, entries: &Receiver<Entry>) {
        let mut told = 0;
        while let Ok(entry) = entries.recv() {
            match entry {
                // Nobody may be reading, which is no reason to stop.
                Entry::Line(line) => drop(io::stderr().write_all(&line)),
                Entry::Flush(written) => drop(written.send(())),
            }
            let dropped = self.dropped.load(Relaxed);
            if dropped > told && entries.is_empty() {
                tracing::warn!(
                    lines = dropped - told,
                    "stderr was too slow: lines of the log are lost"
                );
                told = dropped;
            }
        }
    }
}

impl Write for &Lines {
    /// A whole line: an event is written by one call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.take(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
