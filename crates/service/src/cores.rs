//! Starts one executor a core, each with a ring that listens on the same address, and waits
//! until all have ended.

use crate::environment;
use crate::exit::Fatal;
use crate::lifecycle::Shutdown;
use flume::Sender;
use glommio::{ExecutorJoinHandle, LocalExecutorBuilder, Placement};
use netring::NetRing;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

/// Connections that the kernel holds for a core before it accepts them.
pub const BACKLOG: i32 = 4096;
/// How often a busy ring gives its executor a turn. Nothing else runs on that executor, so rarely:
/// compared with the ring's default of half a millisecond, this saved 9 % of the CPU of a message
/// at 2,000/s.
pub const RING_TICK: Duration = Duration::from_millis(20);

/// Executors for `asked`; 0: one for each CPU that this process may use, by its affinity and by the
/// share of time that its control group has.
#[must_use]
pub fn count(asked: u16) -> u16 {
    let available = std::thread::available_parallelism().map_or(1, NonZero::get);
    if asked == 0 { u16::try_from(available).unwrap_or(u16::MAX) } else { asked }
}

/// Cores of a process, and the address that they share.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many.
    pub count: u16,
    /// Where they listen; port 0: one that is free.
    pub listen: SocketAddr,
    /// Stops all when one fails.
    pub shutdown: Shutdown,
}

/// Starts the cores, announces the address once all of them serve, and returns when all have
/// stopped. `core` makes what a core runs. What it makes is given a sender, and sends its address
/// once it listens.
///
/// # Errors
/// What the machine lacks, or a core could not do.
pub fn run<Run, Running>(
    plan: &Plan,
    mut core: impl FnMut(u16) -> Result<Run, Fatal>,
    announce: impl FnOnce(SocketAddr) -> Result<(), Fatal>,
) -> Result<(), Fatal>
where
    Run: FnOnce(SocketAddr, Sender<SocketAddr>) -> Running + Send + 'static,
    Running: Future<Output = Result<(), Fatal>> + 'static,
{
    environment::prepare()?;
    let mut placements = placements(plan.count, &environment::cpus()).into_iter();
    let mut listen = plan.listen;
    let mut threads = Vec::with_capacity(plan.count.into());
    let mut serving = 0;
    for id in 0..plan.count {
        let (started, address) = flume::bounded(1);
        let placement = placements.next().expect("one a core");
        threads.push(spawn(plan, (id, placement), core(id)?, (listen, started))?);
        match address.recv() {
            Ok(bound) => listen = bound,
            // It ended before it listened: its result says why.
            Err(_) => break,
        }
        serving += 1;
    }
    let mut result = if serving == plan.count { announce(listen) } else { Ok(()) };
    if serving < plan.count || result.is_err() {
        plan.shutdown.stop();
    }
    for thread in threads {
        let ended = thread.join().unwrap_or_else(|e| Err(Fatal::Environment(e.to_string())));
        result = result.and(ended);
    }
    result
}

/// Each core on a CPU of its own, if the process was given exactly as many. With more, the kernel
/// chooses among them: other processes may have been given the same ones, and would choose alike.
fn placements(count: u16, cpus: &[usize]) -> Vec<Placement> {
    let count = usize::from(count);
    if count > cpus.len() {
        tracing::warn!(
            cores = count,
            cpus = cpus.len(),
            "more cores than CPUs that this process may use: they share them; give fewer, or allow it more"
        );
    }
    if count == cpus.len() {
        cpus.iter().map(|cpu| Placement::Fixed(*cpu)).collect()
    } else {
        vec![Placement::Unbound; count]
    }
}

fn spawn<Run, Running>(
    plan: &Plan,
    (id, placement): (u16, Placement),
    run: Run,
    (listen, started): (SocketAddr, Sender<SocketAddr>),
) -> Result<ExecutorJoinHandle<Result<(), Fatal>>, Fatal>
where
    Run: FnOnce(SocketAddr, Sender<SocketAddr>) -> Running + Send + 'static,
    Running: Future<Output = Result<(), Fatal>> + 'static,
{
    let shutdown = plan.shutdown.clone();
    LocalExecutorBuilder::new(placement)
        .name(&format!("core-{id}"))
        .spawn(move || async move {
            let ended = run(listen, started).await;
            if ended.is_err() {
                // Threads are joined in order, so nobody would notice this end before the cores
                // joined earlier have ended: all are told to stop now.
                shutdown.stop();
            }
            ended
        })
        .map_err(|e| Fatal::Environment(format!("could not start core {id}: {e}")))
}

/// Makes a core's ring and lets it listen: the first alone, so that no other process has the
/// address, the others beside it. It is woken when the state of the process changes. Returns the
/// ring and its address.
///
/// # Errors
/// The environment does not offer it.
pub fn listen(
    id: u16,
    config: netring::Config,
    address: SocketAddr,
    plan: &Plan,
) -> Result<(NetRing, SocketAddr), Fatal> {
    let open = || {
        let mut ring = NetRing::new(config)?;
        if id == 0 {
            let bound = ring.listen(address, BACKLOG)?;
            return Ok((ring, bound));
        }
        let bound = ring.listen_beside(address, BACKLOG)?;
        if id + 1 == plan.count {
            ring.spread(plan.count.into())?;
        }
        Ok((ring, bound))
    };
    let (ring, bound) = open().map_err(|e: netring::Error| Fatal::Environment(e.to_string()))?;
    let waker = ring.waker();
    plan.shutdown.subscribe(Arc::new(move || waker.wake()));
    Ok((ring, bound))
}
