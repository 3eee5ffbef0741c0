//! Each fault is found, and only it: a little world of inboxes is played to the judge, right but for one thing.

use super::*;

const RUN: u64 = 77;
const DEVICES: usize = 2;

/// A stored message, with what tests bend.
#[derive(Clone)]
struct Stored {
    from: usize,
    to: usize,
    seq: u64,
    message_id: u64,
    body: Vec<u8>,
}

/// Two or more users whose server is right; a test bends it between `send` and `close`.
struct World {
    friends: Friends,
    verifier: Verifier,
    stored: Vec<Stored>,
}

impl World {
    fn new() -> Self {
        let friends = Friends::new(1000, 4, 2);
        Self { friends, verifier: Verifier::new(RUN, friends, DEVICES), stored: Vec::new() }
    }

    /// Sends, stores, acks; delivers nothing yet.
    fn send(&mut self, from: usize, to: usize) -> Stored {
        let stored = self.send_unacked(from, to);
        let id = self.friends.between(from, to).unwrap();
        let count = Stamp::read(&stored.body).unwrap().count;
        assert!(self.verifier.acked(id, count, stored.seq, stored.message_id).is_some());
        stored
    }

    fn send_unacked(&mut self, from: usize, to: usize) -> Stored {
        let id = self.friends.between(from, to).unwrap();
        let count = self.verifier.sent(id, 5);
        let pair =
            |m: &&Stored| (m.from.min(m.to), m.from.max(m.to)) == (from.min(to), from.max(to));
        let seq = self.stored.iter().filter(pair).count() as u64 + 1;
        let stamp = Stamp {
            run: RUN,
            from: self.friends.uid(from),
            to: self.friends.uid(to),
            count,
            due_ns: 3,
        };
        let mut body = Vec::new();
        stamp.write(&mut body, 64);
        let message_id = 500 + self.stored.len() as u64;
        let stored = Stored { from, to, seq, message_id, body };
        self.stored.push(stored.clone());
        stored
    }

    fn deliver_to(&mut self, user: usize, device: usize, message: &Stored) -> Delivery {
        let row = row(&self.friends, message, 0);
        self.verifier.delivered(Reader { user, device }, &row)
    }

    /// To every device that should have it.
    fn deliver(&mut self, message: &Stored) {
        for device in 0..DEVICES {
            self.deliver_to(message.to, device, message);
        }
        self.deliver_to(message.from, 1, message);
    }

    fn deliver_all(&mut self) {
        for message in self.stored.clone() {
            self.deliver(&message);
        }
    }

    /// Reads every inbox and ends.
    fn close(mut self) -> (Totals, Faults) {
        for user in 0..self.friends.users() {
            let mine = self.stored.iter().filter(|m| m.from == user || m.to == user);
            for (message, inbox_seq) in mine.zip(1..) {
                self.verifier.kept(user, &row(&self.friends, message, inbox_seq));
            }
            self.verifier.kept_whole(user);
        }
        self.verifier.finish()
    }
}

fn row<'a>(friends: &Friends, message: &'a Stored, inbox_seq: u64) -> Row<'a> {
    let Stored { from, to, seq, message_id, ref body } = *message;
    let sender = Uid(friends.uid(from));
    let conversation = ConversationId::direct(sender, Uid(friends.uid(to)));
    let (kind, is_beginning) = (RowKind::MESSAGE, false);
    Row { conversation, sender, seq, message_id, inbox_seq, kind, is_beginning, body }
}

/// Exactly `n` of `fault`, and nothing else.
#[track_caller]
fn check(world: World, fault: Fault, n: u64) -> Totals {
    let (totals, faults) = world.close();
    for (kind, name) in Fault::ALL {
        let expected = if kind == fault { n } else { 0 };
        assert_eq!(faults.count(kind), expected, "{name}: {:?}", faults.examples());
    }
    totals
}

#[test]
fn a_right_run_has_no_fault() {
    let mut world = World::new();
    for round in 0..10 {
        let (from, to) = if round % 3 == 0 { (1, 0) } else { (0, 1) };
        world.send(from, to);
        world.send(2, 3);
    }
    world.deliver_all();
    let totals = check(world, Fault::Lost, 0);
    assert_eq!((totals.sent, totals.acked, totals.delivered, totals.unknown), (20, 20, 20, 0));
}

#[test]
fn settled_messages_leave_the_window() {
    let mut world = World::new();
    for _ in 0..100 {
        let message = world.send(0, 1);
        world.deliver(&message);
    }
    assert!(world.verifier.streams.iter().all(|stream| stream.window.is_empty()));
    check(world, Fault::Lost, 0);
}

#[test]
fn a_delivery_says_what_to_measure() {
    let mut world = World::new();
    let message = world.send_unacked(0, 1);
    let reached = |first, acked| Delivery::Reached { due_ns: 3, written_ns: 5, first, acked };
    assert_eq!(world.deliver_to(1, 1, &message), reached(true, false));
    assert_eq!(world.deliver_to(0, 1, &message), Delivery::Own);
    let id = world.friends.between(0, 1).unwrap();
    let acked = world.verifier.acked(id, 1, message.seq, message.message_id);
    assert_eq!(acked, Some(Acked { written_ns: 5, reached: true }));
    assert_eq!(world.deliver_to(1, 0, &message), reached(false, true));
    assert_eq!(world.verifier.acked(id, 1, message.seq, message.message_id), None, "settled");
    check(world, Fault::Lost, 0);
}

#[test]
fn an_acked_message_that_no_inbox_has_is_lost() {
    for delivered in [false, true] {
        for at in [0, 5, 9] {
            let mut world = World::new();
            for _ in 0..10 {
                world.send(0, 1);
            }
            let gone = world.stored[at].clone();
            if delivered {
                world.deliver_all();
                world.stored.remove(at);
            } else {
                world.stored.remove(at);
                world.deliver_all();
            }
            let totals = check(world, Fault::Lost, 1);
            assert_eq!(totals.acked, 10, "{gone:?}", gone = gone.seq);
        }
    }
}

#[test]
fn an_unacked_message_may_be_there_or_not() {
    for there in [false, true] {
        let mut world = World::new();
        world.send(0, 1);
        world.send_unacked(0, 1);
        if !there {
            world.stored.pop();
        }
        world.deliver_all();
        let totals = check(world, Fault::Lost, 0);
        assert_eq!((totals.acked, totals.unknown), (1, 1));
    }
}

#[test]
fn a_device_that_is_given_a_message_twice_sees_a_duplicate() {
    let mut world = World::new();
    world.send(0, 1);
    let message = world.send(0, 1);
    world.deliver_all();
    world.deliver_to(1, 0, &message);
    world.deliver_to(1, 0, &message);
    check(world, Fault::VisibleDuplicate, 1);
}

#[test]
fn a_message_stored_twice_is_one_duplicate() {
    let mut world = World::new();
    let mut again = world.send(0, 1);
    (again.seq, again.message_id) = (2, 999);
    world.stored.push(again);
    world.deliver_all();
    check(world, Fault::VisibleDuplicate, 1);
}

#[test]
fn a_message_before_an_earlier_one_is_reordered() {
    let mut world = World::new();
    let messages: Vec<Stored> = (0..4).map(|_| world.send(0, 1)).collect();
    for at in [0, 2, 1, 3] {
        world.deliver(&messages[at]);
    }
    check(world, Fault::Reordered, 1);
}

#[test]
fn messages_whose_places_were_swapped_are_reordered_unless_retried() {
    for retried in [false, true] {
        let mut world = World::new();
        let first = world.send_unacked(0, 1);
        let second = world.send_unacked(0, 1);
        let id = world.friends.between(0, 1).unwrap();
        (world.stored[0].body, world.stored[1].body) = (second.body, first.body);
        if retried {
            world.verifier.retried(id, 1);
        }
        world.verifier.acked(id, 1, 2, 501);
        world.verifier.acked(id, 2, 1, 500);
        world.deliver_all();
        check(world, Fault::Reordered, u64::from(!retried));
    }
}

#[test]
fn a_stored_message_that_a_device_was_not_given_is_a_gap() {
    for device in 0..DEVICES {
        let mut world = World::new();
        let messages: Vec<Stored> = (0..3).map(|_| world.send(0, 1)).collect();
        world.deliver(&messages[0]);
        world.deliver_to(1, 1 - device, &messages[1]);
        world.deliver_to(0, 1, &messages[1]);
        world.deliver(&messages[2]);
        check(world, Fault::Gap, 1);
    }
}

#[test]
fn a_hole_in_a_conversation_is_a_gap() {
    let mut world = World::new();
    world.send(0, 1);
    let message = world.send_unacked(0, 1);
    world.stored[1].seq = 3;
    let id = world.friends.between(0, 1).unwrap();
    world.verifier.acked(id, 2, 3, message.message_id);
    world.deliver_all();
    check(world, Fault::Gap, 1);
}

#[test]
fn a_hole_in_an_inbox_is_a_gap() {
    let mut world = World::new();
    let message = world.send(0, 1);
    world.deliver_all();
    for (user, inbox_seq) in [(0, 1), (1, 2)] {
        world.verifier.kept(user, &row(&world.friends, &message, inbox_seq));
    }
    assert_eq!(world.verifier.faults().count(Fault::Gap), 1);
}

#[test]
fn a_message_that_nobody_sent_is_a_phantom() {
    let mut world = World::new();
    let mut made_up = world.send(0, 1);
    let stamp = Stamp { count: 9, ..Stamp::read(&made_up.body).unwrap() };
    stamp.write(&mut made_up.body, 64);
    (made_up.seq, made_up.message_id) = (2, 999);
    world.stored.push(made_up);
    world.send(1, 0);
    world.deliver_all();
    check(world, Fault::Phantom, 1);
}

#[test]
fn a_message_refused_for_good_and_delivered_is_a_phantom() {
    let mut world = World::new();
    world.send_unacked(0, 1);
    world.verifier.refused(world.friends.between(0, 1).unwrap(), 1);
    world.deliver_all();
    check(world, Fault::Phantom, 1);
}

#[test]
fn a_message_given_to_a_stranger_is_leaked() {
    let mut world = World::new();
    let message = world.send(0, 1);
    world.deliver_all();
    world.deliver_to(3, 0, &message);
    check(world, Fault::Leaked, 1);
}

#[test]
fn a_body_that_changed_is_corrupt() {
    let mut world = World::new();
    for _ in 0..3 {
        world.send(0, 1);
    }
    world.stored[1].body[60] ^= 1;
    world.deliver_all();
    check(world, Fault::Corrupt, 1);
}

#[test]
fn bytes_that_are_no_frame_are_corrupt() {
    let mut world = World::new();
    world.send(0, 1);
    world.deliver_all();
    world.verifier.damaged(1, "the checksum is wrong");
    world.verifier.damaged(1, "the checksum is wrong");
    check(world, Fault::Corrupt, 2);
}

#[test]
fn a_message_in_another_conversation_or_of_another_sender_is_corrupt() {
    let bends: [fn(&mut Row<'_>); 3] = [
        |row| row.conversation = None,
        |row| row.conversation = ConversationId::direct(row.sender, Uid(1003)),
        |row| row.sender = Uid(1001),
    ];
    for bend in bends {
        let mut world = World::new();
        let message = world.send(0, 1);
        world.deliver_all();
        let mut row = row(&world.friends, &message, 1);
        bend(&mut row);
        world.verifier.delivered(Reader { user: 1, device: 0 }, &row);
        check(world, Fault::Corrupt, 1);
    }
}

#[test]
fn a_device_may_get_again_what_it_sent_itself() {
    let mut world = World::new();
    let message = world.send(0, 1);
    world.deliver_all();
    for _ in 0..2 {
        assert_eq!(world.deliver_to(0, 0, &message), Delivery::Own);
    }
    check(world, Fault::VisibleDuplicate, 0);
}

#[test]
fn a_message_of_another_run_is_not_judged() {
    let mut world = World::new();
    let mut other = world.send(0, 1);
    let stamp = Stamp { run: 1, ..Stamp::read(&other.body).unwrap() };
    stamp.write(&mut other.body, 64);
    world.deliver_all();
    world.deliver_to(1, 0, &other);
    let totals = check(world, Fault::Lost, 0);
    assert_eq!(totals.foreign, 1);
}

#[test]
fn a_device_that_is_told_another_place_diverges() {
    let mut world = World::new();
    let message = world.send(0, 1);
    world.deliver_to(0, 1, &message);
    world.deliver_to(1, 0, &message);
    let other = Stored { message_id: 9, ..message };
    world.deliver_to(1, 1, &other);
    check(world, Fault::Diverged, 1);
}

#[test]
fn an_inbox_that_gives_a_settled_message_another_id_diverges() {
    let mut world = World::new();
    world.send(0, 1);
    world.send(0, 1);
    world.deliver_all();
    world.stored[0].message_id = 9;
    check(world, Fault::Diverged, 1);
}

/// The inbox of user 1, who was sent messages by user 0, and answered in between; with a mark behind them.
fn marked(seq: u64, unread: u64) -> World {
    let mut world = World::new();
    let messages = [(0, 1), (1, 0), (0, 1), (0, 1)].map(|(from, to)| world.send(from, to));
    let conversation = ConversationId::direct(Uid(1_000), Uid(1_001)).unwrap();
    world.verifier.read_asked(1, conversation, 3);
    for (inbox_seq, message) in (1..).zip(&messages) {
        let (sender, body) = (Uid(world.friends.uid(message.from)), &message.body[..]);
        let (seq, message_id) = (message.seq, message.message_id);
        let conversation = Some(conversation);
        let (kind, is_beginning) = (RowKind::MESSAGE, false);
        let row =
            Row { conversation, sender, seq, message_id, inbox_seq, kind, is_beginning, body };
        world.verifier.kept(1, &row);
    }
    let (message_id, inbox_seq, sender) = (0, 5, Uid(1_001));
    let (kind, is_beginning, body) = (RowKind::READ, false, &[][..]);
    let conversation = Some(conversation);
    let mark = Row { conversation, sender, seq, message_id, inbox_seq, kind, is_beginning, body };
    world.verifier.kept_mark(1, &mark, unread);
    world
}

#[test]
fn what_is_unread_is_counted_one_by_one() {
    let conversation = ConversationId::direct(Uid(1_000), Uid(1_001));
    for (mark, told, faults) in [
        ((3, 1), (3, 1), 0),
        // The own message counted, a mark that nobody asked for, another position, and another number in the list.
        ((1, 3), (1, 2), 1),
        ((4, 0), (4, 0), 1),
        ((3, 1), (2, 1), 1),
        ((3, 1), (3, 2), 1),
    ] {
        let mut world = marked(mark.0, mark.1);
        world.verifier.listed(1, conversation, told);
        assert_eq!(world.verifier.faults().count(Fault::Miscounted), faults, "{mark:?} {told:?}");
    }
    let mut world = marked(2, 2);
    world.verifier.read_answered(1, conversation, 3);
    world.verifier.listed(1, conversation, (2, 2));
    assert_eq!(world.verifier.faults().count(Fault::Miscounted), 1, "what was answered is lost");
}

#[test]
fn an_inbox_that_was_not_read_is_said_to_be_unread() {
    let mut world = World::new();
    world.send(0, 1);
    world.deliver_all();
    let (totals, faults) = world.verifier.finish();
    assert_eq!(totals.unread_users, 4);
    assert!(!faults.any());
}
