//! What a case is.

use anyhow::Result;

use super::place::{Ended, Place};

/// Something that happens to a process.
pub struct Case {
    /// As in the table of `docs/operations.md`.
    pub what: &'static str,
    /// How the process must end.
    pub code: i32,
    /// What it must have said by then, on stderr or on its page.
    pub says: &'static str,
    pub run: fn(&Place) -> Result<Ended>,
}
