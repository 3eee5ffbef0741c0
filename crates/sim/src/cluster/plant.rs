//! The rules that keep a cluster safe, each as what happens when it is taken away. Each must be caught.

/// One rule taken away, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plant {
    /// Every rule holds.
    #[default]
    Nothing,
    /// A write that came back commits, and new ones are taken, without a look at the lease.
    IgnoreLease,
    /// A lease of another node is ended without having been seen unchanged for long, and claimed from at once.
    NoWaiting,
    /// A lease counts from when its renewal was answered.
    LeaseFromAnswer,
    /// Leases are counted on the wall clock.
    WallClock,
    /// The store renews a lease that others have ended.
    RenewalUnconditional,
    /// A node that hands a partition over says that it has stopped, and still commits what is in flight.
    HandOverUnstopped,
    /// Writes carry the writer's wall clock instead of the epoch.
    NoEpochs,
    /// A new owner reads nothing but how long the log is.
    NoTail,
    /// A new owner reads W rows instead of 2 W.
    TailOfOneWindow,
    /// A new owner keeps rows above a hole.
    OverHoles,
    /// A new owner keeps two rows with one id.
    RepeatedIds,
    /// A new owner does not rewrite what it keeps.
    NoRewrite,
    /// Derived rows may lag as far as they like.
    NoLagBound,
    /// A message is acknowledged when it has its seq.
    AckEarly,
}

/// The rules of ownership.
pub const OWNERSHIP_PLANTS: &[Plant] = &[
    Plant::IgnoreLease,
    Plant::NoWaiting,
    Plant::LeaseFromAnswer,
    Plant::WallClock,
    Plant::RenewalUnconditional,
    Plant::HandOverUnstopped,
];

/// The rules of a log and its takeover.
pub const LOG_PLANTS: &[Plant] = &[
    Plant::NoEpochs,
    Plant::NoTail,
    Plant::TailOfOneWindow,
    Plant::OverHoles,
    Plant::RepeatedIds,
    Plant::NoRewrite,
    Plant::NoLagBound,
    Plant::AckEarly,
];
