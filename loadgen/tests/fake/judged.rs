//! What loadgen says of a run against the fake server.

use serde_json::Value;
use std::process::Output;

/// Exit code of a broken promise.
pub const CORRECTNESS: i32 = 4;
const FAULTS: [&str; 10] = [
    "lost",
    "visible_duplicates",
    "reordered",
    "gaps",
    "phantoms",
    "leaked",
    "corrupt",
    "diverged",
    "miscounted",
    "misjudged",
];

/// What it wrote for people, errors first.
pub fn told(output: &Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    )
}

/// Of the promises just this one is broken, once; and it ends and says so. The verdict on speed depends on the machine; that on
/// promises does not, and comes first.
#[track_caller]
pub fn has_only(fault: Option<&str>, summary: &Value, output: &Output) {
    let told = told(output);
    for name in FAULTS {
        assert_eq!(summary[name], u64::from(fault == Some(name)), "{name}\n{told}");
    }
    assert_eq!(output.status.code() == Some(CORRECTNESS), fault.is_some(), "{told}");
    assert_eq!(summary["verdict"] == "broken", fault.is_some(), "{told}");
}
