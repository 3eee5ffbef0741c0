//! A data directory that is put back from a copy knows less than its clients: it says so by a new inbox epoch, and everybody
//! reads everything from the start. No id is given twice. Real processes, a real copy.

use crate::process::{Gateway, between, block_on, command, messages, told_by};
use client::{Position, Received};
use rustix::process::Signal;
use std::path::Path;
use std::process::{Command, Stdio};
use wire::InboxSeq;

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

fn stop(gateway: Gateway) {
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait().code, Some(0));
}

/// Says so many things from 7 to 8; the ids that were given.
fn say(gateway: &Gateway, bodies: &[&'static str]) -> Vec<u64> {
    block_on(async {
        let (seven, _) = gateway.connect(7, 1).await;
        let mut ids = Vec::new();
        for body in bodies {
            ids.push(seven.send(between(7, 8), *body).await.unwrap().message_id.0);
        }
        ids
    })
}

#[test]
fn who_knows_more_than_the_copy_is_whole_again() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    let gateway = Gateway::start(&data, &[]);
    let mut ids = say(&gateway, &["one", "two"]);
    stop(gateway);
    copy(&data, &backup);
    let gateway = Gateway::start(&data, &[]);
    ids.extend(say(&gateway, &["lost", "lost too"]));
    let position = block_on(async {
        let (_eight, mut inbox) = gateway.connect(8, 1).await;
        let Received::LoggedIn { inbox_epoch, .. } = inbox.recv().await.unwrap() else {
            panic!("the login comes first")
        };
        let cursor = InboxSeq(messages(&mut inbox, 4).await.last().unwrap().0);
        Position { cursor, inbox_epoch, ..Position::default() }
    });
    stop(gateway);
    std::fs::remove_dir_all(&data).unwrap();
    copy(&backup, &data);

    let gateway = Gateway::start(&data, &[]);
    ids.extend(say(&gateway, &["three", "four", "five"]));
    block_on(async {
        let (_eight, mut inbox) = gateway.connect_from(8, 1, position).await;
        let Received::InboxReset { inbox_epoch } = inbox.recv().await.unwrap() else {
            panic!("it is told that its inbox began anew")
        };
        assert_ne!(inbox_epoch, position.inbox_epoch);
        let bodies: Vec<_> = messages(&mut inbox, 5).await.into_iter().map(|it| it.2).collect();
        assert_eq!(bodies, ["one", "two", "three", "four", "five"]);
    });
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "no id was given twice");
}

#[test]
fn an_operator_says_it_of_a_snapshot_and_only_of_a_directory_that_nobody_uses() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    say(&gateway, &["one"]);
    let restored = || {
        let mut restored = command(dir.path());
        told_by(
            restored.env_remove("LONGLINE_DATA_DIR").arg("restored").arg(dir.path()),
            Stdio::null(),
        )
    };
    let end = restored();
    assert_eq!(end.code, Some(75), "{}", end.told);
    let epoch_of = |gateway: &Gateway| {
        block_on(async {
            let (_eight, mut inbox) = gateway.connect(8, 1).await;
            let Received::LoggedIn { inbox_epoch, .. } = inbox.recv().await.unwrap() else {
                panic!("the login comes first")
            };
            inbox_epoch
        })
    };
    let epoch = epoch_of(&gateway);
    stop(gateway);
    let end = restored();
    assert_eq!(end.code, Some(0), "{}", end.told);
    let gateway = Gateway::start(dir.path(), &[]);
    let anew = epoch_of(&gateway);
    assert_ne!(anew, epoch);
    stop(gateway);
    assert_eq!(epoch_of(&Gateway::start(dir.path(), &[])), anew, "it was said once");
}
