//! Calls of business systems over HTTP, on an address of their own: keys, what a key may, each call, and the document that
//! describes them. Each call asks shards as clients do, or as operators do, here or in nodes; where they are it does not know.

mod limits;
mod scope;
mod keys;
mod key_file;
mod refused;
mod keyring;
mod uuid;
mod form;
mod once;
mod call;
mod calls;
mod desk;
mod run;
mod groups;
mod trace;
mod document;
mod serve;
mod door;
mod typed;

pub use desk::Desk;
pub use door::open;
pub use keyring::Keyring;
pub use scope::Scopes;
pub use typed::{ApiKey, change_keys};

use crate::config::Config;

/// The keys of a configuration, if calls are taken at all.
///
/// # Errors
/// What is wrong with them, and what to do.
pub fn keyring(config: &Config) -> Result<Option<Keyring>, String> {
    config.api_listen.map(|_| Keyring::open(key_file::path(config), config.api_rate)).transpose()
}
