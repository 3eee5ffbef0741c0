//! Who is told what happens to connections. It does nothing.

use client::machine::Event;

/// Told what happens to connections, by their place in the fleet.
pub trait Observer {
    /// A session's event, at a monotonic time.
    fn event(&mut self, index: usize, now_ns: u64, event: Event<'_>);
    /// A session is logged in, so long after its connection was begun.
    fn logged_in(&mut self, index: usize, took_ns: u64);
    /// A session wrote frames by its timer: sends that are repeated, heartbeats.
    fn wrote_by_timer(&mut self, index: usize, now_ns: u64, frames: &[u8]);
    /// The server's bytes are no frame.
    fn damaged(&mut self, index: usize, why: &str);
    /// A connection that was logged in, or on its way there, is gone.
    fn lost(&mut self, index: usize, was_logged_in: bool, why: &str);
}
