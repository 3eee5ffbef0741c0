//! What was run, where and when: for a person who was not there.

use crate::clock::{rfc_3339, unix};
use rustix::system::{sysinfo, uname};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fs::read_to_string;
use std::time::Duration;

/// About a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct About {
    /// When it began, by RFC 3339 in UTC.
    pub started: String,
    /// When everything was read back.
    pub ended: String,
    /// Whom it loaded.
    pub target: String,
    /// What was typed.
    pub command: String,
    /// Of loadgen.
    pub version: String,
    /// Where it ran.
    pub host: Host,
}

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Its kernel, with the release.
    pub kernel: String,
    /// What its CPUs call themselves; empty: nothing.
    pub cpu: String,
    /// CPUs that this process may run on.
    pub cpus: usize,
    /// Memory in all, bytes.
    pub memory_bytes: u64,
}

impl About {
    /// A run that began at this moment of the wall clock, and has ended.
    #[must_use]
    pub fn ended(began: Duration, target: String) -> Self {
        Self {
            started: rfc_3339(began),
            ended: rfc_3339(unix()),
            target,
            command: command(std::env::args()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: Host::this(),
        }
    }
}

impl Host {
    fn this() -> Self {
        let (names, memory) = (uname(), sysinfo());
        let text = |name: &std::ffi::CStr| name.to_string_lossy().into_owned();
        let cpus = read_to_string("/proc/cpuinfo").unwrap_or_default();
        let cpu = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Self {
            name: text(names.nodename()),
            kernel: format!("{} {}", text(names.sysname()), text(names.release())),
            cpu: cpu.map_or_else(String::new, |(_, name)| name.trim().to_owned()),
            cpus: std::thread::available_parallelism().map_or(0, usize::from),
            memory_bytes: memory.totalram * u64::from(memory.mem_unit),
        }
    }
}

/// A line for a shell that gives these words.
fn command(words: impl Iterator<Item = String>) -> String {
    let quoted = |word: String| {
        let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_./:=,@%+".contains(it);
        if !word.is_empty() && word.chars().all(is_plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_pasted() {
        let words = ["loadgen", "run", "--slo", "e2e.p99<20ms", "it's", ""];
        let line = command(words.into_iter().map(str::to_owned));
        assert_eq!(line, r"loadgen run --slo 'e2e.p99<20ms' 'it'\''s' ''");
    }

    #[test]
    fn a_machine_says_what_it_is() {
        let about = About::ended(Duration::from_secs(1_790_000_000), "here".into());
        assert_eq!(about.started, "2026-09-21T14:13:20Z");
        let Host { name, kernel, cpus, memory_bytes, .. } = about.host;
        assert!(!name.is_empty() && kernel.starts_with("Linux ") && cpus > 0);
        assert!(memory_bytes > 1 << 27);
    }
}
