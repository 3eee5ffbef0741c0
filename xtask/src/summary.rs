//! The `summary.json` that a run of loadgen leaves. What is in it is for whoever asked.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// Reads the one in `dir`.
pub fn read(dir: &Path) -> Result<Value> {
    let path = dir.join("summary.json");
    let text =
        fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}
