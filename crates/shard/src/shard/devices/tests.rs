//! The room of devices by itself: no inbox and no store.

use super::*;
use crate::command::{Answer, Begin, Login, ReplyTo, Session};
use crate::limits::{PUSH_TIMEOUT_MS, PUSH_TRIES_MAX};
use crate::partition::{ShardId, Share};
use crate::rows::{Chain, InboxRow, Read, sample};
use wire::{DeviceId, Generation, InboxSeq, Platform, RefusalCode, Uid};

const UID: Uid = Uid(2);

struct Room {
    devices: Devices,
    of_user: DeviceList,
    committed: InboxSeq,
    tail: InboxSeq,
    step: Step,
}

fn lend(devices: &mut DeviceList, committed: u64) -> UserDevices<'_> {
    lent(devices, (InboxSeq(committed), InboxSeq(1)))
}

fn lent(devices: &mut DeviceList, (committed, tail): (InboxSeq, InboxSeq)) -> UserDevices<'_> {
    UserDevices { uid: UID, committed, tail, devices }
}

fn rows(places: impl IntoIterator<Item = u64>) -> Vec<InboxRow> {
    let (uid, flags, chain) = (UID, 0, Chain::default());
    let row = |at| InboxRow { uid, inbox_seq: InboxSeq(at), flags, chain, message: sample(at, 0) };
    places.into_iter().map(row).collect()
}

fn reply(key: u64) -> ReplyTo {
    ReplyTo { session: Session { entry: 0, key }, ticket: 1 }
}

impl Room {
    fn new() -> Self {
        let share = Share::Of { id: ShardId(0), shards: 1 };
        let devices =
            Devices::new(&ShardConfig { devices_max: 2, ..ShardConfig::new(share, 1, 7) });
        let (of_user, committed, tail) = (DeviceList::default(), InboxSeq(0), InboxSeq(1));
        Self { devices, of_user, committed, tail, step: Step::of_test() }
    }

    fn log_in(&mut self, device: u64, from: Begin, connection: u64) -> Vec<Answer> {
        self.log_in_as((device, Platform::UNKNOWN), from, connection)
    }

    fn log_in_as(
        &mut self,
        (device, platform): (u64, Platform),
        from: Begin,
        connection: u64,
    ) -> Vec<Answer> {
        let Self { devices, of_user, committed, tail, step } = self;
        let user = lent(of_user, (*committed, *tail));
        let (begun, _) = devices.begin(&user, (DeviceId(device), platform), from);
        devices.log_in(user, begun, reply(connection), step);
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
        let user = lent(&mut self.of_user, (inbox_seq, self.tail));
        self.devices.push(user, row, None, &mut self.step);
        self.step.take().0
    }

    /// What was pushed since: the row before, and the row.
    fn pushed(&mut self) -> Vec<(u64, u64)> {
        let pushed = |answer| {
            let Answer::Push { previous, row } = answer else { panic!("{answer:?}") };
            (previous.0, row.inbox_seq.0)
        };
        self.step.take().0.into_iter().map(pushed).collect()
    }

    /// The longest wait for an ack is over.
    fn time_out(&mut self) -> Vec<Answer> {
        self.step.pass(PUSH_TIMEOUT_MS << PUSH_TRIES_MAX);
        while let Some(login) = self.devices.expired(&self.step) {
            let user = lent(&mut self.of_user, (self.committed, self.tail));
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
        let sessions: Vec<_> = room.of_user.sessions(UID).map(|(_, it)| it.key).collect();
        assert!(sessions.contains(&other) && sessions.contains(&silent));
    }
}

/// A phone that was installed anew does not end the desktop that sleeps.
#[test]
fn one_device_too_many_ends_one_of_its_platform_first() {
    let mut room = Room::new();
    room.log_in_as((1, Platform::LINUX), Begin::Head, 1);
    room.step.pass(20_000);
    room.log_in_as((2, Platform::IOS), Begin::Head, 2);
    let answers = room.log_in_as((3, Platform::IOS), Begin::Head, 3);
    assert_eq!(answers[0], Answer::Closed(RefusalCode::TooManyDevices));
    let left = |room: &Room| {
        let page = room.of_user.page(Generation(0), 9, room.step.now());
        page.iter().map(|it| (it.device.0, it.platform, it.silent_s)).collect::<Vec<_>>()
    };
    assert_eq!(left(&room), [(1, Platform::LINUX, 20), (3, Platform::IOS, 0)]);
    let now = room.step.now();
    let first = room.of_user.page(Generation(0), 1, now);
    let rest = room.of_user.page(first[0].generation, 9, now);
    assert_eq!((first[0].device.0, rest[0].device.0, rest.len()), (1, 3, 1));
    room.log_in_as((4, Platform::WEB), Begin::Head, 4);
    assert_eq!(left(&room), [(3, Platform::IOS, 0), (4, Platform::WEB, 0)]);
}

#[test]
fn sessions_end_by_device_or_all() {
    let mut room = Room::new();
    (1..=2).for_each(|device| assert_eq!(room.logged_in(device).device.0, device));
    let end = |room: &mut Room, device: Option<u64>| {
        let user = lent(&mut room.of_user, (room.committed, room.tail));
        let code = RefusalCode::Kicked;
        let count = Devices::end(Some(user), device.map(DeviceId), code, &mut room.step);
        (count, room.step.take().0)
    };
    let kicked = Answer::Closed(RefusalCode::Kicked);
    assert_eq!(end(&mut room, Some(3)), (0, vec![]));
    assert_eq!(end(&mut room, Some(2)), (1, vec![kicked.clone()]));
    room.logged_in(2);
    assert_eq!(end(&mut room, None), (2, vec![kicked.clone(), kicked]));
    assert!(room.of_user.is_empty());
    assert_eq!(Devices::end(None, None, RefusalCode::Kicked, &mut room.step), 0);
}

#[test]
fn what_a_device_acknowledges_and_what_it_sends_is_heard() {
    let mut room = Room::new();
    let [first, second] = [1, 2].map(|device| room.logged_in(device));
    for silent in [first, second] {
        room.step.pass(5_000);
        let heard = if silent == first { second } else { first };
        let user = lend(&mut room.of_user, 0);
        Devices::ack(user, heard, InboxSeq(0), &mut room.step);
    }
    let now = room.step.now();
    assert_eq!(
        room.of_user.take_longest_silent(Platform::UNKNOWN, now).unwrap().login(UID),
        second
    );
}

#[test]
fn pushes_begin_where_the_device_says_in_this_inbox() {
    for (from, cursor, is_read) in [
        (Begin::Head, 9, false),
        (Begin::after(InboxSeq(9), 7), 9, false),
        (Begin::after(InboxSeq(4), 7), 4, true),
        (Begin::after(InboxSeq(10), 7), 0, true),
        (Begin::after(InboxSeq(4), 6), 0, true),
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
    let older = Login { generation: Generation(1), ..newer };
    let user = lend(&mut room.of_user, 0);
    room.devices.register(user, (older, Platform::UNKNOWN), reply(9), &mut room.step);
    assert_eq!(room.step.take().0, [Answer::Closed(RefusalCode::SessionReplaced)]);
    let user = lend(&mut room.of_user, 0);
    room.devices.register(user, (newer, Platform::UNKNOWN), reply(9), &mut room.step);
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
        let user = lend(&mut room.of_user, 1);
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
    // Row 3 landed before row 2. Both are committed by now.
    let user = lend(&mut room.of_user, 3);
    room.devices.on_read(
        user,
        (login, InboxSeq(1)),
        [rows(1..=1), rows(3..=3)].concat(),
        &mut room.step,
    );
    assert_eq!(room.pushed(), [(0, 1)]);
}

#[test]
fn a_push_that_is_acknowledged_is_not_made_again() {
    let mut room = Room::new();
    let login = room.logged_in(1);
    room.push();
    let user = lend(&mut room.of_user, 1);
    Devices::ack(user, login, InboxSeq(1), &mut room.step);
    assert_eq!(room.time_out(), []);
    assert_eq!(room.step.take_reads(), []);
    assert_eq!(room.devices.next_timer_ms(), None);
}

#[test]
fn pushes_to_a_device_below_the_tail_begin_at_the_tail_and_its_login_says_so() {
    let mut room = Room::new();
    (room.committed, room.tail) = (InboxSeq(9), InboxSeq(7));
    let answers = room.log_in(1, Begin::after(InboxSeq(4), 7), 1);
    let [Answer::LoggedIn { login, cursor, inbox_tail, .. }] = answers[..] else {
        panic!("{answers:?}")
    };
    assert_eq!((cursor.0, inbox_tail.0), (4, 7), "the cursor is the device's own");
    let reads = room.step.take_reads();
    assert!(matches!(reads[..], [Read::Inbox { after: InboxSeq(6), .. }]), "{reads:?}");
    room.devices.on_read(
        lend(&mut room.of_user, 9),
        (login, InboxSeq(9)),
        rows(7..=9),
        &mut room.step,
    );
    assert_eq!(room.pushed(), [(6, 7), (7, 8), (8, 9)]);
    room.log_in(1, Begin::after(InboxSeq(9), 7), 2);
    assert_eq!(room.step.take_reads(), [], "it lacks nothing");
}

/// Who is told that the row before has come, and did not get it, would never ask for it.
#[test]
fn a_push_behind_rows_that_are_gone_shows_that_they_are_missing() {
    let mut room = Room::new();
    room.committed = InboxSeq(9);
    let answers = room.log_in(1, Begin::after(InboxSeq(4), 7), 1);
    let [Answer::LoggedIn { login, .. }] = answers[..] else { panic!("{answers:?}") };
    // Rows 5 to 7 went between the login and the read.
    room.devices.on_read(
        lend(&mut room.of_user, 9),
        (login, InboxSeq(9)),
        rows(8..=9),
        &mut room.step,
    );
    assert_eq!(room.pushed(), [(7, 8), (8, 9)]);
}

/// Nothing would push the rest: no ack comes any more, and no timer runs.
#[test]
fn a_device_that_synced_what_was_being_read_for_it_is_pushed_the_rest() {
    let mut room = Room::new();
    room.committed = InboxSeq(9);
    let answers = room.log_in(1, Begin::after(InboxSeq(4), 7), 1);
    let [Answer::LoggedIn { login, .. }] = answers[..] else { panic!("{answers:?}") };
    room.step.take_reads();
    Devices::ack(lend(&mut room.of_user, 9), login, InboxSeq(6), &mut room.step);
    assert_eq!(room.step.take_reads(), [], "it is being read for");
    room.devices.on_read(
        lend(&mut room.of_user, 9),
        (login, InboxSeq(9)),
        rows(5..=6),
        &mut room.step,
    );
    let reads = room.step.take_reads();
    let [Read::Inbox { after: InboxSeq(6), .. }] = reads[..] else { panic!("{reads:?}") };
}

/// The login that was asked for first waits for the store, the other does not.
#[test]
fn a_login_that_comes_late_does_not_end_the_one_that_came_after_it() {
    let mut room = Room::new();
    let device = (DeviceId(1), Platform::UNKNOWN);
    let (late, _) = room.devices.begin(&lend(&mut room.of_user, 0), device, Begin::Head);
    let newer = room.logged_in(1);
    room.devices.log_in(lend(&mut room.of_user, 0), late, reply(9), &mut room.step);
    let answers = room.step.take().0;
    let [Answer::Refused { code: RefusalCode::SessionReplaced, .. }] = answers[..] else {
        panic!("{answers:?}")
    };
    let sessions: Vec<_> = room.of_user.sessions(UID).map(|(login, _)| login).collect();
    assert_eq!(sessions, [newer]);
}
