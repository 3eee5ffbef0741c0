//! The run as one HTML file, for a person who was not there: what it is worth, what was checked and what was not, the figures,
//! plots, what happened, what was asked for, and where it ran.

use super::page::{document, escape, part, table as rows_of};
use super::plots;
use super::result::Report;
use super::summary::{Event, Summary};
use super::table::table;
use crate::about::Host;
use crate::histograms::Brief;
use crate::run::Outcome;
use crate::units::{bytes, latency, number, time};
use crate::verdict::Verdict;
use crate::verify::Example;
use serde_json::Value;

/// The page.
pub(super) fn page(report: &Report) -> String {
    let summary = &report.summary;
    let about = &summary.about;
    let title = format!("Load run of {}", about.started.replace('T', " ").replace('Z', " UTC"));
    let [cpus, memory] = plots::server(report).unwrap_or_default();
    let body = [
        format!("<p class=\"faint\">{}</p>", escape(&about.target)),
        banner(summary),
        tiles(summary),
        part("Bounds", &bounds(summary)),
        part("What was checked", &checked(summary)),
        part("Faults", &faults(&summary.examples)),
        part("Latency", &latencies(summary)),
        part(
            "Latency by percentile, up to the slowest",
            &plots::percentiles(&report.latencies.named()),
        ),
        part("End to end, second by second", &plots::e2e(report)),
        part("Messages a second", &plots::throughput(report)),
        part("CPUs that the server was busy with", &cpus),
        part("The server's memory", &memory),
        part("What happened", &events(&summary.events)),
        part("Until the last member of a group has it, by members", &plots::groups(report)),
        part("What was asked for", &plan(summary)),
        part("Where it ran", &place(summary)),
        format!(
            "<details><summary>As on the terminal</summary><pre>{}</pre></details>",
            escape(&table(summary))
        ),
    ];
    document(&title, &body.concat())
}

/// The verdict, and what it means.
fn banner(summary: &Summary) -> String {
    let verdict = summary.verdict;
    let class = match verdict {
        Verdict::Valid => "good",
        Verdict::Broken | Verdict::TargetDown | Verdict::Unanswered => "bad",
        Verdict::SloMissed
        | Verdict::TooShort
        | Verdict::ServerLimited
        | Verdict::Interrupted
        | Verdict::MachineLimited
        | Verdict::GeneratorLimited => "doubt",
    };
    let reasons: String =
        summary.verdict_reasons.iter().map(|reason| format!("<br>{}", escape(reason))).collect();
    let (name, meaning) = (verdict.name(), verdict.meaning());
    format!("<p class=\"banner {class}\"><b>{name}</b>{}{reasons}</p>", escape(meaning))
}

fn tiles(summary: &Summary) -> String {
    let us = summary.server.cpu_us_per_message;
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let memory = summary.server.rss_bytes.map(|rss| bytes(rss as f64));
    let unknown = || "not measured".to_owned();
    let tile = |name: &str, value: String| {
        format!("<div><b>{}</b><span class=\"faint\">{name}</span></div>", escape(&value))
    };
    let tiles = [
        tile("messages a second", number(summary.throughput_per_s)),
        tile("end to end, p50", latency(summary.e2e_ns.p50)),
        tile("end to end, p99", latency(summary.e2e_ns.p99)),
        tile("durable ack, p99", latency(summary.ack_ns.p99)),
        tile("server CPU a message", us.map_or_else(unknown, |us| format!("{us:.1} us"))),
        tile("server memory", memory.unwrap_or_else(unknown)),
    ];
    format!("<div class=\"tiles\">{}</div>", tiles.concat())
}

fn bounds(summary: &Summary) -> String {
    let row = |it: &crate::slo::Measured| {
        let kept = match it.is_kept() {
            Some(true) => "kept",
            Some(false) => "missed",
            None => "too few messages to tell",
        };
        vec![it.slo.clone(), latency(it.value_ns), kept.to_owned()]
    };
    rows_of(&["bound", "measured#", ""], &summary.slos.iter().map(row).collect::<Vec<_>>())
}

/// What every message was held against, and what this run says nothing of.
fn checked(summary: &Summary) -> String {
    let Summary { sent, acked, delivered, unknown, refused, plan, .. } = summary;
    let counts = summary.named_faults().map(|(name, count)| {
        let of = if count == 0 { "0".to_owned() } else { format!("{count}: a promise was broken") };
        vec![name.to_owned(), of]
    });
    let mut absent = Vec::new();
    let mut is_absent = |condition: bool, text: String| {
        if condition {
            absent.push(format!("<li>{}</li>", escape(&text)));
        }
    };
    is_absent(
        !plan.drain || summary.verdict == Verdict::TargetDown,
        "What inboxes, histories and lists of chats have at the end: nothing was read back.".into(),
    );
    is_absent(
        summary.unread_users > 0,
        format!("{} inboxes that could not be read.", summary.unread_users),
    );
    is_absent(plan.groups == 0, "Groups: there were none (--groups).".into());
    is_absent(plan.read_share == 0.0, "Read positions: nobody read (--read-share).".into());
    is_absent(plan.devices == 1, "Several devices: each user had one (--devices).".into());
    is_absent(
        plan.offline_share == 0.0,
        "Users who come back: everybody was there (--offline-share).".into(),
    );
    let absent = if absent.is_empty() {
        String::new()
    } else {
        format!("<p>Not checked:</p><ul>{}</ul>", absent.concat())
    };
    format!(
        "<p>{sent} messages sent, each once: {acked} acknowledged, {delivered} delivered, {refused} refused for good, \
         {unknown} without an answer.</p>{}{absent}",
        rows_of(&["fault", "messages#"], &counts)
    )
}

fn faults(examples: &[Example]) -> String {
    let row = |it: &Example| vec![it.found.clone(), it.fault.clone(), it.text.clone()];
    rows_of(&["found", "fault", "what…"], &examples.iter().map(row).collect::<Vec<_>>())
}

fn latencies(summary: &Summary) -> String {
    let row = |name: &str, what: &str, brief: Brief| {
        let Brief { n, p50, p90, p99, p999, p9999, max, mean } = brief;
        let mut row = vec![name.to_owned()];
        row.extend([p50, p90, p99, p999, p9999].map(latency));
        row.extend([time(max), time(mean), n.to_string(), what.to_owned()]);
        row
    };
    let mut rows = vec![
        row("end to end", "due to each device of the recipient", summary.e2e_ns),
        row("ack", "due to durable ack", summary.ack_ns),
        row("raw", "written to each device of the recipient", summary.raw_ns),
        row("held", "reached to written: the server takes no more for now", summary.held_ns),
        row("sched", "due to reached: the generator and its machine", summary.sched_ns),
    ];
    if summary.stages.len() > 1 {
        for (nth, stage) in (1..).zip(&summary.stages) {
            rows.push(row(&format!("stage {nth}"), "end to end", stage.e2e_ns));
        }
    }
    let headings = [
        "",
        "p50#",
        "p90#",
        "p99#",
        "p99.9#",
        "p99.99#",
        "max#",
        "mean#",
        "messages#",
        "from, to…",
    ];
    let unanswered = match summary.unanswered() {
        0 => String::new(),
        count => format!(
            "<p>{count} were never answered: they count as the time that they waited, and may have taken longer.</p>"
        ),
    };
    rows_of(&headings, &rows) + &unanswered
}

/// The commands of the timeline: their numbers are in the plots.
fn events(events: &[Event]) -> String {
    let row = |(nth, it): (u32, &Event)| {
        let ms = |ms: u64| time(ms * 1_000_000);
        let ended = match &it.outcome {
            Some(Outcome { ended, took_ms, .. }) => format!("{ended} after {}", ms(*took_ms)),
            None => "its time did not come".to_owned(),
        };
        let felt = it.felt;
        let recovered = felt.recovered_ms.map_or("nothing was slowed".to_owned(), ms);
        vec![
            nth.to_string(),
            format!("{} s", it.at_s),
            it.command.clone(),
            ended,
            ms(felt.silence_ms),
            recovered,
            format!("{} of {}", felt.acked, felt.in_flight),
        ]
    };
    let headings = [
        "",
        "at#",
        "command…",
        "ended",
        "no ack for#",
        "as fast again after#",
        "in flight, acked#",
    ];
    rows_of(&headings, &(1..).zip(events).map(row).collect::<Vec<_>>())
}

/// The plan, a value a row.
fn plan(summary: &Summary) -> String {
    let Ok(Value::Object(plan)) = serde_json::to_value(&summary.plan) else { return String::new() };
    let row = |(name, value): (&String, &Value)| {
        let (name, text) = match (name.strip_suffix("_ns"), value.as_u64()) {
            (Some(name), Some(ns)) => (name, time(ns)),
            _ => (name.as_str(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
        };
        vec![name.replace('_', " "), text]
    };
    let command = format!("<p><code>{}</code></p>", escape(&summary.about.command));
    command + &rows_of(&["", "…"], &plan.iter().map(row).collect::<Vec<_>>())
}

fn place(summary: &Summary) -> String {
    let about = &summary.about;
    let Host { name, kernel, cpu, cpus, memory_bytes } = &about.host;
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let memory = format!("{:.1} GiB", *memory_bytes as f64 / (1u64 << 30) as f64);
    let generator = &summary.generator;
    let machine = &summary.machine;
    let kept = &machine.kept;
    let known = |ns: Option<u64>| ns.map_or_else(|| "not measured".to_owned(), time);
    let rows = [
        ("began, ended", format!("{}, {}", about.started, about.ended)),
        ("loadgen", about.version.clone()),
        ("host", format!("{name}, {kernel}")),
        ("CPUs", if cpu.is_empty() { cpus.to_string() } else { format!("{cpus}, {cpu}") }),
        ("memory", memory),
        (
            "generator",
            format!(
                "{} connections in {:.2} s; its busiest thread used {:.0} % of a CPU",
                generator.connections,
                generator.login_s,
                generator.cpu_share_max * 100.0
            ),
        ),
        (
            "kept from running",
            format!(
                "{} times, {} in all, {} at most: {} messages late",
                kept.count,
                time(kept.total_ns),
                time(kept.max_ns),
                machine.excused
            ),
        ),
        ("waits for a CPU, quota, hypervisor", {
            let waits = [machine.run_delay_ns, machine.throttled_ns, machine.steal_ns];
            waits.map(known).join(", ")
        }),
    ];
    rows_of(&["", "…"], &rows.map(|(name, text)| vec![name.to_owned(), text]))
}
