//! Values of what is kept for offline push, in bytes: tokens, marks of users, what a receiver did not take.

use bytes::Bytes;
use wire::{DeviceId, Generation, InboxSeq, Uid};

use super::codec::{DEAD_PREFIX, Fields, OWED_PREFIX, PUSH_TOKEN_PREFIX, put_head};
use crate::offline::{DeadRow, OwedRow, PushToken};

/// The value of a device's token. None: its key is removed.
pub fn put_push_token(value: &mut Vec<u8>, row: &PushToken) {
    if !row.token.is_empty() {
        put_head(value, |head| _ = head.raw(&[row.provider]).number(row.generation.0));
        value.extend_from_slice(&row.token);
    }
}

/// The token at a key.
pub fn take_push_token(key: &[u8], value: &[u8]) -> Option<PushToken> {
    let mut key = Fields(key.strip_prefix(&[PUSH_TOKEN_PREFIX])?);
    let (mut head, token) = Fields(value).head()?;
    let [provider] = head.raw()?;
    let row = PushToken {
        uid: Uid(key.number()?),
        device: DeviceId(key.number()?),
        generation: Generation(head.number()?),
        provider,
        token: Bytes::copy_from_slice(token.0),
    };
    key.end().map(|()| row)
}

/// The value of the mark of a user that may be owed something. Of one that is not the key is removed.
pub fn put_owed(value: &mut Vec<u8>, row: &OwedRow) {
    if row.is_owed {
        put_head(value, |_| ());
    }
}

/// The user of such a mark at a key.
pub fn take_owed(key: &[u8], value: &[u8]) -> Option<Uid> {
    Fields(value).head()?;
    let mut key = Fields(key.strip_prefix(&[OWED_PREFIX])?);
    let uid = Uid(key.number()?);
    key.end().map(|()| uid)
}

/// The value of what a receiver did not take. Of what was replayed the key is removed.
pub fn put_dead(value: &mut Vec<u8>, row: &DeadRow) {
    if !row.is_gone {
        put_head(value, |head| _ = head.number(row.after.0).number(row.unix_ms));
    }
}

/// That at a key.
pub fn take_dead(key: &[u8], value: &[u8]) -> Option<DeadRow> {
    let mut key = Fields(key.strip_prefix(&[DEAD_PREFIX])?);
    let (uid, through) = (Uid(key.number()?), InboxSeq(key.number()?));
    let (mut head, _) = Fields(value).head()?;
    let (after, unix_ms) = (InboxSeq(head.number()?), head.number()?);
    key.end().map(|()| DeadRow { uid, after, through, unix_ms, is_gone: false })
}
