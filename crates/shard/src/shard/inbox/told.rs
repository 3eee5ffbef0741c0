//! What of the rows of an inbox a user that is away is told. It knows neither inboxes nor users.

use crate::notification::{Notification, id};
use crate::offline::DeadRow;
use crate::rows::{InboxRow, Owed};
use bytes::Bytes;
use wire::{InboxSeq, RowKind, Seq, Uid};

/// Whether a row is of those that users are told of: what counts as unread.
#[inline]
pub(super) fn may_be_owed(row: &InboxRow) -> bool {
    row.message.kind == RowKind::MESSAGE && row.message.sender != row.uid
}

/// Of what was read of an inbox between two places, those included that are told by somebody.
pub fn notification(
    (uid, inbox_epoch): (Uid, u64),
    (after, through): (InboxSeq, InboxSeq),
    shows_body: bool,
    owed: Owed,
) -> Option<Notification> {
    let Owed { rows, read, unread, tokens } = owed;
    let is_read = |row: &InboxRow| {
        let chat = read.iter().find(|(conversation, _)| *conversation == row.message.conversation);
        row.message.seq <= chat.map_or(Seq(0), |chat| chat.1)
    };
    let is_told = |row: &&InboxRow| {
        let is_between = row.inbox_seq > after && row.inbox_seq <= through;
        is_between && may_be_owed(row) && !is_read(row)
    };
    let count = rows.iter().filter(is_told).count() as u64;
    let mut newest = rows.iter().rfind(is_told)?.message.clone();
    if !shows_body {
        newest.body = Bytes::new();
    }
    let id = id(inbox_epoch, uid, through);
    Some(Notification { uid, after, through, id, count, unread, newest, tokens })
}

/// What is told of what a receiver did not take.
pub fn replayed(
    row: &DeadRow,
    inbox_epoch: u64,
    shows_body: bool,
    owed: Owed,
) -> Option<Notification> {
    let of = (row.uid, inbox_epoch);
    notification(of, (row.after, row.through), shows_body, owed)
}
