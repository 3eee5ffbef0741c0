//! Which users may be owed a notification, when each is judged, and what the receiver was asked. It knows no inbox and no token.
//!
//! Each user here has a mark in the store, so a later owner looks at it; who has none is owed nothing. While there are more than
//! [`OWING_MAX`], the marks of the rest stay in the store only, and are read again when there is room.

mod owing;

use super::commit::Change;
use super::config::{PushConfig, ShardConfig};
use super::step::Step;
use crate::command::Now;
use crate::limits::{NOTIFICATIONS_MAX, OWING_MAX, OWING_PAGE, STORE_RETRY_MS};
use crate::notification::Notification;
use crate::offline::{DeadRow, OwedRow};
use crate::rows::{Read, Row};
use crate::shard::plant::{Fault, Plant};
use crate::shard::reads::Purpose;
use bytes::Bytes;
use hashbrown::HashMap;
use owing::{Owing, State};
use std::collections::VecDeque;
use wire::{InboxSeq, Uid};

/// Everybody whose mark is known to be open, and what is under way for them.
pub(super) struct Notify {
    config: Option<PushConfig>,
    /// Before this, in the monotonic ms of [`Now`], nobody is judged: sessions of before may come back.
    settled_ms: u64,
    owing: HashMap<Uid, Owing>,
    /// Who is judged when, in that order.
    waiting: VecDeque<(u64, Uid)>,
    /// Who is judged next.
    ready: VecDeque<Uid>,
    /// Who is being judged, or waits for the receiver; replays too.
    under_way: usize,
    scan: Scan,
    /// What the receiver is asked again: of whom and up to where, and behind which row.
    replays: HashMap<(Uid, InboxSeq), InboxSeq>,
    /// Tokens that reach nobody, until they were looked for.
    gone: HashMap<Uid, Vec<Bytes>>,
    plant: Plant,
}

/// How far the marks in the store were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scan {
    /// All are here.
    Done,
    /// Those behind this one are to be read, not before this time.
    Next(Option<Uid>, u64),
    /// They are being read.
    Reading(Option<Uid>),
}

/// Why nobody is judged for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// What is owed is not old enough, or was just told.
    Grace,
    /// The store did not answer, or is full.
    Store,
}

impl Notify {
    pub fn new(config: &ShardConfig, now: Now, plant: Plant) -> Self {
        let settle_ms = config.push.map_or(0, |push| push.settle_ms);
        let settle_ms = if plant.has(Fault::NotifyUnsettled) { 0 } else { settle_ms };
        Self {
            config: config.push,
            settled_ms: now.mono_ms + settle_ms,
            owing: HashMap::new(),
            waiting: VecDeque::new(),
            ready: VecDeque::new(),
            under_way: 0,
            scan: Scan::Next(None, 0),
            replays: HashMap::new(),
            gone: HashMap::new(),
            plant,
        }
    }

    /// Whether there is a receiver.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.config.is_some()
    }

    /// Whether the body of a message goes to the receiver.
    pub fn shows_body(&self) -> bool {
        self.config.is_some_and(|push| push.preview)
    }

    /// Whether a user may be owed something, as far as is known here.
    pub fn has(&self, uid: Uid) -> bool {
        self.owing.contains_key(&uid)
    }

    /// How many may be.
    pub fn len(&self) -> usize {
        self.owing.len()
    }

    /// How many are being judged, or wait for the receiver.
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// Everybody here.
    pub fn users(&self) -> impl Iterator<Item = Uid> {
        self.owing.keys().copied()
    }

    /// A message came into the inbox of a user with a token: its mark is to be open, in the batch of the message. Whether the
    /// mark is known to have been closed: then nothing before the message is owed.
    pub fn open(&mut self, uid: Uid, row: InboxSeq, step: &mut Step) -> bool {
        let known = self.owing.get_mut(&uid);
        let is_known = known.is_some();
        if known.is_some_and(|owing| std::mem::replace(&mut owing.is_marked, true)) {
            return false;
        }
        let was_closed = self.scan == Scan::Done && !is_known;
        if !self.plant.has(Fault::NotifyNoMark) {
            let row = Row::Owed(OwedRow { uid, is_owed: true });
            step.commit.push(row, Change::Marked(uid));
        }
        if is_known {
            return false;
        }
        if self.owing.len() < OWING_MAX {
            self.owing.insert(uid, Owing::new());
            self.wait_from(uid, row, Wait::Grace, step.now());
        } else {
            self.scan = Scan::Next(None, 0);
        }
        was_closed
    }

    /// The mark of a user was not written, nor was what it was for.
    pub fn not_marked(&mut self, uid: Uid) {
        if let Some(owing) = self.owing.get_mut(&uid) {
            owing.is_marked = false;
        }
    }

    /// A row of a user is durable who has no device here: what it is owed need not wait.
    pub fn hurry(&mut self, uid: Uid, now: Now) {
        if now.mono_ms < self.settled_ms {
            return;
        }
        if let Some(owing) = self.owing.get_mut(&uid).filter(|owing| owing.may_hurry(now.mono_ms)) {
            owing.state = State::Ready;
            self.ready.push_back(uid);
        }
    }

    /// A user was given a token, which what was read before does not know.
    pub fn on_token(&mut self, uid: Uid) {
        if let Some(owing) = self.owing.get_mut(&uid) {
            owing.has_newer_token = true;
        }
    }

    /// When to look here though nothing arrives, in the monotonic ms of [`Now`].
    pub fn next_timer_ms(&self) -> Option<u64> {
        let ready = (!self.ready.is_empty() && self.has_room()).then_some(0);
        let scan = match self.scan {
            Scan::Next(_, due_ms) if self.is_on() && self.has_room_for_marks() => Some(due_ms),
            Scan::Next(..) | Scan::Reading(_) | Scan::Done => None,
        };
        ready.into_iter().chain(scan).chain(self.waiting.front().map(|waiting| waiting.0)).min()
    }

    fn has_room(&self) -> bool {
        self.under_way < NOTIFICATIONS_MAX
    }

    fn has_room_for_marks(&self) -> bool {
        self.owing.len() + OWING_PAGE <= OWING_MAX
    }

    /// Asks for marks in the store, if some may be there that are not here, and there is room.
    pub fn read_marks(&mut self, step: &mut Step) {
        if let Scan::Next(after, due_ms) = self.scan
            && self.is_on()
            && due_ms <= step.now().mono_ms
            && self.has_room_for_marks()
        {
            self.scan = Scan::Reading(after);
            step.ask_after_commit(Read::Owing(after, OWING_PAGE), Purpose::Owing);
        }
    }

    /// These users have one.
    pub fn on_marks(&mut self, users: &[Uid], step: &Step) {
        // If one had no place here meanwhile, all are read again.
        if let Scan::Reading(_) = self.scan {
            let is_all = users.len() < OWING_PAGE;
            self.scan = if is_all { Scan::Done } else { Scan::Next(users.last().copied(), 0) };
        }
        for uid in users {
            if !self.owing.contains_key(uid) {
                self.owing.insert(*uid, Owing::new());
                self.wait_from(*uid, InboxSeq(u64::MAX), Wait::Grace, step.now());
            }
        }
    }

    /// They could not be read: again, later.
    pub fn on_marks_unread(&mut self, step: &Step) {
        if let Scan::Reading(after) = self.scan {
            self.scan = Scan::Next(after, step.now().mono_ms + u64::from(STORE_RETRY_MS));
        }
    }

    /// The next user to be judged now. It is under way until [`Notify::wait`], [`Notify::again`] or [`Notify::close`].
    pub fn next(&mut self, now: Now) -> Option<Uid> {
        while let Some((due_ms, uid)) = self.waiting.pop_front_if(|it| it.0 <= now.mono_ms) {
            if let Some(owing) = self.owing.get_mut(&uid)
                && owing.state == (State::Waiting { due_ms })
            {
                owing.state = State::Ready;
                self.ready.push_back(uid);
            }
        }
        if !self.has_room() {
            return None;
        }
        let uid = self.ready.pop_front()?;
        self.owing.get_mut(&uid).expect("who is ready is here").state = State::Judged;
        self.under_way += 1;
        Some(uid)
    }

    /// What came up to this place has waited long enough by now.
    pub fn armed(&self, uid: Uid) -> InboxSeq {
        self.owing.get(&uid).map_or(InboxSeq(0), |owing| owing.armed)
    }

    /// When a user may be told more, in the monotonic ms of [`Now`].
    pub fn rests_until_ms(&self, uid: Uid) -> u64 {
        self.owing.get(&uid).map_or(0, |owing| owing.rests_until_ms)
    }

    /// A user is judged again, later; what is above `armed` has not begun to wait before now.
    pub fn wait(&mut self, uid: Uid, armed: InboxSeq, why: Wait, now: Now) {
        self.leave(uid);
        self.wait_from(uid, armed, why, now);
    }

    /// A user is judged again, soon.
    pub fn again(&mut self, uid: Uid) {
        self.leave(uid);
        if let Some(owing) = self.owing.get_mut(&uid) {
            owing.state = State::Ready;
            self.ready.push_back(uid);
        }
    }

    /// A user is owed nothing: its mark is closed in the batch that tells how far it was judged.
    pub fn close(&mut self, uid: Uid, step: &mut Step) {
        self.leave(uid);
        if self.owing.remove(&uid).is_some() {
            step.commit.push_row(Row::Owed(OwedRow { uid, is_owed: false }));
        }
    }

    fn leave(&mut self, uid: Uid) {
        let is_under_way = self.owing.get(&uid).is_some_and(|owing| owing.state.is_under_way());
        self.under_way -= usize::from(is_under_way);
    }

    /// Every wait ends in the order it began, so one queue is enough: none is shorter than one before it.
    fn wait_from(&mut self, uid: Uid, armed: InboxSeq, why: Wait, now: Now) {
        let Some(owing) = self.owing.get_mut(&uid) else { return };
        let grace_ms = self.config.map_or(0, |push| push.grace_ms);
        let wait_ms = match why {
            Wait::Grace => grace_ms,
            Wait::Store => grace_ms.max(STORE_RETRY_MS.into()),
        };
        let last_ms = self.waiting.back().map_or(0, |last| last.0);
        let due_ms = (now.mono_ms + wait_ms).max(self.settled_ms).max(last_ms);
        (owing.armed, owing.state) = (armed, State::Waiting { due_ms });
        self.waiting.push_back((due_ms, uid));
    }

    /// Whether a token came while it was read which there are; that is told once.
    pub fn has_newer_token(&mut self, uid: Uid) -> bool {
        let owing = self.owing.get_mut(&uid);
        owing.is_some_and(|owing| std::mem::take(&mut owing.has_newer_token))
    }

    /// The receiver is asked once it is durable that it may have been.
    pub fn write(&mut self, notification: Box<Notification>) {
        if let Some(owing) = self.owing.get_mut(&notification.uid) {
            owing.state = State::Written(notification);
        }
    }

    /// It is.
    pub fn written(&mut self, uid: Uid) -> Option<Notification> {
        let owing = self.owing.get_mut(&uid)?;
        let State::Written(_) = owing.state else { return None };
        let State::Written(notification) = std::mem::replace(&mut owing.state, State::Judged)
        else {
            unreachable!("just seen")
        };
        self.tell(&notification);
        Some(*notification)
    }

    /// The receiver is asked.
    pub fn tell(&mut self, notification: &Notification) {
        let Notification { uid, after, through, .. } = *notification;
        if let Some(owing) = self.owing.get_mut(&uid) {
            owing.state = State::Told { after, through };
        }
    }

    /// The receiver was asked this of a user, and has answered: behind which row it begins.
    pub fn on_told(&self, uid: Uid, through: InboxSeq) -> Option<InboxSeq> {
        let owing = self.owing.get(&uid)?;
        match owing.state {
            State::Told { after, through: told } if told == through => Some(after),
            State::Told { .. }
            | State::Waiting { .. }
            | State::Ready
            | State::Judged
            | State::Written(_) => None,
        }
    }

    /// A user was told; not again before it has rested.
    pub fn rest(&mut self, uid: Uid, now: Now) {
        let grace_ms = self.config.map_or(0, |push| push.grace_ms);
        if let Some(owing) = self.owing.get_mut(&uid) {
            owing.rests_until_ms = now.mono_ms + grace_ms;
        }
    }

    /// The receiver is asked again what it did not take. Whether that is new, and there is room.
    pub fn replay(&mut self, row: &DeadRow) -> bool {
        let key = (row.uid, row.through);
        let is_new = self.has_room() && !self.replays.contains_key(&key);
        if is_new {
            self.replays.insert(key, row.after);
            self.under_way += 1;
        }
        is_new
    }

    /// That has ended. Behind which row it began.
    pub fn on_replayed(&mut self, uid: Uid, through: InboxSeq) -> Option<InboxSeq> {
        let after = self.replays.remove(&(uid, through))?;
        self.under_way -= 1;
        Some(after)
    }

    /// These tokens reach nobody: whose they are is to be looked for.
    pub fn add_gone(&mut self, uid: Uid, tokens: Vec<Bytes>) {
        self.gone.entry(uid).or_default().extend(tokens);
    }

    /// Those that are looked for now.
    pub fn take_gone(&mut self, uid: Uid) -> Vec<Bytes> {
        self.gone.remove(&uid).unwrap_or_default()
    }
}
