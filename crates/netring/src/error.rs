//! What can go wrong while a net ring is set up or driven, each with what to change. It does not
//! know about single connections: those fail by event.

use std::io;
use std::net::SocketAddr;

/// Why a net ring could not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel lacks an operation or a feature the ring needs.
    #[error("could not set up io_uring: this kernel lacks {missing}; run Linux 6.11 or newer")]
    KernelTooOld {
        /// The operation or feature that is missing.
        missing: &'static str,
    },
    /// There is no io_uring for this process: it is forbidden, or the kernel was built without. Containers forbid it
    /// with either error.
    #[error(
        "could not set up io_uring: it is refused here; let the container's seccomp profile allow \
         io_uring_setup, io_uring_enter and io_uring_register (those of Docker and podman do not), \
         set sysctl kernel.io_uring_disabled=0, and run Linux 6.11 or newer"
    )]
    Forbidden,
    /// The rings did not fit in memory or under the limit of locked memory.
    #[error(
        "could not {action}: no memory; raise RLIMIT_MEMLOCK (ulimit -l), or allow fewer connections"
    )]
    Memory {
        /// What was being set up.
        action: &'static str,
    },
    /// More descriptors than the process may have.
    #[error("could not {action}: too many descriptors; raise RLIMIT_NOFILE (ulimit -n)")]
    Descriptors {
        /// What was being set up.
        action: &'static str,
    },
    /// A value of [`crate::Config`] is out of range.
    #[error("could not use the configuration: {field} is {value}, and has to be {expected}")]
    Config {
        /// The field at fault.
        field: &'static str,
        /// What it was.
        value: u64,
        /// What is accepted.
        expected: &'static str,
    },
    /// Somebody else listens there.
    #[error(
        "could not listen on {addr}: it is in use; stop what listens there, or give another address"
    )]
    InUse {
        /// The address asked for.
        addr: SocketAddr,
    },
    /// The address could not be listened on.
    #[error("could not listen on {addr}: {action}: {source}; is it this machine's?")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// The step that failed.
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// `listen` was called a second time.
    #[error("could not listen: this net ring already listens; use another one")]
    AlreadyListening,
    /// Every slot is in use.
    #[error("could not connect: all {connections_max} slots are in use")]
    Full {
        /// The configured total.
        connections_max: usize,
    },
    /// Any other failure of the ring itself; the net ring is of no use afterwards.
    #[error("could not {action}")]
    Ring {
        /// What was being done.
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },
}

impl Error {
    /// Sorts a failure of the ring by what the reader can do about it.
    pub(crate) fn ring(action: &'static str, source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::ENOSYS | libc::EPERM | libc::EACCES) => Error::Forbidden,
            Some(libc::ENOMEM) => Error::Memory { action },
            Some(libc::EMFILE | libc::ENFILE) => Error::Descriptors { action },
            _ => Error::Ring { action, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_change() {
        let cases = [
            (libc::ENOSYS, "Linux 6.11"),
            (libc::EPERM, "kernel.io_uring_disabled=0"),
            (libc::ENOMEM, "RLIMIT_MEMLOCK"),
            (libc::EMFILE, "RLIMIT_NOFILE"),
        ];
        for (errno, advice) in cases {
            let error = Error::ring("set up", io::Error::from_raw_os_error(errno));
            assert!(error.to_string().contains(advice), "{error}");
        }
    }
}
