//! What a node counts. A new metric is a line of the table.

use link::LinkDrop;
use service::metrics::{Counter, Counters, Gauge, Histogram, Label};
use wire::RefusalCode;

/// The cells of all cores.
pub type Metrics = service::metrics::Metrics<CoreMetrics>;

service::table! {
    /// The cells of one core.
    CoreMetrics {
        /// Partitions held.
        partitions: Gauge = "longline_logic_partitions", CORE;
        /// Links to entries of gateways and to other nodes that are authenticated.
        links: Gauge = "longline_logic_links", CORE;
        /// Links that were refused: a wrong secret, another cluster, another version.
        links_refused: Counter = "longline_logic_links_refused_total", SUM;
        /// Commands that entries handed in, repeats included.
        commands: Counter = "longline_logic_commands_total", CORE;
        /// Commands for partitions that are not served here; the entry sends them on.
        not_here: Counter = "longline_logic_not_here_total", CORE;
        /// Messages acknowledged: durable.
        acks: Counter = "longline_logic_acks_total", CORE;
        /// Commands refused, by code.
        refusals: Counters<RefusalCode> = "longline_logic_refusals_total", SUM;
        /// Items that a link did not take, or that were of a later release, by reason; what matters is said again.
        dropped: Counters<Reason> = "longline_logic_dropped_total", SUM;
        /// Batches that the store made durable.
        commits: Counter = "longline_logic_commits_total", CORE;
        /// Rows in them.
        commit_rows: Counter = "longline_logic_commit_rows_total", CORE;
        /// From handing a batch to the store until it was durable.
        commit_seconds: Histogram = "longline_logic_commit_seconds", SUM;
        /// Batches and reads that stores have and have not answered.
        store_in_flight: Gauge = "longline_logic_store_in_flight", CORE;
        /// Messages that shards have taken and not answered.
        in_flight: Gauge = "longline_logic_in_flight", CORE;
        /// How far the farthest clock that this node hears is from its own, whichever way.
        clock_apart_ms: Gauge = "longline_logic_clock_apart_milliseconds", SUM;
        /// 1 while more than half of all clocks say that this node's is wrong.
        clock_wrong: Gauge = "longline_logic_clock_wrong", SUM;
        /// 1 once the core listens.
        ready: Gauge = "longline_logic_ready", CORE;
        /// When the core last went round, in ms of the process's age.
        last_tick_ms: Gauge = "longline_logic_last_tick_milliseconds", CORE;
    }
}

service::table! {
    /// What is of the process and not of a core; filled in when it is asked for.
    ProcessCells {
        /// For how long the lease is still good.
        lease_valid_ms: Gauge = "longline_logic_lease_valid_milliseconds", SUM;
        /// 1 while the CQL store does not answer.
        breaker_open: Gauge = "longline_logic_breaker_open", SUM;
        /// 1 while Redis does not answer; nothing waits for it.
        routes_breaker_open: Gauge = "longline_logic_routes_breaker_open", SUM;
        /// Statements sent to the CQL store, repeats included.
        cql_statements: Counter = "longline_logic_cql_statements_total", SUM;
        /// CPU time of the process.
        cpu_milliseconds: Counter = "longline_logic_cpu_milliseconds_total", SUM;
    }
}

/// Why an item came to nothing, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason(pub LinkDrop);

impl Label for Reason {
    const NAME: &'static str = "reason";
    const ALL: &'static [Self] = &[
        Self(LinkDrop::NoLink),
        Self(LinkDrop::SignalsFull),
        Self(LinkDrop::PushesFull),
        Self(LinkDrop::MailFull),
        Self(LinkDrop::Unknown),
    ];

    fn text(self) -> String {
        let text = match self.0 {
            LinkDrop::NoLink => "no_link",
            LinkDrop::SignalsFull => "signals_full",
            LinkDrop::PushesFull => "pushes_full",
            LinkDrop::MailFull => "mail_full",
            LinkDrop::Unknown => "unknown",
        };
        text.to_owned()
    }

    fn index(self) -> usize {
        let index = Self::ALL.iter().position(|reason| *reason == self);
        index.expect("ALL has every reason")
    }
}
