//! Which versions of links are in force, by what the processes of a cluster log: whoever dialed a link says it when the link
//! is up.
//!
//! It does not know which should be.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// A process, by the name of its log: `logic-1`, `gateway-2`.
pub type Name = String;

/// Who dialed and who accepted, and the version.
pub type Versions = BTreeMap<(Name, Name), u8>;

/// The links of a cluster whose logs are in one folder.
pub struct Links {
    dir: PathBuf,
    /// Bytes of each log that were read.
    read: BTreeMap<Name, usize>,
    up: Versions,
}

impl Links {
    /// Nothing is read yet.
    pub fn new(dir: PathBuf, names: &[&str]) -> Self {
        let read = names.iter().map(|name| ((*name).to_owned(), 0)).collect();
        Self { dir, read, up: Versions::new() }
    }

    /// All that are up, each as it was last said to be.
    pub fn up(&mut self) -> Result<&Versions> {
        for (dialer, read) in &mut self.read {
            let path = self.dir.join(format!("{dialer}.log"));
            let log = fs::read(&path);
            let log = log.with_context(|| format!("could not read {}", path.display()))?;
            let new = String::from_utf8_lossy(&log[*read..]);
            // A line that is being written is read the next time.
            let whole = new.rfind('\n').map_or(0, |end| end + 1);
            for (node, version) in new[..whole].lines().filter_map(link) {
                self.up.insert((dialer.clone(), format!("logic-{node}")), version);
            }
            *read += whole;
        }
        Ok(&self.up)
    }

    /// A process ends: those that it has do so too.
    pub fn end(&mut self, process: &str) -> Result<()> {
        self.up()?;
        self.up.retain(|(dialer, acceptor), _| dialer != process && acceptor != process);
        Ok(())
    }
}

/// The node and the version of a line that says that a link is up.
fn link(line: &str) -> Option<(u16, u8)> {
    let (_, said) = line.split_once(" a link is up ")?;
    let field = |name: &str| said.split(' ').find_map(|field| field.strip_prefix(name));
    Some((field("node=")?.parse().ok()?, field("version=")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_told_from_the_rest() {
        let line =
            "2026-11-27T15:00:00Z  INFO link::dial: a link is up at=127.0.0.1:7 node=2 version=1";
        assert_eq!(link(line), Some((2, 1)));
        assert_eq!(link("2026 WARN link::dial: could not keep a link at=127.0.0.1:7 node=2"), None);
    }
}
