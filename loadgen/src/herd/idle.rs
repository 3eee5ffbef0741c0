//! `idle`: holds logged-in sessions and says what each costs.

use super::sessions::{Herd, SECOND_NS, TURN_NS, write_summary};
use crate::clock::now_ns;
use crate::failure::{CORRECTNESS, Failure, PASS};
use crate::histograms::Brief;
use crate::limits::LOGINS_UNDER_WAY_MAX;
use crate::out_dir::OutArgs;
use crate::progress::Progress;
use crate::server_cost::{Sample, per};
use crate::target::{Target, TargetArgs};
use crate::units::{bytes, latency};
use serde::Serialize;
use std::time::Duration;

/// Holds logged-in sessions that send nothing, and says what each costs.
#[derive(Clone, Debug, clap::Args)]
pub struct IdleArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Sessions, each of a user of its own.
    #[arg(long, default_value_t = 1_000)]
    connections: usize,
    /// How long they are held.
    #[arg(long, default_value = "30s", value_parser = crate::units::duration)]
    duration: Duration,
    /// Logins under way at once.
    #[arg(long, default_value_t = LOGINS_UNDER_WAY_MAX)]
    ramp: usize,
    #[command(flatten)]
    out: OutArgs,
}

/// `summary.json` of `idle`.
#[derive(Serialize)]
struct Summary {
    version: u32,
    kind: &'static str,
    connections: usize,
    held_s: f64,
    login_s: f64,
    logins_per_s: f64,
    login_ns: Brief,
    /// Connections lost after their login, and before.
    closes: u64,
    failures: u64,
    /// While they are held, and those of them without an answer some seconds later.
    heartbeats_sent: u64,
    heartbeats_unanswered: u64,
    /// Held for too short a time to send one: the first comes within the interval that the server asks for.
    sessions_without_heartbeat: u64,
    cpu_us_per_login: Option<f64>,
    /// While they are held.
    cpu_percent_of_core: Option<f64>,
    rss_bytes: Option<u64>,
    user_bytes_per_connection: Option<f64>,
    /// Both ends of a loopback connection are on this machine: halved.
    kernel_bytes_per_connection: Option<f64>,
}

/// Holds, reports, and says with which code to end.
///
/// # Errors
/// There is no result.
pub fn idle(args: &IdleArgs) -> Result<u8, Failure> {
    crate::doctor::check_connections(args.connections)?;
    let out = args.out.prepare()?;
    let mut target = Target::find(&args.target, out)?;
    let held = hold(args, &target);
    target.stop();
    let summary = held?;
    print(&summary);
    write_summary(out, &summary)?;
    let is_kept = summary.closes == 0 && summary.heartbeats_unanswered == 0;
    Ok(if is_kept { PASS } else { CORRECTNESS })
}

#[allow(clippy::cast_precision_loss, reason = "counts and ns of a run are below 2^53")]
fn hold(args: &IdleArgs, target: &Target) -> Result<Summary, Failure> {
    let count = args.connections as u64;
    let progress = Progress::new(&format!("logging in to {}", target.named()));
    let mut herd = Herd::new(target, args.connections, args.ramp.max(1))?;
    let look = || target.pid.and_then(Sample::of);
    let before = look();
    let login_ns = herd.log_in(|logged_in| progress.say(&format!("{logged_in} logged in")))?;
    let (after, start_ns) = (look(), now_ns());
    let end_ns = start_ns + u64::try_from(args.duration.as_nanos()).unwrap_or(u64::MAX / 2);
    let mut told_ns = start_ns;
    while now_ns() < end_ns {
        let now = now_ns();
        if now - told_ns > SECOND_NS {
            told_ns = now;
            let (logged_in, heartbeats) = (herd.fleet.logged_in(), herd.desk.heartbeats);
            progress.say(&format!("{logged_in} logged in  {heartbeats} heartbeats answered"));
        }
        herd.fleet.turn(end_ns.min(now + TURN_NS), &mut herd.desk)?;
    }
    progress.finish();
    let (end, held_ns) = (look(), now_ns() - start_ns);
    let heartbeats = herd.heartbeats()?;
    let grown = |of: fn(&Sample) -> u64| per(of(&before?), of(&end?), count);
    let cpu = |from: Option<Sample>, to: Option<Sample>, over| per(from?.cpu_us, to?.cpu_us, over);
    Ok(Summary {
        version: 1,
        kind: "idle",
        connections: args.connections,
        held_s: held_ns as f64 / 1e9,
        login_s: login_ns as f64 / 1e9,
        logins_per_s: count as f64 / (login_ns as f64 / 1e9),
        login_ns: herd.desk.logins.brief(),
        closes: herd.desk.closes,
        failures: herd.desk.failures,
        heartbeats_sent: heartbeats.sent,
        heartbeats_unanswered: heartbeats.unanswered,
        sessions_without_heartbeat: heartbeats.without,
        cpu_us_per_login: cpu(before, after, count),
        cpu_percent_of_core: cpu(after, end, held_ns / 1_000).map(|share| share * 100.0),
        rss_bytes: end.map(|sample| sample.rss_bytes),
        user_bytes_per_connection: grown(|sample| sample.anon_bytes),
        kernel_bytes_per_connection: grown(|sample| sample.kernel_bytes).map(|bytes| bytes / 2.0),
    })
}

fn print(summary: &Summary) {
    let number = |value: Option<f64>| value.map_or("unknown".into(), |value| format!("{value:.1}"));
    let size = |value: Option<f64>| value.map_or("unknown".into(), bytes);
    let Summary { connections, held_s, login_s, logins_per_s, .. } = summary;
    println!("connections  {connections}, held for {held_s:.0} s; lost {}", summary.closes);
    println!(
        "logins       {login_s:.2} s, {logins_per_s:.0}/s, failed and retried {}",
        summary.failures
    );
    let Brief { p50, p99, .. } = summary.login_ns;
    println!("             p50 {}  p99 {}", latency(p50), latency(p99));
    println!("             {} us of server CPU each", number(summary.cpu_us_per_login));
    println!("memory       {} of user memory each", size(summary.user_bytes_per_connection));
    println!(
        "             {} of kernel memory each (loopback pair halved)",
        size(summary.kernel_bytes_per_connection)
    );
    println!("idle CPU     {} % of a core", number(summary.cpu_percent_of_core));
    let Summary { heartbeats_sent: sent, heartbeats_unanswered: unanswered, .. } = summary;
    let without = summary.sessions_without_heartbeat;
    println!("heartbeats   {sent} sent, {unanswered} unanswered; {without} sessions sent none yet");
}
