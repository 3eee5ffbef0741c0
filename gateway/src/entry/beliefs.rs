//! What is called for without a login, until its user's shard says that the token is believed still: whoever took it back told
//! that shard, and no entry. A connection has one call at a time.

use super::session::SessionKey;
use shard::command::Command;
use std::collections::HashMap;

/// Calls that brought a token, one a connection at most.
#[derive(Debug, Default)]
pub(super) struct Beliefs(HashMap<SessionKey, Held>);

#[derive(Debug)]
struct Held {
    issued_s: u64,
    command: Option<Command>,
}

impl Beliefs {
    /// A call comes with a token that was made then, in Unix seconds.
    pub fn begin(&mut self, key: SessionKey, issued_s: u64) {
        self.0.insert(key, Held { issued_s, command: None });
    }

    /// When the token of a session's call was made; 0: it does not say, or there is none.
    pub fn issued_s(&self, key: SessionKey) -> u64 {
        self.0.get(&key).map_or(0, |held| held.issued_s)
    }

    /// What is called for waits.
    pub fn hold(&mut self, key: SessionKey, command: Command) {
        if let Some(held) = self.0.get_mut(&key) {
            held.command = Some(command);
        }
    }

    /// The token is believed: what waited.
    pub fn take(&mut self, key: SessionKey) -> Option<Command> {
        self.0.get_mut(&key)?.command.take()
    }

    /// The call is answered, or nobody is there for an answer.
    pub fn end(&mut self, key: SessionKey) {
        self.0.remove(&key);
    }
}
