//! Objects as text.

use super::fields::{Added, Object};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Serializer as Json;
use wire::RawFrame;

/// What a frame says: its struct, and the numbers of its extension that are not 0, by their names.
pub(super) struct Says<'a, T> {
    pub object: &'a T,
    pub names: &'a [Added],
    pub frame: &'a RawFrame<'a>,
}

impl<T: Object> Serialize for Says<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.object.write(&mut map)?;
        for (place, added) in self.names.iter().enumerate() {
            added.write((self.frame, place), &mut map)?;
        }
        map.end()
    }
}

/// Appends what a frame says under its key, with the request's id if there is one.
pub(super) fn append(out: &mut Vec<u8>, request_id: u64, key: &'static str, says: &impl Serialize) {
    let write = || {
        let mut json = Json::new(out);
        let mut map = json.serialize_map(None)?;
        if request_id != 0 {
            map.serialize_entry("id", &request_id)?;
        }
        map.serialize_entry(key, says)?;
        map.end()
    };
    write().expect("writing to memory does not fail");
}
