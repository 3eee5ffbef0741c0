//! What the server costs, read from `/proc`: its CPU and memory, and the kernel's memory for sockets. It knows
//! processes by their ids and nothing of what they do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fs::read_to_string;

/// Clock ticks a second in `/proc/<pid>/stat`: fixed for user space on Linux.
const TICKS_PER_S: u64 = 100;
/// Bytes of a page as `sockstat` counts them.
const PAGE_BYTES: u64 = 4_096;

/// A look at a process and the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// CPU time of all its threads, us. In steps of 10 ms.
    pub cpu_us: u64,
    /// Resident memory.
    pub rss_bytes: u64,
    /// Resident anonymous memory: what it allocated.
    pub anon_bytes: u64,
    /// The kernel's slabs and socket buffers, of the whole machine.
    pub kernel_bytes: u64,
}

impl Sample {
    /// Looks now; `None` if there is no such process.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = read_to_string(format!("/proc/{pid}/status")).ok()?;
        let meminfo = read_to_string("/proc/meminfo").unwrap_or_default();
        let sockstat = read_to_string("/proc/net/sockstat").unwrap_or_default();
        Some(Self {
            cpu_us: cpu_us(&stat)?,
            rss_bytes: kib(&status, "VmRSS:")? * 1024,
            anon_bytes: kib(&status, "RssAnon:")? * 1024,
            kernel_bytes: kib(&meminfo, "Slab:").unwrap_or(0) * 1024 + tcp_bytes(&sockstat),
        })
    }
}

/// User and system time: fields 14 and 15; the command in field 2 may hold anything but ends with the last `)`.
fn cpu_us(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) * 1_000_000 / TICKS_PER_S)
}

fn kib(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

fn tcp_bytes(sockstat: &str) -> u64 {
    let line = sockstat.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let pages = line.split_whitespace().skip_while(|word| *word != "mem").nth(1);
    pages.and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * PAGE_BYTES
}

/// The server's part of a summary. `None`: no process was given, or there was nothing to divide by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// CPU time in the measured interval over messages delivered in it.
    pub cpu_us_per_message: Option<f64>,
    /// Resident memory at the interval's end.
    pub rss_bytes: Option<u64>,
}

/// Growth of two numbers over a count; `None` for a count of 0.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "bytes and us are far below 2^53")]
pub fn per(before: u64, after: u64, count: u64) -> Option<f64> {
    (count > 0).then(|| after.saturating_sub(before) as f64 / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read() {
        let stat = "42 (a b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 5 6 7";
        assert_eq!(cpu_us(stat), Some(3_000_000));
        assert_eq!(kib("VmRSS:\t  12 kB\nRssAnon:\t 5 kB\n", "RssAnon:"), Some(5));
        assert_eq!(
            tcp_bytes("sockets: used 9\nTCP: inuse 5 orphan 0 tw 0 alloc 7 mem 3\n"),
            3 * 4096
        );
        let own = Sample::of(std::process::id()).unwrap();
        assert!(own.rss_bytes > 0 && own.kernel_bytes > 0);
        assert_eq!(Sample::of(u32::MAX), None);
    }
}
