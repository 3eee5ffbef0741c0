//! Names that the code must know: command lines, variables, metrics, ports; and alerts, which the runbook must.

use super::code::Offered;
use super::tree::{Tree, below, items, text, words};
use serde_json::Value;
use std::collections::BTreeSet;

/// A command line: the file, the program, its words.
type Line = (String, String, Vec<String>);

pub fn flags(tree: &Tree, offered: &Offered, problems: &mut Vec<String>) {
    let lines = command_lines(tree);
    for program in ["gateway", "logic"] {
        assert!(lines.iter().filter(|line| line.1 == program).count() > 2, "no lines of {program}");
    }
    for (path, program, words) in lines {
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            if !offered.has_flag(&program, flag) {
                problems.push(format!("{path}: {program} has no flag {flag}"));
            }
        }
        let does = words.first().map(String::as_str);
        if program == "logic" && !matches!(does, Some("serve" | "schema" | "status" | "locate")) {
            problems.push(format!("{path}: logic does not know what {does:?} is"));
        }
    }
}

pub fn variables(tree: &Tree, offered: &Offered, problems: &mut Vec<String>) {
    for (path, text) in tree.deployed() {
        // A name that ends with an underscore is the beginning of some.
        for variable in words(text, "LONGLINE_").filter(|word| !word.ends_with('_')) {
            if !offered.has_variable(variable) {
                problems.push(format!("{path}: nobody reads {variable}"));
            }
        }
    }
}

pub fn metrics(tree: &Tree, offered: &Offered, problems: &mut Vec<String>) {
    for (path, text) in tree.deployed() {
        for metric in words(text, "longline_") {
            if !offered.metrics.contains(metric) {
                problems.push(format!("{path}: nobody exports {metric}"));
            }
        }
    }
}

pub fn ports(tree: &Tree, offered: &Offered, problems: &mut Vec<String>) {
    for (path, text) in tree.deployed() {
        for (host, port) in addresses(text) {
            let program = ["gateway", "logic"].into_iter().find(|name| host.contains(name));
            if program.is_some_and(|program| !offered.ports[program].contains(&port)) {
                problems.push(format!("{path}: {host}:{port} is no port of its process"));
            }
        }
    }
    for (path, program, words) in command_lines(tree) {
        for (flag, which) in [("--listen", 0), ("--admin", 1)] {
            let given = words.iter().position(|word| word == flag).and_then(|at| words.get(at + 1));
            let expected = offered.ports[program.as_str()][which];
            if given.is_some_and(|address| !address.ends_with(&format!(":{expected}"))) {
                problems.push(format!("{path}: {flag} of {program} is port {expected} elsewhere"));
            }
        }
    }
    let mut all: Vec<u16> = offered.ports.values().flatten().copied().collect();
    all.sort_unstable();
    let exposed = all.iter().fold("EXPOSE".to_owned(), |line, port| format!("{line} {port}"));
    if !tree.text("deploy/Dockerfile").lines().any(|line| line == exposed) {
        problems.push(format!("deploy/Dockerfile: does not say {exposed}"));
    }
    for (path, document) in tree.all_documents("deploy/prometheus/") {
        for job in items(&document, "/scrape_configs") {
            let targets =
                items(job, "/static_configs").into_iter().flat_map(|it| items(it, "/targets"));
            for target in targets.filter_map(Value::as_str) {
                let admin = offered.ports.get(text(job, "/job_name")).map_or(0, |ports| ports[1]);
                if !target.ends_with(&format!(":{admin}")) {
                    problems.push(format!("{path}: {target} has no metrics"));
                }
            }
        }
    }
}

/// Every alert has a section in the runbook, and every section an alert.
pub fn alerts(tree: &Tree, problems: &mut Vec<String>) {
    let rules = &tree.documents("deploy/prometheus/alerts.yml");
    let rules = rules.iter().flat_map(|it| items(it, "/groups")).flat_map(|it| items(it, "/rules"));
    let alerts: BTreeSet<&str> = rules.map(|rule| text(rule, "/alert")).collect();
    let runbook = tree.text("docs/runbook.md");
    let sections = runbook.lines().filter_map(|line| line.strip_prefix("### "));
    let sections: BTreeSet<&str> = sections.filter(|it| it.starts_with("Longline")).collect();
    for name in alerts.symmetric_difference(&sections) {
        problems.push(format!("{name} is not both an alert and a section of the runbook"));
    }
}

/// `host:port` of names, in any text.
fn addresses(text: &str) -> impl Iterator<Item = (&str, u16)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || ".:-_".contains(c);
    let parts = text.split(move |c: char| !is_part(c));
    parts.filter_map(|part| {
        let (host, port) = part.rsplit_once(':')?;
        Some((host, port.parse().ok()?))
    })
}

fn command_lines(tree: &Tree) -> Vec<Line> {
    let mut lines = Vec::new();
    for (path, document) in tree.all_documents("deploy/") {
        let lists = below(&document).into_iter().filter_map(Value::as_array);
        let texts = lists.map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned));
        texts.for_each(|words| add(&path, words.collect(), &mut lines));
    }
    for (path, text) in tree.deployed() {
        let split = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        for line in text.lines().filter_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/")) {
            add(path, split(line), &mut lines);
        }
        if path.ends_with(".md") {
            text.split('`').skip(1).step_by(2).for_each(|code| add(path, split(code), &mut lines));
        }
    }
    lines
}

/// If it is one of ours, and more than the program's name.
fn add(path: &str, mut words: Vec<String>, lines: &mut Vec<Line>) {
    let is_ours = words.first().is_some_and(|word| word == "gateway" || word == "logic");
    if is_ours && words.len() > 1 {
        let program = words.remove(0);
        lines.push((path.to_owned(), program, words));
    }
}
