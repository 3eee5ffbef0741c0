//! The run's data in the formats of other tools: HdrHistogram's interval log and percentile table, and CSV.

use crate::histograms::{Four, Latency};
use crate::run::Second;
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Steps of the percentile table for each halving of the distance to 100 %: HdrHistogram's own default.
const TICKS_PER_HALF: u32 = 5;

/// `lag.hlog`, `lag.hgrm`, and so on for each of the four. Values in ns.
pub(super) fn histograms(out: &Path, four: &Four, seconds: f64) -> io::Result<()> {
    for (name, latency) in four.named() {
        std::fs::write(out.join(format!("{name}.hlog")), interval_log(latency, seconds)?)?;
        std::fs::write(out.join(format!("{name}.hgrm")), percentile_table(latency))?;
    }
    Ok(())
}

fn interval_log(latency: &Latency, seconds: f64) -> io::Result<Vec<u8>> {
    let (mut log, mut serializer) = (Vec::new(), V2Serializer::new());
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment("loadgen, values in ns");
    let mut writer = builder.begin_log_with(&mut log, &mut serializer)?;
    let duration = Duration::from_secs_f64(seconds);
    let written = writer.write_histogram(&latency.0, Duration::ZERO, duration, None);
    written.map_err(|error| io::Error::other(format!("{error:?}")))?;
    Ok(log)
}

fn percentile_table(latency: &Latency) -> String {
    let mut out = format!(
        "{:>14} {:>16} {:>12} {:>16}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    for step in latency.0.iter_quantiles(TICKS_PER_HALF) {
        let (value, quantile) = (step.value_iterated_to(), step.quantile_iterated_to());
        let beyond = 1.0 / (1.0 - quantile);
        let count = latency.0.count_between(0, value);
        writeln!(out, "{value:>14} {quantile:>16.12} {count:>12} {beyond:>16.2}").expect("memory");
    }
    let (mean, deviation, max) = (latency.0.mean(), latency.0.stdev(), latency.0.max());
    let n = latency.0.len();
    writeln!(
        out,
        "#[Mean = {mean:.1}, StdDeviation = {deviation:.1}]\n#[Max = {max}, Total count = {n}]"
    )
    .expect("memory");
    out
}

/// A row a second.
pub(super) fn series(path: &Path, seconds: &[Second]) -> io::Result<()> {
    let mut out = String::from(
        "second,sent,acked,delivered,refused,logged_in,e2e_p50_ns,e2e_p99_ns,e2e_max_ns,lag_p99_ns\n",
    );
    for (nth, second) in (1..).zip(seconds) {
        let Second { sent, acked, delivered, refused, logged_in, e2e, lag } = second;
        let cell = |value: Option<u64>| value.map_or(String::new(), |value| value.to_string());
        let [p50, p99] = [0.5, 0.99].map(|quantile| cell(e2e.quantile(quantile)));
        let (max, lag) = (e2e.0.max(), cell(lag.quantile(0.99)));
        writeln!(
            out,
            "{nth},{sent},{acked},{delivered},{refused},{logged_in},{p50},{p99},{max},{lag}"
        )
        .expect("memory");
    }
    std::fs::write(path, out)
}
