//! One Cassandra node's place: its folder and addresses, the files it is configured with, the command that runs it, and
//! whether it answers.
//!
//! It does not know who starts and ends it.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Commitlog {
    /// When it is synced.
    Batch,
    /// Before; synced every 10 s: a kill loses acknowledged writes.
    Periodic,
}

/// A node may take this long until it answers; a quiet machine needs 3 s.
const START_MAX: Duration = Duration::from_secs(120);
/// Between two looks whether it answers.
const LOOK: Duration = Duration::from_millis(100);
/// An answer on loopback comes within this time, or the node stands.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// The folder and addresses of one Cassandra node.
#[derive(Clone, Debug)]
pub struct Node {
    pub dir: PathBuf,
    pub host: Ipv4Addr,
    pub cql_port: u16,
    /// Where other nodes would speak to it. It is alone, and opens the port all the same.
    pub storage_port: u16,
    pub commitlog: Commitlog,
}

impl Node {
    /// Where it serves CQL.
    pub fn address(&self) -> SocketAddr {
        (self.host, self.cql_port).into()
    }

    /// Writes the files it is configured with, and gives the program's arguments.
    pub fn configure(&self, class_path: &str) -> Result<Vec<String>> {
        let dir = self.dir.display();
        fs::create_dir_all(&self.dir).with_context(|| format!("could not make {dir}"))?;
        let (sync, more) = match self.commitlog {
            Commitlog::Batch => ("batch", ""),
            Commitlog::Periodic => ("periodic", "commitlog_sync_period: 10s"),
        };
        let yaml = include_str!("../../cql/cassandra.yaml")
            .replace("@HOST@", &self.host.to_string())
            .replace("@STORAGE_PORT@", &self.storage_port.to_string())
            .replace("@CQL_PORT@", &self.cql_port.to_string())
            .replace("@COMMITLOG@", sync)
            .replace("@COMMITLOG_MORE@", more);
        let logback = include_str!("../../cql/logback.xml");
        let options = include_str!("../../cql/java.options");
        let files =
            [("cassandra.yaml", &*yaml), ("logback.xml", logback), ("java.options", options)];
        for (name, text) in files {
            fs::write(self.dir.join(name), text)
                .with_context(|| format!("could not write {name}"))?;
        }
        // It measures objects in memory by an agent, which is one of its own libraries.
        let agent = class_path.split(':').find(|jar| jar.contains("/jamm-"));
        let agent = agent.context("the class path has no jamm")?;
        Ok(vec![
            format!("@{dir}/java.options"),
            format!("-javaagent:{agent}"),
            format!("-Dcassandra.config=file://{dir}/cassandra.yaml"),
            self.mark(),
            format!("-Dcassandra.logdir={dir}"),
            format!("-Dlogback.configurationFile={dir}/logback.xml"),
            "-cp".to_owned(),
            class_path.to_owned(),
            "org.apache.cassandra.service.CassandraDaemon".to_owned(),
        ])
    }

    /// The argument by which its process is known among others.
    pub fn mark(&self) -> String {
        format!("-Dcassandra.storagedir={}", self.dir.display())
    }

    /// Refuses a place where something answers already: it would be taken for this node.
    pub fn check_free(&self) -> Result<()> {
        if TcpStream::connect_timeout(&self.address(), ANSWER_MAX).is_ok() {
            bail!("{} is taken by another server", self.address());
        }
        Ok(())
    }

    /// Waits until it answers, unless its process is found to end within a time.
    pub fn wait_until_it_answers(
        &self,
        mut ends_within: impl FnMut(Duration) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + START_MAX;
        while !answers(self.address()).unwrap_or(false) {
            // It tells nobody when it serves; asking is the only way to know.
            if ends_within(LOOK) {
                bail!("Cassandra ended while it started:\n{}", last_lines(&self.log(), 20));
            }
            if Instant::now() > deadline {
                bail!("Cassandra does not answer; its log is {}", self.log().display());
            }
        }
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.dir.join("system.log")
    }
}

/// Runs a program with a node's arguments; what the JVM says goes to its log folder.
pub fn quiet(command: &mut Command, node: &Node) -> Result<()> {
    let path = node.dir.join("console.log");
    let console =
        fs::File::create(&path).with_context(|| format!("could not make {}", path.display()))?;
    command.stderr(console).env("MALLOC_ARENA_MAX", "2");
    Ok(())
}

/// Asks for the options (opcode 5 of the native protocol 4); true when they come (opcode 6).
pub fn answers(address: SocketAddr) -> Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.write_all(&[4, 0, 0, 0, 5, 0, 0, 0, 0])?;
    let mut head = [0; 5];
    stream.read_exact(&mut head)?;
    Ok(head[0] == 0x84 && head[4] == 6)
}

fn last_lines(path: &Path, count: usize) -> String {
    let log = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(dir: &Path, commitlog: Commitlog) -> Node {
        let (host, dir) = (Ipv4Addr::LOCALHOST, dir.to_owned());
        Node { dir, host, cql_port: 1, storage_port: 2, commitlog }
    }

    #[test]
    fn every_word_of_the_template_is_filled_in() {
        let dir = crate::process::scratch_dir("a-node-is-configured").unwrap();
        for commitlog in [Commitlog::Batch, Commitlog::Periodic] {
            let arguments = node(&dir, commitlog).configure("/x/a.jar:/x/jamm-1.jar").unwrap();
            assert!(arguments.contains(&"-javaagent:/x/jamm-1.jar".to_owned()));
            let yaml = fs::read_to_string(dir.join("cassandra.yaml")).unwrap();
            let settings: Vec<&str> = yaml.lines().filter(|line| !line.starts_with('#')).collect();
            assert!(settings.contains(&"native_transport_port: 1"));
            assert!(settings.iter().all(|line| !line.contains('@')), "{yaml}");
        }
        assert!(node(&dir, Commitlog::Batch).configure("/x/a.jar").is_err());
    }

    #[test]
    fn an_end_is_not_waited_for() {
        let dir = crate::process::scratch_dir("a-node-that-ended").unwrap();
        fs::write(dir.join("system.log"), "one\nno disk\n").unwrap();
        let error = node(&dir, Commitlog::Batch).wait_until_it_answers(|_| true).unwrap_err();
        assert!(error.to_string().ends_with("one\nno disk"), "{error}");
    }
}
