//! The rules that keep a cluster safe, each as what happens when it is taken away. Each must be caught.
//!
//! Some are taken away here, at the edge of the real parts. The others are planted inside of them: a variable names the
//! fault, so each has a process of its own.

/// One rule taken away at the edge, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plant {
    /// Every rule holds.
    #[default]
    Nothing,
    /// A process goes on, and commits, without a look at the lease.
    IgnoreLease,
    /// A lease of another node is ended without having been seen unchanged for long, and claimed from at once.
    NoWaiting,
    /// A lease counts from when its renewal was answered.
    LeaseFromAnswer,
    /// Leases are counted on the wall clock.
    WallClock,
    /// The store renews a lease that others have ended.
    RenewalUnconditional,
    /// A node that hands a partition over says that it has stopped, and goes on.
    HandOverUnstopped,
    /// Writes carry the writer's wall clock instead of the epoch.
    NoEpochs,
    /// A node takes what follows in a round that it has refused.
    NoRounds,
    /// A node refuses for want of the store for ever, once it has.
    BreakerStaysOpen,
    /// A gateway that is to stop tells nobody.
    DrainUntold,
}

/// All rules that are taken away at the edge.
pub const PLANTS: &[Plant] = &[
    Plant::IgnoreLease,
    Plant::NoWaiting,
    Plant::LeaseFromAnswer,
    Plant::WallClock,
    Plant::RenewalUnconditional,
    Plant::HandOverUnstopped,
    Plant::NoEpochs,
    Plant::NoRounds,
    Plant::BreakerStaysOpen,
    Plant::DrainUntold,
];

/// Faults inside of links, of the takeover of a log and of the shard, as the variable `PLANTED_FAULT` names them: those that a few
/// hundred clusters show. For rarer ones the shard and the takeover have models of their own.
pub const PLANTED_INSIDE: &[&str] = &[
    "link-skip-checksum",
    "link-trust-silence",
    "link-say-newest",
    "keep-over-holes",
    "skip-rewrite",
    "ack-before-commit",
    "ack-after-one-inbox",
    "skip-dedup",
    "skip-look-up",
    "append-over-gap",
    "confirm-unwritten",
    "push-before-commit",
    "group-newest-only",
    "group-current-members",
    "group-committed-members",
    "group-position-ahead",
    "group-close-soon",
];
