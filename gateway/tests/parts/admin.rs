//! The admin server says what is: status and reason of each page, before, while and after serving.

use crate::tokens::config;
use gateway::admin::{self, Seen};
use gateway::entry::requests::Context;
use gateway::metrics::Metrics;
use link::{Clocks, Host, Reading};
use netring::names::Names;
use service::clock::unix_ms;
use service::lifecycle::Shutdown;
use service::mailbox::Directory;
use service::server::Server;
use shard::command::{Answer, Command, DeviceState, Now};
use shard::owner::NodeId;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use wire::{DeviceId, Generation, InboxSeq, Platform, RefusalCode, Uid};

fn start() -> (Server, Seen) {
    let dir = tempfile::tempdir().unwrap();
    let config = config(|config| {
        config.admin = "127.0.0.1:0".parse().unwrap();
        config.data_dir = dir.path().into();
    });
    let metrics = Arc::new(Metrics::new(2));
    let (questions, _) = Directory::new(2);
    let (config, shutdown, names) = (Arc::new(config), Shutdown::default(), Names::default());
    let (damage, clocks) = ((0..2).map(|_| OnceLock::new()).collect(), Arc::default());
    let certificates = None;
    let seen = Seen { config, certificates, metrics, shutdown, damage, clocks, questions, names };
    (admin::start(seen.clone()).unwrap(), seen)
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[track_caller]
fn check(admin: &Server, request: &str, status: u16, part: &str) {
    let answer = ask(admin.address(), request);
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
    assert!(answer.contains(part), "{request}: {part:?} is not in {answer}");
}

fn open_shards(seen: &Seen) {
    for core in seen.metrics.cores() {
        core.shard_ready.set(1);
        core.last_tick_ms.set(seen.metrics.age_ms());
    }
}

#[test]
fn readiness_follows_the_shards_the_store_and_the_drain() {
    let (admin, seen) = start();
    check(&admin, "GET /healthz", 200, "ok");
    check(&admin, "GET /readyz", 503, "shard 0 is not open");
    open_shards(&seen);
    check(&admin, "GET /readyz", 200, "ok");
    seen.metrics.core(1).store_failing.set(1);
    check(&admin, "GET /readyz", 503, "store of shard 1");
    check(&admin, "GET /healthz", 200, "ok");
    seen.metrics.core(1).store_failing.set(0);
    seen.damage[1].set("index/keyspaces/3/tables/7".into()).unwrap();
    check(
        &admin,
        "GET /readyz",
        200,
        "ok, degraded: shard 1 cannot read index/keyspaces/3/tables/7",
    );
    seen.shutdown.drain();
    check(&admin, "GET /readyz", 503, "draining");
    check(&admin, "GET /healthz", 200, "ok");
    check(&admin, "GET /metrics", 200, "longline_connections");
}

#[test]
fn pages_only_read() {
    let (admin, seen) = start();
    check(&admin, "GET /config", 200, &seen.config.to_string());
    check(&admin, "GET /metrics", 200, "text/plain; version=0.0.4");
    check(&admin, "GET /nothing", 404, "");
    for method in ["POST", "PUT", "DELETE"] {
        check(&admin, &format!("{method} /config"), 405, "");
    }
}

#[test]
fn what_is_asked_of_a_users_shard_goes_to_a_core_and_comes_back() {
    let (_, seen) = start();
    let (questions, cores) = Directory::new(2);
    let admin = admin::start(Seen { questions, ..seen }).unwrap();
    let (uid, code) = (Uid(7), RefusalCode::Kicked);
    let ended = Answer::Ended { count: 2 };
    let state = DeviceState {
        device: DeviceId(u64::MAX),
        generation: Generation(5),
        platform: Platform::IOS,
        silent_s: 9,
        acked: InboxSeq(4),
    };
    let (busy, retry_after_ms) = (RefusalCode::Busy, 100);
    let end = |device| Command::EndDevices { uid, device, code };
    let devices = || Command::Devices { uid, after: Generation(0), limit: 256 };
    for (request, command, answer, status, page) in [
        ("POST /kick/7", end(None), ended.clone(), 200, r#"{"ended":2}"#),
        ("POST /kick/7/3", end(Some(DeviceId(3))), ended, 200, r#"{"ended":2}"#),
        (
            "GET /devices/7",
            devices(),
            Answer::Devices(vec![state]),
            200,
            r#"[{"device":"18446744073709551615","generation":5,"platform":"ios","silent_s":9}]"#,
        ),
        (
            "GET /devices/7",
            devices(),
            Answer::Refused { code: busy, retry_after_ms },
            503,
            "refused (Busy); say it again",
        ),
        ("POST /kick/7", end(None), Answer::Devices(vec![]), 503, "not asked for"),
    ] {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let question = cores[1].recv().unwrap().pop().unwrap();
                assert_eq!(question.command, command, "{request}");
                let context = Context { inbox_epoch: 1, server_time_ms: 1 };
                question.answer.send((answer, context)).unwrap();
            });
            check(&admin, request, status, page);
        });
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let question = cores[0].recv().unwrap().pop().unwrap();
            let Command::Revoke { uid: Uid(8), tokens_s } = question.command else { panic!() };
            assert!(tokens_s.abs_diff(unix_ms() / 1_000) < 100);
            // It is turned away.
        });
        check(&admin, "POST /revoke/8", 503, "too much is asked at once");
    });
    check(&admin, "GET /kick/7", 405, "");
    check(&admin, "POST /kick/seven", 400, "");
    drop(cores);
    check(&admin, "POST /kick/7", 503, "say it again");
}

#[test]
fn it_ends_when_dropped_even_with_a_silent_client() {
    let (admin, seen) = start();
    let address = admin.address();
    let mut silent = TcpStream::connect(address).unwrap();
    check(&admin, "GET /healthz", 200, "ok");
    drop(admin);
    assert_eq!(silent.read(&mut [0]).unwrap_or(0), 0, "closed, not left open");
    assert_eq!(Arc::strong_count(&seen.metrics), 1, "nothing of it is left");
}

#[test]
fn an_address_in_use_is_an_error() {
    let (admin, seen) = start();
    let mut config = (*seen.config).clone();
    config.admin = admin.address();
    assert!(admin::start(Seen { config: Arc::new(config), ..seen }).is_err());
}

#[test]
fn a_gateway_says_how_far_clocks_are_and_stays_ready_if_its_own_is_wrong() {
    let (admin, seen) = start();
    open_shards(&seen);
    check(&admin, "GET /status", 200, r#""clock":"as others have it","clocks":[]"#);
    let now = Now { unix_ms: 1_700_000_000_000, mono_ms: 0 };
    let mut clocks = Clocks::default();
    for node in [1, 2] {
        let reading = Reading { zero_ms: 1_700_000_060_000, within_ms: 4 };
        clocks.hear(Host::Node(NodeId(node)), reading, now);
    }
    clocks.look(now);
    seen.clocks.store(Arc::new(clocks));
    let clock = "this gateway's clock is 60000 ms behind what most others have";
    check(&admin, "GET /readyz", 200, &format!("ok, degraded: {clock}"));
    check(&admin, "GET /status", 200, r#"{"ahead_ms":60000,"of":"node 1","within_ms":4}"#);
}
