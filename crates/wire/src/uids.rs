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

/// The body that sets something of these users, in any order, to a value: the value in 8 bytes, little-endian, then the users
/// as [`put_uids`] names them.
#[must_use]
pub fn put_set(value: u64, uids: Vec<Uid>) -> Bytes {
    [&value.to_le_bytes(), &put_uids(uids)[..]].concat().into()
}

/// The value and the users of a body that [`put_set`] made; `None`: it is no body of that kind.
#[must_use]
pub fn take_set(body: &[u8]) -> Option<(u64, Vec<Uid>)> {
    let (value, uids) = body.split_first_chunk()?;
    Some((u64::from_le_bytes(*value), take_uids(uids)?))
}
