//! Faults planted on purpose, so that the drills can prove that they find them. Nothing without the feature
//! `planted`, which no release carries.

/// Which fault the variable `PLANTED_FAULT` names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(not(feature = "planted"), allow(dead_code, reason = "only a drill plants"))]
pub(super) enum Plant {
    #[default]
    Nothing,
    /// Acknowledge before the commit.
    AckBeforeCommit,
    /// Do not look for an id that was used before.
    SkipDedup,
}

impl Plant {
    #[cfg(not(feature = "planted"))]
    pub fn from_env() -> Self {
        Self::Nothing
    }

    #[cfg(feature = "planted")]
    pub fn from_env() -> Self {
        match std::env::var("PLANTED_FAULT").as_deref() {
            Ok("ack-before-commit") => Self::AckBeforeCommit,
            Ok("skip-dedup") => Self::SkipDedup,
            _ => Self::Nothing,
        }
    }
}
