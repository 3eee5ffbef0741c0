//! What is noted of sessions that send nothing.

use crate::fleet::Observer;
use crate::histograms::Latency;
use client::machine::Event;

/// Counts, and the time that logins take.
#[derive(Default)]
pub(super) struct Desk {
    /// From the begin of a connection to its login.
    pub logins: Latency,
    pub heartbeats: u64,
    /// Connections lost after their login.
    pub closes: u64,
    /// Connections lost before.
    pub failures: u64,
    pub lost_why: String,
}

impl Observer for Desk {
    fn event(&mut self, _index: usize, _now_ns: u64, event: Event<'_>) {
        self.heartbeats += u64::from(matches!(event, Event::HeartbeatReply { .. }));
    }

    fn logged_in(&mut self, _index: usize, took_ns: u64) {
        self.logins.record(took_ns);
    }

    fn wrote_by_timer(&mut self, _index: usize, _now_ns: u64, _frames: &[u8]) {}

    /// The connection is lost by it, and counts.
    fn damaged(&mut self, _index: usize, _why: &str) {}

    fn lost(&mut self, _index: usize, was_logged_in: bool, why: &str) {
        self.closes += u64::from(was_logged_in);
        self.failures += u64::from(!was_logged_in);
        why.clone_into(&mut self.lost_why);
    }
}
