//! What every store promises, and what each kind of store does; a module a property, in one program since each takes long to
//! link. They run side by side: each has a directory or a keyspace of its own, and only what it has started is killed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod driven;
mod groups;
mod tails;
mod every_store_answers_alike;
mod embedded;
mod cql;

/// Arguments by which this program runs one test of the module with this path, and no other: how a test starts itself as a
/// process that it may kill.
fn alone(module_path: &str, test: &str) -> [String; 3] {
    let (_, module) = module_path.split_once("::").expect("the program's name comes first");
    ["--exact".into(), format!("{module}::{test}"), "--nocapture".into()]
}
