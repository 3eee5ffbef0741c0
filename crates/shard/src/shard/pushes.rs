//! Logins, and pushes to logged-in devices.

use super::Shard;
use super::device::{Device, Expiry, Offer};
use super::load::Waiting;
use crate::command::{Answer, Begin, Command, Delivery, Input, Login, ReplyTo, Session};
use crate::limits::PUSH_PAGE_ROWS;
use crate::rows::{InboxRow, Read};
use wire::{DeviceId, InboxSeq, PAGE_BYTES_MAX, RefusalCode, Uid};

fn unasked(session: Session, answer: Answer) -> Delivery {
    Delivery { to: ReplyTo { session, request_id: 0 }, answer }
}

impl Shard {
    pub(super) fn on_login(&mut self, uid: Uid, device: DeviceId, from: Begin, reply: ReplyTo) {
        if !self.has_user(uid, || Input::Command(Command::Login { uid, device, from }, reply)) {
            return;
        }
        let generation = self.next_generation();
        let user = self.users.get_mut(&uid).expect("just found");
        if let Some(at) = user.devices.iter().position(|other| other.device == device) {
            let replaced = user.devices.swap_remove(at).session();
            // The same login over again, because its answer was lost, replaces nobody.
            if replaced != reply.session {
                let answer = Answer::Closed(RefusalCode::SessionReplaced);
                self.out.deliveries.push(unasked(replaced, answer));
            }
        } else if user.devices.len() >= self.config.devices_max {
            return self.refuse(reply, RefusalCode::TooManyDevices);
        }
        let (inbox_head, inbox_epoch) = (user.committed, self.config.inbox_epoch);
        let cursor = match from {
            Begin::Head => inbox_head,
            Begin::After(row, epoch) if epoch == inbox_epoch && row <= inbox_head => row,
            Begin::After(..) => InboxSeq(0),
        };
        user.devices.reserve_exact(1);
        user.devices.push(Device::new(reply.session, device, generation, cursor));
        let login = Login { uid, device, generation };
        self.answer(reply, Answer::LoggedIn { login, inbox_head, cursor });
        if cursor < inbox_head {
            self.read_pushes(login, cursor, PUSH_PAGE_ROWS);
        }
    }

    /// A session that another owner of this partition logged in. What it has of the inbox is not known; it is told the head
    /// and asks for what it lacks.
    pub(super) fn on_register(&mut self, login: Login, reply: ReplyTo) {
        let uid = login.uid;
        if !self.has_user(uid, || Input::Command(Command::Register(login), reply)) {
            return;
        }
        let user = self.users.get_mut(&uid).expect("just found");
        let head = user.committed;
        let has_room = user.devices.len() < self.config.devices_max;
        match user.devices.iter_mut().find(|other| other.device == login.device) {
            Some(newer) if newer.generation > login.generation => {
                let answer = Answer::Closed(RefusalCode::SessionReplaced);
                return self.answer(reply, answer);
            }
            Some(device) if device.generation == login.generation => device.moved(reply.session),
            Some(older) => {
                let answer = Answer::Closed(RefusalCode::SessionReplaced);
                self.out.deliveries.push(unasked(older.session(), answer));
                *older = Device::new(reply.session, login.device, login.generation, head);
            }
            None if has_room => {
                user.devices.reserve_exact(1);
                let device = Device::new(reply.session, login.device, login.generation, head);
                user.devices.push(device);
            }
            None => return self.answer(reply, Answer::Closed(RefusalCode::TooManyDevices)),
        }
        self.answer(reply, Answer::News(head));
    }

    pub(super) fn on_logout(&mut self, login: Login, reply: ReplyTo) {
        if let Some(user) = self.users.get_mut(&login.uid) {
            user.devices.retain(|other| other.login(login.uid) != login);
        }
        if reply.request_id != 0 {
            self.answer(reply, Answer::LoggedOut(login.generation));
        }
    }

    pub(super) fn on_heartbeat(&mut self, uid: Uid, time_ms: u64, reply: ReplyTo) {
        if self.has_user(uid, || Input::Command(Command::Heartbeat { uid, time_ms }, reply)) {
            let head = self.users.get(&uid).expect("just found").committed;
            self.answer(reply, Answer::Head { head, time_ms });
        }
    }

    fn device(&mut self, login: Login) -> Option<&mut Device> {
        let user = self.users.get_mut(&login.uid)?;
        user.devices.iter_mut().find(|device| device.login(login.uid) == login)
    }

    /// An inbox row is durable: it goes to the devices that have everything before it.
    pub(super) fn on_inbox_durable(&mut self, row: InboxRow, sender: Option<DeviceId>) {
        let (uid, inbox_seq) = (row.uid, row.inbox_seq);
        let user = self.users.get_mut(&uid).expect("a user with rows in flight is kept");
        assert_eq!(user.committed.next(), inbox_seq, "an inbox becomes durable in order");
        user.committed = inbox_seq;
        let is_sender = row.message.sender == uid;
        for device in &mut user.devices {
            let is_own = is_sender && sender == Some(device.device);
            let Offer::Push(previous) = device.offer(inbox_seq, is_own) else { continue };
            let answer = Answer::Push { previous, row: Box::new(row.clone()) };
            self.out.deliveries.push(unasked(device.session(), answer));
            if !device.is_armed {
                device.arm();
                self.push_timers.arm(device.login(uid), 0, self.now.mono_ms);
            }
        }
    }

    pub(super) fn on_push_ack(&mut self, login: Login, row: InboxSeq) {
        let Some(user) = self.users.get_mut(&login.uid) else { return };
        let committed = user.committed;
        let Some(device) = self.device(login) else { return };
        device.ack(row, committed);
        if let Some(after) = device.behind(committed) {
            self.read_pushes(login, after, PUSH_PAGE_ROWS);
        }
    }

    fn read_pushes(&mut self, login: Login, after: InboxSeq, limit: usize) {
        self.device(login).expect("the caller has it").is_reading = true;
        let bytes_max = PAGE_BYTES_MAX;
        let ticket = self.ask(Read::Inbox { uid: login.uid, after, limit, bytes_max });
        self.parking.wait(ticket, Waiting::Push(login));
    }

    pub(super) fn on_push_read(&mut self, login: Login, rows: Vec<InboxRow>) {
        let Some(user) = self.users.get_mut(&login.uid) else { return };
        let committed = user.committed;
        let Some(device) = self.device(login) else { return };
        device.is_reading = false;
        let session = device.session();
        let mut pushes = Vec::with_capacity(rows.len());
        for row in rows.into_iter().filter(|row| row.inbox_seq <= committed) {
            let previous = device.pushed(row.inbox_seq);
            pushes.push(unasked(session, Answer::Push { previous, row: Box::new(row) }));
        }
        if device.is_waiting() && !device.is_armed {
            device.arm();
            self.push_timers.arm(login, 0, self.now.mono_ms);
        }
        self.out.deliveries.append(&mut pushes);
    }

    /// Rows to be pushed could not be read: they are asked for again when the device's timer ends.
    pub(super) fn on_push_unread(&mut self, login: Login) {
        let now_ms = self.now.mono_ms;
        let Some(device) = self.device(login) else { return };
        device.is_reading = false;
        if !device.is_armed {
            device.arm();
            self.push_timers.arm(login, 0, now_ms);
        }
    }

    pub(super) fn on_timers(&mut self) {
        while let Some(login) = self.push_timers.expired(self.now.mono_ms) {
            self.on_push_timer(login);
        }
        self.forward_stalled();
        while let Some(&(due_ms, uid)) = self.dirty_users.front() {
            if due_ms > self.now.mono_ms {
                break;
            }
            self.dirty_users.pop_front();
            self.flush_user(uid);
        }
    }

    fn on_push_timer(&mut self, login: Login) {
        let now_ms = self.now.mono_ms;
        let Some(committed) = self.users.get(&login.uid).map(|user| user.committed) else { return };
        let Some(device) = self.device(login) else { return };
        let tries = match device.expire() {
            Expiry::Nothing => {
                if let Some(after) = device.behind(committed) {
                    self.read_pushes(login, after, PUSH_PAGE_ROWS);
                }
                return;
            }
            Expiry::GiveUp => {
                let session = device.session();
                let user = self.users.get_mut(&login.uid).expect("just found");
                user.devices.retain(|other| other.login(login.uid) != login);
                let answer = Answer::Closed(RefusalCode::Unresponsive);
                return self.out.deliveries.push(unasked(session, answer));
            }
            Expiry::Wait(tries) => tries,
            Expiry::PushAgain(tries) => {
                let (after, count) = device.unacked();
                let is_reading = device.is_reading;
                let limit =
                    usize::try_from(count).map_or(PUSH_PAGE_ROWS, |n| n.min(PUSH_PAGE_ROWS));
                if !is_reading {
                    self.read_pushes(login, after, limit);
                }
                tries
            }
        };
        self.device(login).expect("just found").arm();
        self.push_timers.arm(login, tries, now_ms);
    }
}
