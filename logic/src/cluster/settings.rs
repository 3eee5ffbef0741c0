//! How long leases are and how often tables are read. It does not know where the values come from.

use shard::limits::PARTITIONS;

/// The same on every node of a cluster. [`Settings::check`] says whether they are safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long a node may commit after it sent its last renewal, in ms on its own clock.
    pub lease_ms: u64,
    /// How long others must have seen a lease unchanged before they end it, in ms on theirs: its length plus a margin
    /// for clocks that run at different rates.
    pub lease_over_ms: u64,
    /// How long a claim waits after the holder's lease was ended, in ms: what the holder had in flight has landed or
    /// failed by then. It saves messages from being written twice; safety does not rest on it.
    pub write_timeout_ms: u64,
    /// Time between renewals, in ms.
    pub renew_every_ms: u64,
    /// Time between reads of the leases, and before what failed is tried again, in ms.
    pub read_every_ms: u64,
    /// Time between reads of the owners, in ms. Bounds how long a lost [`super::Effect::Tell`] matters.
    pub owners_every_ms: u64,
    /// Partitions of this cluster, fixed for its life.
    pub partitions: u16,
}

impl Default for Settings {
    /// A dead node's partitions are claimed at the latest 0.25 (seen) + 5.25 (over) + 1 s (writes) after its last renewal.
    fn default() -> Self {
        Self {
            lease_ms: 5_000,
            lease_over_ms: 5_250,
            write_timeout_ms: 1_000,
            renew_every_ms: 1_500,
            read_every_ms: 250,
            owners_every_ms: 1_000,
            partitions: PARTITIONS,
        }
    }
}

impl Settings {
    /// Whether a cluster is safe with these settings, and can work.
    ///
    /// # Errors
    /// What must change.
    pub fn check(&self) -> Result<(), &'static str> {
        // Monotonic clocks differ by some hundred ppm; 2 % and the rounding to ms leave room for bad ones.
        if self.lease_over_ms < self.lease_ms + self.lease_ms / 50 + 2 {
            return Err("others must count a lease as over 2 % later than its holder does");
        }
        if self.renew_every_ms * 3 > self.lease_ms {
            return Err(
                "a lease must last three renewals, or one slow answer of the store ends it",
            );
        }
        if self.read_every_ms == 0 || self.read_every_ms > self.renew_every_ms {
            return Err(
                "leases must be read at least as often as they are renewed, and not all the time",
            );
        }
        if self.partitions == 0 || self.partitions > PARTITIONS {
            return Err("a cluster has between one partition and all of them");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_safe() {
        assert_eq!(Settings::default().check(), Ok(()));
    }

    #[test]
    fn what_is_unsafe_is_refused() {
        let good = Settings::default();
        assert!(Settings { lease_over_ms: good.lease_ms, ..good }.check().is_err());
        assert!(Settings { renew_every_ms: good.lease_ms / 2, ..good }.check().is_err());
        assert!(Settings { read_every_ms: 0, ..good }.check().is_err());
        assert!(Settings { partitions: 0, ..good }.check().is_err());
    }
}
