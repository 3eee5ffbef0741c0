//! Cassandra's class path: Maven fetches it once, below the target directory.
//!
//! What it fetches is in `xtask/cql/pom.xml`; another pom is fetched anew.

use std::fs::{self, File};
use std::process::Command;

use anyhow::{Context, Result};

use crate::needs::{self, Need};
use crate::process;

const NEEDS: &[Need] = &[
    Need { program: "java", package: "openjdk-17-jre-headless", purpose: "running Cassandra" },
    Need { program: "mvn", package: "maven", purpose: "fetching Cassandra" },
];
const POM: &str = include_str!("../../cql/pom.xml");

/// The class path, fetched if it is not there. Whoever comes meanwhile waits.
pub fn class_path() -> Result<String> {
    needs::install(NEEDS)?;
    let cache = process::target_dir().join("cql");
    fs::create_dir_all(&cache).with_context(|| format!("could not make {}", cache.display()))?;
    let lock = File::create(cache.join("lock")).context("could not open the lock of the cache")?;
    lock.lock().context("could not lock the cache")?;
    let (pom, listed) = (cache.join("pom.xml"), cache.join("class-path"));
    let fetched = fs::read_to_string(&pom).is_ok_and(|fetched| fetched == POM);
    if let Some(found) = fs::read_to_string(&listed).ok().filter(|_| fetched) {
        return Ok(found);
    }
    println!("fetching Cassandra with Maven into {}", cache.display());
    // A fetch that is broken off leaves a pom without a list.
    let _ = fs::remove_file(&listed);
    fs::write(&pom, POM).with_context(|| format!("could not write {}", pom.display()))?;
    let part = cache.join("class-path.part");
    let mut maven = Command::new("mvn");
    maven.args(["--quiet", "--batch-mode", "--file"]).arg(&pom);
    maven.arg(format!("-Dmaven.repo.local={}", cache.join("maven").display()));
    maven.arg(format!("-Dmdep.outputFile={}", part.display()));
    maven.args(["-DincludeScope=runtime", "dependency:build-classpath"]);
    process::run_ok(&mut maven).context("could not fetch Cassandra")?;
    fs::rename(&part, &listed).context("could not keep the class path")?;
    fs::read_to_string(&listed).context("could not read the class path")
}
