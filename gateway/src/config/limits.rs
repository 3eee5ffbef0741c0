//! The bounds of settings that others rely on.

pub use service::CORES_MAX;

/// Milliseconds that a timer may be set to: one day.
pub const TIMER_MS_MAX: u64 = 86_400_000;
