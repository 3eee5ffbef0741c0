//! What the code offers, read from its text: settings, flags, metrics, ports. The text, because a manifest that starts a
//! process knows no types either.

use super::tree::{Tree, words};
use std::collections::{BTreeMap, BTreeSet};

/// A program, and the file with all its settings, which a test of its own holds to the code.
const EXAMPLES: [(&str, &str); 2] =
    [("gateway", "gateway/gateway.example.toml"), ("logic", "logic/logic.example.toml")];

/// The names that the code offers.
pub struct Offered {
    /// Names of settings, by program.
    pub settings: BTreeMap<&'static str, BTreeSet<String>>,
    /// Names of the flags of `logic` that are no settings, with underscores.
    pub logic_flags: BTreeSet<String>,
    /// As Prometheus shows them, with the three of each histogram.
    pub metrics: BTreeSet<String>,
    /// By program: the port of its work and that of its pages.
    pub ports: BTreeMap<&'static str, [u16; 2]>,
}

/// Flags of `gateway api-key` that are no settings.
const API_KEY_FLAGS: [&str; 4] = ["name", "scope", "expires", "end"];

impl Offered {
    pub fn read(tree: &Tree) -> Self {
        let logic = || tree.code("logic/src/");
        let of_both = tree.code("gateway/src/").chain(tree.code("crates/service/src/"));
        let metrics = logic().chain(of_both).flat_map(metrics).collect();
        let (mut settings, mut ports) = (BTreeMap::new(), BTreeMap::new());
        for (program, example) in EXAMPLES {
            let defaults: BTreeMap<&str, &str> = defaults(tree.text(example)).collect();
            settings.insert(program, defaults.keys().map(|name| (*name).to_owned()).collect());
            ports.insert(program, [port(defaults["listen"]), port(defaults["admin"])]);
        }
        Self { settings, logic_flags: logic().flat_map(flags).collect(), metrics, ports }
    }

    pub fn has_flag(&self, program: &str, flag: &str) -> bool {
        let name = flag.trim_start_matches("--").split('=').next().unwrap_or_default();
        let name = name.replace('-', "_");
        ["config", "check_config", "help"].contains(&&*name)
            || self.settings[program].contains(&name)
            || (program == "logic" && self.logic_flags.contains(&name))
            || (program == "gateway" && API_KEY_FLAGS.contains(&&*name))
    }

    pub fn has_variable(&self, variable: &str) -> bool {
        let is_of = |program: &str, prefix: &str| {
            let setting = variable.strip_prefix(prefix).map(str::to_lowercase);
            setting.is_some_and(|it| it == "config" || self.settings[program].contains(&it))
        };
        is_of("gateway", "LONGLINE_") || is_of("logic", "LONGLINE_LOGIC_")
    }
}

/// Names and defaults of an example file.
fn defaults(example: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let pairs = example.lines().filter_map(|line| line.split_once(" = "));
    pairs.filter(move |(name, _)| name.chars().all(is_name))
}

/// The number behind the last colon, of an address in quotes.
fn port(address: &str) -> u16 {
    address.trim_matches('"').rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0)
}

/// Fields with `#[arg(.. long ..)]`.
fn flags(code: &str) -> impl Iterator<Item = String> {
    code.split("#[arg(").skip(1).filter_map(|rest| {
        let (attribute, rest) = rest.split_once(")]")?;
        let field = rest.trim_start().trim_start_matches("pub ").split(':').next()?;
        words(attribute, "long").any(|word| word == "long").then(|| field.trim().to_owned())
    })
}

fn metrics(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut before = "";
    for (index, part) in code.split('"').enumerate() {
        let is_name = part.starts_with("longline_")
            && part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if index % 2 == 1 && is_name {
            let is_histogram = before.trim_end().ends_with("Histogram =");
            let suffixes: &[&str] =
                if is_histogram { &["_bucket", "_sum", "_count", ""] } else { &[""] };
            found.extend(suffixes.iter().map(|suffix| format!("{part}{suffix}")));
        }
        before = part;
    }
    found
}
