//! The wall clock. What stamps messages reads it; what waits does not.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in Unix ms. A clock before 1970 reads as 1970.
#[must_use]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
