//! What a disk, a copy or a hand may do to a data directory.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rand::RngExt;
use rand::rngs::StdRng;

const BLOCK_BYTES: u64 = 4096;
/// Blocks that are lost at once, at the most: 1 MiB.
const BLOCKS_MAX: u64 = 256;
/// Files that hold nothing of the store.
const NOT_OURS: [&str; 3] = ["LOCK", "lock", "dev-key.hs256"];

type Harm = fn(&Path, &mut StdRng) -> Result<String>;

/// Every kind, with its name.
const HARMS: &[(&str, Harm)] = &[
    ("a flipped bit", flip),
    ("a flipped bit of the log", flip_log),
    ("a flipped bit of a table", flip_table),
    ("zeroed blocks", zero),
    ("a zeroed end of the log", zero_end),
    ("blocks of noise", noise),
    ("a file cut short", cut),
    ("a deleted file", delete),
    ("a deleted folder", delete_folder),
    ("two files in each other's place", swap_files),
    ("two folders in each other's place", swap_folders),
    ("BOOT set back", set_boot_back),
    ("another LAYOUT", change_layout),
];

/// Does one; its kind, and what it was.
pub fn harm(dir: &Path, random: &mut StdRng) -> Result<(&'static str, String)> {
    let (name, harm) = HARMS[random.random_range(0..HARMS.len())];
    let what = harm(dir, random).with_context(|| format!("could not do {name}"))?;
    Ok((name, format!("{name}: {what}")))
}

fn flip(dir: &Path, random: &mut StdRng) -> Result<String> {
    let file = pick(&files(dir)?, random);
    flip_in(dir, &file, random)
}

fn flip_log(dir: &Path, random: &mut StdRng) -> Result<String> {
    let logs: Vec<PathBuf> = files(dir)?.into_iter().filter(|path| is_log(path)).collect();
    let file = pick(&logs, random);
    flip_in(dir, &file, random)
}

/// Where the index has rows that are in no journal any more.
fn flip_table(dir: &Path, random: &mut StdRng) -> Result<String> {
    let is_table = |path: &PathBuf| path.parent().is_some_and(|folder| folder.ends_with("tables"));
    let of_fjall =
        |path: &PathBuf| path.parent().is_some_and(|folder| folder.ends_with("0/tables"));
    let all = files(dir)?.into_iter();
    let tables: Vec<PathBuf> = all.filter(|path| is_table(path) && !of_fjall(path)).collect();
    if tables.is_empty() {
        return Ok("none, there is no table".into());
    }
    let file = pick(&tables, random);
    flip_in(dir, &file, random)
}

fn flip_in(dir: &Path, path: &Path, random: &mut StdRng) -> Result<String> {
    let bytes = fs::read(path)?;
    let block = pick_block(&bytes, random);
    let start = usize::try_from(block * BLOCK_BYTES)?;
    let end = bytes.len().min(start + usize::try_from(BLOCK_BYTES)?);
    if start == end {
        return Ok(format!("none, {} is empty", shown(dir, path)));
    }
    // Where something is written, if anything is there.
    let written: Vec<usize> = (start..end).filter(|at| bytes[*at] != 0).collect();
    let at = if written.is_empty() { start } else { pick(&written, random) };
    let bit = random.random_range(0..8);
    write(path, at as u64, &[bytes[at] ^ (1 << bit)])?;
    Ok(format!("bit {bit} of byte {at} of {}", shown(dir, path)))
}

fn zero(dir: &Path, random: &mut StdRng) -> Result<String> {
    let path = pick(&files(dir)?, random);
    let bytes = fs::read(&path)?;
    let (block, count) = (pick_block(&bytes, random), random.random_range(1..=BLOCKS_MAX));
    overwrite(&path, (block, count), || 0)?;
    Ok(format!("{count} from {block} on of {}", shown(dir, &path)))
}

fn noise(dir: &Path, random: &mut StdRng) -> Result<String> {
    let path = pick(&files(dir)?, random);
    let bytes = fs::read(&path)?;
    let (block, count) = (pick_block(&bytes, random), random.random_range(1..=8));
    overwrite(&path, (block, count), || random.random())?;
    Ok(format!("{count} from {block} on of {}", shown(dir, &path)))
}

/// The last records of a segment, from 4 KiB to 1 MiB.
fn zero_end(dir: &Path, random: &mut StdRng) -> Result<String> {
    let logs: Vec<PathBuf> = files(dir)?.into_iter().filter(|path| is_log(path)).collect();
    let path = pick(&logs, random);
    let bytes = fs::read(&path)?;
    let end = (0..blocks(&bytes)).rev().find(|block| is_written(&bytes, *block)).unwrap_or(0) + 1;
    let count = random.random_range(1..=BLOCKS_MAX).min(end);
    overwrite(&path, (end - count, count), || 0)?;
    Ok(format!("the last {count} blocks before {end} of {}", shown(dir, &path)))
}

fn cut(dir: &Path, random: &mut StdRng) -> Result<String> {
    let path = pick(&files(dir)?, random);
    let length = fs::metadata(&path)?.len();
    let left = random.random_range(0..=length.saturating_sub(1));
    OpenOptions::new().write(true).open(&path)?.set_len(left)?;
    Ok(format!("{} to {left} of {length} bytes", shown(dir, &path)))
}

fn delete(dir: &Path, random: &mut StdRng) -> Result<String> {
    let path = pick(&files(dir)?, random);
    fs::remove_file(&path)?;
    Ok(shown(dir, &path))
}

fn delete_folder(dir: &Path, random: &mut StdRng) -> Result<String> {
    let path = pick(&folders(dir)?, random);
    fs::remove_dir_all(&path)?;
    Ok(shown(dir, &path))
}

/// Of one kind: by their names or by the names of their folders.
fn swap_files(dir: &Path, random: &mut StdRng) -> Result<String> {
    let all = files(dir)?;
    let one = pick(&all, random);
    let name = one.file_name();
    let folder = |path: &Path| path.parent().and_then(Path::file_name).map(ToOwned::to_owned);
    let alike = |path: &&PathBuf| {
        **path != one && (path.file_name() == name || folder(path) == folder(&one))
    };
    let others: Vec<PathBuf> = all.iter().filter(alike).cloned().collect();
    swap(dir, &one, &others, random)
}

fn swap_folders(dir: &Path, random: &mut StdRng) -> Result<String> {
    let all = folders(dir)?;
    let one = pick(&all, random);
    let depth = |path: &Path| path.components().count();
    let alike = |path: &&PathBuf| **path != one && depth(path) == depth(&one);
    let others: Vec<PathBuf> = all.iter().filter(alike).cloned().collect();
    swap(dir, &one, &others, random)
}

fn swap(dir: &Path, one: &Path, others: &[PathBuf], random: &mut StdRng) -> Result<String> {
    if others.is_empty() {
        return Ok(format!("none, there is one {}", shown(dir, one)));
    }
    let other = pick(others, random);
    let between = dir.join("between");
    fs::rename(one, &between)?;
    fs::rename(&other, one)?;
    fs::rename(&between, &other)?;
    Ok(format!("{} and {}", shown(dir, one), shown(dir, &other)))
}

/// As a person would write it: without the time at which the file was made.
fn set_boot_back(dir: &Path, random: &mut StdRng) -> Result<String> {
    let path = dir.join("BOOT");
    let text = fs::read_to_string(&path)?;
    let boot: u32 = text.lines().next().unwrap_or_default().trim().parse()?;
    let back = random.random_range(0..boot);
    fs::write(&path, format!("{back}\n"))?;
    Ok(format!("from {boot} to {back}"))
}

fn change_layout(dir: &Path, random: &mut StdRng) -> Result<String> {
    let path = dir.join("LAYOUT");
    let text = fs::read_to_string(&path)?;
    let lines: Vec<&str> = text.lines().collect();
    let line = pick(&lines, random);
    let changed = match random.random_range(0..3) {
        0 => String::new(),
        1 => format!("{line}1"),
        _ => line.replace(" = ", " = 1"),
    };
    fs::write(&path, text.replacen(line, &changed, 1))?;
    Ok(format!("{line:?} became {changed:?}"))
}

fn overwrite(path: &Path, (block, count): (u64, u64), mut byte: impl FnMut() -> u8) -> Result<()> {
    let length = fs::metadata(path)?.len();
    let start = (block * BLOCK_BYTES).min(length);
    let end = (start + count * BLOCK_BYTES).min(length);
    let bytes: Vec<u8> = (start..end).map(|_| byte()).collect();
    write(path, start, &bytes)
}

fn write(path: &Path, at: u64, bytes: &[u8]) -> Result<()> {
    Ok(OpenOptions::new().write(true).open(path)?.write_all_at(bytes, at)?)
}

fn blocks(bytes: &[u8]) -> u64 {
    (bytes.len() as u64).div_ceil(BLOCK_BYTES)
}

fn is_written(bytes: &[u8], block: u64) -> bool {
    let start = usize::try_from(block * BLOCK_BYTES).unwrap_or(usize::MAX);
    bytes.get(start..).is_some_and(|rest| rest.iter().take(4096).any(|byte| *byte != 0))
}

/// One that is written, if any is.
fn pick_block(bytes: &[u8], random: &mut StdRng) -> u64 {
    let written: Vec<u64> = (0..blocks(bytes)).filter(|block| is_written(bytes, *block)).collect();
    if written.is_empty() { 0 } else { pick(&written, random) }
}

fn pick<T: Clone>(from: &[T], random: &mut StdRng) -> T {
    from[random.random_range(0..from.len())].clone()
}

fn is_log(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder.ends_with("log"))
}

fn shown(dir: &Path, path: &Path) -> String {
    path.strip_prefix(dir).unwrap_or(path).display().to_string()
}

fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    walk(dir, &mut |path, is_dir| {
        let is_ours = !NOT_OURS.iter().any(|name| path.ends_with(name));
        if !is_dir && is_ours {
            found.push(path.to_path_buf());
        }
    })?;
    found.sort();
    Ok(found)
}

fn folders(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    walk(dir, &mut |path, is_dir| {
        if is_dir {
            found.push(path.to_path_buf());
        }
    })?;
    found.sort();
    Ok(found)
}

fn walk(dir: &Path, visit: &mut impl FnMut(&Path, bool)) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let is_dir = path.is_dir();
        visit(&path, is_dir);
        if is_dir {
            walk(&path, visit)?;
        }
    }
    Ok(())
}
