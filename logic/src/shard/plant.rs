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
    /// Take an id that is later than the clock at the take-over for a new one.
    TrustTheClock,
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
    /// Write a message's inbox row in the batch of the message also when a batch may be written in part.
    TrustTheBatch,
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
    ("trust-the-clock", Fault::TrustTheClock),
    ("skip-look-up", Fault::SkipLookUp),
    ("forget-in-flight", Fault::ForgetInFlight),
    ("append-over-gap", Fault::AppendOverGap),
    ("confirm-unwritten", Fault::ConfirmUnwritten),
    ("push-before-commit", Fault::PushBeforeCommit),
    ("trust-the-batch", Fault::TrustTheBatch),
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
    /// No commit before this, in ms of the shard's clock.
    #[cfg(feature = "planted")]
    next_commit_ms: u64,
}

/// A server that acknowledges first writes behind: at most so often. A kill loses what lies between, which a commit
/// that is written within a fraction of a ms would hide from most kills.
#[cfg(feature = "planted")]
const COMMIT_INTERVAL_MS: u64 = 50;

#[cfg(feature = "planted")]
impl Plant {
    /// As the environment says.
    pub fn from_env() -> Self {
        let name = std::env::var("PLANTED_FAULT").unwrap_or_default();
        let fault = NAMES.iter().find(|known| known.0 == name).map(|known| known.1);
        Self { fault, next_commit_ms: 0 }
    }

    /// Whether this is done wrong.
    pub fn has(self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// Whether a commit is to wait; when it is not, the next one is.
    pub fn holds_commit(&mut self, now_ms: u64) -> bool {
        let holds = self.has(Fault::AckBeforeCommit) && now_ms < self.next_commit_ms;
        if !holds {
            self.next_commit_ms = now_ms + COMMIT_INTERVAL_MS;
        }
        holds
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

    /// Never.
    #[allow(clippy::unused_self, reason = "the shape of the one above")]
    pub fn holds_commit(&mut self, _: u64) -> bool {
        false
    }
}
