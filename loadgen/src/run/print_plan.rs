//! `plan`: what a run would do, without doing it.

use super::args::{Load, Plan, RunArgs};
use crate::failure::{self, Failure};
use crate::schedule::Stage;
use crate::units::{number, time};
use std::io::Write;

/// Prints what `run` would do with the same options, and whether this machine can carry it.
#[derive(Clone, Debug, clap::Args)]
pub struct PlanArgs {
    #[command(flatten)]
    run: RunArgs,
}

/// Prints the plan. The code to end with.
///
/// # Errors
/// The options make no sense, or the machine cannot carry it.
pub fn print_plan(args: &PlanArgs) -> Result<u8, Failure> {
    let plan = args.run.plan()?;
    let mut text = headline(&plan);
    text.push_str(&serde_json::to_string_pretty(&plan).unwrap_or_default());
    text.push('\n');
    // A closed stdout leaves nobody to tell.
    let _ = std::io::stdout().write_all(text.as_bytes());
    args.run.check_machine(&plan)?;
    Ok(failure::PASS)
}

fn headline(plan: &Plan) -> String {
    let Plan { users, devices, threads, warmup_ns, duration_ns, .. } = plan;
    let offered = match plan.load {
        Load::Open { rate, .. } => {
            let messages: f64 = plan.schedule().iter().map(Stage::messages).sum();
            format!("about {} messages at {}/s on average", number(messages), number(rate))
        }
        Load::Closed { window } => format!("{window} messages in flight"),
    };
    format!(
        "plan         {users} users with {devices} devices each, {threads} threads in all: {offered}\n             \
         {} of warm-up, {} measured\n",
        time(*warmup_ns),
        time(*duration_ns)
    )
}
