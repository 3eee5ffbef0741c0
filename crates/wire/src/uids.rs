//! Users in the body of a row that changes a group.

use crate::{Bytes, Uid};

/// The body that names these users, in any order: ascending, each once, 8 bytes each, little-endian.
#[must_use]
pub fn put_uids(mut uids: Vec<Uid>) -> Bytes {
    uids.sort_unstable();
    uids.dedup();
    uids.iter().flat_map(|uid| uid.0.to_le_bytes()).collect()
}

/// The users whom a body names, in its order; `None`: it is no body of that kind.
#[must_use]
pub fn take_uids(body: &[u8]) -> Option<Vec<Uid>> {
    let (words, rest) = body.as_chunks::<8>();
    rest.is_empty().then(|| words.iter().map(|word| Uid(u64::from_le_bytes(*word))).collect())
}
