//! How far the inbox of a user was judged for offline push. It knows no receiver, and not what is told.

use super::Inboxes;
use crate::limits::OWED_ROWS;
use crate::offline::PushPlace;
use crate::rows::{Row, UserRow};
use crate::shard::step::Step;
use wire::{InboxSeq, Uid};

/// What is to be known of a user to judge what it is owed.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Judged {
    /// `None`: it has no token.
    pub place: Option<PushPlace>,
    /// The last row that is durable.
    pub committed: InboxSeq,
    /// The last place given.
    pub head: InboxSeq,
    /// It has a device that is logged in.
    pub has_devices: bool,
}

impl Inboxes {
    /// The next of the messages of others that came into the inboxes of users with tokens in this step, in order: what is before
    /// the first of a user is judged.
    #[inline]
    pub fn take_owing(&mut self) -> Option<(Uid, InboxSeq)> {
        self.owing.pop_front()
    }

    /// A device of a user says that it has every row up to here: nothing of them is owed.
    pub fn has_rows(&mut self, uid: Uid, row: InboxSeq) {
        let Some(user) = self.users.get_mut(&uid) else { return };
        let row = row.min(user.committed());
        if let Some(place) = user.push_mut() {
            place.through = place.through.max(row);
        }
    }

    /// Of a user in memory.
    pub fn judged(&self, uid: Uid) -> Option<Judged> {
        let user = self.users.get(&uid)?;
        Some(Judged {
            place: user.push(),
            committed: user.committed(),
            head: user.head(),
            has_devices: !user.devices.is_empty(),
        })
    }

    /// Nothing before a row is owed: until it came the user's mark was closed.
    pub fn skip_owed(&mut self, uid: Uid, row: InboxSeq, step: &mut Step) {
        let Some(user) = self.users.get_mut(&uid) else { return };
        let Some(place) = user.push_mut() else { return };
        let before = InboxSeq(row.0 - 1);
        let skipped = before.0.saturating_sub(place.through.0);
        place.through = place.through.max(before);
        // For a while there was no receiver. What came meanwhile is never told, whoever looks at it.
        if skipped > OWED_ROWS as u64 {
            step.commit.push_row(Row::User(user.row(uid)));
        }
    }

    /// How far a user was judged; what that was before.
    pub fn place(&mut self, uid: Uid, place: Option<PushPlace>) -> Option<PushPlace> {
        let user = self.users.get_mut(&uid).expect("it is loaded");
        user.set_push(place)
    }

    /// What is stored of a user in memory, as it should be.
    pub fn row(&self, uid: Uid) -> UserRow {
        self.users.get(&uid).expect("it is loaded").row(uid)
    }

    /// A row of a user is in the batch that is gathered: it stays in memory until that is over.
    pub fn touch(&mut self, uid: Uid, step: &Step) {
        let user = self.users.get_mut(&uid).expect("it is loaded");
        user.touch(step.commit.round());
    }

    /// Stores how far a user was judged.
    pub fn store_place(&mut self, uid: Uid, step: &mut Step) {
        if let Some(user) = self.users.get(&uid) {
            step.commit.push_row(Row::User(user.row(uid)));
        }
    }

    /// Stores the chats of a user that changed: what is read is to be known.
    pub fn flush_chats(&mut self, uid: Uid, step: &mut Step) {
        self.flush(uid, step);
    }
}
