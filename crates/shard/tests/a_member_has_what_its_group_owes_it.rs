//! A group's entry that is acknowledged is in its log once, and every member of its place gets it, in order, and nobody else,
//! whichever owners die; a refusal is true, and what it refused is never stored. How: the protocol's model as a world of real
//! shards over a store without batches, whose rows land late or never. Each world ends with the group's owner replaced while
//! nobody speaks. The module `worlds` says how to replay one.
//!
//! With the feature `planted` the same worlds run against shards that break a rule: each must be caught. Those that chance
//! meets too rarely have a schedule of their own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod owed;
mod worlds;

use owed::World;
use shard::command::{Answer, Command};
use shard::rows::Row;
use wire::{RefusalCode, Role, RowKind, Seq, Uid};

/// Worlds per run.
const SEEDS: u64 = 300;

fn run(seed: u64) {
    let mut world = World::new(seed);
    world.go_on(true, World::is_answered);
    for _ in 0..300 + world.below(3_000) {
        world.happen(true, true);
    }
    world.go_on(true, World::is_answered);
    let owner = world.group_owner();
    world.replace(owner);
    world.go_on(false, World::is_told);
    world.check();
}

#[test]
fn a_member_has_what_its_group_owes_it() {
    worlds::run_all("a_member_has_what_its_group_owes_it", SEEDS, run);
}

/// An owner that is replaced had taken an addition and the new member's message, neither of which was stored. The next one
/// may not refuse that message for good: both could still land, and would be adopted.
#[test]
fn what_is_refused_for_good_never_lands() {
    let mut world = World::new(1);
    world.go_on(true, World::is_answered);
    world.land_all(|_, _| true);
    world.wish(1, RowKind::MEMBERS_ADDED, &[4]);
    let message = world.wish(4, RowKind::MESSAGE, &[]);
    let owner = world.group_owner();
    (1..=message).for_each(|wish| world.say(wish));
    world.step(owner);
    world.replace(owner);
    let old = world.epoch_before();
    for _ in 0..200 {
        world.say(message);
        world.step(owner);
        world.pass(10);
        world.land_all(|_, stamp| stamp.0 > old);
    }
    assert_eq!(world.wishes[message].answer, Some(Err(RefusalCode::NotMember)));
    world.land_all(|_, _| true);
    world.replace(owner);
    world.go_on(true, World::is_answered);
    world.go_on(false, World::is_told);
    world.check();
}

/// A world whose group was made and told, with its owner, and what is done by hand from here on.
fn told() -> (World, usize) {
    let mut world = World::new(1);
    world.go_on(true, World::is_answered);
    world.go_on(false, |world| world.is_told() && world.is_silent());
    let owner = world.group_owner();
    (world, owner)
}

/// A refusal is of the copy that it answers: who is a member is asked when each comes.
#[test]
fn another_copy_of_what_was_refused_is_taken_once_its_sender_is_a_member() {
    let (mut world, _) = told();
    let message = world.wish(4, RowKind::MESSAGE, &[]);
    world.go_on(true, World::is_answered);
    assert_eq!(world.wishes[message].answer.take(), Some(Err(RefusalCode::NotMember)));
    let added = world.wish(1, RowKind::MEMBERS_ADDED, &[4]);
    while world.wishes[added].answer.is_none() {
        world.say(added);
        world.happen(false, false);
    }
    world.go_on(true, World::is_answered);
    assert!(world.wishes[message].answer.unwrap().is_ok());
    world.go_on(false, World::is_told);
    world.check();
}

/// A member speaks until it is answered; of what goes to the store only rows of this epoch or a later one land, and no mail
/// arrives.
fn say_to(world: &mut World, owner: usize, epoch: u32) {
    let message = world.wish(1, RowKind::MESSAGE, &[]);
    for _ in 0..100 {
        world.say(message);
        world.step(owner);
        world.pass(10);
        world.land_all(|_, stamp| stamp.0 >= epoch);
        if world.wishes[message].answer.is_some() {
            return;
        }
    }
    panic!("not answered");
}

/// The owner is gone, and nobody speaks: everybody is told all the same.
fn is_told_in_silence(world: &mut World, owner: usize) {
    world.lose_mail();
    world.replace(owner);
    world.go_on(false, World::is_told);
    world.check();
}

#[test]
fn what_is_acknowledged_is_told_though_its_owner_dies_at_once() {
    let (mut world, owner) = told();
    // The mark is closed.
    (0..20).for_each(|_| world.rest(owner));
    say_to(&mut world, owner, 0);
    is_told_in_silence(&mut world, owner);
}

#[test]
fn a_mark_stays_open_while_somebody_lacks_an_entry() {
    let (mut world, owner) = told();
    say_to(&mut world, owner, 0);
    (0..20).for_each(|_| world.rest(owner));
    is_told_in_silence(&mut world, owner);
}

/// An owner closes the mark, and is replaced before that lands. The next one finds it open, and acknowledges; then it lands.
#[test]
fn a_mark_that_another_wrote_is_not_believed() {
    let (mut world, owner) = told();
    for _ in 0..20 {
        world.pass(700);
        world.step(owner);
        world.land_all(|row, _| !matches!(row, Row::Mark(mark) if !mark.is_open));
    }
    world.replace(owner);
    let epoch = world.epoch_before() + 1;
    say_to(&mut world, owner, epoch);
    world.land_all(|_, _| true);
    is_told_in_silence(&mut world, owner);
}

/// Two add the same user. The second may be told so only once the first is committed: it could still be lost.
#[test]
fn nothing_is_refused_by_what_is_not_committed() {
    let (mut world, owner) = told();
    let [first, second] = [1, 2].map(|by| world.wish(by, RowKind::MEMBERS_ADDED, &[4]));
    [first, second].into_iter().for_each(|wish| world.say(wish));
    world.step(owner);
    assert_eq!(world.wishes[second].answer, None);
    world.go_on(true, World::is_answered);
    assert_eq!(world.wishes[second].answer, Some(Err(RefusalCode::AlreadyMember)));
    is_told_in_silence(&mut world, owner);
}

/// What is told of a group is what is committed: what is not could still be lost.
#[test]
fn a_group_is_told_as_it_is_committed() {
    let (mut world, owner) = told();
    let (group, uid) = (world.group, Uid(2));
    let ask = Command::GroupInfo { group, uid };
    let info = |answer: Answer| {
        let Answer::GroupInfo { info, .. } = answer else { panic!("{answer:?}") };
        (info.seq, info.members.iter().map(|it| (it.uid.0, it.role())).collect::<Vec<_>>())
    };
    let change = world.wish_set(1, RowKind::ROLE_SET, (Role::Admin.number(), &[2, 3]));
    world.say(change);
    world.step(owner);
    assert_eq!(info(world.ask_at_once(ask.clone())), (Seq(1), vec![(1, Role::Owner)]));
    let title = world.wish_text(1, RowKind::RENAMED);
    world.go_on(true, World::is_answered);
    let roles = vec![(1, Role::Owner), (2, Role::Admin), (3, Role::Admin)];
    let told = world.ask(ask);
    let Answer::GroupInfo { info: named, .. } = &told else { panic!("{told:?}") };
    assert_eq!(named.title, world.wishes[title].send.body);
    assert_eq!(info(told), (Seq(3), roles));
    is_told_in_silence(&mut world, owner);
}

/// One that is muted is told when it may write, and is taken then; the end of a group is the last that anybody has of it.
#[test]
fn who_is_muted_is_told_when_to_come_again_and_nobody_writes_behind_the_end() {
    let (mut world, owner) = told();
    let until_ms = world.unix_ms() + 60_000;
    world.wish_set(1, RowKind::MUTED, (until_ms, &[2]));
    world.go_on(true, World::is_answered);
    let message = world.wish(2, RowKind::MESSAGE, &[]);
    world.go_on(true, World::is_answered);
    assert_eq!(world.wishes[message].answer.take(), Some(Err(RefusalCode::Muted)));
    let wait_ms = u64::from(world.wait_ms);
    assert!(world.unix_ms() + wait_ms >= until_ms && wait_ms <= 60_000, "{wait_ms}");
    world.pass(wait_ms);
    world.go_on(true, World::is_answered);
    assert!(world.wishes[message].answer.unwrap().is_ok());
    let end = world.wish(1, RowKind::DISSOLVED, &[]);
    world.go_on(true, World::is_answered);
    assert!(world.wishes[end].answer.unwrap().is_ok());
    for (by, kind) in [(1, RowKind::MESSAGE), (1, RowKind::DISSOLVED), (3, RowKind::MESSAGE)] {
        let late = world.wish(by, kind, &[]);
        world.go_on(true, World::is_answered);
        assert_eq!(world.wishes[late].answer, Some(Err(RefusalCode::NotMember)));
    }
    is_told_in_silence(&mut world, owner);
}

/// Faults that take away a rule, each at its place in the shard: of the worlds, or of the schedule.
#[cfg(feature = "planted")]
const PLANTED: &[(&str, &str)] = &[
    ("group-newest-only", WORLDS),
    ("group-current-members", WORLDS),
    ("group-committed-members", WORLDS),
    ("group-position-ahead", WORLDS),
    ("group-rows-ahead", WORLDS),
    ("group-no-mark", WORLDS),
    ("group-ack-before-mark", "what_is_acknowledged_is_told_though_its_owner_dies_at_once"),
    ("group-reuse-mark", "a_mark_that_another_wrote_is_not_believed"),
    ("group-close-soon", "a_mark_stays_open_while_somebody_lacks_an_entry"),
    ("group-refuse-soon", "nothing_is_refused_by_what_is_not_committed"),
    ("group-no-noop", "what_is_refused_for_good_never_lands"),
    ("group-no-ceiling", WORLDS),
    ("group-any-role", WORLDS),
    ("group-forget-settings", WORLDS),
    ("group-no-mute", WORLDS),
    ("group-keep-title", WORLDS),
    ("group-no-end", WORLDS),
    ("group-info-ahead", "a_group_is_told_as_it_is_committed"),
    ("confirm-unwritten", WORLDS),
];

#[cfg(feature = "planted")]
const WORLDS: &str = "a_member_has_what_its_group_owes_it";

/// Each is found.
#[cfg(feature = "planted")]
#[test]
fn every_planted_fault_is_caught() {
    let missed: Vec<_> =
        PLANTED.iter().filter(|(fault, test)| !worlds::is_caught(fault, test)).collect();
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
