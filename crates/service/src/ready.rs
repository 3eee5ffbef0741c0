//! Says that everything is served: a line on stdout, and a file for whoever started the process.

use crate::stdout;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

/// Prints the start line and writes the ready file, if one is wanted.
///
/// # Errors
/// The file could not be written.
pub fn announce(
    line: &str,
    listen: SocketAddr,
    admin: SocketAddr,
    file: Option<&Path>,
) -> io::Result<()> {
    stdout::print(&format!("{line}\n"));
    file.map_or(Ok(()), |path| write(path, listen, admin))
}

/// Removes a file left by an earlier process, so that nobody believes it.
pub fn retract(file: Option<&Path>) {
    if let Some(path) = file {
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
