//! What the cores of a process may rely on: an address that no other process has, and the CPUs that the process was given.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod an_address_has_one_process;
mod cores_stay_on_the_cpus_given;

use flume::Sender;
use netring::{Config, NetRing};
use service::cores::{self, Plan};
use service::exit::Fatal;
use service::lifecycle::{Shutdown, State};
use std::net::SocketAddr;

fn plan(count: u16, listen: SocketAddr) -> Plan {
    Plan { count, listen, shutdown: Shutdown::default() }
}

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Runs cores that listen until they are told to stop. Once all serve, `announced` is told where.
fn serve(plan: &Plan, announced: impl FnOnce(SocketAddr)) -> Result<(), Fatal> {
    serve_seeing(plan, || {}, announced)
}

/// The same; each core begins with `see`.
fn serve_seeing(
    plan: &Plan,
    see: impl Fn() + Clone + Send + 'static,
    announced: impl FnOnce(SocketAddr),
) -> Result<(), Fatal> {
    let core = |id| {
        let (plan, see) = (plan.clone(), see.clone());
        Ok(move |address, started| {
            see();
            run(id, plan, address, started)
        })
    };
    let announce = |bound| {
        announced(bound);
        Ok(())
    };
    cores::run(plan, core, announce)
}

async fn run(
    id: u16,
    plan: Plan,
    address: SocketAddr,
    started: Sender<SocketAddr>,
) -> Result<(), Fatal> {
    let config = Config { connections_max: 16, ..Config::default() };
    let (mut ring, bound): (NetRing, _) = cores::listen(id, config, address, &plan)?;
    started.send(bound).unwrap();
    while plan.shutdown.state() == State::Running {
        ring.wait(None).await.unwrap();
        while ring.next_event().is_some() {}
    }
    Ok(())
}
