//! `gateway check`: reads all of a data directory that nobody uses, and says what is damaged and what can be made again of
//! what. It changes nothing but what fjall takes for cut short. It knows the parts, not what rows mean.

use std::fs;
use std::path::{Path, PathBuf};

use super::damage::Damage;
use super::data_dir::{Boot, DataDirError, Layout, lock};
use super::end::{END, End};
use super::home::Home;
use super::log::{Known, SegmentFiles, recover};
use super::open::has_all;
use super::read::is_row;
use super::synced::{SYNCED, Synced};
use super::tables::Tables;

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Each part, a line.
    pub lines: Vec<String>,
    /// What is damaged, and what to do, a line each.
    pub damaged: Vec<String>,
}

impl Report {
    fn take<T>(&mut self, result: Result<T, Damage>) -> Option<T> {
        result.map_err(|damage| self.damaged.push(damage.to_string())).ok()
    }
}

/// Reads the directory.
///
/// # Errors
/// Somebody uses it, or it is none.
pub fn verify(path: &Path) -> Result<Report, DataDirError> {
    let mut report = Report::default();
    let _lock = lock(path)?;
    let layout = match Layout::read(path) {
        Err(error @ (DataDirError::Damaged { .. } | DataDirError::Io { .. })) => {
            report.damaged.push(error.to_string());
            return Ok(report);
        }
        read => read?,
    };
    report.lines.push(format!("LAYOUT: {} shards", layout.shards));
    let mut newest_boot = 0;
    for shard in 0..layout.shards {
        // No part can be later than this opening.
        let home = layout.home(path, shard, u32::MAX);
        if !home.dir.is_dir() {
            report.take::<()>(Err(Damage::file(&home.dir, "is gone")));
            continue;
        }
        let parts = look(&home, &mut report);
        newest_boot = newest_boot.max(parts.boot);
        verify_log(&home, &parts, &mut report);
        verify_index(&home, &parts, &mut report);
    }
    match Boot::read(path) {
        Ok(boot) if boot.number >= newest_boot => {
            report.lines.push(format!("BOOT: opening {}", boot.number));
        }
        _ => report.damaged.push(format!(
            "{}/BOOT is damaged or was set back; write {newest_boot} into it",
            path.display()
        )),
    }
    Ok(report)
}

/// The small parts of a shard, and its log.
#[derive(Default)]
struct Parts {
    /// The last opening that one of them was written in.
    boot: u32,
    end: Option<End>,
    synced: Option<Synced>,
    files: Option<(SegmentFiles, Vec<super::log::FoundSegment>)>,
}

fn look(home: &Home, report: &mut Report) -> Parts {
    let mut parts = Parts::default();
    if let Some((boot, end)) = report.take(End::read(home)) {
        (parts.boot, parts.end) = (boot, Some(end));
    }
    match report.take(Synced::read(home)) {
        Some(Some((boot, synced))) => {
            parts.boot = parts.boot.max(boot);
            parts.synced = Some(synced);
        }
        Some(None) if parts.boot > 0 => {
            report.take::<()>(Err(Damage::file(&home.path(SYNCED), "is gone")));
        }
        Some(None) | None => {}
    }
    if let Some((files, found)) = report.take(SegmentFiles::open(home)) {
        parts.boot = parts.boot.max(files.boot());
        parts.files = Some((files, found));
    }
    parts
}

fn known(home: &Home, end: End) -> Known {
    Known { by: home.path(END), place: end.place, segment: end.segment }
}

fn verify_log(home: &Home, parts: &Parts, report: &mut Report) {
    let (Some((files, found)), Some(end)) = (&parts.files, parts.end) else { return };
    let from = parts.synced.as_ref().map(|synced| synced.through).unwrap_or_default();
    let known = [known(home, end)];
    let read = recover((files, found), from, &known, |_, _| Ok(()));
    if let Some((through, records)) = report.take(read) {
        let (place, log) = (through.place, files.dir().display());
        report.lines.push(format!("{log}: whole up to block {place}, {records} records to replay"));
    }
}

fn verify_index(home: &Home, parts: &Parts, report: &mut Report) {
    let Some(synced) = &parts.synced else { return rebuild(home, parts, report) };
    let before = report.damaged.len();
    let opened = Tables::open(home, Some(synced));
    if let Some(tables) = report.take(opened) {
        let mut rows = 0_u64;
        let damaged = tables.verify(|table, key, value| {
            rows += 1;
            is_row(&tables, table, key, value)
        });
        report
            .damaged
            .extend(damaged.into_iter().map(|what| format!("{what}; {}", of_what(&what))));
        let index = home.path("index");
        report.lines.push(format!("{}: {rows} rows read", index.display()));
    }
    if report.damaged.len() > before {
        rebuild(home, parts, report);
    }
}

/// Whether the index can be made again of the log.
fn rebuild(home: &Home, parts: &Parts, report: &mut Report) {
    let (Some((files, found)), Some(end)) = (&parts.files, parts.end) else { return };
    if !has_all(files, found, &known(home, end)) {
        return;
    }
    let paths: Vec<PathBuf> = [SYNCED, "index"].iter().map(|name| home.path(name)).collect();
    if paths.iter().any(|path| fs::exists(path).unwrap_or(true)) {
        report.damaged.push(format!(
            "the log of shard {} has everything: take {} and {} away, and a start makes the index again",
            home.shard,
            paths[0].display(),
            paths[1].display()
        ));
    }
}

/// What of a table's rows is also elsewhere.
fn of_what(text: &str) -> &'static str {
    let has =
        |name: &str| text.contains(&format!("of {name}:")) || text.starts_with(&format!("{name}:"));
    if has("messages") {
        "its messages are also in the inboxes of those who have them"
    } else if has("inbox") {
        "its messages are also in the histories of their conversations; their order in the inbox is lost"
    } else if has("ids") {
        "its rows follow from the messages"
    } else if has("chats") || has("users") {
        "its rows follow from the inboxes, but for what was read and hidden"
    } else {
        "it holds no rows of users"
    }
}
