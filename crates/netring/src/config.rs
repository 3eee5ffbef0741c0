//! What a net ring is told, and what that means: how many tables of which size. It knows nothing
//! of the kernel's structures.

use std::time::Duration;

use crate::error::Error;
use crate::limits::{
    BUFFER_COUNT_MAX, BUFFER_SIZE_MAX, QUEUE_DEPTH_MAX, QUEUE_DEPTH_MIN, TABLE_SIZE_DEFAULT_MAX,
    TABLE_SIZE_MAX, TABLES_MAX, TICK_DEFAULT, TICK_MAX,
};

/// Sizes of a net ring. Memory of one table: up to `buffer_count * buffer_size` bytes of receive
/// buffers (fewer while the load needs fewer), and about `queue_depth * 128` bytes of queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Connections in all, accepted and made.
    pub connections_max: usize,
    /// Connections in one ring's file table, which the kernel caps at `RLIMIT_NOFILE`. There are
    /// `ceil(connections_max / table_size_max)` rings.
    pub table_size_max: usize,
    /// Receive buffers of one table, a power of two.
    pub buffer_count: u16,
    /// Bytes of one receive buffer, and so the most one chunk holds.
    pub buffer_size: u32,
    /// Submission entries of one ring, a power of two.
    pub queue_depth: u32,
    /// A peer that shuts down its side only is said to have ended ([`crate::Event::Ended`]), and can still be sent to. If
    /// not, its connection is over.
    pub keeps_half_open: bool,
    /// How often a busy net ring lets other tasks of its executor run; a second at most. They wait
    /// for up to two ticks. If there are no other tasks, a longer tick costs less CPU.
    pub tick: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            table_size_max: table_size_default(descriptors_max()),
            buffer_count: 512,
            buffer_size: 4_096,
            queue_depth: 1_024,
            keeps_half_open: false,
            tick: TICK_DEFAULT,
        }
    }
}

/// A checked [`Config`].
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Slots of each table, in order.
    pub table_sizes: Vec<u32>,
    pub buffer_count: u16,
    pub buffer_size: u32,
    pub queue_depth: u32,
    pub connections_max: usize,
    pub keeps_half_open: bool,
    pub tick: Duration,
}

impl Plan {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let Config { connections_max, table_size_max, .. } = *config;
        check("connections_max", connections_max, connections_max > 0, "at least 1")?;
        let table_fits = (1..=TABLE_SIZE_MAX).contains(&table_size_max);
        check("table_size_max", table_size_max, table_fits, "from 1 to 2^20")?;
        let count = usize::from(config.buffer_count);
        let count_fits = count.is_power_of_two() && config.buffer_count <= BUFFER_COUNT_MAX;
        check("buffer_count", count, count_fits, "a power of two, at most 2^15")?;
        let size = config.buffer_size as usize;
        let size_fits = (64..=BUFFER_SIZE_MAX).contains(&config.buffer_size);
        check("buffer_size", size, size_fits, "from 64 to 65536")?;
        let depth = config.queue_depth as usize;
        let depth_fits = depth.is_power_of_two()
            && (QUEUE_DEPTH_MIN..=QUEUE_DEPTH_MAX).contains(&(config.queue_depth));
        check("queue_depth", depth, depth_fits, "a power of two, from 8 to 2^15")?;
        let tick_us = usize::try_from(config.tick.as_micros()).unwrap_or(usize::MAX);
        let tick_fits = tick_us > 0 && config.tick <= TICK_MAX;
        check("tick", tick_us, tick_fits, "from a microsecond to a second")?;
        let tables = connections_max.div_ceil(table_size_max);
        let tables_fit = tables <= TABLES_MAX;
        check("connections_max", connections_max, tables_fit, "at most 4096 * table_size_max")?;

        let mut left = connections_max;
        let mut table_sizes = Vec::with_capacity(tables);
        while left > 0 {
            let size = left.min(table_size_max);
            table_sizes.push(u32::try_from(size).expect("at most 2^20, checked above"));
            left -= size;
        }
        Ok(Self {
            table_sizes,
            buffer_count: config.buffer_count,
            buffer_size: config.buffer_size,
            queue_depth: config.queue_depth,
            connections_max,
            keeps_half_open: config.keeps_half_open,
            tick: config.tick,
        })
    }
}

fn check(
    field: &'static str,
    value: usize,
    fits: bool,
    expected: &'static str,
) -> Result<(), Error> {
    if fits { Ok(()) } else { Err(Error::Config { field, value: value as u64, expected }) }
}

/// Seven tenths of the descriptor limit. A table may be as large as the limit, and its entries do
/// not count against it; the rest is a margin for everything else that the process opens.
fn table_size_default(descriptors_max: usize) -> usize {
    (descriptors_max / 10 * 7).clamp(1, TABLE_SIZE_DEFAULT_MAX)
}

#[allow(unsafe_code, reason = "the standard library does not read resource limits")]
fn descriptors_max() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid rlimit that outlives the call.
    let code = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    // POSIX promises no failure for a known resource; 1,024 is Linux's default limit.
    if code == 0 { usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX) } else { 1_024 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_split_the_total() {
        let config = Config { connections_max: 30, table_size_max: 14, ..Config::default() };
        assert_eq!(Plan::new(&config).unwrap().table_sizes, [14, 14, 2]);
        assert_eq!(table_size_default(20_000), 14_000);
        assert_eq!(table_size_default(1_024), 714);
    }

    #[test]
    fn wrong_values_name_their_field() {
        let base = Config::default();
        let bad = [
            (Config { connections_max: 0, ..base.clone() }, "connections_max"),
            (Config { table_size_max: 0, ..base.clone() }, "table_size_max"),
            (Config { buffer_count: 500, ..base.clone() }, "buffer_count"),
            (Config { buffer_size: 1, ..base.clone() }, "buffer_size"),
            (Config { queue_depth: 1000, ..base.clone() }, "queue_depth"),
            (
                Config { connections_max: 5_000, table_size_max: 1, ..base.clone() },
                "connections_max",
            ),
            (Config { tick: Duration::ZERO, ..base.clone() }, "tick"),
            (Config { tick: Duration::from_secs(2), ..base }, "tick"),
        ];
        for (config, name) in bad {
            let error = Plan::new(&config).unwrap_err();
            assert!(matches!(error, Error::Config { field, .. } if field == name), "{error}");
        }
    }
}
