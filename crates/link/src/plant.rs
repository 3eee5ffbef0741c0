//! Faults planted on purpose in links, so that the simulator can prove that it finds them. Nothing without the feature
//! `planted`, which no release carries.

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Read a frame whose bytes were changed on their way.
    SkipChecksum,
    /// Keep a link whose peer is silent.
    TrustSilence,
    /// Write frames in the newest version that this side speaks, whatever is in force.
    SayNewest,
}

/// Whether the variable `PLANTED_FAULT` names it.
pub(crate) fn has(fault: Fault) -> bool {
    let name = match fault {
        Fault::SkipChecksum => "link-skip-checksum",
        Fault::TrustSilence => "link-trust-silence",
        Fault::SayNewest => "link-say-newest",
    };
    cfg!(feature = "planted") && std::env::var("PLANTED_FAULT").is_ok_and(|planted| planted == name)
}
