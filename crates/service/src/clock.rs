//! The wall clock. What stamps messages reads it; what waits does not.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in Unix ms. A clock before 1970 reads as 1970.
#[must_use]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let unix_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    if cfg!(feature = "planted") { unix_ms.saturating_add_signed(planted_ms()) } else { unix_ms }
}

/// By how much a drill has set this process's clock, in ms: the file that the variable `PLANTED_CLOCK` names says so, and may
/// say something else while the process runs.
fn planted_ms() -> i64 {
    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let file = FILE.get_or_init(|| std::env::var_os("PLANTED_CLOCK").map(PathBuf::from));
    let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}
