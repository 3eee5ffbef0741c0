//! Looks whether this machine can carry a run, and says what to change. It changes nothing itself.

use crate::failure::Failure;
use crate::limits::{PORTS_PER_SOURCE, SOURCES_MAX};
use std::fs::read_to_string;

/// Kernel memory of a loopback connection, both ends: design.md, 3.
const KERNEL_BYTES_PER_PAIR: u64 = 9 * 1024;
/// The generator's own memory a connection: a session machine, its place, its timer, with room.
const OWN_BYTES_PER_CONNECTION: u64 = 1_024;

/// Memory of a pair of users in the judge: its streams, what their inboxes have, the last places
/// seen by each device.
const JUDGE_BYTES_PER_PAIR: u64 = 350;

/// Whether the connections and the judge of a run fit: so many users, each with so many devices, and so many pairs of them.
///
/// # Errors
/// They do not: which bound, and what to change.
pub fn check_run(users: usize, devices: usize, pairs: usize) -> Result<(), Failure> {
    // Each user's inbox is read by a device more, whose connection comes when those of the user are
    // gone.
    let readers = users as u64 * OWN_BYTES_PER_CONNECTION;
    check(users * devices, pairs as u64 * JUDGE_BYTES_PER_PAIR + readers)
}

/// Whether so many connections fit.
///
/// # Errors
/// They do not: which bound, and what to change.
pub fn check_connections(connections: usize) -> Result<(), Failure> {
    check(connections, 0)
}

fn check(connections: usize, more_bytes: u64) -> Result<(), Failure> {
    let ports = PORTS_PER_SOURCE * SOURCES_MAX;
    if connections > ports {
        return Err(Failure::Preflight(format!(
            "{connections} connections are over the {ports} that 250 source addresses have ports for"
        )));
    }
    let of_connections = connections as u64 * (KERNEL_BYTES_PER_PAIR + OWN_BYTES_PER_CONNECTION);
    let needed = of_connections + more_bytes;
    let available = available_bytes();
    if available.is_some_and(|available| needed > available) {
        return Err(Failure::Preflight(format!(
            "{connections} connections and what is kept of their messages need about {} MiB and {} MiB are free: \
             ask for fewer",
            needed >> 20,
            available.unwrap_or(0) >> 20
        )));
    }
    Ok(())
}

fn available_bytes() -> Option<u64> {
    let meminfo = read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Prints what there is and what it is good for.
///
/// # Errors
/// Something is missing without which nothing runs.
pub fn doctor() -> Result<(), Failure> {
    let small = netring::Config { connections_max: 16, ..Default::default() };
    let ring = netring::NetRing::new(small)
        .map_err(|error| Failure::preflight("set up a net ring", error))?;
    drop(ring);
    println!("io_uring        works");
    let limits = read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or("unknown");
    let files = files.split_whitespace().nth(3).unwrap_or("unknown");
    println!("descriptors     {files} (connections are direct descriptors and do not count)");
    let range = read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let range: Vec<&str> = range.split_whitespace().collect();
    println!(
        "ports           {} for each source address; to loopback 250 addresses are used",
        range.join(" to ")
    );
    let memory = available_bytes().unwrap_or(0);
    let fit = memory / (KERNEL_BYTES_PER_PAIR + OWN_BYTES_PER_CONNECTION);
    println!("memory          {} MiB free: about {fit} loopback connections", memory >> 20);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("cores           {cores}; a server on this machine shares them with the generator");
    Ok(())
}
