//! Faults planted on purpose, so that the drills and the model can prove that they find them. Nothing without the
//! feature `planted`, which no release carries.

/// What is done wrong: each takes one rule away at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Acknowledge before the commit.
    AckBeforeCommit,
    /// Acknowledge once one of the two inboxes has the message.
    AckAfterOneInbox,
    /// Do not look for an id that was used before.
    SkipDedup,
    /// Look for an id in memory only, also one that is older than the take-over.
    SkipLookUp,
    /// Do not look for an id among the messages in flight.
    ForgetInFlight,
    /// Append over a gap instead of pulling what is missing.
    AppendOverGap,
    /// Confirm a message to its conversation again before its inbox row is durable.
    ConfirmUnwritten,
    /// Push an inbox row before the commit.
    PushBeforeCommit,
    /// Take back what was not written first to last.
    TakeBackInOrder,
    /// Leave a contact as it was made by what is taken back.
    KeepRefused,
    /// Let the stored contacts lag behind the inbox without bound.
    LagWithoutBound,
    /// Do not bring contacts up to their inbox when a user is loaded.
    SkipRepair,
}

#[cfg(feature = "planted")]
const NAMES: &[(&str, Fault)] = &[
    ("ack-before-commit", Fault::AckBeforeCommit),
    ("ack-after-one-inbox", Fault::AckAfterOneInbox),
    ("skip-dedup", Fault::SkipDedup),
    ("skip-look-up", Fault::SkipLookUp),
    ("forget-in-flight", Fault::ForgetInFlight),
    ("append-over-gap", Fault::AppendOverGap),
    ("confirm-unwritten", Fault::ConfirmUnwritten),
    ("push-before-commit", Fault::PushBeforeCommit),
    ("take-back-in-order", Fault::TakeBackInOrder),
    ("keep-refused", Fault::KeepRefused),
    ("lag-without-bound", Fault::LagWithoutBound),
    ("skip-repair", Fault::SkipRepair),
];

/// The fault that the variable `PLANTED_FAULT` names, if any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plant {
    #[cfg(feature = "planted")]
    fault: Option<Fault>,
}

#[cfg(feature = "planted")]
impl Plant {
    /// As the environment says.
    pub fn from_env() -> Self {
        let name = std::env::var("PLANTED_FAULT").unwrap_or_default();
        Self { fault: NAMES.iter().find(|known| known.0 == name).map(|known| known.1) }
    }

    /// Whether this is done wrong.
    pub fn has(self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }
}

#[cfg(not(feature = "planted"))]
impl Plant {
    /// Nothing is planted.
    pub fn from_env() -> Self {
        Self {}
    }

    /// Never.
    #[allow(clippy::unused_self, reason = "the shape of the one above")]
    pub fn has(self, _: Fault) -> bool {
        false
    }
}
