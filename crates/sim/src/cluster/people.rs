//! The users of a run, as a gateway knows them.

use gateway::auth::Auth;
use std::collections::BTreeMap;
use std::sync::Arc;
use wire::{Bytes, Uid};

/// Who may log in, and with which token.
pub struct People {
    /// Believes them.
    pub auth: Arc<Auth>,
    /// One a user.
    pub tokens: BTreeMap<Uid, Bytes>,
}

impl People {
    /// A user's token.
    ///
    /// # Panics
    /// There is no such user.
    #[must_use]
    pub fn token(&self, uid: Uid) -> Bytes {
        self.tokens[&uid].clone()
    }
}
