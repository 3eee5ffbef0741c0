//! What Redis is asked to do, counted by the server: a refresh is one script a user in pipelines of 500, so is a login, and a connection that rests one command a second.

use crate::rig::{Server, route, until, user};
use logic::routes::limits::PIPELINE_COMMANDS_MAX;
use std::collections::HashMap;
use std::time::Instant;
use wire::Uid;

const USERS: u64 = 10_000;

/// Calls of each command that clients sent, from `INFO commandstats`. What the script calls is in it too.
async fn calls(server: &Server) -> HashMap<String, u64> {
    let mut info = redis::cmd("INFO");
    let text: String =
        info.arg("commandstats").query_async(&mut server.connection().await).await.unwrap();
    let counted = text.lines().filter_map(|line| {
        let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), figures.split(',').next()?.parse().ok()?))
    });
    counted.collect()
}

#[tokio::test]
async fn commands_are_counted() {
    let server = Server::start().await;
    let routes = server.routes();
    (1..=USERS).for_each(|uid| routes.set(route(Uid(uid), 1, uid)));
    let begun = Instant::now();
    assert!(routes.find(Uid(1)).await.is_ok());
    let (set_in, sets) = (begun.elapsed(), calls(&server).await);
    // The first pipeline found no script, and went out again.
    assert_eq!(sets["evalsha"], USERS + PIPELINE_COMMANDS_MAX as u64);
    assert_eq!((sets["hget"], sets["hset"], sets["expire"]), (USERS, USERS, USERS));

    let (before, pipelines) = (calls(&server).await, routes.counts().pipelines);
    let begun = Instant::now();
    routes.refresh((1..=USERS).map(|uid| user(&[route(Uid(uid), 1, uid)])).collect());
    assert!(routes.find(Uid(1)).await.is_ok());
    let (refreshed_in, after) = (begun.elapsed(), calls(&server).await);
    for command in ["evalsha", "hkeys", "hset", "expire"] {
        let calls = after[command] - before.get(command).copied().unwrap_or(0);
        assert_eq!(calls, USERS, "{command}");
    }
    assert_eq!(routes.counts().refreshed, USERS);
    let round_trips = routes.counts().pipelines - pipelines;
    assert_eq!(round_trips, USERS / PIPELINE_COMMANDS_MAX as u64 + 1);
    println!(
        "{USERS} logins in {set_in:?}, {USERS} refreshes in {refreshed_in:?} and {round_trips} round trips"
    );

    until("the witness is looked for", async || calls(&server).await["getex"] > after["getex"])
        .await;
    let rest = calls(&server).await;
    for command in ["evalsha", "expire", "hgetall", "set"] {
        assert_eq!(rest[command], after[command], "{command} on a connection that rests");
    }
}
