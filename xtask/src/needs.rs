//! Installs what a command needs and the machine has not: system packages by apt, cargo tools below the target directory.
//!
//! It looks for the program first and touches nothing when it is there.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail};

use crate::process;

/// A program and the Debian package that has it.
pub struct Need {
    pub program: &'static str,
    pub package: &'static str,
    /// What it is needed for.
    pub purpose: &'static str,
}

/// Installs the packages of the programs that are absent.
pub fn install(needs: &[Need]) -> Result<()> {
    for need in needs.iter().filter(|need| which(need.program).is_none()) {
        println!("installing {} for {}", need.package, need.purpose);
        apt_get(need.package).with_context(|| {
            format!("{} is needed for {}: install it", need.package, need.purpose)
        })?;
    }
    Ok(())
}

/// The path of a cargo tool, built below the target directory when the machine has none.
pub fn cargo_tool(name: &str, version: &str) -> Result<PathBuf> {
    let tools = process::target_dir().join("tools");
    let installed = tools.join("bin").join(name);
    if let Some(found) = which(name).or_else(|| installed.exists().then(|| installed.clone())) {
        return Ok(found);
    }
    let mut install = Command::new("cargo");
    install.args(["install", "--locked", "--version", version, name, "--root"]).arg(&tools);
    process::run_ok(&mut install).with_context(|| format!("could not install {name}"))?;
    Ok(installed)
}

/// Where the search path has `program`.
fn which(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

fn apt_get(package: &str) -> Result<()> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    if which("apt-get").is_none() || !is_root && which("sudo").is_none() {
        bail!("no apt-get, or neither root nor sudo");
    }
    for step in
        [&["update", "-q"][..], &["install", "-q", "-y", "--no-install-recommends", package]]
    {
        let mut command = Command::new(if is_root { "apt-get" } else { "sudo" });
        if !is_root {
            command.args(["-n", "apt-get"]);
        }
        process::run_ok(command.args(step).env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_on_the_path() {
        assert!(which("sh").is_some());
        assert!(which("no-such-program-of-longline").is_none());
    }

    #[test]
    fn what_is_there_is_not_installed() {
        install(&[Need { program: "sh", package: "no-such-package", purpose: "nothing" }]).unwrap();
    }
}
