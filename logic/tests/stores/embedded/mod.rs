//! The embedded store: its log, its index, its directory and its disk.

mod a_data_directory_is_guarded;
mod a_full_disk_refuses_and_recovers;
mod acked_survives_a_kill;
mod damage_is_refused_where_it_is_read;
mod log_is_the_truth;
mod what_is_held_answers_as_what_is_stored;
mod what_is_old_goes;
mod cost;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a test of this program as a process of its own, which is told a directory by a variable, and kills it when what it
/// says it has acknowledged is enough. Returns when it is gone.
fn kill_a_child(
    test: [String; 3],
    (variable, dir): (&str, &Path),
    mut is_enough: impl FnMut(u64) -> bool,
) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(test)
        .env(variable, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    for seq in lines.filter_map(|line| line.strip_prefix("acked ")?.parse().ok()) {
        if is_enough(seq) {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
}
