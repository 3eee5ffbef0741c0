//! What tells a wait how long nothing came. It knows no ring.

use std::time::Duration;

use io_uring::types::Timespec;

/// The timer that tells a wait how long nothing came.
#[derive(Debug)]
pub(crate) struct Tick {
    pub length: Duration,
    /// The same for the kernel, which reads it when the timer is submitted: leaked, once a net ring.
    pub timer: &'static Timespec,
    pub armed: bool,
    /// Something came since the last tick.
    pub busy: bool,
    /// Nothing came between the last two.
    pub idle: bool,
    /// Ticks since the executor had a turn.
    pub passed: u32,
}

impl Tick {
    pub(crate) fn new(length: Duration) -> Self {
        let timer = Box::leak(Box::new(Timespec::from(length)));
        Self { length, timer, armed: false, busy: false, idle: false, passed: 0 }
    }

    pub(crate) fn fire(&mut self) {
        self.armed = false;
        self.passed += 1;
        self.idle = !std::mem::replace(&mut self.busy, false);
    }
}
