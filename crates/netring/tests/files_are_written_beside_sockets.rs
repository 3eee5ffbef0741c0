//! Writes to files come back once each, with their buffer and what became of them, in the same loop as sockets; a net
//! ring that is dropped waits for them. How: many writes at once to one file, a write that must fail, a drop.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use netring::limits::FILE_WRITES_MAX;
use netring::{FileWrite, NetRing};
use support::{Random, Rig, small};

/// What Linux says of a descriptor that is not open for writing.
const EBADF: i32 = 9;

/// A file that is gone when it is closed.
fn scratch() -> Arc<File> {
    let name = format!("netring-{}-{:?}", std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(name);
    let open = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
    std::fs::remove_file(&path).unwrap();
    Arc::new(open.unwrap())
}

#[test]
fn every_write_comes_back_with_its_buffer() {
    let file = scratch();
    let mut random = Random::new(7);
    let mut rig = Rig::new(small());
    let mut expect = Vec::new();
    for round in 0..4 {
        let offset = expect.len() as u64;
        for nth in 0..FILE_WRITES_MAX as u64 {
            let (buffer, content) = (random.bytes(300), 100..200);
            expect.extend_from_slice(&buffer[content.clone()]);
            let offset = offset + nth * 100;
            rig.ring.write_file(FileWrite { file: file.clone(), offset, buffer, content });
        }
        let count = (round + 1) * FILE_WRITES_MAX;
        rig.until("the writes", |rig| rig.written.len() == count);
    }
    for (write, result) in &rig.written {
        assert_eq!(*result.as_ref().unwrap(), 100);
        let at = usize::try_from(write.offset).unwrap();
        assert_eq!(write.buffer[write.content.clone()], expect[at..at + 100]);
    }
    let mut found = vec![0; expect.len()];
    file.read_exact_at(&mut found, 0).unwrap();
    assert_eq!(found, expect);
}

#[test]
fn a_write_that_fails_says_why() {
    let file = Arc::new(File::open("/dev/null").unwrap());
    let mut rig = Rig::new(small());
    rig.ring.write_file(FileWrite { file, offset: 0, buffer: vec![1; 8], content: 0..8 });
    rig.until("the write", |rig| rig.written.len() == 1);
    let error = rig.written[0].1.as_ref().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(EBADF), "opened for reading only");
}

#[test]
fn a_dropped_ring_waits_for_its_writes() {
    let file = scratch();
    let mut ring = NetRing::new(small()).unwrap();
    for nth in 0..32 {
        let buffer = vec![nth; 65_536];
        let offset = u64::from(nth) * 65_536;
        ring.write_file(FileWrite { file: file.clone(), offset, buffer, content: 0..65_536 });
    }
    ring.submit().unwrap();
    drop(ring);
    assert_eq!(Arc::strong_count(&file), 1, "no write is left");
    let mut last = [0];
    file.read_exact_at(&mut last, 32 * 65_536 - 1).unwrap();
    assert_eq!(last, [31]);
}
