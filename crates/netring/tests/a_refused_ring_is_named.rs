//! Where a container forbids io_uring, a net ring says so and what to allow. How: a process of the test's own in which a
//! filter of system calls refuses io_uring_setup, with either error that containers use.
#![allow(unsafe_code, reason = "no library call installs a filter")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use netring::{Error, NetRing};
use std::process::Command;

/// The error to refuse with, for the process that is refused.
const ERRNO: &str = "NETRING_TEST_ERRNO";

fn refuse_io_uring(errno: u32) {
    let step = |code: u32, (jt, jf), k| libc::sock_filter {
        code: u16::try_from(code).unwrap(),
        jt,
        jf,
        k,
    };
    let number = u32::try_from(libc::SYS_io_uring_setup).unwrap();
    let mut steps = [
        // The number of the system call is first in what a filter sees.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, (0, 0), 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, (0, 1), number),
        step(libc::BPF_RET | libc::BPF_K, (0, 0), libc::SECCOMP_RET_ERRNO | errno),
        step(libc::BPF_RET | libc::BPF_K, (0, 0), libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: steps.as_mut_ptr() };
    // SAFETY: no pointer is passed.
    let code = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(code, 0);
    let (option, filter) = (libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER);
    // SAFETY: `program` points to four steps; both outlive the call, which copies them.
    let code = unsafe { libc::prctl(option, filter, &raw const program, 0, 0) };
    assert_eq!(code, 0);
}

#[test]
#[ignore = "run by the other test, as a process of its own"]
fn child() {
    refuse_io_uring(std::env::var(ERRNO).unwrap().parse().unwrap());
    for error in
        [netring::check().unwrap_err(), NetRing::new(netring::Config::default()).err().unwrap()]
    {
        assert!(matches!(error, Error::Forbidden), "{error}");
        for advice in ["seccomp", "kernel.io_uring_disabled=0", "Linux 6.11"] {
            assert!(error.to_string().contains(advice), "{error}");
        }
    }
}

#[test]
fn a_container_that_forbids_io_uring_is_named() {
    for errno in [libc::EPERM, libc::ENOSYS] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--ignored", "--exact", "child"]).env(ERRNO, errno.to_string());
        let output = child.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn a_machine_that_runs_the_tests_has_io_uring() {
    netring::check().unwrap();
}
