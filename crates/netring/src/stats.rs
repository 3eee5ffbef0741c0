//! Counters of a net ring, since it was made. They know no rates.

/// A snapshot of the counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Calls of `io_uring_enter`.
    pub enters: u64,
    /// Completions taken off the rings.
    pub completions: u64,
    /// Chunks received.
    pub recv_chunks: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Bytes the kernel took.
    pub bytes_out: u64,
    /// Sends started.
    pub sends: u64,
    /// Receives armed again because the kernel had ended them.
    pub recv_rearms: u64,
    /// Receives that ended because every buffer was in use.
    pub out_of_buffers: u64,
    /// Times a wait gave up the processor.
    pub sleeps: u64,
    /// How many of those sleeps handed the thread to the glommio executor.
    pub parks: u64,
    /// Wakes seen.
    pub wakes: u64,
}

impl Stats {
    pub(crate) fn add(&mut self, other: &Stats) {
        self.enters += other.enters;
        self.completions += other.completions;
        self.recv_chunks += other.recv_chunks;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.sends += other.sends;
        self.recv_rearms += other.recv_rearms;
        self.out_of_buffers += other.out_of_buffers;
        self.sleeps += other.sleeps;
        self.parks += other.parks;
        self.wakes += other.wakes;
    }
}
