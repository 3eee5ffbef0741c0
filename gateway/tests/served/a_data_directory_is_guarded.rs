//! A data directory has one process, and its number of shards for life: who comes with another says what to do and ends
//! with its own exit code, and the first goes on. Real processes.

use crate::process::{Gateway, between, block_on, refused};

#[test]
fn a_second_process_ends_with_75_and_the_first_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    let end = refused(dir.path(), &[]);
    assert_eq!(end.code, Some(75), "{}", end.told);
    assert!(end.told.contains("another gateway uses"), "{}", end.told);
    block_on(async {
        let (seven, _) = gateway.connect(7, 1).await;
        seven.send(between(7, 8), "still there").await.unwrap();
    });
}

#[test]
fn another_number_of_shards_is_refused_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    Gateway::start(dir.path(), &[]).kill();
    let end = refused(dir.path(), &["--shards", "3"]);
    assert_eq!(end.code, Some(2), "{}", end.told);
    assert!(end.told.contains("start with --shards 2"), "{}", end.told);
}
