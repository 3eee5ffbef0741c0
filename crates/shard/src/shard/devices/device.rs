//! The window of pushes to one device: what was pushed, what it has, when to push again.
//!
//! No body is kept for it: what must be pushed again is read from the inbox. It knows no timers and no store.

use crate::command::{DeviceState, Login, Now, Session};
use crate::limits::{DEVICE_BYTES_MAX, PUSH_TRIES_MAX};
use wire::{DeviceId, Generation, InboxSeq, PUSH_WINDOW_MAX, Platform, Uid};

/// A logged-in device of a user.
#[derive(Clone, Copy, Debug)]
pub(super) struct Device {
    /// The session's parts: one as a field would take eight bytes more.
    entry: u16,
    key: u64,
    pub device: DeviceId,
    pub generation: Generation,
    /// The last row pushed.
    previous: InboxSeq,
    /// Every row up to here was pushed, or is the device's own.
    through: InboxSeq,
    /// The device has every row up to here.
    acked: InboxSeq,
    /// `acked` when the timer was set.
    acked_before: InboxSeq,
    tries: u8,
    pub is_armed: bool,
    pub is_reading: bool,
    /// When it last said something, in seconds that begin anew after 18 hours: gateways end whoever is silent for much less.
    heard_s: u16,
    platform: Platform,
}

const _: () = assert!(size_of::<Device>() <= DEVICE_BYTES_MAX);

/// What to do with a row that was just committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// Push it, after this row.
    Push(InboxSeq),
    /// The device sent it.
    Own,
    /// Earlier rows come first, or the window is full: it will be read later.
    Later,
}

/// What to do when a push timer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    Nothing,
    /// Wait again; this many waits of it were without progress.
    Wait(u8),
    /// Push again what is not acknowledged, then wait.
    PushAgain(u8),
    GiveUp,
}

impl Device {
    pub fn new(session: Session, login: Login, platform: Platform, head: InboxSeq) -> Self {
        let Session { entry, key } = session;
        let Login { device, generation, .. } = login;
        Self {
            entry,
            key,
            device,
            generation,
            previous: head,
            through: head,
            acked: head,
            acked_before: head,
            tries: 0,
            is_armed: false,
            is_reading: false,
            heard_s: 0,
            platform,
        }
    }

    /// As its user sees it.
    pub fn state(&self, now: Now) -> DeviceState {
        let Self { device, generation, platform, acked, .. } = *self;
        let silent_s = self.silence_s(now).into();
        DeviceState { device, generation, platform, silent_s, acked }
    }

    pub fn platform(&self) -> Platform {
        self.platform
    }

    /// It says something.
    pub fn hear(&mut self, now: Now) {
        self.heard_s = second(now);
    }

    /// For how long it has said nothing, in seconds.
    pub fn silence_s(&self, now: Now) -> u16 {
        second(now).wrapping_sub(self.heard_s)
    }

    pub fn session(&self) -> Session {
        Session { entry: self.entry, key: self.key }
    }

    /// The session is reached another way now.
    pub fn moved(&mut self, session: Session) {
        (self.entry, self.key) = (session.entry, session.key);
    }

    pub fn login(&self, uid: Uid) -> Login {
        Login { uid, device: self.device, generation: self.generation }
    }

    /// A row is next in the inbox.
    pub fn offer(&mut self, row: InboxSeq, is_own: bool) -> Offer {
        if row != self.through.next() {
            return Offer::Later;
        }
        if is_own {
            self.through = row;
            return Offer::Own;
        }
        if !self.has_room() {
            return Offer::Later;
        }
        Offer::Push(self.pushed(row))
    }

    /// A row was read from the inbox: returns the row to name as pushed before it. If rows are gone before it, the device is to
    /// see that: it asks for them, and is told.
    pub fn pushed(&mut self, row: InboxSeq) -> InboxSeq {
        if row > self.through.next() {
            self.previous = InboxSeq(row.0 - 1);
        }
        let previous = self.previous.min(InboxSeq(row.0 - 1));
        self.previous = self.previous.max(row);
        self.through = self.through.max(row);
        previous
    }

    /// The device has every row up to `row`; it may have got them by sync.
    pub fn ack(&mut self, row: InboxSeq, committed: InboxSeq) {
        self.acked = self.acked.max(row.min(committed));
        self.previous = self.previous.max(self.acked);
        self.through = self.through.max(self.acked);
        self.invariants();
    }

    pub fn is_waiting(&self) -> bool {
        self.acked < self.previous
    }

    fn has_room(&self) -> bool {
        self.previous.0 - self.acked.0 < PUSH_WINDOW_MAX
    }

    /// After which row to read on, if rows wait that may be pushed.
    pub fn behind(&self, committed: InboxSeq) -> Option<InboxSeq> {
        (self.through < committed && self.has_room() && !self.is_reading).then_some(self.through)
    }

    /// After which row to read to push again, and how many.
    pub fn unacked(&self) -> (InboxSeq, u64) {
        (self.acked, self.previous.0 - self.acked.0)
    }

    pub fn arm(&mut self) {
        self.is_armed = true;
        self.acked_before = self.acked;
    }

    pub fn expire(&mut self) -> Expiry {
        self.is_armed = false;
        if !self.is_waiting() {
            self.tries = 0;
            return Expiry::Nothing;
        }
        if self.acked > self.acked_before {
            self.tries = 0;
            return Expiry::Wait(0);
        }
        self.tries += 1;
        if self.tries >= PUSH_TRIES_MAX { Expiry::GiveUp } else { Expiry::PushAgain(self.tries) }
    }

    fn invariants(&self) {
        assert!(self.acked <= self.previous && self.previous <= self.through);
    }
}

#[allow(clippy::cast_possible_truncation, reason = "it begins anew")]
fn second(now: Now) -> u16 {
    (now.mono_ms / 1_000) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(head: u64) -> Device {
        let session = Session { entry: 0, key: 1 };
        let login = Login { uid: Uid(1), device: DeviceId(1), generation: Generation(1) };
        Device::new(session, login, Platform::UNKNOWN, InboxSeq(head))
    }

    #[test]
    fn own_rows_are_skipped_and_named_by_the_next_push() {
        let mut device = device(5);
        assert_eq!(device.offer(InboxSeq(6), true), Offer::Own);
        assert_eq!(device.offer(InboxSeq(7), false), Offer::Push(InboxSeq(5)));
        assert_eq!(device.offer(InboxSeq(8), false), Offer::Push(InboxSeq(7)));
        assert_eq!(device.offer(InboxSeq(10), false), Offer::Later);
    }

    #[test]
    fn window_fills_and_acks_make_room() {
        let mut device = device(0);
        for row in 1..=PUSH_WINDOW_MAX {
            assert!(matches!(device.offer(InboxSeq(row), false), Offer::Push(_)));
        }
        let next = InboxSeq(PUSH_WINDOW_MAX + 1);
        assert_eq!(device.offer(next, false), Offer::Later);
        assert_eq!(device.behind(next), None);
        device.ack(InboxSeq(1), next);
        assert_eq!(device.behind(next), Some(InboxSeq(PUSH_WINDOW_MAX)));
    }

    #[test]
    fn acks_above_the_inbox_are_not_believed() {
        let mut device = device(0);
        device.offer(InboxSeq(1), false);
        device.ack(InboxSeq(99), InboxSeq(1));
        assert!(!device.is_waiting());
        assert_eq!(device.offer(InboxSeq(2), false), Offer::Push(InboxSeq(1)));
    }

    #[test]
    fn tries_end_and_progress_starts_them_again() {
        let mut device = device(0);
        device.offer(InboxSeq(1), false);
        device.offer(InboxSeq(2), false);
        device.arm();
        assert_eq!(device.expire(), Expiry::PushAgain(1));
        device.arm();
        device.ack(InboxSeq(1), InboxSeq(2));
        assert_eq!(device.expire(), Expiry::Wait(0));
        for attempt in 1..PUSH_TRIES_MAX {
            device.arm();
            assert_eq!(device.expire(), Expiry::PushAgain(attempt));
        }
        device.arm();
        assert_eq!(device.expire(), Expiry::GiveUp);
    }
}
