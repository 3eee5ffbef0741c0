//! Faults planted on purpose in how leases are kept and logs are taken over, so that the drill of the cluster and the
//! simulator can prove that they find them. Nothing without the feature `planted`, which no release carries.

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Go on when the lease is over, also when others have ended it.
    IgnoreLease,
    /// End the leases of others while they may still count on them.
    TakeoverWithoutWaiting,
    /// Keep what lies above a hole of a log.
    KeepOverHoles,
    /// Keep the second of two rows with one id.
    KeepRepeats,
    /// Keep a row that was written behind other rows than those that are kept.
    KeepStrangers,
    /// Do not write again what is kept of a log.
    SkipRewrite,
}

/// Whether the variable `PLANTED_FAULT` names it.
pub(crate) fn has(fault: Fault) -> bool {
    let name = match fault {
        Fault::IgnoreLease => "ignore-lease",
        Fault::TakeoverWithoutWaiting => "takeover-without-waiting",
        Fault::KeepOverHoles => "keep-over-holes",
        Fault::KeepRepeats => "keep-repeats",
        Fault::KeepStrangers => "keep-strangers",
        Fault::SkipRewrite => "skip-rewrite",
    };
    cfg!(feature = "planted") && std::env::var("PLANTED_FAULT").is_ok_and(|planted| planted == name)
}
