//! Two neighbouring releases work together over a link: the highest common version is in force, what one says that the other
//! does not know is skipped or answered, and it ends no link.

use crate::ends::{ADMISSION, End, gateway, open, open_with, terms_of, usual_terms};
use crate::items::samples;
use crate::next;
use link::{Agreed, Event, Item, LinkError, Terms};
use shard::command::{Answer, Command, Delivery, ReplyTo, Session};
use wire::{RefusalCode, Uid};

#[test]
fn the_highest_common_version_is_in_force() {
    for (dialer, acceptor, version) in [
        ((1, 1), (1, 1), 1),
        ((1, 1), (1, 2), 1),
        ((1, 2), (1, 1), 1),
        ((1, 2), (1, 2), 2),
        ((1, 2), (2, 3), 2),
        ((2, 3), (1, 4), 3),
    ] {
        let (dialer, acceptor) = (terms_of(dialer.0, dialer.1), terms_of(acceptor.0, acceptor.1));
        let (mut dialer, mut acceptor) = open_with(dialer, acceptor);
        let agreed = Some(Agreed { version, features: 0 });
        assert_eq!((dialer.link.agreed(), acceptor.link.agreed()), (agreed, agreed));
        let bytes = dialer.say(&samples());
        assert_eq!(bytes[5], version);
        assert_eq!(acceptor.read(&bytes), [Event::Items(samples())]);
        let bytes = acceptor.say(&samples());
        assert_eq!(dialer.read(&bytes), [Event::Items(samples())]);
    }
}

#[test]
fn releases_without_a_common_version_are_refused_by_name() {
    for (dialer, acceptor) in [((1, 1), (2, 3)), ((1, 2), (3, 4)), ((3, 4), (1, 1))] {
        let dialer = terms_of(dialer.0, dialer.1);
        let acceptor = terms_of(acceptor.0, acceptor.1);
        let none =
            LinkError::NoCommonVersion { dialer: dialer.versions, acceptor: acceptor.versions };
        let ranges = [dialer.versions.to_string(), acceptor.versions.to_string()];
        let (mut dialer, mut acceptor) = (End::dialer(dialer, gateway(1)), End::acceptor(acceptor));
        dialer.read(&acceptor.said());
        assert_eq!(acceptor.fate(&dialer.said()), Some(none.clone()));
        assert_eq!(dialer.fate(&acceptor.said()), Some(LinkError::Refused(none.to_string())));
        assert!(ranges.iter().all(|range| none.to_string().contains(range)), "{none}");
    }
}

#[test]
fn features_are_in_force_that_both_know() {
    let with = |features| Terms { features, ..usual_terms() };
    let (dialer, acceptor) = open_with(with(0b0110), with(0b1100));
    let agreed = Some(Agreed { version: 1, features: 0b0100 });
    assert_eq!((dialer.link.agreed(), acceptor.link.agreed()), (agreed, agreed));
}

#[test]
fn the_next_release_lets_this_one_in() {
    let mut dialer = End::dialer(usual_terms(), gateway(1));
    let challenge = next::challenge();
    dialer.read(&challenge);
    let hello = dialer.said();
    let events = dialer.read(&next::welcome(&challenge, &hello));
    assert_eq!(events, [Event::Welcomed(ADMISSION)]);
    assert_eq!(dialer.link.agreed(), Some(Agreed { version: 1, features: 0 }));
}

#[test]
fn this_release_lets_the_next_one_in() {
    let mut acceptor = End::acceptor(usual_terms());
    let challenge = acceptor.said();
    let hello = next::hello(&challenge);
    assert_eq!(acceptor.read(&hello), [Event::Asked(gateway(1))]);
    acceptor.link.admit(0, ADMISSION, &mut acceptor.out).unwrap();
    assert!(next::is_welcome(&challenge, &hello, &acceptor.said()));
    assert_eq!(acceptor.link.agreed(), Some(Agreed { version: 1, features: 0 }));
}

#[test]
fn fields_of_the_next_release_are_skipped() {
    let (mut dialer, mut acceptor) = open();
    let grown = next::grown(&dialer.say(&samples()));
    assert_eq!(acceptor.read(&next::batch(&grown)), [Event::Items(samples())]);
    assert_eq!(acceptor.link.take_skipped(), 0);
}

fn reply(ticket: u64) -> ReplyTo {
    ReplyTo { session: Session { entry: 1, key: 2 }, ticket }
}

/// As the next release writes whom to answer.
fn reply_bytes(ticket: u64) -> Vec<u8> {
    [&[1, 0][..], &2_u64.to_le_bytes(), &ticket.to_le_bytes()].concat()
}

fn refused(ticket: u64) -> Item {
    let answer = Answer::Refused { code: RefusalCode::Unsupported, retry_after_ms: 0 };
    Item::Delivery(Delivery { to: reply(ticket), answer })
}

/// What this release hears of one item of the next, what it counts, and what it answers.
fn hears(item: &[u8]) -> (Vec<Item>, u64, Vec<Item>) {
    let (mut dialer, mut acceptor) = open();
    let around = |number| next::record(10, &u64::to_le_bytes(number));
    let events = acceptor.read(&next::batch(&[around(1), item.to_vec(), around(2)]));
    let [Event::Items(items)] = &events[..] else { panic!("not items: {events:?}") };
    let [Item::Ping(1), heard @ .., Item::Ping(2)] = &items[..] else { panic!("{items:?}") };
    let answered = dialer.read(&acceptor.say(&[])).into_iter().flat_map(|event| {
        let Event::Items(items) = event else { panic!("not items: {event:?}") };
        items
    });
    (heard.to_vec(), acceptor.link.take_skipped(), answered.collect())
}

#[test]
fn what_nobody_waits_for_is_skipped_and_counted() {
    let unasked = |kind| [&reply_bytes(0), &next::record(kind, &[1, 2, 3])[..]].concat();
    for (name, item) in [
        ("item", next::record(99, &[1, 2, 3])),
        ("empty item", next::record(255, &[])),
        ("mail", next::record(4, &[&[5, 0][..], &next::record(99, &[1, 2])].concat())),
        ("push", next::record(3, &unasked(99))),
        (
            "command",
            next::record(1, &[&reply_bytes(0), &[0; 8][..], &next::record(99, &[])].concat()),
        ),
    ] {
        assert_eq!(hears(&item), (vec![], 1, vec![]), "{name}");
    }
}

#[test]
fn a_command_of_the_next_release_is_refused() {
    let login = next::record(1, &[&[7; 16][..], &next::record(9, &[4])].concat());
    let group =
        [&[9][..], &5_u64.to_le_bytes(), &6_u64.to_le_bytes(), &[0], &[1, 0, 0, 0]].concat();
    for (name, command) in [
        ("kind", next::record(99, &[1, 2, 3])),
        ("begin of a login", login),
        ("kind of a conversation", next::record(8, &group)),
    ] {
        let fields = [&reply_bytes(5), &[1, 0, 0, 0, 1, 0, 0, 0][..], &command].concat();
        assert_eq!(hears(&next::record(1, &fields)), (vec![], 0, vec![refused(5)]), "{name}");
    }
}

#[test]
fn an_answer_of_the_next_release_is_a_refusal() {
    let fields = [&reply_bytes(5), &next::record(99, &[1, 2])[..]].concat();
    assert_eq!(hears(&next::record(3, &fields)), (vec![refused(5)], 0, vec![]));
    let code = [&reply_bytes(5), &next::record(11, &[0xe7, 3, 0, 0, 0, 0])[..]].concat();
    assert_eq!(hears(&next::record(3, &code)), (vec![refused(5)], 0, vec![]), "code 999");
}

/// A heartbeat to which the next release has added a field, 0 where it is absent.
struct Heartbeat {
    uid: u64,
    time_ms: u64,
    zone: u16,
}

impl Heartbeat {
    fn write(&self) -> Vec<u8> {
        let Self { uid, time_ms, zone } = self;
        next::record(
            6,
            &[&uid.to_le_bytes(), &time_ms.to_le_bytes(), &zone.to_le_bytes()[..]].concat(),
        )
    }

    fn read(command: &[u8]) -> Self {
        let (kind, fields, _) = next::split(command);
        assert_eq!(kind, 6);
        let number = |at: usize| u64::from_le_bytes(fields[at..at + 8].try_into().unwrap());
        let zone =
            fields.get(16..18).map_or(0, |zone| u16::from_le_bytes(zone.try_into().unwrap()));
        Self { uid: number(0), time_ms: number(8), zone }
    }
}

#[test]
fn a_field_more_is_given_and_missed_in_both_directions() {
    let (mut this, _) = open();
    let command = Command::Heartbeat { uid: Uid(3), time_ms: 4 };
    let epoch = shard::owner::Epoch(1);
    let item = Item::Command { round: 1, epoch, command, reply: reply(5) };
    let said = this.say(std::slice::from_ref(&item));
    let (kind, fields, rest) = next::split(&said[link::HEADER_BYTES..]);
    assert!(kind == 1 && rest.is_empty());
    let mut beat = Heartbeat::read(&fields[26..]);
    assert_eq!((beat.uid, beat.time_ms, beat.zone), (3, 4, 0));
    beat.zone = 7;
    let later = next::record(1, &[&fields[..26], &beat.write()].concat());
    assert_eq!(hears(&later), (vec![item], 0, vec![]));
}

/// A partition that does not exist is of no release: it is damage.
#[test]
fn damage_is_not_taken_for_a_later_release() {
    for item in [
        next::record(2, &[1, 0, 0, 0, 0, 4]),
        next::record(10, &[1; 7]),
        next::record(1, &reply_bytes(5)[..17]),
        next::record(1, &[&reply_bytes(5), &[0; 8][..], &[99, 1, 0, 0, 0]].concat()),
    ] {
        let (_, mut acceptor) = open();
        assert!(matches!(acceptor.fate(&next::batch(&[item])), Some(LinkError::Frame(_))));
    }
}
