//! The programs that drills run: one build for all drills, in which the environment can plant a fault.
//!
//! It does not know what they are run for.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::process;

/// Builds them, as `cargo xtask test` does: the one test has cargo choose the features that tests need, so that nothing is
/// compiled a second time.
pub const BUILD: &str = "cargo build --workspace --bins --test style --locked --features planted";

/// The same of the next release, as far as it differs: what links say.
const BUILD_NEXT: &str =
    "cargo build --workspace --bins --test style --locked --features planted,next-release";

/// Which release a process is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    This,
    Next,
}

/// Builds them, unless they are there.
pub fn build() -> Result<()> {
    cargo(BUILD)
}

/// Builds the next release's gateway and node, and puts them where [`path_of`] finds them. Cargo has one place for both
/// releases: [`build`] is to follow.
pub fn build_next() -> Result<()> {
    cargo(BUILD_NEXT)?;
    for name in ["gateway", "logic"] {
        let (built, kept) = (path(name), path_of(name, Release::Next));
        // One that still runs cannot be written over.
        let _ = fs::remove_file(&kept);
        fs::create_dir_all(kept.with_file_name(""))?;
        fs::copy(built, &kept).with_context(|| format!("could not keep {}", kept.display()))?;
    }
    Ok(())
}

fn cargo(line: &str) -> Result<()> {
    let mut words = line.split(' ');
    let mut cargo = Command::new(words.next().unwrap_or_default());
    process::run_ok(cargo.args(words).current_dir(process::root()))
}

/// Where one of them is.
pub fn path(name: &str) -> PathBuf {
    path_of(name, Release::This)
}

/// Where one of them is in a release.
pub fn path_of(name: &str, release: Release) -> PathBuf {
    let folder = match release {
        Release::This => "debug",
        Release::Next => "debug/next",
    };
    process::target_dir().join(folder).join(name)
}

/// Plants a fault in a program that is about to start. A drill that finds nothing in a broken program proves nothing of a
/// sound one.
pub fn plant<Fault: ValueEnum>(command: &mut Command, fault: Option<Fault>) {
    let value = fault.as_ref().and_then(ValueEnum::to_possible_value);
    command.envs(value.map(|value| ("PLANTED_FAULT", value.get_name().to_owned())));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::rig::Planted;

    #[test]
    fn a_fault_has_the_name_that_it_is_asked_for_by() {
        let mut sound = Command::new("true");
        plant(&mut sound, None::<Planted>);
        assert_eq!(sound.get_envs().count(), 0);
        let mut broken = Command::new("true");
        plant(&mut broken, Some(Planted::SkipDedup));
        let planted: Vec<_> = broken.get_envs().collect();
        assert_eq!(planted, [("PLANTED_FAULT".as_ref(), Some("skip-dedup".as_ref()))]);
    }
}
