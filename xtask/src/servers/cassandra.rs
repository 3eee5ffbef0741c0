//! A Cassandra node that ends with its guard.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::maven;
use super::node::{self, Commitlog, Node};
use crate::process::{self, Guarded};

/// A running Cassandra node. Dropping it ends the process and removes its folder.
pub struct Cassandra {
    process: Guarded,
    folder: Folder,
}

/// A node's place, deleted when dropped: after the process, since fields are dropped in order.
struct Folder(Node);

impl Cassandra {
    /// Starts one with empty data below `dir`, on ports of its own; it syncs before it acknowledges.
    pub fn start(dir: &Path) -> Result<Self> {
        Self::start_with(dir, Commitlog::Batch)
    }

    /// The same, which acknowledges when it is told to.
    pub fn start_with(dir: &Path, commitlog: Commitlog) -> Result<Self> {
        if dir.exists() {
            fs::remove_dir_all(dir)?;
        }
        let folder = Folder(Node {
            dir: dir.to_owned(),
            host: Ipv4Addr::LOCALHOST,
            cql_port: process::free_port()?,
            storage_port: process::free_port()?,
            commitlog,
        });
        Ok(Self { process: launch(&folder.0)?, folder })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// SIGKILL, then starts it again with the data it had, and waits until it answers.
    pub fn kill_and_restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process = launch(&self.folder.0)?;
        Ok(())
    }

    /// host:port of its CQL.
    pub fn address(&self) -> String {
        self.folder.0.address().to_string()
    }
}

fn launch(node: &Node) -> Result<Guarded> {
    let arguments = node.configure(&maven::class_path()?)?;
    let mut command = process::mortal(&PathBuf::from("java"));
    command.args(arguments);
    node::quiet(&mut command, node)?;
    let mut process = Guarded::spawn("cassandra", &mut command)?;
    node.wait_until_it_answers(|time| process.ends_within(time))?;
    Ok(process)
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be deleted lies below the target directory, and harms nobody.
        let _ = fs::remove_dir_all(&self.0.dir);
    }
}
