//! Limits of a process hold over all its cores, whoever counts at the same moment.

use gateway::entry::rate::UserRates;
use gateway::entry::shared::Shared;
use std::thread;
use wire::Uid;

const CORES: usize = 4;

/// How often all cores together are told yes, each asking so often.
fn allowed(tries: usize, ask: impl Fn() -> bool + Sync) -> usize {
    let ask = || (0..tries).filter(|_| ask()).count();
    thread::scope(|scope| {
        let cores: Vec<_> = (0..CORES).map(|_| scope.spawn(ask)).collect();
        cores.into_iter().map(|core| core.join().unwrap()).sum()
    })
}

#[test]
fn as_many_clients_are_admitted_as_there_is_room_for() {
    let shared = Shared::new(50, UserRates::new(0, 1));
    assert_eq!(allowed(40, || shared.admit()), 50);
    assert!(!shared.admit());
    shared.leave();
    assert!(shared.admit() && !shared.admit());
}

#[test]
fn a_user_sends_a_burst_then_steadily_with_a_hint() {
    let users = UserRates::new(20, 1);
    // Between a core's look at one row and the other's another core may take one more.
    let taken = allowed(100, || users.take(Uid(7), 1_000_000).is_ok());
    assert!((40..40 + CORES).contains(&taken), "a burst of 40, and {taken} were taken");
    assert_eq!(users.take(Uid(7), 1_000_000), Err(50));
    assert_eq!(users.take(Uid(8), 1_000_000), Ok(()), "another user");
    assert_eq!(users.take(Uid(7), 1_050_000), Ok(()));
}
