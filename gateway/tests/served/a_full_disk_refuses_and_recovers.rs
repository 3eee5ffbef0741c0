//! On a full disk sends are refused with a hint, nothing acknowledged is lost, and once there is room they are taken again
//! without a restart. A real gateway on a real small file system: a tmpfs, mounted in a name space of the test's own.

use crate::peer::{Peer, framed, id, send};
use crate::process::Gateway;
use std::fs;
use std::path::Path;
use std::process::Command;
use wire::{RefusalCode, frames};

/// Set for the process that runs where the tmpfs is mounted.
const CHILD: &str = "LONGLINE_TEST_TMPFS";
const MIB: usize = 1024 * 1024;
/// Room for two shards' stores, the reserve, and something to lose.
const DISK_MIB: usize = 512;
const RESERVE_MIB: usize = 128;

/// One try of a send: acked, or refused because the disk is full.
fn is_taken(peer: &mut Peer, client_msg_id: [u8; 16]) -> bool {
    peer.say(&send(1, (7, 8), client_msg_id, &[1; 100]));
    peer.hear(|frame| {
        let Ok(refusal) = frame.read::<frames::Refusal>() else {
            return frame.read::<frames::SendAck>().is_ok();
        };
        assert_eq!(refusal.code, RefusalCode::StoreFull as u16);
        assert!(refusal.retry_after_ms > 0, "a refusal that may be retried says when");
        false
    })
    .expect("every send is answered")
}

/// Who sent what to user 8, as its inbox has it.
fn stored(gateway: &Gateway) -> Vec<[u8; 16]> {
    let mut eight = Peer::logged_in(gateway, 8, 1);
    let mut ids = Vec::new();
    loop {
        eight.say(&framed(3, frames::Sync { cursor: ids.len() as u64, limit: 256 }));
        let page = eight.hear(|frame| frame.read::<frames::SyncPage>().unwrap()).unwrap();
        ids.extend(page.messages.iter().map(|message| message.client_msg_id));
        if ids.len() as u64 == page.inbox_head {
            return ids;
        }
    }
}

fn fill_and_free(disk: &Path) {
    let (data_dir, ballast) = (disk.join("data"), disk.join("ballast"));
    let reserve = (RESERVE_MIB * MIB).to_string();
    let settings =
        ["--store-reserve-bytes", &reserve, "--user-rate", "0", "--connection-rate", "0"];
    let gateway = Gateway::start(&data_dir, &settings);
    let mut peer = Peer::logged_in(&gateway, 7, 1);
    let mut acked = vec![id(0)];
    assert!(is_taken(&mut peer, acked[0]));
    fs::write(&ballast, vec![0; free(disk) - RESERVE_MIB * MIB / 2]).unwrap();
    // A look at the free space holds for a moment; until then sends are taken.
    let refused = loop {
        let next = id(acked.len() as u128);
        if !is_taken(&mut peer, next) {
            break next;
        }
        acked.push(next);
    };
    assert!(!is_taken(&mut peer, refused), "it stays refused while there is no room");
    assert!(gateway.metric("longline_store_failing") > 0);
    assert_eq!(stored(&gateway), acked, "reads go on, and the refused is not there");
    fs::remove_file(&ballast).unwrap();
    while !is_taken(&mut peer, refused) {}
    acked.push(refused);
    assert_eq!(stored(&gateway), acked);
    gateway.kill();
    assert_eq!(stored(&Gateway::start(&data_dir, &settings)), acked);
}

/// Bytes free on a file system, as `df` says.
fn free(disk: &Path) -> usize {
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(disk).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().last().unwrap().trim().parse().unwrap()
}

#[test]
fn child_fills_its_disk() {
    let Ok(disk) = std::env::var(CHILD) else { return };
    fill_and_free(Path::new(&disk));
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let allowed = Command::new("unshare").args(["-rm", "true"]).status();
    assert!(
        allowed.is_ok_and(|status| status.success()),
        "name spaces are not allowed here: run as root, or allow unprivileged user name spaces by sysctl"
    );
    let disk = tempfile::tempdir().unwrap();
    let script = format!(r#"mount -t tmpfs -o size={DISK_MIB}m tmpfs "$1" && shift && exec "$@""#);
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", &script, "sh"])
        .arg(disk.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_full_disk_refuses_and_recovers::child_fills_its_disk", "--nocapture"])
        .env(CHILD, disk.path())
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}
