//! `compare`: two servers under the same load, in turns A B, B A, and what differs. Each turn is a run like any other.

mod paired;

use crate::failure::{self, Failure};
use crate::out_dir;
use crate::report::{Report, Summary};
use crate::run::RunArgs;
use crate::runs::Runs;
use crate::target::Against;
use crate::units::{number, time};
use crate::verdict::Verdict;
use paired::Difference;
use serde::Serialize;

/// Raised when a field of `compare.json` changes its meaning or goes.
const COMPARE_VERSION: u32 = 1;
/// Runs that may be repeated because the machine or the generator was in the way, for each pair.
const REPEATS_PER_PAIR: usize = 2;

/// Loads two servers in turns and says what differs: latencies, and CPU a message.
///
/// The first is that of --target or --serve, the second that of --against or --against-gateway; the
/// other options are those of `run`. Runs stand in pairs, A B and B A in turns, so that what the
/// machine does meanwhile is in both. A figure differs if its interval excludes 0; in one of twenty
/// comparisons of equal servers one of them does by chance.
#[derive(Clone, Debug, clap::Args)]
pub struct CompareArgs {
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    against: Against,
    /// Pairs of runs.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=1_000))]
    pairs: u32,
    /// Fail with exit code 3 if a figure of the first is more than so many percent above the
    /// second's, with its whole interval.
    #[arg(long, value_name = "PERCENT")]
    fail_above: Option<f64>,
}

/// A figure of a run, if it has it.
type Of = fn(&Summary) -> Option<f64>;

/// What is compared of two runs.
const FIGURES: [(&str, Of); 8] = [
    ("ack p50", |summary| ns(summary.ack_ns.p50)),
    ("ack p99", |summary| ns(summary.ack_ns.p99)),
    ("ack p99.9", |summary| ns(summary.ack_ns.p999)),
    ("e2e p50", |summary| ns(summary.e2e_ns.p50)),
    ("e2e p99", |summary| ns(summary.e2e_ns.p99)),
    ("e2e p99.9", |summary| ns(summary.e2e_ns.p999)),
    ("throughput", |summary| Some(summary.throughput_per_s)),
    ("server CPU", |summary| summary.server.cpu_us_per_message),
];

#[allow(clippy::cast_precision_loss, reason = "at most 60 s in ns")]
fn ns(ns: Option<u64>) -> Option<f64> {
    ns.map(|ns| ns as f64)
}

/// `compare.json`, and what is printed.
#[derive(Debug, Serialize)]
struct Compared {
    /// [`COMPARE_VERSION`].
    version: u32,
    /// The two servers.
    servers: [String; 2],
    /// Pairs of runs that count.
    pairs: usize,
    /// Runs that did not, because the machine or the generator was in the way.
    repeated: usize,
    figures: Vec<Figure>,
}

/// One figure of both.
#[derive(Debug, Serialize)]
struct Figure {
    name: &'static str,
    /// Medians over the runs: latencies in ns, messages a second, us of CPU a message.
    medians: [f64; 2],
    /// Of the first to the second; `None`: too few runs have it.
    difference: Option<Difference>,
}

/// Compares, reports, and says with which code to end.
///
/// # Errors
/// There is no result: a run could not be, or what was measured cannot be compared.
pub fn compare(args: &CompareArgs) -> Result<u8, Failure> {
    let plan = args.run.first_plan()?;
    let out = args.run.prepare(&plan)?;
    let against = args.against.as_target(&args.run.target);
    let servers = [args.run.target.named(), against.named()];
    let mut sides = [
        Runs::new(&args.run.target, out.map(|out| out.join("a")))?,
        Runs::new(&against, out.map(|out| out.join("b")))?,
    ];
    let (mut pairs, mut repeated) = (Vec::new(), 0);
    let repeats_max = REPEATS_PER_PAIR * args.pairs as usize;
    while pairs.len() < args.pairs as usize {
        let mut pair = [None, None];
        // A B, B A.
        let order = if pairs.len() % 2 == 0 { [0, 1] } else { [1, 0] };
        for side in order {
            let report = sides[side].run(args.run.plan()?)?;
            let verdict = report.summary.verdict;
            eprintln!("{}: {}", ["A", "B"][side], verdict.name());
            if verdict.is_untold() && repeated < repeats_max {
                repeated += 1;
                break;
            }
            if !matches!(verdict, Verdict::Valid | Verdict::SloMissed) {
                return Ok(not_comparable(["A", "B"][side], &report));
            }
            pair[side] = Some(report);
        }
        if let [Some(one), Some(other)] = pair {
            pairs.push((one.summary, other.summary));
        }
    }
    sides.into_iter().for_each(Runs::end);
    let compared = Compared::new(servers, &pairs, repeated);
    if let Some(out) = out {
        out_dir::write(out, |out| out_dir::json(out, "compare.json", &compared))?;
    }
    crate::report::print(&compared.table(), out.map(|out| out.join("compare.json")).as_deref());
    Ok(compared.exit_code(args.fail_above))
}

/// A run whose figures are not the server's at this load.
fn not_comparable(side: &str, report: &Report) -> u8 {
    let Summary { verdict, verdict_reasons, .. } = &report.summary;
    eprintln!(
        "loadgen: {side} cannot be compared, a run was {}: {}; try a lower --rate",
        verdict.name(),
        verdict_reasons.join("; ")
    );
    verdict.exit_code()
}

impl Compared {
    fn new(servers: [String; 2], pairs: &[(Summary, Summary)], repeated: usize) -> Self {
        let figure = |(name, of): (&'static str, Of)| {
            let both = pairs.iter().filter_map(|(one, other)| Some((of(one)?, of(other)?)));
            let both: Vec<(f64, f64)> =
                both.filter(|(one, other)| *one > 0.0 && *other > 0.0).collect();
            let medians = [
                median(both.iter().map(|(one, _)| *one).collect()),
                median(both.iter().map(|(_, other)| *other).collect()),
            ];
            Figure { name, medians, difference: Difference::of(&both, FIGURES.len()) }
        };
        Self {
            version: COMPARE_VERSION,
            servers,
            pairs: pairs.len(),
            repeated,
            figures: FIGURES.map(figure).into(),
        }
    }

    /// For a person.
    fn table(&self) -> String {
        let [one, other] = &self.servers;
        let mut lines = vec![
            format!("compare      A {one}"),
            format!("             B {other}"),
            format!("             {} pairs of runs, {} runs repeated", self.pairs, self.repeated),
            format!("{:<12} {:>12} {:>12} {:>10}  interval", "", "A", "B", "A to B"),
        ];
        lines.extend(self.figures.iter().map(Figure::row));
        let differ: Vec<&str> = self.found().map(|figure| figure.name).collect();
        lines.push(match differ.as_slice() {
            [] => "             no difference is found".to_owned(),
            names => format!("             they differ in {}", names.join(", ")),
        });
        lines.push(String::new());
        lines.join("\n")
    }

    fn found(&self) -> impl Iterator<Item = &Figure> {
        let is_found = |figure: &&Figure| figure.difference.is_some_and(|of| of.is_found());
        self.figures.iter().filter(is_found)
    }

    /// Throughput at a rate is the rate: more of it is no fault.
    fn exit_code(&self, fail_above: Option<f64>) -> u8 {
        let is_above = |figure: &Figure| {
            let low = figure.difference.map(|difference| difference.low * 100.0);
            figure.name != "throughput"
                && low.zip(fail_above).is_some_and(|(low, bound)| low > bound)
        };
        if self.figures.iter().any(is_above) { failure::SLO_MISSED } else { failure::PASS }
    }
}

impl Figure {
    fn row(&self) -> String {
        let [one, other] = self.medians.map(|value| match self.name {
            "throughput" => format!("{}/s", number(value)),
            "server CPU" => format!("{} us", number(value)),
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ns")]
            _ => time(value as u64),
        });
        let Some(Difference { mean, low, high }) = self.difference else {
            return format!("{:<12} too few runs have it", self.name);
        };
        let percent = |part: f64| format!("{:+.1} %", part * 100.0);
        let [mean, low, high] = [mean, low, high].map(percent);
        format!("{:<12} {one:>12} {other:>12} {mean:>10}  {low} to {high}", self.name)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
