//! What is pushed to a device, and again if it does not acknowledge it.

use super::device::{Device, Expiry, Offer};
use super::timers::PushTimers;
use super::{Devices, UserDevices};
use crate::command::{Answer, Login, Signal};
use crate::limits::PUSH_PAGE_ROWS;
use crate::rows::{InboxRow, Read};
use crate::shard::reads::Purpose;
use crate::shard::step::Step;
use wire::{DeviceId, InboxSeq, PAGE_BYTES_MAX, RefusalCode};

/// Asks for rows of the inbox, to be pushed to a device.
pub(super) fn read(
    device: &mut Device,
    login: Login,
    (after, head, limit): (InboxSeq, InboxSeq, usize),
    step: &mut Step,
) {
    device.is_reading = true;
    let read = Read::Inbox { uid: login.uid, after, limit, bytes_max: PAGE_BYTES_MAX };
    step.ask(read, Purpose::Push(login, head));
}

/// Asks for the rows that a device lacks, if there are such that may be pushed.
fn read_on(device: &mut Device, login: Login, committed: InboxSeq, step: &mut Step) {
    if let Some(after) = device.behind(committed) {
        read(device, login, (after, committed, PUSH_PAGE_ROWS), step);
    }
}

fn arm(timers: &mut PushTimers, device: &mut Device, login: Login, step: &Step) {
    if !device.is_armed {
        device.arm();
        timers.arm(login, 0, step.now().mono_ms);
    }
}

impl Devices {
    /// The newest row of an inbox that is durable goes to the devices that have everything before it. `sender` sent it.
    pub fn push(
        &mut self,
        user: UserDevices<'_>,
        row: InboxRow,
        sender: Option<DeviceId>,
        step: &mut Step,
    ) {
        let UserDevices { uid, committed, devices, .. } = user;
        assert_eq!(row.inbox_seq, committed, "the newest row is pushed");
        let is_sender = row.message.sender == uid;
        // The last gets the row itself: most users have one device.
        let mut last = None;
        for device in devices.iter_mut() {
            let is_own = is_sender && sender == Some(device.device);
            if is_own {
                device.hear(step.now());
            }
            let Offer::Push(previous) = device.offer(row.inbox_seq, is_own) else { continue };
            if let Some((session, previous)) = last.replace((device.session(), previous)) {
                step.tell(session, Answer::Push { previous, row: Box::new(row.clone()) });
            }
            let login = device.login(uid);
            arm(&mut self.timers, device, login, step);
        }
        if let Some((session, previous)) = last {
            step.tell(session, Answer::Push { previous, row: Box::new(row) });
        }
    }

    /// Tells every device of a user what is told now or not at all.
    pub fn signal(user: &UserDevices<'_>, signal: Signal, step: &mut Step) {
        let uid = user.uid;
        for (_, session) in user.devices.sessions(uid) {
            step.tell(session, Answer::Signal { uid, signal });
        }
    }

    /// A device has every row up to this one. Whether it is logged in so.
    pub fn ack(mut user: UserDevices<'_>, login: Login, row: InboxSeq, step: &mut Step) -> bool {
        let committed = user.committed;
        let Some(device) = user.find(login) else { return false };
        device.hear(step.now());
        device.ack(row, committed);
        read_on(device, login, committed, step);
        true
    }

    /// Rows of the inbox, to be pushed up to where it ended when they were asked for. Above, a page may lack rows that
    /// are committed by now.
    pub fn on_read(
        &mut self,
        mut user: UserDevices<'_>,
        (login, head): (Login, InboxSeq),
        rows: Vec<InboxRow>,
        step: &mut Step,
    ) {
        let committed = user.committed;
        let Some(device) = user.find(login) else { return };
        device.is_reading = false;
        let is_empty = rows.is_empty();
        for row in rows.into_iter().filter(|row| row.inbox_seq <= head) {
            let previous = device.pushed(row.inbox_seq);
            step.tell(device.session(), Answer::Push { previous, row: Box::new(row) });
        }
        if device.is_waiting() {
            arm(&mut self.timers, device, login, step);
        } else if !is_empty {
            // It had synced all of them by now: no ack of them will come, with which to read on.
            read_on(device, login, committed, step);
        }
    }

    /// Rows to be pushed could not be read: they are asked for again when the device's timer ends.
    pub fn on_unread(&mut self, mut user: UserDevices<'_>, login: Login, step: &Step) {
        let Some(device) = user.find(login) else { return };
        device.is_reading = false;
        arm(&mut self.timers, device, login, step);
    }

    /// A device's push was to be acknowledged by now.
    pub fn on_timer(&mut self, mut user: UserDevices<'_>, login: Login, step: &mut Step) {
        let committed = user.committed;
        let Some(device) = user.find(login) else { return };
        let tries = match device.expire() {
            Expiry::Nothing => return read_on(device, login, committed, step),
            Expiry::GiveUp => {
                step.tell(device.session(), Answer::Closed(RefusalCode::Unresponsive));
                return user.remove(login);
            }
            Expiry::Wait(tries) => tries,
            Expiry::PushAgain(tries) => {
                let (after, count) = device.unacked();
                let limit =
                    usize::try_from(count).map_or(PUSH_PAGE_ROWS, |n| n.min(PUSH_PAGE_ROWS));
                if !device.is_reading {
                    read(device, login, (after, committed, limit), step);
                }
                tries
            }
        };
        device.arm();
        self.timers.arm(login, tries, step.now().mono_ms);
    }
}
