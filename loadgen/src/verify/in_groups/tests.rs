//! A group is played to the judge, right but for what a test bends: what is rare in a run, which the fake server of
//! `tests/faults_in_groups_are_found.rs` does not do.

use crate::body::Stamp;
use crate::friends::Friends;
use crate::verify::faults::{Fault, Faults};
use crate::verify::{Changing, GroupNo, Groups, Reach, Reader, Row, Sent, Totals, Verifier};
use wire::{Bytes, ConversationId, RowKind, Uid, put_uids};

const RUN: u64 = 77;
const PAYLOAD: usize = 80;
const MESSAGE: RowKind = RowKind::MESSAGE;

/// Users 0 to 5; user 0 has made a group of 0, 1 and 2, which is seq 1.
struct World {
    verifier: Verifier,
    no: GroupNo,
}

/// An entry that is stored.
#[derive(Clone)]
struct Stored {
    by: usize,
    seq: u64,
    kind: RowKind,
    body: Bytes,
}

impl World {
    fn new() -> (Self, Stored) {
        let mut verifier = Verifier::new(RUN, Friends::new(1000, 6, 2), 1);
        verifier.set_groups(Groups::new(vec![false; 6], PAYLOAD));
        let making = Changing { by: 0, kind: RowKind::GROUP_CREATED, named: vec![1, 2] };
        let no = verifier.group_making(ConversationId::group(9).unwrap(), &making);
        let mut world = Self { verifier, no };
        let made = world.changed(&making, 1);
        world.verifier.group_changed(no, 1, 101);
        (world, made)
    }

    fn changed(&self, changing: &Changing, seq: u64) -> Stored {
        let uids = changing.named.iter().map(|user| Uid(1000 + *user as u64)).collect();
        Stored { by: changing.by, seq, kind: changing.kind, body: put_uids(uids) }
    }

    /// Asks for a change, which will be at this place.
    fn change(&mut self, by: usize, kind: RowKind, named: &[usize], seq: u64) -> Stored {
        let changing = Changing { by, kind, named: named.to_vec() };
        self.verifier.group_changing(self.no, &changing);
        self.changed(&changing, seq)
    }

    /// Says something, which will be at this place.
    fn say(&mut self, by: usize, seq: u64) -> (Stored, u64) {
        let count = self.verifier.said(self.no, by, (3, 5));
        let stamp = Stamp { run: RUN, from: 1000 + by as u64, to: 9, count, due_ns: 3 };
        let mut body = Vec::new();
        stamp.write(&mut body, PAYLOAD);
        (Stored { by, seq, kind: MESSAGE, body: body.into() }, count)
    }

    fn ack(&mut self, stored: &Stored, count: u64) {
        self.verifier.said_acked((self.no, count), (stored.seq, 100 + stored.seq), 7);
    }

    fn give(&mut self, users: &[usize], stored: &Stored) {
        for user in users {
            let row = row(stored, 0, false);
            self.verifier.delivered_in_group(Reader { user: *user, device: 0 }, &row, 9);
        }
    }

    /// Reads inboxes: these users have these entries.
    fn close(mut self, inboxes: &[(usize, &[&Stored])]) -> (Totals, Faults) {
        for (user, stored) in inboxes {
            for (stored, inbox_seq) in stored.iter().zip(1..) {
                self.verifier.kept_in_group(*user, &row(stored, inbox_seq, true));
            }
            self.verifier.kept_whole(*user);
        }
        self.verifier.finish()
    }
}

/// As an inbox has it at the end: of a longer body the beginning.
fn row(stored: &Stored, inbox_seq: u64, is_cut: bool) -> Row<'_> {
    let Stored { by, seq, kind, ref body } = *stored;
    let is_beginning = is_cut && body.len() > 64;
    let body = if is_beginning { &body[..64] } else { &body[..] };
    let (conversation, sender) = (ConversationId::group(9), Uid(1000 + by as u64));
    let message_id = 100 + seq;
    Row { conversation, sender, seq, message_id, inbox_seq, kind, is_beginning, body }
}

/// Exactly `n` of `fault`, and nothing else.
#[track_caller]
fn check((totals, faults): (Totals, Faults), fault: Fault, n: u64) -> Totals {
    for (kind, name) in Fault::ALL {
        let expected = if kind == fault { n } else { 0 };
        assert_eq!(faults.count(kind), expected, "{name}: {:?}", faults.examples());
    }
    totals
}

#[test]
fn a_member_has_what_lies_between_its_joining_and_its_leaving() {
    let (mut world, made) = World::new();
    world.give(&[1, 2], &made);
    let removed = world.change(0, RowKind::MEMBERS_REMOVED, &[1], 2);
    // A device may know of it before its asker does.
    world.give(&[1, 2], &removed);
    assert!(world.verifier.groups().get(world.no).is_changing(), "it is not answered");
    world.verifier.group_changed(world.no, 2, 102);
    let (said, count) = world.say(2, 3);
    world.ack(&said, count);
    assert!(!world.verifier.is_everybody_whole());
    world.give(&[0], &said);
    let back = world.change(0, RowKind::MEMBERS_ADDED, &[1], 4);
    world.verifier.group_changed(world.no, 4, 104);
    world.give(&[1, 2], &back);
    assert!(world.verifier.is_everybody_whole());
    let inboxes: [(usize, &[&Stored]); 3] = [
        (0, &[&made, &removed, &said, &back]),
        (1, &[&made, &removed, &back]),
        (2, &[&made, &removed, &said, &back]),
    ];
    let totals = check(world.close(&inboxes), Fault::Lost, 0);
    let reach = Reach { expected: 1, received: 1 };
    assert_eq!((totals.changes, totals.reach, totals.delivered), (3, reach, 1));
}

#[test]
fn what_a_removed_member_says_is_refused_or_misjudged() {
    for taken in [false, true] {
        let (mut world, made) = World::new();
        world.give(&[1, 2], &made);
        let (said, count) = world.say(1, 3);
        let removed = world.change(0, RowKind::MEMBERS_REMOVED, &[1], 2);
        world.verifier.group_changed(world.no, 2, 102);
        world.give(&[1, 2], &removed);
        if taken {
            world.ack(&said, count);
            world.give(&[0, 2], &said);
        } else {
            world.verifier.said_refused(world.no, count, true);
        }
        let told: Vec<&Stored> =
            [&made, &removed].into_iter().chain(taken.then_some(&said)).collect();
        let inboxes: [(usize, &[&Stored]); 3] = [(0, &told), (1, &[&made, &removed]), (2, &told)];
        let totals = check(world.close(&inboxes), Fault::Misjudged, u64::from(taken));
        assert_eq!((totals.refused, totals.late), if taken { (0, 0) } else { (1, 1) });
    }
}

#[test]
fn a_member_that_is_refused_is_misjudged_and_what_was_refused_must_not_be_there() {
    for there in [false, true] {
        let (mut world, made) = World::new();
        world.give(&[1, 2], &made);
        let (said, count) = world.say(1, 2);
        world.verifier.said_refused(world.no, count, !there);
        if there {
            world.give(&[0, 2], &said);
        }
        let inboxes: [(usize, &[&Stored]); 3] = [(0, &[&made]), (1, &[&made]), (2, &[&made])];
        let fault = if there { Fault::Phantom } else { Fault::Misjudged };
        check(world.close(&inboxes), fault, 1);
    }
}

#[test]
fn a_copy_of_a_connection_that_ended_may_be_taken_after_another_was_refused() {
    for (rewritten, there, phantoms) in [(true, true, 0), (true, false, 0), (false, true, 1)] {
        let (mut world, made) = World::new();
        let removed = world.change(0, RowKind::MEMBERS_REMOVED, &[1], 2);
        let (said, count) = world.say(1, 4);
        if rewritten {
            world.verifier.sent_anew(Sent::Said(world.no, count));
        }
        world.verifier.group_changed(world.no, 2, 102);
        world.verifier.said_refused(world.no, count, true);
        let back = world.change(0, RowKind::MEMBERS_ADDED, &[1], 3);
        world.verifier.group_changed(world.no, 3, 103);
        let all = [&made, &removed, &back, &said];
        let told = if there { &all[..] } else { &all[..3] };
        told.iter().for_each(|stored| world.give(&[1, 2], stored));
        if there {
            world.give(&[0], &said);
        }
        let totals =
            check(world.close(&[(0, told), (1, told), (2, told)]), Fault::Phantom, phantoms);
        assert_eq!((totals.refused, totals.late, totals.unknown), (1, 1, 0));
    }
}

#[test]
fn who_owns_a_group_that_its_owner_left_has_been_there_for_longest() {
    let (mut world, made) = World::new();
    let left = world.change(0, RowKind::MEMBER_LEFT, &[], 2);
    world.verifier.group_changed(world.no, 2, 102);
    let group = world.verifier.groups().get(world.no);
    assert_eq!(group.present().collect::<Vec<_>>(), [(1, true), (2, false)]);
    assert_eq!(group.former().collect::<Vec<_>>(), [0]);
    world.give(&[1, 2], &made);
    world.give(&[1, 2], &left);
    let told: &[&Stored] = &[&made, &left];
    check(world.close(&[(0, told), (1, told), (2, told)]), Fault::Lost, 0);
}

#[test]
fn messages_that_everybody_has_leave_the_window() {
    let (mut world, made) = World::new();
    world.give(&[1, 2], &made);
    for seq in 2..100 {
        let (said, count) = world.say(0, seq);
        world.ack(&said, count);
        world.give(&[1, 2], &said);
        world.give(&[1], &made);
    }
    assert!(world.verifier.groups.list[0].window.is_empty());
    assert_eq!(world.verifier.groups_mut().take_reached().len(), 98);
    assert_eq!(world.verifier.faults().count(Fault::VisibleDuplicate), 1, "one entry, one fault");
}

#[test]
fn a_history_is_whole_and_ends_with_membership() {
    let bends: [(&[usize], Fault, u64); 4] = [
        (&[1, 2, 3], Fault::Gap, 0),
        (&[1, 3], Fault::Gap, 1),
        (&[1, 2], Fault::Gap, 1),
        (&[1, 2, 3, 4], Fault::Leaked, 1),
    ];
    for (seqs, fault, n) in bends {
        let (mut world, made) = World::new();
        let (said, count) = world.say(1, 2);
        world.ack(&said, count);
        let left = world.change(1, RowKind::MEMBER_LEFT, &[], 3);
        world.verifier.group_changed(world.no, 3, 103);
        let (after, count) = world.say(2, 4);
        world.ack(&after, count);
        let all = [made, said, left, after];
        let rows = seqs.iter().map(|seq| row(&all[*seq - 1], 0, false));
        assert!(world.verifier.told_page((world.no, 1, 0), rows));
        assert_eq!(world.verifier.faults().count(fault), n, "{seqs:?}");
        let other: u64 =
            [Fault::Gap, Fault::Leaked].map(|it| world.verifier.faults().count(it)).iter().sum();
        assert_eq!(other, n, "{seqs:?}");
    }
}
