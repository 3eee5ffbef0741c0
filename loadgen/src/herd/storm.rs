//! `storm`: logged-in sessions all drop and return at once.

use super::sessions::{Herd, TURN_NS, write_summary};
use crate::clock::now_ns;
use crate::failure::{Failure, PASS};
use crate::histograms::{Brief, Latency};
use crate::limits::LOGINS_UNDER_WAY_MAX;
use crate::out_dir::OutArgs;
use crate::progress::Progress;
use crate::server_cost::{Sample, per};
use crate::target::{Target, TargetArgs};
use crate::units::latency;
use serde::Serialize;

/// Drops all sessions and lets them return at once; says how long it takes until all are logged in again.
#[derive(Clone, Debug, clap::Args)]
pub struct StormArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Sessions, each of a user of its own.
    #[arg(long, default_value_t = 1_000)]
    connections: usize,
    #[command(flatten)]
    out: OutArgs,
}

/// `summary.json` of `storm`.
#[derive(Serialize)]
struct Summary {
    version: u32,
    kind: &'static str,
    connections: usize,
    /// From the drop until all were logged in again.
    return_s: f64,
    logins_per_s: f64,
    /// From the begin of a connection to its login.
    login_ns: Brief,
    /// Connections that failed on the way and were tried again.
    failures: u64,
    cpu_us_per_login: Option<f64>,
}

/// Storms, reports, and says with which code to end.
///
/// # Errors
/// There is no result.
pub fn storm(args: &StormArgs) -> Result<u8, Failure> {
    crate::doctor::check_connections(args.connections)?;
    let out = args.out.prepare()?;
    let mut target = Target::find(&args.target, out)?;
    let stormed = drop_and_return(args, &target);
    target.stop();
    let summary = stormed?;
    let Summary { connections, return_s, logins_per_s, failures, .. } = &summary;
    println!(
        "storm        {connections} dropped and logged in again in {return_s:.2} s, {logins_per_s:.0}/s"
    );
    let Brief { p50, p99, .. } = summary.login_ns;
    println!(
        "logins       p50 {}  p99 {}  failed and retried {failures}",
        latency(p50),
        latency(p99)
    );
    let cpu = summary.cpu_us_per_login.map_or("unknown".into(), |cpu| format!("{cpu:.1}"));
    println!("             {cpu} us of server CPU each");
    write_summary(out, &summary)?;
    Ok(PASS)
}

#[allow(clippy::cast_precision_loss, reason = "counts and ns of a run are below 2^53")]
fn drop_and_return(args: &StormArgs, target: &Target) -> Result<Summary, Failure> {
    let progress = Progress::new(&format!("logging in to {}", target.named()));
    let mut herd = Herd::new(target, args.connections, LOGINS_UNDER_WAY_MAX)?;
    herd.log_in(|logged_in| progress.say(&format!("{logged_in} logged in")))?;
    progress.say("storm");
    herd.desk.logins = Latency::default();
    herd.desk.failures = 0;
    herd.fleet.set_under_way_max(args.connections);
    let look = || target.pid.and_then(Sample::of);
    let (before, start_ns) = (look(), now_ns());
    for index in 0..args.connections {
        herd.fleet.disconnect(index);
    }
    // The drops leave before the first return.
    herd.fleet.turn(now_ns() + TURN_NS, &mut herd.desk)?;
    herd.log_in(|logged_in| progress.say(&format!("{logged_in} are back")))?;
    let (after, took_ns) = (look(), now_ns() - start_ns);
    progress.finish();
    let count = args.connections as u64;
    Ok(Summary {
        version: 1,
        kind: "storm",
        connections: args.connections,
        return_s: took_ns as f64 / 1e9,
        logins_per_s: count as f64 / (took_ns as f64 / 1e9),
        login_ns: herd.desk.logins.brief(),
        failures: herd.desk.failures,
        cpu_us_per_login: before.zip(after).and_then(|(a, b)| per(a.cpu_us, b.cpu_us, count)),
    })
}
