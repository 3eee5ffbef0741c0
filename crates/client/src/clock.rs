//! The time that a [`crate::machine::Machine`] is given.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Unix ms that never go back: the wall clock when it was made, and a monotonic clock since. If the
/// wall clock is set meanwhile, this one does not notice; the machine follows the server's clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    start_ms: u64,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { start: Instant::now(), start_ms: u64::try_from(unix.as_millis()).unwrap_or(0) }
    }

    /// Unix ms now.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.start_ms + u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX / 2)
    }
}
