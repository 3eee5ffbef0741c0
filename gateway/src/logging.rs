//! Logging to stderr, for a terminal, for a journal, or for a collector.

use crate::config::{Config, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

/// Starts logging. Once a process; a later call changes nothing.
pub fn start(config: &Config) {
    let registry = registry().with(config.log.to_filter());
    let lines =
        fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    // systemd sets it when stderr goes to the journal, which has its own times.
    let in_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let started = match (config.log_format, in_journal) {
        (LogFormat::Json, _) => {
            tracing::subscriber::set_global_default(registry.with(lines.json().flatten_event(true)))
        }
        (LogFormat::Text, true) => {
            tracing::subscriber::set_global_default(registry.with(lines.without_time()))
        }
        (LogFormat::Text, false) => tracing::subscriber::set_global_default(registry.with(lines)),
    };
    if started.is_err() {
        tracing::debug!("logging had been started");
    }
}
