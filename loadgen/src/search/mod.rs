//! `search`: the highest rate at which all holds, and the curve around it. Each rate is a run like any other; here they
//! are chosen and put together.

mod bracket;
mod found;
mod page;

use crate::failure::Failure;
use crate::out_dir;
use crate::run::RunArgs;
use crate::runs::Runs;
use crate::units::{amount, number};
use crate::verdict::Verdict;
use bracket::{Bracket, End, round};
use found::{Found, Point};
use std::path::Path;

/// Raised when a field of `search.json` changes its meaning or goes.
const SEARCH_VERSION: u32 = 1;
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
    #[arg(long, default_value = "1M", value_parser = amount)]
    rate_max: f64,
    /// End when the rate is known to this part of it, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0)]
    within: f64,
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
        out_dir::write(out, |out| write(&found, out))?;
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
        if !self.run.has_one_rate() {
            return usage("a search tries one rate at a time: leave out --window and --stage");
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

fn write(found: &Found, out: &Path) -> std::io::Result<()> {
    out_dir::json(out, "search.json", found)?;
    std::fs::write(out.join("search.html"), page::page(found))
}
