//! Redis for the tests of the routes: the server that the environment names, and servers of a test's own.

use logic::routes::{Config, Route, Routes, UserRoutes};
use rustix::process::{Pid, Signal, kill_process};
use shard::owner::NodeId;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use wire::{DeviceId, Generation, Uid};

const HELP: &str = "run the tests by `cargo xtask test`, which installs and starts Redis, or set \
                    LONGLINE_REDIS=redis://HOST:PORT";

/// The server of the environment.
pub fn address() -> String {
    std::env::var("LONGLINE_REDIS").unwrap_or_else(|_| panic!("no Redis to test with: {HELP}"))
}

/// A user that no other test has, on a server that tests share.
pub fn fresh_uid() -> Uid {
    Uid(u64::from(std::process::id()) << 32 | u64::from(rand::random::<u32>()))
}

pub fn route(uid: Uid, device: u64, generation: u64) -> Route {
    let last = u8::try_from(generation % 250).unwrap();
    Route {
        uid,
        device: DeviceId(device),
        generation: Generation(generation),
        entry_address: ([10, 0, 0, last], 7_400).into(),
        login_time_ms: 1_700_000_000_000 + generation,
        node: NodeId(u16::from(last)),
    }
}

/// All that the owner of a user knows of it.
pub fn user(routes: &[Route]) -> UserRoutes {
    let newest = routes.iter().map(|route| route.generation).max();
    let (uid, as_of) = (routes[0].uid, newest.unwrap());
    UserRoutes { uid, as_of, routes: routes.to_vec() }
}

/// Waits for what must come, however long this machine takes; gives up when it plainly never will.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "still not: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A server of one test, killed when dropped. It keeps nothing on disk.
pub struct Server {
    port: u16,
    child: Child,
}

impl Server {
    pub async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { port, child: spawn(port) };
        server.answers().await;
        server
    }

    pub fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// It hangs, its connections stay.
    pub fn pause(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    pub fn resume(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub async fn start_again(&mut self) {
        self.child = spawn(self.port);
        self.answers().await;
    }

    pub fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn routes(&self) -> Routes {
        start(&self.address())
    }

    pub async fn connection(&self) -> redis::aio::MultiplexedConnection {
        connect(&self.address()).await
    }

    async fn answers(&self) {
        let client = redis::Client::open(self.address()).unwrap();
        until("the server answers", async || {
            client.get_multiplexed_async_connection().await.is_ok()
        })
        .await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16) -> Child {
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"])
        .arg(port.to_string())
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("no redis-server to start ({error}): {HELP}"))
}

pub async fn connect(address: &str) -> redis::aio::MultiplexedConnection {
    redis::Client::open(address).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// The task runs on the test's own runtime.
pub fn start(address: &str) -> Routes {
    Routes::start(Config::new(address).unwrap(), &tokio::runtime::Handle::current())
}
