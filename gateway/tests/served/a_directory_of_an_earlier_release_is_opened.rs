//! A data directory that an earlier release left is opened and goes on: `layouts/N.tar.gz` is one of layout N, as a kill
//! left it: a part is in the index, the rest only in the log. One for each layout that was ever released.

use crate::process::{Gateway, between, block_on, messages, refused};
use std::path::Path;
use std::process::Command;
use wire::{Seq, Uid};

/// What was said before the first stop of the gateway that made the directory, and after it, until the kill.
const SAID: [(u64, u64, &str); 6] =
    [(7, 8, "one"), (8, 7, "two"), (7, 9, "three"), (8, 7, "four"), (9, 7, "five"), (7, 8, "six")];
const BEFORE_THE_STOP: usize = 3;

fn unpack(layout: u32, dir: &Path) {
    let archive =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/served/layouts/{layout}.tar.gz"));
    let status = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(dir).status().unwrap();
    assert!(status.success());
    // It was copied after the kill: it is as if it had stayed where it was.
    let boot = std::fs::read_to_string(dir.join("BOOT")).unwrap();
    std::fs::write(dir.join("BOOT"), boot.lines().next().unwrap()).unwrap();
}

#[test]
fn a_directory_of_layout_3_has_everything_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    unpack(3, dir.path());
    let gateway = Gateway::start(dir.path(), &[]);
    block_on(async {
        let (seven, mut inbox) = gateway.connect(7, 5).await;
        let rows = messages(&mut inbox, SAID.len()).await;
        let expected =
            (1..).zip(SAID).map(|(row, (from, _, body))| (row, Uid(from), body.to_owned()));
        assert!(rows.into_iter().eq(expected));
        let history = seven.history(between(7, 8), Seq(0), 256).await.unwrap();
        let bodies: Vec<&[u8]> = history.iter().map(|it| it.body.as_ref()).collect();
        assert_eq!(bodies, [&b"one"[..], b"two", b"four", b"six"]);
        let (eight, _) = gateway.connect(8, 5).await;
        let chats = eight.chats(None, 256).await.unwrap();
        let [chat] = &chats.chats[..] else { panic!("{chats:?}") };
        // That release took own messages for read. The last of them is only in the log, which is judged by today's rule.
        assert_eq!((chat.state.read_seq, chat.state.unread), (Seq(2), 1), "{chat:?}");
        let state = eight.mark_read(between(7, 8), Seq(4)).await.unwrap();
        assert_eq!((state.read_seq, state.unread), (Seq(4), 0));
        let ack = seven.send(between(7, 8), "seven").await.unwrap();
        assert_eq!(ack.seq, Seq(5));
    });
}

#[test]
fn a_directory_of_the_layout_before_is_refused_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("BOOT"), "1\n").unwrap();
    std::fs::write(dir.path().join("LAYOUT"), "version = 2\nshards = 2\ninbox_epoch = 5\n")
        .unwrap();
    let end = refused(dir.path(), &[]);
    assert_eq!(end.code, Some(2), "{}", end.told);
    assert!(end.told.contains("layout version 2, this program reads 3"), "{}", end.told);
}

/// Makes the directory of today's layout: once, when its number is new.
#[test]
#[ignore = "writes layouts/N.tar.gz"]
fn make() {
    let dir = tempfile::tempdir().unwrap();
    let say = |gateway: &Gateway, said: &[(u64, u64, &'static str)]| {
        block_on(async {
            for &(from, to, body) in said {
                let (client, _) = gateway.connect(from, 1).await;
                client.send(between(from, to), body).await.unwrap();
                client.close().await;
            }
        });
    };
    let gateway = Gateway::start(dir.path(), &[]);
    say(&gateway, &SAID[..BEFORE_THE_STOP]);
    gateway.signal(rustix::process::Signal::TERM);
    gateway.wait();
    let gateway = Gateway::start(dir.path(), &[]);
    say(&gateway, &SAID[BEFORE_THE_STOP..]);
    gateway.kill();
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/served/layouts/3.tar.gz");
    let mut tar = Command::new("tar");
    tar.args(["--owner=0", "--group=0", "--numeric-owner", "--mtime=2026-01-01", "-czf"]);
    let status = tar.arg(archive).arg("-C").arg(dir.path()).arg(".").status().unwrap();
    assert!(status.success());
}
