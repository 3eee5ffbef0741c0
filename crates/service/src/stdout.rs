//! What a command prints. Whoever reads it may have seen enough and be gone, as `head` is, which is no fault.

use std::io::{self, Write};

/// Prints a text to stdout.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
