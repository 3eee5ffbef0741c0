//! The room of devices by itself: no inbox and no store.

use super::*;
use crate::command::{Answer, Begin, Login, ReplyTo, Session};
use crate::limits::{PUSH_TIMEOUT_MS, PUSH_TRIES_MAX};
use crate::partition::{ShardId, Share};
use crate::rows::{Chain, InboxRow, Read, sample};
use wire::{DeviceId, InboxSeq, RefusalCode, Uid};

const UID: Uid = Uid(2);

struct Room {
    devices: Devices,
    of_user: DeviceList,
    committed: InboxSeq,
    step: Step,
}

fn reply(connection: u64) -> ReplyTo {
    ReplyTo { session: Session { entry: 0, connection }, request_id: 1 }
}

impl Room {
    fn new() -> Self {
        let share = Share::Of { id: ShardId(0), shards: 1 };
        let devices =
            Devices::new(&ShardConfig { devices_max: 2, ..ShardConfig::new(share, 1, 7) });
        let (of_user, committed) = (DeviceList::default(), InboxSeq(0));
        Self { devices, of_user, committed, step: Step::of_test() }
    }

    fn log_in(&mut self, device: u64, from: Begin, connection: u64) -> Vec<Answer> {
        let user = UserDevices { uid: UID, committed: self.committed, devices: &mut self.of_user };
        self.devices.log_in(user, (DeviceId(device), from), reply(connection), &mut self.step);
        self.step.take().0
    }

    fn logged_in(&mut self, device: u64) -> Login {
        match self.log_in(device, Begin::Head, device)[..] {
            [Answer::LoggedIn { login, .. }] => login,
            ref answers => panic!("{answers:?}"),
        }
    }

    /// The next row is durable, of a message that user 1 sent.
    fn push(&mut self) -> Vec<Answer> {
        self.committed = self.committed.next();
        let (inbox_seq, chain) = (self.committed, Chain::default());
        let row =
            InboxRow { uid: UID, inbox_seq, flags: 0, chain, message: sample(inbox_seq.0, 0) };
        let user = UserDevices { uid: UID, committed: inbox_seq, devices: &mut self.of_user };
        self.devices.push(user, row, None, &mut self.step);
        self.step.take().0
    }

    /// The longest wait for an ack is over.
    fn time_out(&mut self) -> Vec<Answer> {
        self.step.pass(PUSH_TIMEOUT_MS << PUSH_TRIES_MAX);
        while let Some(login) = self.devices.expired(&self.step) {
            let user =
                UserDevices { uid: UID, committed: self.committed, devices: &mut self.of_user };
            self.devices.on_timer(user, login, &mut self.step);
        }
        self.step.take().0
    }
}

#[test]
fn a_device_that_logs_in_again_replaces_its_other_session() {
    let mut room = Room::new();
    let first = room.logged_in(1);
    let again = room.log_in(1, Begin::Head, 1);
    assert!(matches!(again[..], [Answer::LoggedIn { .. }]), "it may have missed the answer");
    let answers = room.log_in(1, Begin::Head, 2);
    let [Answer::Closed(RefusalCode::SessionReplaced), Answer::LoggedIn { login, .. }] =
        answers[..]
    else {
        panic!("{answers:?}")
    };
    assert!(first.generation < login.generation);
    assert_eq!(room.of_user.len(), 1);
}

/// A device that was installed anew is another; its former self is still there, and says nothing.
#[test]
fn one_device_too_many_ends_the_one_that_was_silent_longest() {
    let mut room = Room::new();
    (1..=2).for_each(|device| assert_eq!(room.logged_in(device).device.0, device));
    for (number, silent) in (3..20).zip([1, 2].into_iter().cycle()) {
        room.step.pass(20_000_000);
        // The other one says something.
        let other = if silent == 1 { 2 } else { 1 };
        let now = room.step.now();
        room.of_user.hear(reply(other).session, now);
        let answers = room.log_in(number, Begin::Head, silent);
        let [Answer::Closed(RefusalCode::TooManyDevices), Answer::LoggedIn { login, .. }] =
            answers[..]
        else {
            panic!("{answers:?}")
        };
        assert_eq!((login.device.0, room.of_user.len()), (number, 2));
        let sessions: Vec<_> = room.of_user.sessions(UID).map(|(_, it)| it.connection).collect();
        assert!(sessions.contains(&other) && sessions.contains(&silent));
    }
}

#[test]
fn what_a_device_acknowledges_and_what_it_sends_is_heard() {
    let mut room = Room::new();
    let [first, second] = [1, 2].map(|device| room.logged_in(device));
    for silent in [first, second] {
        room.step.pass(5_000);
        let heard = if silent == first { second } else { first };
        let user = UserDevices { uid: UID, committed: InboxSeq(0), devices: &mut room.of_user };
        Devices::ack(user, heard, InboxSeq(0), &mut room.step);
    }
    let now = room.step.now();
    assert_eq!(room.of_user.take_longest_silent(now).unwrap().login(UID), second);
}

#[test]
fn pushes_begin_where_the_device_says_in_this_inbox() {
    for (from, cursor, is_read) in [
        (Begin::Head, 9, false),
        (Begin::After(InboxSeq(9), 7), 9, false),
        (Begin::After(InboxSeq(4), 7), 4, true),
        (Begin::After(InboxSeq(10), 7), 0, true),
        (Begin::After(InboxSeq(4), 6), 0, true),
    ] {
        let mut room = Room::new();
        room.committed = InboxSeq(9);
        let answers = room.log_in(1, from, 1);
        let [Answer::LoggedIn { cursor: told, .. }] = answers[..] else { panic!("{answers:?}") };
        assert_eq!(told.0, cursor, "{from:?}");
        let reads = room.step.take_reads();
        assert_eq!(!reads.is_empty(), is_read, "{from:?}");
        let is_after = |read: &Read| matches!(read, Read::Inbox { after, .. } if after.0 == cursor);
        assert!(reads.iter().all(is_after), "{reads:?}");
    }
}

#[test]
fn a_session_of_an_older_login_is_replaced_wherever_it_is_registered() {
    let mut room = Room::new();
    let newer = room.logged_in(1);
    let older = Login { generation: wire::Generation(0), ..newer };
    let user = UserDevices { uid: UID, committed: InboxSeq(0), devices: &mut room.of_user };
    room.devices.register(user, older, reply(9), &mut room.step);
    assert_eq!(room.step.take().0, [Answer::Closed(RefusalCode::SessionReplaced)]);
    let user = UserDevices { uid: UID, committed: InboxSeq(0), devices: &mut room.of_user };
    room.devices.register(user, newer, reply(9), &mut room.step);
    assert_eq!(room.step.take().0, [Answer::News(InboxSeq(0))]);
    let sessions: Vec<_> = room.of_user.sessions(UID).collect();
    assert_eq!(sessions, [(newer, reply(9).session)], "it is reached another way now");
}

#[test]
fn a_push_that_is_not_acknowledged_is_made_again_and_then_the_session_is_closed() {
    let mut room = Room::new();
    room.logged_in(1);
    assert!(matches!(room.push()[..], [Answer::Push { previous: InboxSeq(0), .. }]));
    for _ in 1..PUSH_TRIES_MAX {
        assert_eq!(room.time_out(), []);
        let user = UserDevices { uid: UID, committed: InboxSeq(1), devices: &mut room.of_user };
        let login = user.devices.sessions(UID).next().unwrap().0;
        if !room.step.take_reads().is_empty() {
            room.devices.on_read(user, (login, InboxSeq(1)), vec![], &mut room.step);
        }
    }
    assert_eq!(room.time_out(), [Answer::Closed(RefusalCode::Unresponsive)]);
    assert!(room.of_user.is_empty());
}

#[test]
fn a_page_is_pushed_up_to_where_the_inbox_ended_when_it_was_asked_for() {
    let mut room = Room::new();
    let login = room.logged_in(1);
    let chain = Chain::default();
    let row = |at| InboxRow {
        uid: UID,
        inbox_seq: InboxSeq(at),
        flags: 0,
        chain,
        message: sample(at, 0),
    };
    // Row 3 landed before row 2. Both are committed by now.
    let user = UserDevices { uid: UID, committed: InboxSeq(3), devices: &mut room.of_user };
    room.devices.on_read(user, (login, InboxSeq(1)), vec![row(1), row(3)], &mut room.step);
    let pushed = |answer: &Answer| {
        let Answer::Push { row, .. } = answer else { panic!("{answer:?}") };
        row.inbox_seq.0
    };
    assert_eq!(room.step.take().0.iter().map(pushed).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_push_that_is_acknowledged_is_not_made_again() {
    let mut room = Room::new();
    let login = room.logged_in(1);
    room.push();
    let user = UserDevices { uid: UID, committed: InboxSeq(1), devices: &mut room.of_user };
    Devices::ack(user, login, InboxSeq(1), &mut room.step);
    assert_eq!(room.time_out(), []);
    assert_eq!(room.step.take_reads(), []);
    assert_eq!(room.devices.next_timer_ms(), None);
}
