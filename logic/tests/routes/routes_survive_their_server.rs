//! Redis may be flushed, stopped, started again, or never there: no call waits for it, what was lost is asked for again,
//! and after that everything is back.
//!
//! Each test has a server of its own, and plays the node: it knows the routes and sends them when asked.

use crate::rig::{Server, route, until, user};
use logic::routes::limits::{REFRESH_USERS_MAX, REFRESHES_WAITING_MAX, ROUTE_JOBS_MAX};
use logic::routes::{Config, FindError, Route, Routes};
use wire::{DeviceId, Generation, Uid};

fn some_routes() -> Vec<Route> {
    (1..=300).map(|uid| route(Uid(uid), 1, uid)).collect()
}

async fn hold(routes: &Routes, known: &[Route]) {
    for route in known {
        assert_eq!(routes.find(route.uid).await, Ok(vec![*route]));
    }
}

async fn repair(routes: &mut Routes, known: &[Route]) {
    until("a repair is asked for", async || routes.wants_repair()).await;
    assert!(!routes.wants_repair(), "once");
    assert!(routes.room() > 0);
    routes.refresh(known.iter().map(|route| user(&[*route])).collect());
    hold(routes, known).await;
}

async fn flush(server: &Server) {
    redis::cmd("FLUSHALL").exec_async(&mut server.connection().await).await.unwrap();
}

#[tokio::test]
async fn a_flush_is_noticed_and_repaired() {
    let server = Server::start().await;
    let (known, mut routes) = (some_routes(), server.routes());
    known.iter().for_each(|route| routes.set(*route));
    hold(&routes, &known).await;
    assert!(!routes.wants_repair(), "nothing was lost yet");
    flush(&server).await;
    assert_eq!(routes.find(known[0].uid).await, Ok(Vec::new()));
    repair(&mut routes, &known).await;
    let counts = routes.counts();
    assert_eq!((counts.repairs, counts.failures, counts.dropped), (1, 0, 0));
}

#[tokio::test]
async fn every_core_is_told_once() {
    let server = Server::start().await;
    let mut cores = [server.routes(), server.routes()];
    cores[1] = cores[0].clone();
    cores[0].set(route(Uid(1), 1, 1));
    assert!(cores[0].find(Uid(1)).await.is_ok());
    flush(&server).await;
    for core in &mut cores {
        repair(core, &some_routes()).await;
    }
}

#[tokio::test]
async fn a_server_that_stops_and_starts_opens_and_closes_the_breaker() {
    let mut server = Server::start().await;
    let (known, mut routes) = (some_routes(), server.routes());
    known.iter().for_each(|route| routes.set(*route));
    hold(&routes, &known).await;
    for life in 1..=2 {
        server.stop();
        until("the breaker is open", async || routes.breaker_is_open()).await;
        assert_eq!(routes.room(), 0);
        assert_eq!(routes.find(Uid(1)).await, Err(FindError::Unavailable));
        routes.set(route(Uid(1), 2, 1));
        routes.remove(Uid(2), DeviceId(1), Generation(2));
        routes.refresh([1, 2, 3].map(|uid| user(&[route(Uid(uid), 1, uid)])).to_vec());
        assert_eq!(routes.counts().dropped, 5 * life, "dropped at once, and counted");

        server.start_again().await;
        until("the breaker closes", async || !routes.breaker_is_open()).await;
        repair(&mut routes, &known).await;
        assert!(routes.counts().failures >= 3 * life);
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_a_server_that_is_away() {
    let server = Server::start().await;
    let (known, mut routes) = (some_routes(), server.routes());
    assert_eq!(routes.find(Uid(1)).await, Ok(Vec::new()));
    server.pause();
    known.iter().for_each(|route| routes.set(*route));
    assert_eq!(routes.find(Uid(1)).await, Err(FindError::Unavailable));
    until("the breaker is open", async || routes.breaker_is_open()).await;
    server.resume();
    repair(&mut routes, &known).await;
}

#[tokio::test]
async fn changes_made_before_the_server_was_ever_there_are_asked_for_again() {
    let mut server = Server::start().await;
    server.stop();
    let (known, mut routes) = (some_routes(), server.routes());
    known.iter().for_each(|route| routes.set(*route));
    until("the breaker is open", async || routes.breaker_is_open()).await;
    server.start_again().await;
    repair(&mut routes, &known).await;
}

#[tokio::test]
async fn a_script_that_the_server_forgot_is_given_again() {
    let server = Server::start().await;
    let (known, routes) = (some_routes(), server.routes());
    let mut connection = server.connection().await;
    for _ in 0..3 {
        redis::cmd("SCRIPT").arg("FLUSH").exec_async(&mut connection).await.unwrap();
        known.iter().for_each(|route| routes.set(*route));
        hold(&routes, &known).await;
    }
    let counts = routes.counts();
    assert_eq!((counts.sets, counts.dropped, counts.failures), (900, 0, 0));
}

/// A dump brought back what was over, or was said by a node that died: it would live as long as the user is refreshed.
#[tokio::test]
async fn a_refresh_writes_all_that_there_is_and_removes_what_is_over() {
    let server = Server::start().await;
    let (routes, uid) = (server.routes(), Uid(7));
    let [over, moved, newer] = [route(uid, 1, 10), route(uid, 2, 11), route(uid, 3, 30)];
    let (here, new) = (route(uid, 2, 20), route(uid, 4, 21));
    [over, moved, newer].into_iter().for_each(|route| routes.set(route));
    routes.refresh(vec![user(&[here, new])]);
    assert_eq!(routes.find(uid).await, Ok(vec![here, newer, new]));
    // Nothing at all was there any more.
    flush(&server).await;
    routes.refresh(vec![user(&[here, new])]);
    assert_eq!(routes.find(uid).await, Ok(vec![here, new]));
    let later = Route { login_time_ms: here.login_time_ms + 5, ..here };
    routes.refresh(vec![user(&[later, new])]);
    assert_eq!(routes.find(uid).await, Ok(vec![here, new]), "it logged in when it did");
    let mut connection = server.connection().await;
    let mut ttl = redis::cmd("TTL");
    let ttl_s: u32 = ttl.arg("longline:route:{7}").query_async(&mut connection).await.unwrap();
    assert!((540..=600).contains(&ttl_s), "{ttl_s} s");
}

/// As a primary that became a replica.
#[tokio::test]
async fn a_logout_that_was_refused_is_said_again() {
    let server = Server::start().await;
    let (known, routes) = (some_routes(), server.routes());
    known.iter().for_each(|route| routes.set(*route));
    hold(&routes, &known).await;
    let mut connection = server.connection().await;
    let mut elsewhere = redis::cmd("REPLICAOF");
    elsewhere.arg("127.0.0.1").arg(1).exec_async(&mut connection).await.unwrap();
    routes.remove(Uid(2), DeviceId(1), Generation(2));
    until("it is refused", async || routes.counts().dropped > 0).await;
    until("the breaker is open", async || routes.breaker_is_open()).await;
    routes.remove(Uid(3), DeviceId(1), Generation(3));
    routes.remove(Uid(4), DeviceId(1), Generation(9));
    let mut itself = redis::cmd("REPLICAOF");
    itself.arg("NO").arg("ONE").exec_async(&mut connection).await.unwrap();
    until("the breaker closes", async || !routes.breaker_is_open()).await;
    for uid in [2, 3] {
        until("it is said again", async || routes.find(Uid(uid)).await == Ok(vec![])).await;
    }
    assert_eq!(routes.find(Uid(4)).await, Ok(vec![known[3]]), "another login stays");
}

/// The task runs on this very thread, so it does nothing until the test waits: the queue fills exactly.
#[tokio::test]
async fn full_queues_drop_count_and_ask_for_repair() {
    let server = Server::start().await;
    let mut routes = server.routes();
    (1..=ROUTE_JOBS_MAX as u64 + 10).for_each(|uid| routes.set(route(Uid(uid), 1, uid)));
    assert_eq!((routes.counts().dropped, routes.room()), (10, 0));
    assert_eq!(routes.find(Uid(1)).await, Err(FindError::Unavailable));
    until("a repair is asked for", async || routes.wants_repair()).await;
    assert_eq!(routes.counts().sets, ROUTE_JOBS_MAX as u64);

    let more = 3 * REFRESH_USERS_MAX;
    let one = user(&[route(Uid(1), 1, 1)]);
    routes.refresh(vec![one.clone(); REFRESHES_WAITING_MAX * REFRESH_USERS_MAX + more]);
    assert_eq!(routes.counts().dropped, 10 + more as u64);
    assert!(routes.find(Uid(1)).await.is_ok());
    routes.refresh(vec![one]);
    assert!(routes.find(Uid(1)).await.is_ok());
    let taken = REFRESHES_WAITING_MAX * REFRESH_USERS_MAX + 1;
    assert_eq!(routes.counts().refreshed, taken as u64, "what was taken is done, and room is back");
    assert!(!routes.wants_repair(), "the next refresh is in time");
}

#[test]
fn an_address_is_checked_before_it_is_used() {
    for bad in ["", "127.0.0.1", "http://127.0.0.1:6379", "redis://127.0.0.1:port"] {
        let error = Config::new(bad).map(drop).expect_err(bad);
        assert!(error.to_string().contains("redis://"), "{error}");
    }
    assert!(Config::new("redis://:secret@localhost:6379/1").is_ok());
}
