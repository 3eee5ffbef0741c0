//! A route is set and removed by its generation only: whatever order logins and logouts of a device arrive in, over
//! however many connections, the newest login's route is what stays.
//!
//! Against a real server. Every check is one that a plain HSET or HDEL would fail.

use crate::rig::{address, connect, fresh_uid, route, start, until};
use logic::routes::FindError;
use rand::seq::SliceRandom;
use std::collections::HashMap;
use wire::{DeviceId, Generation};

/// As a shard makes them: the boot above 40 bits. Lua's numbers do not tell these from their neighbours.
const BOOT: u64 = 0xf_fffe << 40;

#[tokio::test]
async fn of_a_hundred_logins_at_once_the_newest_stays() {
    let uid = fresh_uid();
    for _ in 0..5 {
        let mut generations: Vec<u64> = (1..=100).map(|login| BOOT + login).collect();
        generations.shuffle(&mut rand::rng());
        // A connection each: what arrives first is the server's choice.
        let logins = generations.into_iter().map(|generation| {
            tokio::spawn(async move {
                let routes = start(&address());
                routes.set(route(uid, 1, generation));
                routes.find(uid).await.unwrap()
            })
        });
        let mut highest = 0;
        for login in Vec::from_iter(logins) {
            let [seen] = login.await.unwrap()[..] else { panic!("one device, one route") };
            highest = highest.max(seen.generation.0);
        }
        assert_eq!(highest, BOOT + 100);
        let routes = start(&address());
        assert_eq!(routes.find(uid).await.unwrap(), [route(uid, 1, BOOT + 100)]);
        routes.remove(uid, DeviceId(1), Generation(BOOT + 100));
        assert_eq!(routes.find(uid).await.unwrap(), []);
    }
}

#[tokio::test]
async fn an_older_or_a_newer_generation_removes_nothing() {
    let (uid, routes) = (fresh_uid(), start(&address()));
    let newest = route(uid, 1, BOOT + 2);
    routes.set(newest);
    for stale in [BOOT + 1, BOOT + 3, 2, (BOOT + 2) / 10] {
        routes.remove(uid, DeviceId(1), Generation(stale));
        assert_eq!(routes.find(uid).await.unwrap(), [newest], "removed by {stale:#x}");
    }
    routes.remove(uid, DeviceId(11), Generation(BOOT + 2));
    assert_eq!(routes.find(uid).await.unwrap(), [newest], "removed by another device");
    assert_eq!(routes.counts().stale, 5);
}

#[tokio::test]
async fn an_older_login_sets_nothing_and_the_same_sets_again() {
    let (uid, routes) = (fresh_uid(), start(&address()));
    let newest = route(uid, 1, BOOT);
    routes.set(newest);
    for stale in [BOOT - 1, 9, 99_999] {
        routes.set(route(uid, 1, stale));
        assert_eq!(routes.find(uid).await.unwrap(), [newest], "covered by {stale:#x}");
    }
    let moved = logic::routes::Route { entry_address: "[::1]:9".parse().unwrap(), ..newest };
    routes.set(moved);
    routes.set(route(uid, 2, 7));
    assert_eq!(routes.find(uid).await.unwrap(), [moved, route(uid, 2, 7)]);
    assert_eq!((routes.counts().sets, routes.counts().stale), (3, 3));
}

#[tokio::test]
async fn fields_are_as_documented() {
    let (uid, routes) = (fresh_uid(), start(&address()));
    routes.set(route(uid, 5, 42));
    routes.find(uid).await.unwrap();
    let mut connection = connect(&address()).await;
    let key = format!("longline:route:{{{uid}}}");
    let fields: HashMap<String, String> =
        redis::cmd("HGETALL").arg(&key).query_async(&mut connection).await.unwrap();
    let documented = [
        ("5.entryIp", "10.0.0.42"),
        ("5.entryPort", "7400"),
        ("5.loginTime", "1700000000042"),
        ("5.generation", "42"),
        ("5.node", "42"),
    ];
    let documented = documented.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(fields, HashMap::from(documented));
    let ttl_s: u32 = redis::cmd("TTL").arg(&key).query_async(&mut connection).await.unwrap();
    assert!((540..=600).contains(&ttl_s), "{ttl_s} s");
    routes.remove(uid, DeviceId(5), Generation(42));
    routes.find(uid).await.unwrap();
    let exists: bool = redis::cmd("EXISTS").arg(&key).query_async(&mut connection).await.unwrap();
    assert!(!exists, "the last device takes the key with it");
}

#[tokio::test]
async fn what_somebody_else_put_under_the_key_is_reported_and_stops_nobody() {
    let (strange, plain, routes) = (fresh_uid(), fresh_uid(), start(&address()));
    let mut connection = connect(&address()).await;
    let key = format!("longline:route:{{{strange}}}");
    let mut set = redis::cmd("SET");
    set.arg(&key).arg("by hand").arg("EX").arg(60).exec_async(&mut connection).await.unwrap();

    routes.set(route(strange, 1, 1));
    routes.remove(strange, DeviceId(1), Generation(1));
    routes.set(route(plain, 1, 1));
    assert_eq!(routes.find(strange).await, Err(FindError::Foreign));
    assert_eq!(routes.find(plain).await.unwrap(), [route(plain, 1, 1)]);
    let counts = routes.counts();
    assert_eq!((counts.foreign, counts.sets, counts.failures, counts.dropped), (3, 1, 0, 0));
    let kept: String = redis::cmd("GET").arg(&key).query_async(&mut connection).await.unwrap();
    assert_eq!(kept, "by hand");
}

#[tokio::test]
async fn a_generation_that_is_no_number_is_replaced() {
    let (uid, routes) = (fresh_uid(), start(&address()));
    let mut connection = connect(&address()).await;
    let key = format!("longline:route:{{{uid}}}");
    let mut set = redis::cmd("HSET");
    let long = "by hand, and longer than any number";
    set.arg(&key).arg("1.generation").arg(long).exec_async(&mut connection).await.unwrap();
    assert_eq!(routes.find(uid).await.unwrap(), []);
    routes.set(route(uid, 1, 1));
    until("it is replaced", async || routes.find(uid).await.unwrap() == [route(uid, 1, 1)]).await;
}
