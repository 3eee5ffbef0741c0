//! What the gateway counts. A new metric is a line of the table.

mod labels;

pub use labels::{ApiResult, CloseReason, CopyStage, DropReason};

use std::sync::{Arc, OnceLock};

use service::metrics::{Counter, Counters, Gauge, Histogram};
use wire::RefusalCode;

/// Of each core's store, the first file that could not be read, once there is one.
pub type FirstDamage = Arc<[OnceLock<String>]>;

/// The cells of all cores.
pub type Metrics = service::metrics::Metrics<CoreMetrics>;

service::table! {
    /// The cells of one core.
    CoreMetrics {
        /// Connections open now.
        connections: Gauge = "longline_connections", CORE;
        /// Users with at least one device logged in now.
        users_online: Gauge = "longline_users_online", CORE;
        /// Logins that succeeded.
        logins: Counter = "longline_logins_total", SUM;
        /// Connections that became WebSockets.
        upgrades: Counter = "longline_upgrades_total", SUM;
        /// HTTP calls with a token: polls, logins and requests of clients without a WebSocket.
        calls: Counter = "longline_calls_total", SUM;
        /// Calls of business systems, by what came of them.
        api_calls: Counters<ApiResult> = "longline_api_calls_total", SUM;
        /// Polls that wait for a message.
        polls_waiting: Gauge = "longline_polls_waiting", CORE;
        /// TLS handshakes that were done.
        tls_handshakes: Counter = "longline_tls_handshakes_total", SUM;
        /// TLS handshakes that wait for the next turn of their core.
        tls_waiting: Gauge = "longline_tls_handshakes_waiting", CORE;
        /// When the certificate's time is over, in Unix seconds; 0 without TLS.
        tls_expires_s: Gauge = "longline_tls_certificate_expires_seconds", SUM;
        /// 1 while the files of the certificate cannot be used, and the one before is kept.
        tls_stale: Gauge = "longline_tls_certificate_stale", SUM;
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
        /// Signals written to clients: never stored, acknowledged or repeated.
        signals: Counter = "longline_signals_total", CORE;
        /// Signals of clients that were over a rate, and dropped.
        signals_refused: Counter = "longline_signals_refused_total", CORE;
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
        /// 1 while the store has no room: it refuses, and goes on by itself.
        store_full: Gauge = "longline_store_full", CORE;
        /// Files of the store's index that cannot be read; what is in them is refused, the rest is served.
        store_damaged: Gauge = "longline_store_damaged_files", CORE;
        /// Logins whose device had inbox rows that the inbox has not: the data directory was put back, or a client lies.
        forked_logins: Counter = "longline_forked_logins_total", SUM;
        /// Messages that the shard has taken and not answered.
        shard_in_flight: Gauge = "longline_shard_in_flight", CORE;
        /// 1 once the core's shard is open and the core listens.
        shard_ready: Gauge = "longline_shard_ready", CORE;
        /// Partitions whose owner is known, linked and has its store; without shards here only.
        partitions_reachable: Gauge = "longline_partitions_reachable", CORE;
        /// Nodes that other nodes reach and this core has not reached for 10 s: clients are better off elsewhere.
        nodes_missed: Gauge = "longline_nodes_missed", CORE;
        /// How far the farthest node's clock is from this process's, whichever way.
        clock_apart_ms: Gauge = "longline_clock_apart_milliseconds", SUM;
        /// 1 while more than half of all clocks say that this process's is wrong.
        clock_wrong: Gauge = "longline_clock_wrong", SUM;
        /// 1 while the canary's last message was not acked and pushed in time.
        canary_failing: Gauge = "longline_canary_failing", CORE;
        /// When delivery was last known to work, in ms of the process's age; 0 before it was tried.
        canary_ok_ms: Gauge = "longline_canary_ok_milliseconds", CORE;
        /// Notifications that the receiver of offline push has taken.
        pushes_taken: Counter = "longline_push_taken_total", CORE;
        /// Notifications that it did not take, and that were given up: /push/dead lists them.
        pushes_dead: Counter = "longline_push_dead_total", CORE;
        /// Requests to it that failed.
        push_failures: Counter = "longline_push_failures_total", CORE;
        /// Requests to it, from the first byte until the answer was read.
        push_request_seconds: Histogram = "longline_push_request_seconds", SUM;
        /// Notifications that wait for it.
        push_waiting: Gauge = "longline_push_waiting", CORE;
        /// How long the oldest of them has waited.
        push_oldest_ms: Gauge = "longline_push_oldest_milliseconds", CORE;
        /// 1 while it takes nothing, and one notification at a time is tried.
        push_broken: Gauge = "longline_push_broken", CORE;
        /// Users in memory because they may be owed a notification.
        push_owing: Gauge = "longline_push_owing", CORE;
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
}
