//! The bounds of settings that others rely on.

/// Executors of one process. Two times the hardware threads of the largest single socket known to us.
pub const CORES_MAX: u16 = 512;
/// Milliseconds that a timer may be set to: one day.
pub const TIMER_MS_MAX: u64 = 86_400_000;
