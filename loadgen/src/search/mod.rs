//! `search`: the highest rate at which all holds, and the curve around it. Each rate is a run like any other; here they
//! are chosen and put together.

mod bracket;
mod page;

use crate::failure::{self, Failure};
use crate::histograms::Brief;
use crate::report::Report;
use crate::run::{RunArgs, Runs};
use crate::units::{latency, number};
use crate::verdict::Verdict;
use bracket::{Bracket, End, Held, round};
use serde::Serialize;
use std::path::Path;

/// Raised when a field of `search.json` changes its meaning or goes.
const SEARCH_VERSION: u32 = 1;
/// Why a rate says nothing of the server.
const LIMITED: &str = "the generator or the machine is the limit";
/// Rates of the curve, as parts of the one that was found.
const CURVE: [f64; 5] = [0.5, 0.7, 0.9, 1.0, 1.1];

/// Finds the highest rate at which every bound of --slo holds, no promise is broken, the backlog
/// does not grow, and the generator has time to spare; then measures at 50 to 110 % of it.
///
/// Takes the options of `run`: --rate is the first that is tried, --duration the time of each run.
#[derive(Clone, Debug, clap::Args)]
pub struct SearchArgs {
    #[command(flatten)]
    run: RunArgs,
    /// The highest rate to try.
    #[arg(long, default_value_t = 1_000_000.0)]
    rate_max: f64,
    /// End when the rate is known to this part of it, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0)]
    within: f64,
}

/// `search.json`, and what is printed.
#[derive(Debug, Serialize)]
struct Found {
    /// [`SEARCH_VERSION`].
    version: u32,
    /// The highest rate that holds, messages a second.
    rate: Option<f64>,
    /// Why the search ended there.
    end: End,
    /// The runs that were tried, in order.
    tried: Vec<Point>,
    /// At [`CURVE`] of the rate.
    curve: Vec<Point>,
}

/// A run of a search.
#[derive(Debug, Serialize)]
struct Point {
    /// Messages a second that were due.
    rate: f64,
    held: Held,
    verdict: Verdict,
    reasons: Vec<String>,
    /// Messages a second that were delivered.
    throughput_per_s: f64,
    /// Due to recipient.
    e2e_ns: Brief,
    server_cpu_us_per_message: Option<f64>,
}

/// Searches, reports, and says with which code to end.
///
/// # Errors
/// There is no result: a run could not be, or broke a promise.
pub fn search(args: &SearchArgs) -> Result<u8, Failure> {
    args.check()?;
    let plan = args.run.first_plan()?;
    let out = args.run.prepare(&plan)?;
    let mut runs = Runs::new(&args.run.target, out.map(Path::to_path_buf))?;
    let mut found = Found {
        version: SEARCH_VERSION,
        rate: None,
        end: End::None,
        tried: Vec::new(),
        curve: Vec::new(),
    };
    let mut bracket = Bracket::new(args.run.rate, args.rate_max, args.within / 100.0);
    let mut ended = None;
    while let Some(rate) = bracket.rate() {
        let (point, stop) = args.try_rate(&mut runs, rate)?;
        bracket.on_run(point.held);
        found.tried.push(point);
        if stop.is_some() {
            ended = stop;
            break;
        }
    }
    if let Some((end, rate)) = bracket.end() {
        (found.end, found.rate) = (end, rate);
    }
    for part in CURVE {
        let Some(rate) = found.rate.filter(|_| ended.is_none()) else { break };
        let (point, stop) = args.try_rate(&mut runs, round(rate * part))?;
        found.curve.push(point);
        ended = stop;
    }
    runs.end();
    if let Some(out) = out {
        let wrote = found.write(out);
        wrote.map_err(|error| Failure::preflight(&format!("write to {}", out.display()), error))?;
    }
    crate::report::print(&found.table(), out.map(|out| out.join("search.html")).as_deref());
    Ok(ended.map_or_else(|| found.exit_code(), Verdict::exit_code))
}

impl SearchArgs {
    fn check(&self) -> Result<(), Failure> {
        let usage = |what: &str| Err(Failure::Usage(format!("{what}; see loadgen search --help")));
        if !(0.1..=100.0).contains(&self.within) {
            return usage("--within must be 0.1 to 100 percent");
        }
        if self.run.is_closed_loop() {
            return usage("a closed loop has no rate to keep: leave out --window");
        }
        if self.rate_max < 1.0 {
            return usage("--rate-max must be at least 1");
        }
        Ok(())
    }

    /// A run at a rate; and a verdict after which there is nothing to search for.
    fn try_rate(&self, runs: &mut Runs, rate: f64) -> Result<(Point, Option<Verdict>), Failure> {
        eprintln!("at {} messages/s", number(rate));
        let report = runs.run(self.run.at_rate(rate).plan()?)?;
        let point = Point::new(rate, &report);
        let is_over = [Verdict::Broken, Verdict::TargetDown, Verdict::Interrupted];
        let stop = Some(point.verdict).filter(|verdict| is_over.contains(verdict));
        eprintln!("at {} messages/s: {}", number(rate), point.verdict.name());
        Ok((point, stop))
    }
}

impl Point {
    fn new(rate: f64, report: &Report) -> Self {
        let summary = &report.summary;
        let held = if summary.verdict == Verdict::Valid {
            Held::Yes
        } else if summary.verdict.is_untold() {
            Held::Untold
        } else {
            Held::No
        };
        Self {
            rate,
            held,
            verdict: summary.verdict,
            reasons: summary.verdict_reasons.clone(),
            throughput_per_s: summary.throughput_per_s,
            e2e_ns: summary.e2e_ns,
            server_cpu_us_per_message: summary.server.cpu_us_per_message,
        }
    }
}

impl Found {
    /// For a person.
    fn table(&self) -> String {
        let mut lines = vec![self.headline()];
        let mut rows = |title: &str, points: &[Point]| {
            lines.push(format!(
                "{title:<12} {:>10} {:>10} {:>12} {:>12} {:>12} {:>10}  verdict",
                "rate/s", "delivered", "e2e p50", "p99", "p99.9", "CPU us"
            ));
            lines.extend(points.iter().map(Point::row));
        };
        rows("tried", &self.tried);
        if !self.curve.is_empty() {
            rows("curve", &self.curve);
        }
        lines.push(String::new());
        lines.join("\n")
    }

    fn headline(&self) -> String {
        let what = match (self.rate.map(number), self.end) {
            (Some(rate), End::AtMax) => {
                format!("{rate} messages/s hold, the most that was to be tried")
            }
            (Some(rate), End::Unmeasurable) => {
                format!(
                    "{rate} messages/s hold; above, the figures are not the server's: {LIMITED}"
                )
            }
            (Some(rate), _) => format!("{rate} messages/s hold, and no more"),
            (None, End::Unmeasurable) => format!("no rate could be measured: {LIMITED}"),
            (None, _) => "no rate holds".into(),
        };
        format!("search       {what}")
    }

    fn write(&self, out: &Path) -> std::io::Result<()> {
        let mut json = serde_json::to_string_pretty(self)?;
        json.push('\n');
        std::fs::write(out.join("search.json"), json)?;
        std::fs::write(out.join("search.html"), page::page(self))
    }

    fn exit_code(&self) -> u8 {
        match (self.end, self.rate) {
            (End::Found | End::AtMax, _) => failure::PASS,
            (End::Unmeasurable, _) => failure::GENERATOR_LIMITED,
            (End::None, _) => failure::SLO_MISSED,
        }
    }
}

impl Point {
    fn row(&self) -> String {
        let Self { rate, throughput_per_s, e2e_ns, verdict, reasons, .. } = self;
        let [p50, p99, p999] = [e2e_ns.p50, e2e_ns.p99, e2e_ns.p999].map(latency);
        let cpu = self.server_cpu_us_per_message;
        let cpu = cpu.map_or_else(|| "unknown".into(), |us| format!("{us:.1}"));
        let [rate, throughput] = [rate, throughput_per_s].map(|value| number(*value));
        let why = reasons.first().map_or_else(String::new, |why| format!(": {why}"));
        format!(
            "{:<12} {rate:>10} {throughput:>10} {p50:>12} {p99:>12} {p999:>12} {cpu:>10}  {}{why}",
            "",
            verdict.name()
        )
    }
}
