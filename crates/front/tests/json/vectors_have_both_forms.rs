//! Beside the vector of each frame lies what it is in JSON: the same frame, both ways.
//!
//! `FRONT_VECTORS=write cargo test -p front --test json` writes those that are not there. What is there never changes: clients
//! were made with it.

use crate::forms::{bytes, text};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/vectors")
}

/// The text of every vector with this ending, by its name without it.
fn vectors(ending: &str) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
    let named = entries.filter_map(|path| {
        let name = path.file_name()?.to_str()?.strip_suffix(ending)?.to_owned();
        Some((name, std::fs::read_to_string(path).unwrap()))
    });
    named.collect()
}

fn parse(hex: &str) -> Vec<u8> {
    let data = hex.lines().map(|line| line.split('#').next().unwrap());
    data.flat_map(str::split_whitespace).map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

/// Whether a frame is to have JSON beside it: not one that is refused, nor one of a later release, nor hello.
fn is_said(name: &str) -> bool {
    let of_an_extension = name.starts_with("ext_") && name.matches('_').count() == 2;
    let is_frame = name.starts_with(|first: char| first.is_ascii_digit());
    of_an_extension || (is_frame && name != "01_Hello")
}

#[test]
fn every_frame_is_the_same_in_both() {
    let (frames, mut texts) = (vectors(".hex"), vectors(".json"));
    let writes = std::env::var_os("FRONT_VECTORS").is_some_and(|value| value == "write");
    for (name, hex) in frames.iter().filter(|(name, _)| is_said(name)) {
        let frame = parse(hex);
        let said = text(&frame);
        if writes && !texts.contains_key(name) {
            std::fs::write(directory().join(format!("{name}.json")), format!("{said}\n")).unwrap();
            continue;
        }
        assert_eq!(texts.remove(name), Some(said.clone() + "\n"), "{name}.json is to be:\n{said}");
        assert_eq!(bytes(&said), Ok(frame), "{name}");
    }
    assert_eq!(texts, BTreeMap::new(), "these have no frame");
}
