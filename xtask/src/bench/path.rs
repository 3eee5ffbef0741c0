//! `cargo xtask bench path`: every load on the gateway and on the relay floor in turn, one table, and the first bar. Or, with
//! `--against`, on another build of the gateway.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use super::against;
use super::figures::{Figures, bar};
use super::load::{self, Load, Server, Target};

/// How long and how often.
#[derive(clap::Args)]
pub struct Args {
    /// Rounds; in each, every load runs on both servers, one after the other. The table has medians.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "against")]
    rounds: u32,
    /// Measured seconds of a run.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Only these windows and rates, such as `--only window=256,rate=2000`.
    #[arg(long, value_delimiter = ',', value_parser = parse_load)]
    only: Vec<Load>,
    /// Another build of the gateway, to be compared with this one in pairs of runs, instead of the relay floor.
    #[arg(long, value_name = "BINARY")]
    against: Option<PathBuf>,
    /// Pairs of runs a load, with `--against`.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(2..), requires = "against")]
    pairs: u32,
}

const LOADS: &[Load] = &[
    Load::Window(64),
    Load::Window(256),
    Load::Window(1000),
    Load::Rate(500),
    Load::Rate(2000),
    Load::Rate(10_000),
];

/// The load of the first bar.
const BAR_WINDOW: Load = Load::Window(256);
const BAR_RATE: Load = Load::Rate(2000);

const HEAD: &str = "\
| load | server | messages/s | CPU µs/message | to the floor | ack p50 / p99 / p99.9 ms | e2e p50 / p99 / p99.9 ms | verdict |
|---|---|---|---|---|---|---|---|";

/// Both servers under one load.
struct Pair {
    load: Load,
    gateway: Figures,
    floor: Figures,
}

impl Pair {
    fn ratio(&self) -> f64 {
        self.gateway.cpu_us_per_message / self.floor.cpu_us_per_message
    }
}

/// Measures, prints the table, then the bars.
pub fn run(args: &Args) -> Result<ExitCode> {
    if let Some(binary) = &args.against {
        let loads = if args.only.is_empty() { against::LOADS } else { &args.only };
        return against::run(binary, loads, (args.pairs, args.seconds));
    }
    load::build(load::FLOOR_AND_GATEWAY)?;
    let loads = if args.only.is_empty() { LOADS } else { &args.only };
    let mut runs: Vec<(Vec<Figures>, Vec<Figures>)> = vec![Default::default(); loads.len()];
    for round in 1..=args.rounds {
        for (load, (gateway, floor)) in loads.iter().zip(&mut runs) {
            println!("round {round}: {}", load.name());
            let data_dir = load::data_dir()?;
            for (target, figures) in [(Target::Gateway, gateway), (Target::Floor, floor)] {
                // The floor's load reads its key from the gateway's directory.
                let server = Server::start(target, &data_dir)?;
                figures.push(server.measure(*load, args.seconds, &data_dir)?);
            }
        }
    }
    let pairs: Vec<Pair> = loads
        .iter()
        .zip(&runs)
        .map(|(&load, (gateway, floor))| Pair {
            load,
            gateway: Figures::median(gateway),
            floor: Figures::median(floor),
        })
        .collect();
    println!("\n{}; {} s a run, rounds: {}\n\n{HEAD}", load::machine(), args.seconds, args.rounds);
    for pair in &pairs {
        print_rows(pair);
    }
    println!("\nThe first bar:");
    for line in bars(&pairs) {
        println!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

fn print_rows(pair: &Pair) {
    let rows = [("longline", &pair.gateway, pair.ratio()), ("relay-floor", &pair.floor, 1.0)];
    for (server, figures, ratio) in rows {
        println!(
            "| {} | {server} | {:.0} | {:.1} | {ratio:.1} | {} | {} | {} |",
            pair.load.name(),
            figures.messages_per_s,
            figures.cpu_us_per_message,
            figures.ack,
            figures.e2e,
            figures.verdict
        );
    }
}

fn bars(pairs: &[Pair]) -> Vec<String> {
    let at = |load| pairs.iter().find(move |pair| pair.load == load);
    let window = at(BAR_WINDOW);
    let cpu = window.map(|pair| pair.gateway.cpu_us_per_message);
    let messages = window.map(|pair| pair.gateway.messages_per_s);
    let e2e_p99 = at(BAR_RATE).map(|pair| pair.gateway.e2e.p99);
    vec![
        bar("CPU to the floor, 256 in flight", window.map(Pair::ratio), true, 4.0),
        bar("durable messages/s, 256 in flight", messages, false, 25_000.0),
        bar("CPU µs/message, 256 in flight", cpu, true, 40.0),
        bar("e2e p99 ms, 2000/s", e2e_p99, true, 5.0),
    ]
}

fn parse_load(text: &str) -> Result<Load, String> {
    let number = |value: &str| value.parse().ok().filter(|number| *number > 0);
    match text.split_once('=') {
        Some(("window", value)) => number(value).map(Load::Window),
        Some(("rate", value)) => number(value).map(Load::Rate),
        _ => None,
    }
    .ok_or_else(|| format!("`{text}` is neither window=<n> nor rate=<n>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_are_typed_as_they_are_listed() {
        assert_eq!(parse_load("window=256"), Ok(BAR_WINDOW));
        assert_eq!(parse_load("rate=2000"), Ok(BAR_RATE));
        for bad in ["256", "window=0", "rate=", "depth=1"] {
            assert!(parse_load(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_first_bar_is_measured_by_the_full_list() {
        assert!(LOADS.contains(&BAR_WINDOW) && LOADS.contains(&BAR_RATE));
        assert!(bars(&[]).iter().all(|line| line.starts_with("- not measured")));
    }
}
