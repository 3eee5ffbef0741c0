//! A name that moves: a gateway with a table of hosts of its own, in which the name of a node is absent, then leads to one
//! place, then to another.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::place::{Ended, Place, Process, in_namespace};
use crate::process;

/// What the node is called.
const NAME: &str = "a-node.of-the-drill";

/// Two places of this machine at one port, as a node that moves has.
const FIRST: &str = "127.0.0.2";
const SECOND: &str = "127.0.0.3";

pub fn a_name_moves(place: &Place) -> Result<Ended> {
    let hosts = place.dir.join("hosts");
    leads_to(&hosts, None)?;
    let port = process::free_port()?;
    let command = place.gateway_of(&format!("{NAME}:{port}"));
    let mount = format!("mount --bind '{}' /etc/hosts", hosts.display());
    let mut gateway = place.start("gateway", &mut in_namespace(&mount, &command))?;
    let (_, admin) = gateway.serves()?;
    gateway.is_ready(&admin, "names that are not known")?;

    let first = start_node(place, "first", FIRST, port)?;
    leads_to(&hosts, Some(FIRST))?;
    gateway.is_ready(&admin, "HTTP/1.1 200 ")?;

    ensure!(first.drain()?.code == Some(0), "the first node did not leave well");
    gateway.is_ready(&admin, "HTTP/1.1 503 ")?;
    let second = start_node(place, "second", SECOND, port)?;
    leads_to(&hosts, Some(SECOND))?;
    gateway.is_ready(&admin, "HTTP/1.1 200 ")?;

    let ended = gateway.drain()?;
    ensure!(second.drain()?.code == Some(0), "the second node did not leave well");
    Ok(ended)
}

/// Written in place: what is mounted is the file, not its name.
fn leads_to(hosts: &Path, address: Option<&str>) -> Result<()> {
    let line = address.map(|address| format!("{address} {NAME}\n"));
    let text = format!("127.0.0.1 localhost\n{}", line.unwrap_or_default());
    fs::write(hosts, text).context("could not write the table of hosts")
}

fn start_node(place: &Place, name: &str, host: &str, port: u16) -> Result<Process> {
    let mut command = place.node(&format!("{host}:{port}"), "127.0.0.1:0");
    command.arg("--data-dir").arg(place.dir.join("node"));
    let mut node = place.start(name, &mut command)?;
    node.serves()?;
    Ok(node)
}
