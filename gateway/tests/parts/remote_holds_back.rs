//! An entry without shards sends nothing where it would be refused, waits longer each time,
//! believes only newer owners, and keeps no more than its bounds say. How: one desk, told by hand
//! what nodes say.

use gateway::backend::remote::{Desk, Effects};
use gateway::limits::{
    REMOTE_BYTES_MAX, REMOTE_GIVE_UP_MS, REMOTE_HOLD_FIRST_MS, REMOTE_HOLD_LAST_MS,
    REMOTE_PENDING_MAX, REMOTE_REGISTER_AGAIN_MS, REMOTE_REGISTER_PARTITIONS,
    REMOTE_REGISTRATIONS_MAX,
};
use link::Item;
use shard::command::{Answer, Begin, Command, Delivery, Login, ReplyTo, Send, Session};
use shard::limits::PARTITIONS;
use shard::owner::{Epoch, Holder, Incarnation, NodeId, OwnerRow};
use shard::partition::Partition;
use std::collections::HashMap;
use wire::{
    BODY_BYTES_MAX, Bytes, ClientMsgId, ConversationId, DeviceId, Generation, InboxSeq,
    RefusalCode, RowKind, Seq, Uid,
};

const UID: Uid = Uid(7);

fn partition() -> Partition {
    Partition::of_user(UID)
}

fn reply(ticket: u64) -> ReplyTo {
    ReplyTo { session: Session { entry: 0, key: 5 }, ticket }
}

fn owner(partition: Partition, epoch: u32, node: u16) -> OwnerRow {
    let holder = Holder { node: NodeId(node), incarnation: Incarnation(1) };
    OwnerRow { partition, epoch: Epoch(epoch), holder }
}

/// A desk with links to two nodes, of which the first owns the partition.
struct Entry {
    desk: Desk,
    out: Effects,
    /// To whom nodes answer, by the request.
    told: HashMap<u64, ReplyTo>,
}

impl Entry {
    fn new() -> Self {
        let (desk, out, told) = (Desk::default(), Effects::default(), HashMap::new());
        let mut entry = Self { desk, out, told };
        for node in [1, 2] {
            entry.desk.on_link_up(NodeId(node), 0, &mut entry.out);
        }
        entry.hear(1, Item::Owners(vec![owner(partition(), 1, 1)]), 0);
        entry
    }

    fn hear(&mut self, node: u16, item: Item, now_ms: u64) {
        self.desk.on_item(NodeId(node), item, now_ms, &mut self.out);
    }

    /// A heartbeat that carries the request, so that it is known wherever it goes.
    fn ask(&mut self, request_id: u64, now_ms: u64) {
        let command = Command::Heartbeat { uid: UID, time_ms: request_id };
        self.desk.submit(command, reply(request_id), now_ms, &mut self.out);
    }

    /// A session asks for a login, as request 1.
    fn log_in(&mut self) {
        let command = Command::login(UID, DeviceId(1), Begin::Head);
        self.desk.submit(command, reply(1), 0, &mut self.out);
    }

    /// The login that was sent.
    fn sent_login(&mut self) -> ReplyTo {
        let (_, item) = self.out.items.pop().expect("the login is sent");
        let Item::Command { reply, command: Command::Login { .. }, .. } = item else {
            panic!("{item:?}")
        };
        reply
    }

    fn tick(&mut self, now_ms: u64) {
        self.desk.tick(now_ms, &mut self.out);
        self.desk.invariants();
    }

    /// Which node was sent which request in which round.
    fn sent(&mut self) -> Vec<(u16, u64, u32)> {
        let items = self.out.items.drain(..).map(|(node, item)| {
            let Item::Command { round, reply, command, .. } = item else { panic!("{item:?}") };
            let Command::Heartbeat { time_ms, .. } = command else { panic!("{command:?}") };
            self.told.insert(time_ms, reply);
            (node.0, time_ms, round)
        });
        items.collect()
    }

    /// A node answers a request that was sent.
    fn answer(&mut self, node: u16, request_id: u64, now_ms: u64) {
        let (to, head) = (self.told[&request_id], InboxSeq(0));
        let answer = Answer::Head { head, time_ms: request_id };
        self.hear(node, Item::Delivery(Delivery { to, answer }), now_ms);
    }

    /// What was answered, and to whom.
    fn answered(&mut self) -> Vec<(ReplyTo, u64)> {
        let all = self.out.deliveries.drain(..).map(|Delivery { to, answer }| {
            let Answer::Head { time_ms, .. } = answer else { panic!("{answer:?}") };
            (to, time_ms)
        });
        all.collect()
    }

    fn refusals(&mut self) -> Vec<(u64, RefusalCode)> {
        let all = self.out.deliveries.drain(..).map(|Delivery { to, answer }| {
            let Answer::Refused { code, retry_after_ms } = answer else { panic!("{answer:?}") };
            assert!(retry_after_ms > 0, "a refusal says when to try again");
            (to.ticket, code)
        });
        all.collect()
    }
}

#[test]
fn nothing_is_sent_while_a_partition_is_on_hold() {
    let mut entry = Entry::new();
    entry.ask(10, 0);
    let round = entry.sent()[0].2;
    let refused = Item::NotHere { round, partition: partition() };
    entry.hear(1, refused.clone(), 0);
    entry.ask(11, 1);
    entry.tick(REMOTE_HOLD_FIRST_MS - 1);
    assert_eq!(entry.sent(), [], "on hold");
    entry.tick(REMOTE_HOLD_FIRST_MS);
    assert_eq!(entry.sent(), [(1, 10, round + 1), (1, 11, round + 1)]);
    entry.hear(1, refused, REMOTE_HOLD_FIRST_MS);
    entry.ask(12, REMOTE_HOLD_FIRST_MS);
    assert_eq!(entry.sent(), [(1, 12, round + 1)], "an older round was refused");
}

#[test]
fn holds_grow_to_their_bound_and_shrink_with_an_answer() {
    let mut entry = Entry::new();
    entry.ask(10, 0);
    entry.ask(11, 0);
    let (mut now_ms, mut hold_ms) = (0, REMOTE_HOLD_FIRST_MS);
    let mut round = entry.sent()[0].2;
    for _ in 0..8 {
        entry.hear(1, Item::NotHere { round, partition: partition() }, now_ms);
        entry.tick(now_ms + hold_ms - 1);
        assert_eq!(entry.sent(), []);
        now_ms += hold_ms;
        entry.tick(now_ms);
        round = entry.sent()[0].2;
        hold_ms = (2 * hold_ms).min(REMOTE_HOLD_LAST_MS);
    }
    entry.answer(1, 10, now_ms);
    entry.hear(1, Item::NotHere { round, partition: partition() }, now_ms);
    entry.tick(now_ms + REMOTE_HOLD_FIRST_MS);
    assert_eq!(entry.sent(), [(1, 11, round + 1)]);
}

/// Numbers with their highest bits set, and the highest of all, are numbers like others.
#[test]
fn every_request_is_answered_whatever_its_number() {
    let mut entry = Entry::new();
    let numbers = [1, 2 << 62 | 5, 3 << 62 | 5, u64::MAX - 1, u64::MAX];
    for number in numbers {
        entry.ask(number, 0);
        assert_eq!(entry.sent().len(), 1, "{number} is sent");
        entry.answer(1, number, 0);
        assert_eq!(entry.answered(), [(reply(number), number)]);
    }
    assert_eq!(entry.desk.pending(), 0);
}

#[test]
fn two_requests_of_one_number_are_answered_both() {
    let mut entry = Entry::new();
    for time_ms in [8, 9] {
        let command = Command::Heartbeat { uid: UID, time_ms };
        entry.desk.submit(command, reply(1), 0, &mut entry.out);
    }
    assert_eq!(entry.sent().len(), 2);
    entry.answer(1, 9, 0);
    entry.answer(1, 8, 0);
    assert_eq!(entry.answered(), [(reply(1), 9), (reply(1), 8)]);
    entry.answer(1, 8, 0);
    assert_eq!(entry.answered(), [], "an answer that comes twice is none");
}

fn logged_in(to: ReplyTo, generation: u64) -> Item {
    let login = Login { uid: UID, device: DeviceId(1), generation: Generation(generation) };
    let (inbox_head, cursor, inbox_tail) = (InboxSeq(0), InboxSeq(0), InboxSeq(1));
    let answer = Answer::LoggedIn { login, inbox_head, cursor, inbox_tail };
    Item::Delivery(Delivery { to, answer })
}

/// The owner of before does not know that the session went on to another.
#[test]
fn a_login_is_answered_by_the_owner_of_its_round_only() {
    let mut entry = Entry::new();
    entry.log_in();
    let before = entry.sent_login();
    entry.hear(2, Item::Owners(vec![owner(partition(), 2, 2)]), 0);
    let after = entry.sent_login();
    entry.hear(1, logged_in(before, 1), 0);
    assert_eq!(entry.out.deliveries, []);
    assert_eq!(entry.out.late.len(), 1, "nobody has that session");
    entry.hear(2, logged_in(after, 2), 0);
    let [Delivery { to, .. }] = entry.out.deliveries[..] else { panic!("one answer") };
    assert_eq!(to, reply(1));
    entry.desk.invariants();
}

/// The device may have logged in elsewhere since: that session would be replaced.
#[test]
fn a_login_whose_session_is_over_is_not_said_again() {
    let mut entry = Entry::new();
    entry.log_in();
    let before = entry.sent_login();
    entry.desk.withdraw_login(5, &mut entry.out);
    assert_eq!(entry.out.deliveries, [], "its answer still counts");
    entry.hear(2, Item::Owners(vec![owner(partition(), 2, 2)]), 0);
    assert_eq!((entry.out.items.len(), entry.desk.pending()), (0, 0));
    assert_eq!(entry.refusals(), [(1, RefusalCode::StoreUnavailable)], "its ticket is given back");
    entry.hear(1, logged_in(before, 1), 0);
    assert_eq!(entry.out.late.len(), 1, "nobody has that session");
    entry.desk.invariants();
}

#[test]
fn a_login_whose_session_is_over_is_answered_if_it_was_carried_out() {
    let mut entry = Entry::new();
    entry.log_in();
    let sent = entry.sent_login();
    entry.desk.withdraw_login(5, &mut entry.out);
    entry.hear(1, logged_in(sent, 1), 0);
    let [Delivery { to, answer: Answer::LoggedIn { .. } }] = entry.out.deliveries[..] else {
        panic!("one answer")
    };
    assert_eq!((to, entry.desk.pending()), (reply(1), 0));
}

#[test]
fn a_login_whose_session_is_over_is_never_said_if_it_was_not() {
    for is_on_hold in [false, true] {
        let mut entry = Entry::new();
        if is_on_hold {
            entry.ask(10, 0);
            let round = entry.sent()[0].2;
            entry.hear(1, Item::NotHere { round, partition: partition() }, 0);
        }
        entry.log_in();
        entry.desk.withdraw_login(5, &mut entry.out);
        entry.tick(REMOTE_HOLD_FIRST_MS);
        let sent: Vec<u64> = entry.sent().iter().map(|(_, request, _)| *request).collect();
        assert_eq!(sent, if is_on_hold { vec![10] } else { vec![] });
        assert_eq!(entry.refusals(), [(1, RefusalCode::StoreUnavailable)]);
    }
}

/// A node that is linked knows the session, and holds its place among the user's devices.
#[test]
fn a_logout_is_said_however_much_waits() {
    let mut entry = Entry::new();
    entry.ask(1, 0);
    let round = entry.sent()[0].2;
    (1..REMOTE_PENDING_MAX as u64).for_each(|request| entry.ask(request + 1, 0));
    entry.hear(1, Item::NotHere { round, partition: partition() }, 0);
    let login = Login { uid: UID, device: DeviceId(1), generation: Generation(1) };
    entry.desk.submit(Command::Logout(login), reply(0), 0, &mut entry.out);
    entry.tick(REMOTE_HOLD_FIRST_MS);
    let (_, last) = entry.out.items.last().expect("all is said again");
    assert!(matches!(last, Item::Command { command: Command::Logout(of), .. } if *of == login));
}

#[test]
fn only_a_higher_epoch_is_a_newer_owner() {
    let mut entry = Entry::new();
    entry.ask(10, 0);
    let round = entry.sent()[0].2;
    for epoch in [0, 1] {
        entry.hear(2, Item::Owners(vec![owner(partition(), epoch, 2)]), 0);
        assert_eq!(entry.sent(), [], "epoch {epoch} is none newer");
    }
    entry.hear(2, Item::Owners(vec![owner(partition(), 2, 2)]), 0);
    assert_eq!(entry.sent(), [(2, 10, round + 1)], "at once");
}

#[test]
fn a_request_that_nobody_answers_is_refused_in_time() {
    let mut entry = Entry::new();
    entry.desk.on_link_down(NodeId(1), &mut entry.out);
    entry.ask(10, 0);
    entry.tick(REMOTE_GIVE_UP_MS - 1);
    assert_eq!(entry.refusals(), []);
    entry.tick(2 * REMOTE_GIVE_UP_MS);
    assert_eq!(entry.refusals(), [(10, RefusalCode::StoreUnavailable)]);
    assert_eq!(entry.desk.pending(), 0);
}

#[test]
fn more_than_the_bounds_is_refused() {
    let mut entry = Entry::new();
    let many = REMOTE_PENDING_MAX as u64;
    (0..many + 1).for_each(|request| entry.ask(request + 1, 0));
    assert_eq!(entry.refusals(), [(many + 1, RefusalCode::Busy)]);

    let mut entry = Entry::new();
    let count = (REMOTE_BYTES_MAX / BODY_BYTES_MAX) as u64;
    for request in 0..=count {
        let command = Command::Send(Send {
            conversation: ConversationId::direct(UID, Uid(1)).unwrap(),
            sender: UID,
            kind: RowKind::MESSAGE,
            flags: 0,
            seen: Seq(0),
            device: DeviceId(1),
            client_msg_id: ClientMsgId([1; 16]),
            body: Bytes::from(vec![0; BODY_BYTES_MAX]),
        });
        entry.desk.submit(command, reply(request + 1), 0, &mut entry.out);
    }
    assert_eq!(entry.refusals(), [(count + 1, RefusalCode::Busy)]);
    entry.desk.invariants();
}

#[test]
fn sessions_are_registered_some_at_a_time() {
    let mut entry = Entry::new();
    let rows = Partition::all(PARTITIONS).map(|partition| owner(partition, 2, 1)).collect();
    entry.hear(1, Item::Owners(rows), 0);
    entry.tick(0);
    assert_eq!(entry.out.register.len(), REMOTE_REGISTER_PARTITIONS);
    entry.out.register.clear();
    for connection in 0..REMOTE_REGISTRATIONS_MAX as u64 {
        let login = Login { uid: UID, device: DeviceId(connection), generation: Generation(1) };
        let session = Session { entry: 0, key: connection };
        let reply = ReplyTo { session, ticket: 0 };
        entry.desk.submit(Command::register(login), reply, 0, &mut entry.out);
    }
    entry.tick(1);
    assert!(entry.out.register.is_empty(), "so many are enough");

    let Some((_, Item::Command { reply: to, .. })) = entry.out.items.last().cloned() else {
        panic!("nothing was sent")
    };
    let answer = Answer::Refused { code: RefusalCode::Busy, retry_after_ms: 1 };
    entry.hear(1, Item::Delivery(Delivery { to, answer }), 1);
    assert_eq!(entry.refusals(), [], "the client has not asked");
    entry.tick(2);
    assert_eq!(entry.out.register.len(), REMOTE_REGISTER_PARTITIONS);
    assert!(!entry.out.register.contains(&partition()), "not at once");
    for _ in 0..=PARTITIONS / 64 {
        entry.out.register.clear();
        entry.tick(1 + REMOTE_REGISTER_AGAIN_MS);
        if entry.out.register.contains(&partition()) {
            return;
        }
    }
    panic!("what was refused is tried again");
}
