//! What loadgen counted over the runs of a drill, and what that proves.

use std::fmt;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What `summary.json` counts that must be zero.
pub const FAULTS: [&str; 10] = [
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
/// The exit code for a broken promise, as loadgen's.
pub const BROKEN: u8 = 4;

/// Counts over all runs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub acked: u64,
    faults: [u64; FAULTS.len()],
}

impl Seen {
    /// Adds the counts of one `summary.json`, and says what was wrong in it.
    pub fn add(&mut self, summary: &Value) -> Result<()> {
        let count = |name: &str| summary[name].as_u64().with_context(|| format!("no count {name}"));
        self.acked += count("acked")?;
        for (sum, name) in self.faults.iter_mut().zip(FAULTS) {
            *sum += count(name)?;
        }
        for example in summary["examples"].as_array().into_iter().flatten() {
            let word = |name: &str| example[name].as_str().unwrap_or("?");
            println!("seen: {}: {}", word("fault"), word("text"));
        }
        match count("unread_users")? {
            unread if unread > 0 && !self.is_broken() => {
                bail!("{unread} inboxes could not be read at the end: nothing is proven")
            }
            _ => Ok(()),
        }
    }

    /// Whether a promise was broken.
    pub fn is_broken(&self) -> bool {
        self.faults.iter().any(|count| *count > 0)
    }

    /// Prints what is proven; the exit code of the drill.
    pub fn conclude(&self) -> Result<ExitCode> {
        println!("{self}");
        if self.is_broken() {
            println!("a promise was broken");
            return Ok(BROKEN.into());
        }
        if self.acked == 0 {
            bail!("nothing was acknowledged, so nothing was proven");
        }
        // Rule of three: no fault in n independent trials bounds its share below 3/n with 95 % confidence.
        let bound = self.acked / 3;
        println!("less than 1 fault in {bound} acknowledged messages, at 95 % confidence");
        Ok(ExitCode::SUCCESS)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} acknowledged", self.acked)?;
        FAULTS.iter().zip(self.faults).try_for_each(|(name, n)| write!(f, ", {name} {n}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(lost: u64, unread: u64) -> Value {
        let zero = |name: &&str| ((*name).to_owned(), Value::from(0));
        let mut summary: Value = FAULTS.iter().map(zero).collect();
        summary["acked"] = 7.into();
        summary["lost"] = lost.into();
        summary["unread_users"] = unread.into();
        summary
    }

    #[test]
    fn counts_add_up_and_a_missing_one_is_no_zero() {
        let mut seen = Seen::default();
        seen.add(&summary(0, 0)).unwrap();
        assert_eq!(seen.conclude().unwrap(), ExitCode::SUCCESS);
        seen.add(&summary(2, 0)).unwrap();
        assert!(seen.to_string().starts_with("14 acknowledged, lost 2, visible_duplicates 0"));
        assert_eq!(seen.conclude().unwrap(), ExitCode::from(BROKEN));
        assert!(seen.add(&Value::Null).unwrap_err().to_string().contains("acked"));
    }

    #[test]
    fn what_was_not_read_or_not_sent_proves_nothing() {
        assert!(Seen::default().add(&summary(0, 1)).is_err());
        assert!(Seen::default().conclude().is_err());
    }
}
