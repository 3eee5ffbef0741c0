//! One io_uring with its file table: set up, fill, enter, drain. It does not know what the
//! operations are for.
#![allow(unsafe_code, reason = "submission entries and buffer rings are raw memory")]

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{IoUring, Probe, cqueue, opcode, squeue};

use crate::buffers::{Buffers, GROUP};
use crate::error::Error;
use crate::limits::{COMPLETIONS_PER_SUBMISSION, QUEUE_DEPTH_MIN};

/// What came back for an operation, and on which table's ring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Completion {
    pub user_data: u64,
    pub result: i32,
    pub flags: u32,
    pub table: u16,
}

impl Completion {
    /// The operation goes on: more completions follow.
    pub(crate) fn more(&self) -> bool {
        cqueue::more(self.flags)
    }

    /// The buffer the kernel picked.
    pub(crate) fn buffer(&self) -> Option<u16> {
        cqueue::buffer_select(self.flags)
    }
}

/// Whether net rings can be made here.
///
/// # Errors
/// The system refuses; the message says what to change.
pub fn check() -> Result<(), Error> {
    Uring::new(QUEUE_DEPTH_MIN, 1).map(drop)
}

/// A ring.
pub(crate) struct Uring {
    ring: IoUring,
    /// Entries the submission queue had no room for, in order; linked ones together.
    backlog: VecDeque<Vec<squeue::Entry>>,
    pub enters: u64,
}

impl Uring {
    pub(crate) fn new(queue_depth: u32, files: u32) -> Result<Self, Error> {
        let mut builder = IoUring::builder();
        builder
            .setup_cqsize(queue_depth * COMPLETIONS_PER_SUBMISSION)
            .setup_submit_all()
            .setup_single_issuer()
            .setup_coop_taskrun()
            .setup_taskrun_flag();
        let ring = builder.build(queue_depth).map_err(|error| match error.raw_os_error() {
            Some(libc::EINVAL) => Error::KernelTooOld { missing: "IORING_SETUP_SINGLE_ISSUER" },
            _ => Error::ring("set up io_uring", error),
        })?;
        let params = ring.params();
        if !(params.is_feature_nodrop() && params.is_feature_ext_arg()) {
            return Err(Error::KernelTooOld { missing: "IORING_FEAT_EXT_ARG" });
        }
        let submitter = ring.submitter();
        let mut probe = Probe::new();
        submitter
            .register_probe(&mut probe)
            .map_err(|error| Error::ring("ask what io_uring supports", error))?;
        // The newest operation that the crate uses: a kernel that has it has all others.
        if !probe.is_supported(opcode::Bind::CODE) {
            return Err(Error::KernelTooOld { missing: "IORING_OP_BIND" });
        }
        submitter
            .register_files_sparse(files)
            .map_err(|error| Error::ring("register the file table", error))?;
        Ok(Self { ring, backlog: VecDeque::new(), enters: 0 })
    }

    /// Lets the kernel pick from `buffers`.
    ///
    /// # Safety
    /// The caller keeps `buffers` until no receive is in flight.
    pub(crate) unsafe fn register_buffers(&self, buffers: &Buffers) -> Result<(), Error> {
        let (address, count) = (buffers.ring_addr(), buffers.count());
        let submitter = self.ring.submitter();
        // SAFETY: the entries are page aligned and `count` long; they live as long as needed by
        // this function's contract.
        unsafe { submitter.register_buf_ring_with_flags(address, count, GROUP, 0) }
            .map_err(|error| Error::ring("register the receive buffers", error))
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.ring.as_raw_fd()
    }

    /// Queues entries, all in one submission when they are linked.
    ///
    /// # Safety
    /// Memory the entries point to stays valid, and untouched where the kernel writes it or reads
    /// it late, until they complete.
    pub(crate) unsafe fn push(&mut self, entries: &[squeue::Entry]) {
        // SAFETY: this function's contract.
        let queued = self.backlog.is_empty()
            && unsafe { self.ring.submission().push_multiple(entries) }.is_ok();
        if !queued {
            self.backlog.push_back(entries.to_vec());
        }
    }

    fn refill(&mut self) {
        while let Some(entries) = self.backlog.front() {
            // SAFETY: the contract `push` was called under still holds: none of them was started.
            if unsafe { self.ring.submission().push_multiple(entries) }.is_err() {
                return;
            }
            self.backlog.pop_front();
        }
    }

    /// Starts everything queued and lets the kernel post what is ready. No system call when there
    /// is neither.
    pub(crate) fn submit(&mut self) -> Result<(), Error> {
        loop {
            self.refill();
            let queue = self.ring.submission();
            let idle = queue.is_empty() && !queue.taskrun() && !queue.cq_overflow();
            drop(queue);
            if idle {
                return Ok(());
            }
            self.enters += 1;
            let outcome = self.ring.submit();
            if !Self::entered(outcome.map(drop))? || self.backlog.is_empty() {
                return Ok(());
            }
        }
    }

    /// Starts everything queued and sleeps until a completion is there or the time is over.
    pub(crate) fn submit_and_wait(&mut self, timeout: Option<Duration>) -> Result<(), Error> {
        self.refill();
        if !self.backlog.is_empty() {
            return self.submit();
        }
        self.enters += 1;
        let outcome = match timeout {
            None => self.ring.submit_and_wait(1),
            Some(timeout) => {
                let timeout = Timespec::from(timeout);
                let args = SubmitArgs::new().timespec(&timeout);
                self.ring.submitter().submit_with_args(1, &args)
            }
        };
        Self::entered(outcome.map(drop)).map(drop)
    }

    /// Whether the kernel took entries; `false` when completions have to be drained first.
    fn entered(outcome: io::Result<()>) -> Result<bool, Error> {
        let Err(error) = outcome else { return Ok(true) };
        match error.raw_os_error() {
            Some(libc::EINTR) => Ok(true),
            Some(libc::ETIME | libc::EBUSY | libc::EAGAIN) => Ok(false),
            _ => Err(Error::ring("enter the ring", error)),
        }
    }

    /// Takes up to `room` completions.
    pub(crate) fn drain(&mut self, table: u16, room: usize, mut each: impl FnMut(Completion)) {
        for entry in self.ring.completion().take(room) {
            each(Completion {
                user_data: entry.user_data(),
                result: entry.result(),
                flags: entry.flags(),
                table,
            });
        }
    }
}
