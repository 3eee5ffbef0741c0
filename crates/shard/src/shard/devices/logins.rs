//! Logins: when a session begins to hold, and when it ends.

use super::device::Device;
use super::{Devices, UserDevices, pushes};
use crate::command::{Answer, Begin, Login, ReplyTo};
use crate::limits::PUSH_PAGE_ROWS;
use crate::rows::{Read, Revoked};
use crate::shard::begun::Begun;
use crate::shard::reads::Purpose;
use crate::shard::step::Step;
use wire::{DeviceId, Generation, InboxSeq, MessageId, Platform, RefusalCode};

impl Devices {
    /// A device wants to log in: its login, with a number; and the message that it says is at its cursor, if that is to be
    /// seen.
    pub fn begin(
        &mut self,
        user: &UserDevices<'_>,
        (device, platform): (DeviceId, Platform),
        from: Begin,
    ) -> (Begun, Option<MessageId>) {
        self.logins += 1;
        let generation = Generation::new(self.epoch, self.logins);
        let (mut claimed, mut has_rows) = (None, false);
        let cursor = match from {
            Begin::Head => user.committed,
            Begin::After { row, epoch, message_id }
                if epoch == self.inbox_epoch && row <= user.committed =>
            {
                // What is gone proves nothing.
                let is_told = message_id != MessageId(0) && row >= user.tail;
                claimed = is_told.then_some(message_id);
                has_rows = true;
                row
            }
            Begin::After { epoch, .. } => {
                self.forked_logins += u64::from(epoch == self.inbox_epoch);
                InboxSeq(0)
            }
        };
        let login = Login { uid: user.uid, device, generation };
        (Begun { login, cursor, platform, has_rows }, claimed)
    }

    /// The number of the last login of this owner.
    pub fn last_login(&self) -> Generation {
        Generation::new(self.epoch, self.logins)
    }

    /// Asks which message is at a device's cursor. The row there, or the first behind it, also says whether rows are gone that the
    /// device lacks. Where too many reads wait the device is to come again: one that was not seen to have another message there
    /// would take the rows of two inboxes for one.
    pub fn ask_cursor(begun: Begun, message_id: MessageId, reply: ReplyTo, step: &mut Step) {
        if step.may_ask(reply) {
            let (uid, after) = (begun.login.uid, InboxSeq(begun.cursor.0 - 1));
            let read = Read::Inbox { uid, after, limit: 1, bytes_max: 0 };
            step.ask(read, Purpose::Cursor { begun, message_id, reply });
        }
    }

    /// A device has another message at its cursor than the inbox has: the store was put back, or the client lies. It has nothing of
    /// this inbox.
    pub fn fork(&mut self, begun: Begun) -> Begun {
        self.forked_logins += 1;
        Begun { cursor: InboxSeq(0), ..begun }
    }

    /// Asks whether the rows that a device lacks are there, if it lacks any: the answer to its login tells it. Says whether it
    /// asked; where too many reads wait, what is gone is told with the device's pages.
    pub fn ask_tail(user: &UserDevices<'_>, begun: Begun, reply: ReplyTo, step: &mut Step) -> bool {
        let (uid, from, head) = (user.uid, user.tail.max(begun.cursor.next()), user.committed);
        let asks = from <= head && step.has_room();
        if asks {
            step.ask(Read::Tail { uid, from, head }, Purpose::Login { begun, reply });
        }
        asks
    }

    /// A device logs in, and ends what it was logged in as before. If the user has as many devices as it may have, the one
    /// that was silent longest is ended, of the same platform if there is one: one that was installed anew leaves its former
    /// self behind.
    pub fn log_in(&mut self, user: UserDevices<'_>, begun: Begun, reply: ReplyTo, step: &mut Step) {
        let Begun { login, cursor, platform, .. } = begun;
        let Login { device, generation, .. } = login;
        if user.devices.of(device).is_some_and(|newer| newer.generation > generation) {
            return step.refuse(reply, RefusalCode::SessionReplaced);
        }
        if let Some(former) = user.devices.take(device) {
            // The same login over again, because its answer was lost, replaces nobody.
            if former.session() != reply.session {
                let answer = Answer::Closed(RefusalCode::SessionReplaced);
                step.tell(former.session(), answer);
            }
        } else if user.devices.len() >= self.devices_max
            && let Some(silent) = user.devices.take_longest_silent(platform, step.now())
        {
            step.tell(silent.session(), Answer::Closed(RefusalCode::TooManyDevices));
        }
        let (inbox_head, inbox_tail) = (user.committed, user.tail);
        // What is gone is not waited for: a device that is told begins behind it.
        let start = cursor.max(InboxSeq(inbox_tail.0 - 1));
        let mut device = Device::new(reply.session, login, platform, start);
        device.hear(step.now());
        step.answer(reply, Answer::LoggedIn { login, inbox_head, cursor, inbox_tail });
        if let Some(after) = device.behind(inbox_head) {
            pushes::read(&mut device, login, (after, inbox_head, PUSH_PAGE_ROWS), step);
        }
        user.devices.add(device);
    }

    /// A session that another owner of this partition logged in. What it has of the inbox is not known; it is told the head
    /// and asks for what it lacks.
    pub fn register(
        &self,
        user: UserDevices<'_>,
        (login, platform): (Login, Platform),
        reply: ReplyTo,
        step: &mut Step,
    ) {
        let head = user.committed;
        let has_room = user.devices.len() < self.devices_max;
        let now = step.now();
        let new = || {
            let mut new = Device::new(reply.session, login, platform, head);
            new.hear(now);
            new
        };
        match user.devices.of(login.device) {
            Some(newer) if newer.generation > login.generation => {
                let answer = Answer::Closed(RefusalCode::SessionReplaced);
                return step.answer(reply, answer);
            }
            Some(device) if device.generation == login.generation => device.moved(reply.session),
            Some(older) => {
                let answer = Answer::Closed(RefusalCode::SessionReplaced);
                step.tell(older.session(), answer);
                *older = new();
            }
            None if has_room => user.devices.add(new()),
            None => return step.answer(reply, Answer::Closed(RefusalCode::TooManyDevices)),
        }
        step.answer(reply, Answer::News(head));
    }

    /// Ends the sessions of a device, or of all: how many. The user may not be in memory: then it has none.
    pub fn end(
        user: Option<UserDevices<'_>>,
        device: Option<DeviceId>,
        code: RefusalCode,
        step: &mut Step,
    ) -> u32 {
        end(user, |it| device.is_none_or(|meant| it.device == meant), code, step)
    }

    /// Ends every session whose login is believed no more: how many.
    pub fn end_revoked(user: UserDevices<'_>, revoked: Revoked, step: &mut Step) -> u32 {
        end(Some(user), |it| revoked.has_login(it.generation), RefusalCode::TokenRevoked, step)
    }

    /// A session ends. Its user may not be in memory: then nothing of it is.
    pub fn log_out(user: Option<UserDevices<'_>>, login: Login, reply: ReplyTo, step: &mut Step) {
        if let Some(mut user) = user {
            user.remove(login);
        }
        if reply.ticket != 0 {
            step.answer(reply, Answer::LoggedOut(login.generation));
        }
    }
}

fn end(
    user: Option<UserDevices<'_>>,
    is_meant: impl Fn(&Device) -> bool,
    code: RefusalCode,
    step: &mut Step,
) -> u32 {
    let ended = user.map_or_else(Vec::new, |user| user.devices.take_all(is_meant));
    for device in &ended {
        step.tell(device.session(), Answer::Closed(code));
    }
    u32::try_from(ended.len()).unwrap_or(u32::MAX)
}
