//! Logging to stderr, for a terminal, for a journal, or for a collector.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

/// Starts logging what `filter` lets through, as text or as a JSON object a line. The first call of
/// a process counts; later ones change nothing.
pub fn start(filter: EnvFilter, is_json: bool) {
    let registry = registry().with(filter);
    let lines =
        fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
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
        tracing::debug!("logging had been started");
    }
}
