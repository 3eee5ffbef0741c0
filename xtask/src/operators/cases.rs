//! The cases: what happens to a process, and how. What follows is in the table.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use super::case::Case;
use super::moves;
use super::place::{Ended, Place, SECRET, after, in_namespace, under, unread};
use crate::process;

/// In the order of the docs.
pub const ALL: &[Case] = &[
    Case { what: "a cpuset of one CPU, and not the first", code: 0, says: "", run: a_cpuset },
    Case {
        what: "more `--cores` than CPUs",
        code: 0,
        says: "more cores than CPUs that this process may use: they share them",
        run: more_cores_than_cpus,
    },
    Case {
        what: "another process listens at the address",
        code: 71,
        says: "it is in use; stop what listens there, or give another address",
        run: a_stray_gateway,
    },
    Case {
        what: "another gateway has the data directory",
        code: 75,
        says: "another gateway uses",
        run: a_second_gateway_in_the_directory,
    },
    Case {
        what: "io_uring is refused",
        code: 71,
        says: "let the container's seccomp profile allow io_uring_setup",
        run: io_uring_is_refused,
    },
    Case {
        what: "`ulimit -l 64`: too little memory to lock",
        code: 71,
        says: "RLIMIT_MEMLOCK is 65536 bytes",
        run: |place| limited(place, "ulimit -l 64"),
    },
    Case {
        what: "`ulimit -n 16`: too few descriptors",
        code: 71,
        says: "RLIMIT_NOFILE is 16",
        run: |place| limited(place, "ulimit -n 16"),
    },
    Case {
        what: "`ulimit -f 64`: files may not grow",
        code: 74,
        says: "RLIMIT_FSIZE",
        run: |place| limited(place, "ulimit -f 64"),
    },
    Case {
        what: "the disk has less room than `store_reserve_bytes`",
        code: 0,
        says: "has no room: sends are refused",
        run: a_disk_without_room,
    },
    Case {
        what: "a setting that has no meaning",
        code: 2,
        says: "heartbeat_ms",
        run: |place| place.ends("gateway", place.gateway("data").args(["--heartbeat-ms", "soon"])),
    },
    Case {
        what: "SIGTERM",
        code: 0,
        says: "draining; a second signal stops at once",
        run: |place| {
            let mut gateway = place.start("gateway", &mut place.gateway("data"))?;
            gateway.serves()?;
            gateway.drain()
        },
    },
    Case {
        what: "SIGTERM twice",
        code: 143,
        says: "stopping at once: second signal",
        run: |place| twice(place, Signal::TERM),
    },
    Case {
        what: "SIGINT twice",
        code: 130,
        says: "stopping at once: second signal",
        run: |place| twice(place, Signal::INT),
    },
    Case {
        what: "SIGHUP",
        code: 0,
        says: "hangup: the keys of tokens were read again",
        run: a_hangup,
    },
    Case { what: "nobody reads its stderr any more", code: 0, says: "", run: stderr_is_gone },
    Case {
        what: "nobody reads all of its stdout (`--check-config \\| head -1`)",
        code: 0,
        says: "",
        run: |place| {
            let mut command = place.gateway("data");
            unread(command.arg("--check-config"), &place.dir.join("gateway.log"))
        },
    },
    Case {
        what: "a name in `--logic` is not known",
        code: 0,
        says: "names that are not known: nowhere.invalid:7500",
        run: an_unknown_name,
    },
    Case {
        what: "a name in `--logic` is not known, becomes known, and moves",
        code: 0,
        says: "nodes are looked for there",
        run: moves::a_name_moves,
    },
    Case {
        what: "a node before its CQL servers",
        code: 0,
        says: "waiting: could not reach a CQL server",
        run: a_node_before_its_store,
    },
    Case {
        what: "a node that listens on every address, without `--advertise`",
        code: 2,
        says: "say at which host:port others reach it",
        run: |place| {
            let mut node = place.node("0.0.0.0:0", "127.0.0.1:0");
            place.ends("node", node.args(["--cql", "127.0.0.1:1"]))
        },
    },
];

/// The last CPU that this process may use.
fn last_cpu() -> Result<String> {
    let status = fs::read_to_string("/proc/self/status")?;
    Ok(cpus(&status)?.rsplit([',', '-']).next().unwrap_or_default().to_owned())
}

fn cpus(status: &str) -> Result<&str> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    Ok(list.context("a status has CPUs")?.trim())
}

fn a_cpuset(place: &Place) -> Result<Ended> {
    let cpu = last_cpu()?;
    let mut command = under(&["taskset", "-c", &cpu], &place.gateway("data"));
    let mut gateway = place.start("gateway", &mut command)?;
    gateway.serves()?;
    let mut cores = 0;
    for task in fs::read_dir(format!("/proc/{}/task", gateway.pid()))? {
        let task = task?.path();
        if fs::read_to_string(task.join("comm"))?.starts_with("core-") {
            let status = fs::read_to_string(task.join("status"))?;
            ensure!(cpus(&status)? == cpu, "a core may run on {}", cpus(&status)?);
            cores += 1;
        }
    }
    ensure!(cores > 0, "no thread of a core");
    gateway.drain()
}

fn more_cores_than_cpus(place: &Place) -> Result<Ended> {
    let mut command = place.gateway("data");
    command.args(["--cores", "2"]);
    let mut gateway =
        place.start("gateway", &mut under(&["taskset", "-c", &last_cpu()?], &command))?;
    gateway.serves()?;
    gateway.drain()
}

fn a_stray_gateway(place: &Place) -> Result<Ended> {
    let mut first = place.start("first", &mut place.gateway("first"))?;
    let (listen, _) = first.serves()?;
    let ended = place.ends("stray", &mut place.gateway_at(&listen, "stray"))?;
    ensure!(first.drain()?.code == Some(0), "the first one does not go on");
    Ok(ended)
}

fn a_second_gateway_in_the_directory(place: &Place) -> Result<Ended> {
    let mut first = place.start("first", &mut place.gateway("data"))?;
    first.serves()?;
    let ended = place.ends("second", &mut place.gateway("data"))?;
    ensure!(first.drain()?.code == Some(0), "the first one does not go on");
    Ok(ended)
}

fn io_uring_is_refused(place: &Place) -> Result<Ended> {
    let refuse = "inject=io_uring_setup:error=EPERM";
    let words =
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=io_uring_setup", "-e", refuse];
    place.ends("gateway", &mut under(&words, &place.gateway("data")))
}

/// A gateway that starts under a limit of the shell.
fn limited(place: &Place, limit: &str) -> Result<Ended> {
    place.ends("gateway", &mut after(limit, &place.gateway("data")))
}

/// A disk of 64 MiB, in memory; the canary is the first that wants to write.
fn a_disk_without_room(place: &Place) -> Result<Ended> {
    let data = place.dir.join("data");
    fs::create_dir(&data)?;
    let mut command = place.gateway("data");
    command.args(["--cores", "1", "--canary-ms", "100"]);
    let mount = format!("mount -t tmpfs -o size=64m none '{}'", data.display());
    let mut gateway = place.start("gateway", &mut in_namespace(&mount, &command))?;
    let (_, admin) = gateway.serves()?;
    gateway.is_ready(&admin, "has no room: sends are refused")?;
    gateway.drain()
}

/// The second signal comes while the first is being followed: connections are told one a second.
fn twice(place: &Place, signal: Signal) -> Result<Ended> {
    let mut command = place.gateway("data");
    let mut gateway = place.start("gateway", command.args(["--drain-rate", "1"]))?;
    let (listen, _) = gateway.serves()?;
    let connect = || std::net::TcpStream::connect(&listen);
    let _clients = [connect()?, connect()?, connect()?];
    gateway.signal(signal)?;
    gateway.says("draining; a second signal stops at once")?;
    gateway.signal(signal)?;
    gateway.end()
}

fn a_hangup(place: &Place) -> Result<Ended> {
    let mut gateway = place.start("gateway", &mut place.gateway("data"))?;
    gateway.serves()?;
    gateway.signal(Signal::HUP)?;
    gateway.says("hangup: the keys of tokens were read again")?;
    gateway.drain()
}

fn stderr_is_gone(place: &Place) -> Result<Ended> {
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let mut command = place.gateway("data");
    let mut gateway = process::Guarded::spawn("gateway", command.stderr(writer))?;
    let serves = |line: &str| line.contains(" listening on ").then_some(());
    let patience = std::time::Duration::from_secs(30);
    gateway.wait_line(patience, serves)?;
    gateway.signal(Signal::TERM)?;
    Ok(Ended { code: gateway.wait_exit(patience)?.code(), told: String::new() })
}

fn an_unknown_name(place: &Place) -> Result<Ended> {
    let mut gateway = place.start("gateway", &mut place.gateway_of("nowhere.invalid:7500"))?;
    let (_, admin) = gateway.serves()?;
    gateway.is_ready(&admin, "names that are not known: nowhere.invalid:7500")?;
    gateway.says("could not look a node's name up: it is tried again")?;
    gateway.drain()
}

fn a_node_before_its_store(place: &Place) -> Result<Ended> {
    let admin = format!("127.0.0.1:{}", process::free_port()?);
    let cql = format!("127.0.0.1:{}", process::free_port()?);
    let redis = format!("redis://:{SECRET}@127.0.0.1:1");
    let mut command: Command = place.node("127.0.0.1:0", &admin);
    let mut node = place.start("node", command.args(["--cql", &cql, "--redis", &redis]))?;
    node.is_ready(&admin, "waiting: could not reach a CQL server")?;
    node.says("the node waits, and tries again each second")?;
    node.drain()
}
