//! Faults planted on purpose in how leases are kept, so that the drill of the cluster can prove that it finds them.
//! Nothing without the feature `planted`, which no release carries.

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Go on when the lease is over, also when others have ended it.
    IgnoreLease,
    /// End the leases of others while they may still count on them.
    TakeoverWithoutWaiting,
}

/// Whether the variable `PLANTED_FAULT` names it.
pub(super) fn has(fault: Fault) -> bool {
    let name = match fault {
        Fault::IgnoreLease => "ignore-lease",
        Fault::TakeoverWithoutWaiting => "takeover-without-waiting",
    };
    cfg!(feature = "planted") && std::env::var("PLANTED_FAULT").is_ok_and(|planted| planted == name)
}
