//! Says that everything is served: a line on stdout, and a file for whoever started the process.

use crate::config::Config;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

/// Prints the start line and writes the ready file.
///
/// # Errors
/// The file could not be written.
pub fn announce(config: &Config, listen: SocketAddr, admin: SocketAddr) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let data_dir = config.data_dir.display();
    // Nobody may be reading, which is no reason to stop.
    let _ = writeln!(
        out,
        "longline gateway listening on {listen}, admin on {admin}, data in {data_dir}"
    );
    let _ = out.flush();
    config.ready_file.as_ref().map_or(Ok(()), |path| write(path, listen, admin))
}

/// Removes a file left by an earlier process, so that nobody believes it.
pub fn retract(config: &Config) {
    if let Some(path) = &config.ready_file {
        let _ = fs::remove_file(path);
    }
}

fn write(path: &Path, listen: SocketAddr, admin: SocketAddr) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    let pid = std::process::id();
    fs::write(&draft, format!("listen = \"{listen}\"\nadmin = \"{admin}\"\npid = {pid}\n"))?;
    fs::rename(&draft, path)
}
