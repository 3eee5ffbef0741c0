//! What users that are away are told, from room to room: who may be owed something is judged by its inbox and its devices, and
//! the receiver is asked.
//!
//! If the process dies: before [`crate::rows::UserRow::push`] says that the receiver may have been asked, it was not, and the next
//! owner judges anew; after it, the next owner asks the same under the same id. The mark is in the batch of the message, so the
//! next owner looks, though nobody asks.

use super::Shard;
use super::commit::Change;
use super::devices::Devices;
use super::inbox::{Judged, notification, replayed};
use super::notify::Wait;
use super::plant::Fault;
use super::reads::Purpose;
use crate::command::{Answer, Command, Input, Login, ReplyTo};
use crate::limits::PUSH_TOKENS_MAX;
use crate::notification::Notified;
use crate::offline::{DeadRow, PushPlace, PushToken};
use crate::rows::Owed;
use crate::rows::{Read, Row};
use bytes::Bytes;
use std::cmp::Reverse;
use wire::{DeviceId, InboxSeq, PAGE_ROWS_MAX, RefusalCode, Uid};

impl Shard {
    /// Messages that came to users with tokens: their marks go into the batch of the messages.
    pub(super) fn open_marks(&mut self) {
        while let Some((uid, row)) = self.inboxes.take_owing() {
            if self.notify.open(uid, row, &mut self.step) {
                self.inboxes.skip_owed(uid, row, &mut self.step);
            }
        }
    }

    /// A message is durable in the inbox of a user that may have no device here.
    #[inline]
    pub(super) fn hurry(&mut self, uid: Uid) {
        if !self.notify.is_on() {
            return;
        }
        let user = self.inboxes.devices(uid).expect("a user with rows in flight is kept");
        if user.devices.is_empty() {
            self.notify.hurry(uid, self.step.now());
        }
    }

    /// Judges whoever's time has come.
    pub(super) fn judge_owing(&mut self) {
        if !self.notify.is_on() {
            return;
        }
        self.notify.read_marks(&mut self.step);
        while let Some(uid) = self.notify.next(self.step.now()) {
            self.judge(uid);
        }
    }

    /// Judges what a user is owed. It may have to be loaded first.
    pub(super) fn judge(&mut self, uid: Uid) {
        if !self.has_user(uid, || Input::Judge(uid)) {
            return;
        }
        let user = self.inboxes.judged(uid).expect("just found");
        let Judged { place, committed, head, has_devices } = user;
        let (now, armed) = (self.step.now(), self.notify.armed(uid));
        let Some(PushPlace { through, asked }) = place else {
            return self.notify.close(uid, &mut self.step);
        };
        if through < asked {
            return self.ask_owed(uid, (through, committed));
        }
        if through >= committed || self.plant.has(Fault::NotifyNobody) {
            if head > committed || has_devices && head > armed {
                return self.notify.wait(uid, head, Wait::Grace, now);
            }
            self.inboxes.store_place(uid, &mut self.step);
            return self.notify.close(uid, &mut self.step);
        }
        let is_young = has_devices && through >= armed && !self.plant.has(Fault::NotifyAcked);
        if is_young || now.mono_ms < self.notify.rests_until_ms(uid) {
            return self.notify.wait(uid, committed, Wait::Grace, now);
        }
        self.ask_owed(uid, (through, committed));
    }

    /// Asks what lies behind a place, up to where the inbox is committed.
    fn ask_owed(&mut self, uid: Uid, (after, committed): (InboxSeq, InboxSeq)) {
        self.inboxes.flush_chats(uid, &mut self.step);
        let read = Read::Owed(uid, after);
        self.step.ask_after_commit(read, Purpose::Owed { uid, after, committed });
    }

    /// What a user may be owed was read, as it was committed then.
    pub(super) fn on_owed(
        &mut self,
        uid: Uid,
        (after, committed): (InboxSeq, InboxSeq),
        mut owed: Owed,
    ) {
        let now = self.step.now();
        let Some(Judged { place: Some(place), .. }) = self.inboxes.judged(uid) else {
            return self.notify.wait(uid, committed, Wait::Grace, now);
        };
        let is_again = after < place.asked && !self.plant.has(Fault::NotifyAnew);
        let last = owed.rows.last().map_or(committed, |row| row.inbox_seq.min(committed));
        let through = if is_again { place.asked } else { last };
        // A device has it by now.
        if through <= place.through {
            return self.notify.again(uid);
        }
        let revoked = self.inboxes.revoked(uid).expect("just found");
        owed.tokens.retain(|token| !revoked.has_login(token.generation));
        if owed.tokens.is_empty() {
            return self.forget_push(uid, committed);
        }
        let (epoch, shows) = (self.devices.inbox_epoch(), self.notify.shows_body());
        // One that is asked again begins where it did, whatever a device has since.
        let from = if is_again { after } else { place.through };
        let Some(told) = notification((uid, epoch), (from, through), shows, owed) else {
            self.inboxes.place(uid, Some(PushPlace { through, ..place }));
            return self.notify.again(uid);
        };
        if is_again {
            self.notify.tell(&told);
            return self.step.notify(told);
        }
        let before = self.inboxes.place(uid, Some(PushPlace { through: from, asked: through }));
        self.notify.write(Box::new(told));
        if self.plant.has(Fault::NotifyUnwritten) {
            return self.on_asked(uid);
        }
        self.store(uid, |uid| Change::Asked { uid, before });
    }

    fn store(&mut self, uid: Uid, change: impl FnOnce(Uid) -> Change) {
        let row = self.inboxes.row(uid);
        self.step.commit.push(Row::User(row), change(uid));
    }

    /// A user has no token any more: nothing is owed to it until it has one.
    fn forget_push(&mut self, uid: Uid, committed: InboxSeq) {
        if self.notify.has_newer_token(uid) {
            return self.notify.wait(uid, committed, Wait::Grace, self.step.now());
        }
        self.inboxes.place(uid, None);
        self.inboxes.store_place(uid, &mut self.step);
        self.notify.close(uid, &mut self.step);
    }

    /// It is durable that the receiver may have been asked: it is.
    pub(super) fn on_asked(&mut self, uid: Uid) {
        if let Some(told) = self.notify.written(uid) {
            self.step.notify(told);
        }
    }

    /// That was not written: the receiver was not asked.
    pub(super) fn on_not_asked(&mut self, uid: Uid, before: Option<PushPlace>) {
        self.inboxes.place(uid, before);
        self.notify.wait(uid, InboxSeq(u64::MAX), Wait::Store, self.step.now());
    }

    /// What a user is owed could not be read, or it could not be loaded.
    pub(super) fn on_not_judged(&mut self, uid: Uid) {
        self.notify.wait(uid, InboxSeq(u64::MAX), Wait::Store, self.step.now());
    }

    /// The receiver has answered, or was asked often enough.
    pub(super) fn on_notified(&mut self, notified: Notified) {
        let Notified { uid, through, is_taken, .. } = notified;
        if let Some(after) = self.notify.on_replayed(uid, through) {
            if is_taken {
                let dead = DeadRow { uid, after, through, unix_ms: 0, is_gone: true };
                self.step.commit.push_row(Row::Dead(dead));
            }
            return self.look_for_gone(uid, notified.gone);
        }
        let Some(after) = self.notify.on_told(uid, through) else { return };
        if !self.has_user(uid, || Input::Notified(notified.clone())) {
            return;
        }
        if is_taken {
            self.end_notification(uid, through);
        } else {
            let unix_ms = self.step.now().unix_ms;
            let dead = DeadRow { uid, after, through, unix_ms, is_gone: false };
            self.step.commit.push(Row::Dead(dead), Change::Dead(dead));
        }
        self.look_for_gone(uid, notified.gone);
    }

    /// What was told of a user has ended.
    pub(super) fn end_notification(&mut self, uid: Uid, through: InboxSeq) {
        // Only what was given up is written first; its user stays in memory meanwhile.
        if let Some(Judged { place: Some(place), .. }) = self.inboxes.judged(uid) {
            let through = place.through.max(through);
            self.inboxes.place(uid, Some(PushPlace { through, ..place }));
        }
        self.notify.rest(uid, self.step.now());
        self.notify.again(uid);
    }

    fn look_for_gone(&mut self, uid: Uid, gone: Vec<Bytes>) {
        if !gone.is_empty() {
            self.notify.add_gone(uid, gone);
            self.step.ask_after_commit(Read::PushTokens(uid), Purpose::PushTokens(uid));
        }
    }

    /// The tokens of a user: those that reach nobody go, and of too many those of the oldest logins.
    pub(super) fn on_push_tokens(&mut self, uid: Uid, mut tokens: Vec<PushToken>) {
        let gone = self.notify.take_gone(uid);
        let out = tokens.extract_if(.., |it| gone.contains(&it.token));
        let mut out: Vec<PushToken> = out.collect();
        tokens.sort_unstable_by_key(|it| Reverse(it.generation));
        out.extend(tokens.drain(PUSH_TOKENS_MAX.min(tokens.len())..));
        for PushToken { uid, device, .. } in out {
            self.step.commit.push_row(Row::PushToken(PushToken::none(uid, device)));
        }
    }

    /// A device says by what it is reached while it is away; by nothing, if it says nothing.
    pub(super) fn on_set_push_token(
        &mut self,
        login: Login,
        (provider, token): (u8, Bytes),
        reply: ReplyTo,
    ) {
        let Login { uid, device, generation } = login;
        if !self.notify.is_on() {
            return self.step.refuse(reply, RefusalCode::Unsupported);
        }
        let again = || {
            let token = token.clone();
            Input::Command(Command::SetPushToken { login, provider, token }, reply)
        };
        if !self.has_user(uid, again) {
            return;
        }
        let mut user = self.inboxes.devices(uid).expect("just found");
        if !user.holds(login) {
            return self.step.refuse(reply, RefusalCode::SessionReplaced);
        }
        let has_token = !token.is_empty();
        let row = PushToken { uid, device, generation, provider, token };
        let answer = Answer::PushTokenSet { is_kept: has_token };
        let (committed, place) = (user.committed, self.inboxes.row(uid).push);
        let new = place.unwrap_or(PushPlace { through: committed, asked: InboxSeq(0) });
        let before = if has_token { self.inboxes.place(uid, Some(new)) } else { place };
        self.notify.on_token(uid);
        self.step.commit.push_row(Row::PushToken(row));
        self.store(uid, |uid| Change::Pushable { uid, before, reply, answer });
        self.inboxes.touch(uid, &self.step);
        if has_token {
            self.step.ask_after_commit(Read::PushTokens(uid), Purpose::PushTokens(uid));
        }
    }

    /// A user ends a device, which is told nothing from then on, whether it is logged in or not.
    pub(super) fn end_by_user(&mut self, (uid, device): (Uid, DeviceId), reply: ReplyTo) {
        let code = RefusalCode::EndedByUser;
        let again = || {
            let device = Some(device);
            Input::Command(Command::EndDevices { uid, device, code }, reply)
        };
        if !self.has_user(uid, again) {
            return;
        }
        let user = self.inboxes.devices(uid);
        let count = Devices::end(user, Some(device), code, &mut self.step);
        let (before, answer) = (self.inboxes.row(uid).push, Answer::Ended { count });
        self.step.commit.push_row(Row::PushToken(PushToken::none(uid, device)));
        self.store(uid, |uid| Change::Pushable { uid, before, reply, answer });
        self.inboxes.touch(uid, &self.step);
    }

    /// Lists what the receiver did not take.
    pub(super) fn on_dead(&mut self, (after, limit): (Uid, usize), reply: ReplyTo) {
        if !self.notify.is_on() {
            return self.step.refuse(reply, RefusalCode::Unsupported);
        }
        if self.step.may_ask(reply) {
            let after = Some(after).filter(|after| *after > Uid(0));
            self.step.ask_after_commit(Read::Dead(after, limit), Purpose::Dead(reply));
        }
    }

    /// Asks the receiver again what it did not take of a user.
    pub(super) fn on_replay(&mut self, uid: Uid, reply: ReplyTo) {
        if !self.notify.is_on() {
            return self.step.refuse(reply, RefusalCode::Unsupported);
        }
        if self.step.may_ask(reply) {
            let (after, limit) = (uid.0.checked_sub(1).map(Uid), PAGE_ROWS_MAX as usize);
            self.step.ask_after_commit(Read::Dead(after, limit), Purpose::Replay(uid, reply));
        }
    }

    /// What the receiver did not take of a user, and of those behind it.
    pub(super) fn on_replay_read(&mut self, uid: Uid, reply: ReplyTo, dead: &[DeadRow]) {
        let mut count = 0;
        for row in dead.iter().filter(|row| row.uid == uid) {
            if self.notify.replay(row) {
                count += 1;
                self.step.ask_after_commit(Read::Owed(uid, row.after), Purpose::OwedAgain(*row));
            }
        }
        self.step.answer(reply, Answer::Replayed { count });
    }

    /// What the receiver is asked again. If nothing of it is unread, or no token is left, it need not be.
    pub(super) fn on_owed_again(&mut self, row: DeadRow, owed: Owed) {
        let (epoch, shows) = (self.devices.inbox_epoch(), self.notify.shows_body());
        let has_tokens = !owed.tokens.is_empty();
        match replayed(&row, epoch, shows, owed).filter(|_| has_tokens) {
            Some(told) => self.step.notify(told),
            None => {
                let DeadRow { uid, through, .. } = row;
                let (is_taken, gone) = (true, Vec::new());
                self.on_notified(Notified { uid, through, is_taken, gone });
            }
        }
    }
}
