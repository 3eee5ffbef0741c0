//! A gateway that cannot have what it needs ends with the exit code of docs/operations.md, and says what it lacks and what
//! to do. Real processes.

use crate::process::{Gateway, refused};

#[test]
fn an_address_in_use_ends_with_71() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = Gateway::start(one.path(), &[]);
    let listen = first.listen.to_string();
    let end = refused(other.path(), &["--listen", &listen]);
    assert_eq!(end.code, Some(71), "{}", end.told);
    let text = format!("could not listen on {listen}: it is in use");
    assert!(end.told.contains(&text), "{}", end.told);
}
