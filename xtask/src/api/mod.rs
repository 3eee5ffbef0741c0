//! `cargo xtask api`: every call that `/openapi.json` has, and every refusal that it has of each, against real gateways: one
//! with a store of its own, one in front of a node, one that reaches no node, one with a small rate. Each answer must be one
//! that the document has, and without a good key there is none.

mod table;
mod ask;
mod place;
mod document;
mod refusals;
mod examples;
mod fuzz;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use crate::programs;
use ask::Tally;
use place::{Place, With};

/// How much.
#[derive(clap::Args)]
pub struct Args {
    /// Also what takes longer: calls while no shard answers, bodies that never end, and schemathesis, which is installed for it.
    #[arg(long)]
    long: bool,
}

/// Runs the table. Exits with 0 only if every answer was a documented one, and the one that was expected.
pub fn run(args: &Args) -> Result<ExitCode> {
    programs::build()?;
    let mut tally = Tally::default();
    for (with, name) in [(With::Store, "a store of its own"), (With::Node, "a node")] {
        let begun = Instant::now();
        let place = Place::start(with)?;
        let document = document::Document::read(&place)?;
        table::run(&place, &document, &mut tally)?;
        refusals::without_key(&place, &document, &mut tally);
        refusals::of_each(&place, &document, &mut tally);
        if with == With::Store {
            examples::run(&place, &mut tally)?;
        }
        if args.long && with == With::Store {
            refusals::slow(&place, &document, &mut tally);
            refusals::half_a_head(&place, &mut tally);
            fuzz::run(&place, &mut tally)?;
        }
        place.end(&mut tally)?;
        println!("gateway with {name}: {:.1} s", begun.elapsed().as_secs_f64());
    }
    let place = Place::start(With::SmallRate)?;
    let document = document::Document::read(&place)?;
    refusals::over_the_rate(&place, &document, &mut tally);
    if args.long {
        let place = Place::start(With::Nobody)?;
        refusals::unserved(&place, &document, &mut tally);
    }
    let seen = document.unseen(&tally, args.long);
    seen.iter().for_each(|what| println!("never seen: {what}"));
    println!("{tally}");
    Ok(if tally.is_sound() && seen.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
