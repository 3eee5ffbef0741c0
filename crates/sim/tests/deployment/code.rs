//! What the code offers, read from its text: settings, flags, metrics, ports. The text, because a manifest that starts a
//! process knows no types either.

use super::tree::{Tree, words};
use std::collections::{BTreeMap, BTreeSet};

/// The names that the code offers.
pub struct Offered {
    /// Names of the gateway's settings.
    pub settings: BTreeSet<String>,
    /// Names of the flags of `logic`, with underscores.
    pub logic_flags: BTreeSet<String>,
    /// Variables that `logic` reads.
    pub logic_variables: BTreeSet<String>,
    /// As Prometheus shows them, with the three of each histogram.
    pub metrics: BTreeSet<String>,
    /// By program: the port of its work and that of its pages.
    pub ports: BTreeMap<&'static str, [u16; 2]>,
}

impl Offered {
    pub fn read(tree: &Tree) -> Self {
        let example = tree.text("gateway/gateway.example.toml");
        let settings: BTreeMap<&str, &str> =
            example.lines().filter_map(|line| line.split_once(" = ")).filter(is_setting).collect();
        let logic = || tree.code("logic/src/");
        let default = |name: &str| logic().find_map(|code| default(code, name)).unwrap_or(0);
        let of_both = tree.code("gateway/src/").chain(tree.code("crates/service/src/"));
        let metrics = logic().chain(of_both).flat_map(metrics).collect();
        let gateway = [port(settings["listen"]), port(settings["admin"])];
        Self {
            settings: settings.keys().map(|name| (*name).to_owned()).collect(),
            logic_flags: logic().flat_map(flags).collect(),
            logic_variables: logic().flat_map(variables).collect(),
            metrics,
            ports: [("gateway", gateway), ("logic", [default("LISTEN"), default("ADMIN")])].into(),
        }
    }

    pub fn has_flag(&self, program: &str, flag: &str) -> bool {
        let name = flag.trim_start_matches("--").split('=').next().unwrap_or_default();
        let name = name.replace('-', "_");
        match program {
            "gateway" => {
                ["config", "check_config", "help"].contains(&&*name)
                    || self.settings.contains(&name)
            }
            _ => self.logic_flags.contains(&name),
        }
    }

    pub fn has_variable(&self, variable: &str) -> bool {
        let setting = variable.trim_start_matches("LONGLINE_").to_lowercase();
        self.logic_variables.contains(variable) || self.settings.contains(&setting)
    }
}

fn is_setting((name, _): &(&str, &str)) -> bool {
    name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The number behind the last colon, of an address in quotes.
fn port(address: &str) -> u16 {
    address.trim_matches('"').rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0)
}

/// The port in the default of the flag whose variable ends so.
fn default(code: &str, name: &str) -> Option<u16> {
    let (_, rest) = code.split_once(&format!("\"LONGLINE_LOGIC_{name}\", default_value = \""))?;
    Some(port(rest.split('"').next()?))
}

/// Fields with `#[arg(.. long ..)]`.
fn flags(code: &str) -> impl Iterator<Item = String> {
    code.split("#[arg(").skip(1).filter_map(|rest| {
        let (attribute, rest) = rest.split_once(")]")?;
        let field = rest.trim_start().trim_start_matches("pub ").split(':').next()?;
        words(attribute, "long").any(|word| word == "long").then(|| field.trim().to_owned())
    })
}

fn variables(code: &str) -> impl Iterator<Item = String> {
    let quoted = code.split('"').filter(|text| text.starts_with("LONGLINE_LOGIC_"));
    quoted.map(str::to_owned)
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
