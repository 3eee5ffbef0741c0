//! `gateway api-key`: makes a key and shows it once, or ends one.

use super::key_file;
use super::keys::{Key, Print, Secret};
use super::scope::Scopes;
use crate::config::Config;
use service::clock::unix_ms;

/// What is to become of which key.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Its name.
    pub name: String,
    /// What it is good for, and for how many seconds; none: it ends.
    pub makes: Option<(Scopes, u64)>,
}

/// Makes or ends a key in the file of a configuration. What to show: the key, or that it ended.
///
/// # Errors
/// There is a key of that name, or there is none to end; or the file cannot be read or written.
pub fn change_keys(config: &Config, wanted: ApiKey) -> Result<String, String> {
    let (path, ApiKey { name, makes }) = (key_file::path(config), wanted);
    if !Key::is_name(&name) {
        return Err(format!("{name:?} is no name: give up to 64 letters, digits, dots, dashes"));
    }
    let Some((scopes, ttl_s)) = makes else {
        key_file::change(&path, |keys| {
            let before = keys.len();
            keys.retain(|key| key.name != name);
            if keys.len() < before { Ok(()) } else { Err(format!("there is no key {name}")) }
        })?;
        return Ok(format!(
            "{name} ended: send SIGHUP to every gateway that has {}",
            path.display()
        ));
    };
    let secret = Secret::new(rand::random());
    let (print, expires_s) = (Print::of(secret.text()), unix_ms() / 1_000 + ttl_s);
    key_file::change(&path, |keys| {
        if keys.iter().any(|key| key.name == name) {
            return Err(format!("there is a key {name}: end it first, or give another name"));
        }
        keys.push(Key { name, print, scopes, expires_s });
        Ok(())
    })?;
    Ok(secret.text().to_owned())
}
