//! What the machine takes away from a process that wants to run, as the kernel counts it: a
//! thread's wait for a core, a control group's quota, the hypervisor's share. It needs no privilege
//! and knows nothing of messages.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// Clock ticks a second in `/proc/stat`: fixed for user space on Linux.
const TICKS_PER_S: u64 = 100;
const NS_PER_S: u64 = 1_000_000_000;

/// How long the calling thread has waited for a core while it could run, ns; `None` where the
/// kernel does not count it.
#[must_use]
pub fn run_delay_ns() -> Option<u64> {
    run_delay(&read_to_string("/proc/thread-self/schedstat").ok()?)
}

/// Time on a core, time waiting for one, and how often: the second field.
fn run_delay(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().nth(1)?.parse().ok()
}

/// Time that the hypervisor took from all cores, ns, in steps of 10 ms; `None` where it is not
/// counted.
#[must_use]
pub fn steal_ns() -> Option<u64> {
    steal(&read_to_string("/proc/stat").ok()?)
}

/// The line of all cores: user, nice, system, idle, iowait, irq, softirq, steal.
fn steal(stat: &str) -> Option<u64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: u64 = line.split_whitespace().nth(7)?.parse().ok()?;
    Some(ticks * (NS_PER_S / TICKS_PER_S))
}

/// Time that the quotas of this process's control group and of those above it kept it from running,
/// ns; `None` where no group counts it.
#[must_use]
pub fn throttled_ns() -> Option<u64> {
    let groups = read_to_string("/proc/self/cgroup").ok()?;
    let (root, group) = cpu_group(&groups)?;
    let levels = Path::new(&group).ancestors();
    let files = levels.map(|level| {
        let level = level.strip_prefix("/").unwrap_or(level);
        root.join(level).join("cpu.stat")
    });
    files.filter_map(|file| throttled(&read_to_string(file).ok()?)).reduce(|sum, ns| sum + ns)
}

/// Where the groups that limit CPU are mounted, and this process's: version 1 has a tree a
/// controller, version 2 one.
fn cpu_group(groups: &str) -> Option<(PathBuf, String)> {
    let mut unified = None;
    for line in groups.lines() {
        let (_, rest) = line.split_once(':')?;
        let (controllers, group) = rest.split_once(':')?;
        if controllers.split(',').any(|controller| controller == "cpu") {
            return Some((Path::new("/sys/fs/cgroup").join(controllers), group.to_owned()));
        }
        if controllers.is_empty() {
            unified = Some((PathBuf::from("/sys/fs/cgroup"), group.to_owned()));
        }
    }
    unified
}

/// Version 1 says `throttled_time` in ns, version 2 `throttled_usec`.
fn throttled(cpu_stat: &str) -> Option<u64> {
    let field = |name: &str| {
        let line = cpu_stat.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse::<u64>().ok()
    };
    field("throttled_time ").or_else(|| Some(field("throttled_usec ")? * 1_000))
}

/// What the machine has taken from this process so far; `None` where it is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// By the quotas of control groups, ns.
    pub throttled_ns: Option<u64>,
    /// By the hypervisor, of all cores, ns.
    pub steal_ns: Option<u64>,
}

impl Taken {
    /// Until now.
    #[must_use]
    pub fn now() -> Self {
        Self { throttled_ns: throttled_ns(), steal_ns: steal_ns() }
    }

    /// From an earlier look until this one.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        let grown = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        Self {
            throttled_ns: grown(self.throttled_ns, earlier.throttled_ns),
            steal_ns: grown(self.steal_ns, earlier.steal_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(run_delay("1700 345 9\n"), Some(345));
        assert_eq!(run_delay("0\n"), None);
        assert_eq!(
            steal("cpu  6 0 4 2 3 0 4 51 0 0\ncpu0 3 0 2 1 2 0 1 2 0 0\n"),
            Some(510_000_000)
        );
        assert_eq!(
            throttled("nr_periods 3\nnr_throttled 1\nthrottled_time 92000000\n"),
            Some(92_000_000)
        );
        assert_eq!(throttled("usage_usec 5\nthrottled_usec 92\n"), Some(92_000));
        assert_eq!(throttled("usage_usec 5\n"), None);
    }

    #[test]
    fn the_group_that_limits_cpu_is_found() {
        let root = |at: &str, group: &str| Some((PathBuf::from(at), group.to_owned()));
        let first = "9:name=systemd:/\n2:cpuacct:/b\n1:cpu:/a\n0::/c\n";
        assert_eq!(cpu_group(first), root("/sys/fs/cgroup/cpu", "/a"));
        let joined = "4:cpu,cpuacct:/a\n";
        assert_eq!(cpu_group(joined), root("/sys/fs/cgroup/cpu,cpuacct", "/a"));
        assert_eq!(cpu_group("0::/pod/x\n"), root("/sys/fs/cgroup", "/pod/x"));
        assert_eq!(cpu_group("5:memory:/x\n"), None);
    }

    #[test]
    fn what_was_not_counted_is_not_zero() {
        let (some, none) = (Some(9), None);
        let later = Taken { throttled_ns: some, steal_ns: some };
        let earlier = Taken { throttled_ns: Some(4), steal_ns: none };
        assert_eq!(later.since(earlier), Taken { throttled_ns: Some(5), steal_ns: None });
    }
}
