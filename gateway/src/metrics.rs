//! What the gateway counts: one table, one set of cells a core, rendered for Prometheus.
//!
//! A core writes its own set only and pays a load and a store for it. A new metric is a line of the table.

mod cell;
mod labels;
mod render;

pub use cell::{Counter, Counters, Gauge, Histogram, Label};
pub use labels::{CloseReason, CopyStage, DropReason};

use render::{Desc, render};
use std::sync::Arc;
use std::time::Instant;
use wire::RefusalCode;

macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $field:ident: $type:ty = $name:literal, $per_core:ident;)+) => {
        /// The cells of one core.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct CoreMetrics {$(
            $(#[doc = $help])+
            pub $field: $type,
        )+}

        fn render_all(cores: &[Arc<CoreMetrics>], out: &mut String) {
            $(
                let desc = Desc { name: $name, help: concat!($($help),+).trim_ascii(), per_core: $per_core };
                let cells: Vec<&$type> = cores.iter().map(|core| &core.$field).collect();
                render(desc, &cells, out);
            )+
        }
    };
}

/// The samples of each core; or their sum.
const CORE: bool = true;
const SUM: bool = false;

metrics! {
    /// Connections open now.
    connections: Gauge = "longline_connections", CORE;
    /// Users with at least one device logged in now.
    users_online: Gauge = "longline_users_online", CORE;
    /// Logins that succeeded.
    logins: Counter = "longline_logins_total", SUM;
    /// Frames received.
    frames_in: Counter = "longline_frames_in_total", CORE;
    /// Frames sent.
    frames_out: Counter = "longline_frames_out_total", CORE;
    /// Bytes received.
    bytes_in: Counter = "longline_in_bytes_total", CORE;
    /// Bytes sent.
    bytes_out: Counter = "longline_out_bytes_total", CORE;
    /// Messages that clients asked to send, retries included.
    sends: Counter = "longline_sends_total", CORE;
    /// Sends acknowledged: durable.
    acks: Counter = "longline_acks_total", CORE;
    /// Messages pushed to devices, repeats included.
    pushes: Counter = "longline_pushes_total", CORE;
    /// Pushes that were repeats.
    push_retransmits: Counter = "longline_push_retransmits_total", CORE;
    /// Requests refused, by code.
    refusals: Counters<RefusalCode> = "longline_refusals_total", SUM;
    /// Connections closed, by reason.
    closes: Counters<CloseReason> = "longline_closes_total", SUM;
    /// Deliveries that did not go out, by reason; the inbox has them.
    deliveries_dropped: Counters<DropReason> = "longline_deliveries_dropped_total", SUM;
    /// Bytes of bodies copied in user space, by stage.
    body_copies_bytes: Counters<CopyStage> = "longline_body_copies_bytes_total", SUM;
    /// Batches that the store made durable.
    commits: Counter = "longline_commits_total", CORE;
    /// Rows in them.
    commit_rows: Counter = "longline_commit_rows_total", CORE;
    /// From handing a batch to the store until it was durable.
    commit_seconds: Histogram = "longline_commit_seconds", SUM;
    /// Batches and reads that the store has and has not answered.
    store_in_flight: Gauge = "longline_store_in_flight", CORE;
    /// 1 while the store cannot write: no room, or failing.
    store_failing: Gauge = "longline_store_failing", CORE;
    /// Messages that the shard has taken and not answered.
    shard_in_flight: Gauge = "longline_shard_in_flight", CORE;
    /// 1 once the core's shard is open and the core listens.
    shard_ready: Gauge = "longline_shard_ready", CORE;
    /// Times that a mailbox between cores was full.
    mailbox_full: Counter = "longline_mailbox_full_total", CORE;
    /// Calls of io_uring_enter.
    ring_enters: Counter = "longline_ring_enters_total", CORE;
    /// Chunks that the ring received.
    ring_recv_chunks: Counter = "longline_ring_recv_chunks_total", CORE;
    /// Sends that the ring started.
    ring_sends: Counter = "longline_ring_sends_total", CORE;
    /// Receives that ended because every buffer was in use.
    ring_out_of_buffers: Counter = "longline_ring_out_of_buffers_total", CORE;
    /// Times that the ring slept.
    ring_sleeps: Counter = "longline_ring_sleeps_total", CORE;
    /// When the core last went round, in ms of the process's age.
    last_tick_ms: Gauge = "longline_last_tick_milliseconds", CORE;
}

/// The cells of all cores.
#[derive(Debug)]
pub struct Metrics {
    started: Instant,
    cores: Box<[Arc<CoreMetrics>]>,
}

impl Metrics {
    /// For this many cores.
    #[must_use]
    pub fn new(cores: usize) -> Self {
        assert!(cores > 0, "a gateway has a core");
        Self {
            started: Instant::now(),
            cores: (0..cores).map(|_| Arc::new(CoreMetrics::default())).collect(),
        }
    }

    /// The cells of one core, for its own thread to write.
    #[must_use]
    pub fn core(&self, core: usize) -> Arc<CoreMetrics> {
        self.cores[core].clone()
    }

    /// The cells of all cores, to read.
    #[must_use]
    pub fn cores(&self) -> &[Arc<CoreMetrics>] {
        &self.cores
    }

    /// The process's age in ms: the clock of [`CoreMetrics::last_tick_ms`].
    #[must_use]
    pub fn age_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).expect("no process lives so long")
    }

    /// Everything, as Prometheus reads it.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(16 * 1024);
        render_all(&self.cores, &mut out);
        out
    }
}
