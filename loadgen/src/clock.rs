//! The clocks, read in one place. Latency is on the monotonic one, which all threads share.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// `CLOCK_MONOTONIC` in ns.
#[must_use]
pub fn now_ns() -> u64 {
    ns(ClockId::Monotonic)
}

/// CPU time of the calling thread in ns.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    ns(ClockId::ThreadCPUTime)
}

/// CPU time of this process in ns.
#[must_use]
pub fn process_cpu_ns() -> u64 {
    ns(ClockId::ProcessCPUTime)
}

fn ns(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).expect("these clocks start at 0");
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).expect("below 10^9")
}

/// The wall clock, since the Unix epoch.
#[must_use]
pub fn unix() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A second of the wall clock by RFC 3339, in UTC.
#[must_use]
pub fn rfc_3339(unix: Duration) -> String {
    let at = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(unix.as_secs());
    at.format(&Rfc3339).expect("a clock shows a year of four digits")
}

/// A number that no other run has: the wall clock in ms, and the process.
#[must_use]
pub fn run_number() -> u64 {
    let ms = u64::try_from(unix().as_millis()).unwrap_or(u64::MAX);
    (ms << 12) | u64::from(std::process::id() & 0xfff)
}
