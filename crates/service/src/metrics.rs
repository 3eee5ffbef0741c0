//! What a process counts: one table, one set of cells a core, rendered for Prometheus.
//!
//! A core writes its own set only and pays a load and a store for it. A new metric is a line of the table.

mod cell;
mod render;
mod refusals;

pub use cell::{Counter, Counters, Gauge, Histogram, Label};
pub use render::{Desc, Metric, render};

use crate::logging;
use std::sync::Arc;
use std::time::Instant;

/// The samples of each core.
pub const CORE: bool = true;
/// Their sum.
pub const SUM: bool = false;

/// The cells of one core; a table made by [`crate::table`].
pub trait Cells: Default {
    /// Appends every metric of all cores.
    fn render_all(cores: &[Arc<Self>], out: &mut String);
}

/// Makes a struct of cells from a table: help, field, type, name, and whether each core has its own sample.
#[macro_export]
macro_rules! table {
    ($(#[$doc:meta])* $cells:ident { $($(#[doc = $help:literal])+ $field:ident: $type:ty = $name:literal, $per_core:ident;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct $cells {$(
            $(#[doc = $help])+
            pub $field: $type,
        )+}

        impl $crate::metrics::Cells for $cells {
            fn render_all(cores: &[std::sync::Arc<Self>], out: &mut String) {
                $(
                    let help = concat!($($help),+).trim_ascii();
                    let per_core = $crate::metrics::$per_core;
                    let desc = $crate::metrics::Desc { name: $name, help, per_core };
                    let cells: Vec<&$type> = cores.iter().map(|core| &core.$field).collect();
                    $crate::metrics::render(desc, &cells, out);
                )+
            }
        }
    };
}

/// The cells of all cores.
#[derive(Debug)]
pub struct Metrics<C> {
    started: Instant,
    cores: Box<[Arc<C>]>,
}

impl<C: Cells> Metrics<C> {
    /// For this many cores.
    #[must_use]
    pub fn new(cores: usize) -> Self {
        assert!(cores > 0, "a process has a core");
        Self {
            started: Instant::now(),
            cores: (0..cores).map(|_| Arc::new(C::default())).collect(),
        }
    }

    /// The cells of one core, for its own thread to write.
    #[must_use]
    pub fn core(&self, core: usize) -> Arc<C> {
        self.cores[core].clone()
    }

    /// The cells of all cores, to read.
    #[must_use]
    pub fn cores(&self) -> &[Arc<C>] {
        &self.cores
    }

    /// The process's age in ms: the clock of a core's last tick.
    #[must_use]
    pub fn age_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).expect("no process lives so long")
    }

    /// Everything, as Prometheus reads it.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(16 * 1024);
        C::render_all(&self.cores, &mut out);
        let help = "Lines of the log that stderr did not take.";
        let desc = Desc { name: "longline_log_lines_dropped_total", help, per_core: SUM };
        let dropped = Counter::default();
        dropped.add(logging::dropped());
        render(desc, &[&dropped], &mut out);
        out
    }
}
