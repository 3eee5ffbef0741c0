//! What cores need of the machine, looked at before the first starts, so that what is missing is named: io_uring,
//! memory to lock, descriptors. And which CPUs they have.

use crate::exit::Fatal;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity};

/// What glommio wants to be able to lock, in bytes: it starts no executor with less.
const LOCKED_BYTES_MIN: u64 = 512 * 1024;

/// Descriptors that a process of one core needs: it opens 34 once it serves, and a few for each index table and admin page
/// that is read. With many connections it needs more: the tables of its rings are as large as this limit allows, and each
/// ring takes a descriptor. Then netring says so.
const DESCRIPTORS_MIN: u64 = 128;

/// Allows this process as many descriptors as it may have, and looks whether cores can start.
///
/// # Errors
/// What is missing, and what to allow.
pub fn prepare() -> Result<(), Fatal> {
    netring::check().map_err(|e| Fatal::Environment(e.to_string()))?;
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // To a limit that it has already any process may go.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    match getrlimit(Resource::Nofile).current {
        Some(descriptors) if descriptors < DESCRIPTORS_MIN => {
            return Err(Fatal::Environment(format!(
                "RLIMIT_NOFILE is {descriptors}, and {DESCRIPTORS_MIN} descriptors are needed; raise it (ulimit -n, \
                 LimitNOFILE= of systemd, ulimits of a container)"
            )));
        }
        Some(_) | None => {}
    }
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
