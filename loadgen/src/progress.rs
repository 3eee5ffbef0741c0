//! What a person sees while it runs: one line that changes on a terminal, a line a second elsewhere. On stderr, so that
//! stdout has the result alone.

use crate::run::Second;
use crate::units;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// The line.
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins with a line.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
            bar.set_style(style.expect("the template is constant"));
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        let new = Self { bar };
        new.say(text);
        new
    }

    /// Says what is going on.
    pub fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None => eprintln!("{text}"),
        }
    }

    /// A second is over.
    pub fn second(&self, nth: usize, second: &Second) {
        let Second { sent, acked, delivered, refused, logged_in, e2e, lag } = second;
        let [p50, p99] = [0.5, 0.99].map(|quantile| units::latency(e2e.quantile(quantile)));
        let lag = units::latency(lag.quantile(0.99));
        self.say(&format!(
            "{nth:>4} s  sent {sent}/s  acked {acked}/s  delivered {delivered}/s  e2e p50 {p50} p99 {p99}  \
             lag p99 {lag}  refused {refused}  logged in {logged_in}"
        ));
    }

    /// Makes room for the result.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
