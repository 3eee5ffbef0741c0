//! What cores need of the machine, looked at before the first starts, so that what is missing is named: io_uring, and
//! memory to lock. And which CPUs they have.

use crate::exit::Fatal;
use rustix::process::{Resource, getrlimit};
use rustix::thread::{CpuSet, sched_getaffinity};

/// What glommio wants to be able to lock, in bytes: it starts no executor with less.
const LOCKED_BYTES_MIN: u64 = 512 * 1024;

/// Looks whether cores can start.
///
/// # Errors
/// What is missing, and what to allow.
pub fn check() -> Result<(), Fatal> {
    netring::check().map_err(|e| Fatal::Environment(e.to_string()))?;
    match getrlimit(Resource::Memlock).current {
        Some(bytes) if bytes < LOCKED_BYTES_MIN => Err(Fatal::Environment(format!(
            "could not set up io_uring: RLIMIT_MEMLOCK is {bytes} bytes, and {LOCKED_BYTES_MIN} are needed; raise it \
             (ulimit -l, LimitMEMLOCK= of systemd, ulimits of a container)"
        ))),
        Some(_) | None => Ok(()),
    }
}

/// The CPUs that this thread may run on, and with it the executors that it starts. None where the kernel has more of them
/// than a set here holds.
#[must_use]
pub fn cpus() -> Vec<usize> {
    let allowed = sched_getaffinity(None).unwrap_or_default();
    (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect()
}
