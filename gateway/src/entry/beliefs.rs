//! What waits until a user's shard says that a token is believed: whoever took it back told that shard, and no entry. So it is
//! with what is called for without a login, and with a newer token for a session.

use super::session::SessionKey;
use super::tickets::Ticket;
use shard::command::{Answer, Command};
use std::collections::HashMap;

/// What is done once the token is believed.
#[derive(Debug)]
pub(super) enum Waiting {
    /// What was called for.
    Call(Command),
    /// Its session lasts until then, in Unix seconds.
    Renewal { until_s: u64 },
}

/// What waits, under the ticket of the question: as much as there are questions in flight.
#[derive(Debug, Default)]
pub(super) struct Beliefs {
    waiting: HashMap<Ticket, Waiting>,
    /// When the tokens of calls without a login were made, in Unix seconds, until it is asked for.
    calls: HashMap<SessionKey, u64>,
}

impl Beliefs {
    /// A call comes with a token that was made then, in Unix seconds.
    pub fn begin(&mut self, key: SessionKey, issued_s: u64) {
        self.calls.insert(key, issued_s);
    }

    /// When the token of a call was made; 0: it does not say, or there is none.
    pub fn take_issued_s(&mut self, key: SessionKey) -> u64 {
        self.calls.remove(&key).unwrap_or(0)
    }

    /// Waits for the answer to the question that has this ticket.
    pub fn hold(&mut self, ticket: Ticket, waiting: Waiting) {
        self.waiting.insert(ticket, waiting);
    }

    /// What waited for this answer, if it is one to such a question.
    pub fn take(&mut self, ticket: Ticket, answer: &Answer) -> Option<Waiting> {
        let is_one = matches!(answer, Answer::Believed | Answer::Refused { .. });
        is_one.then(|| self.waiting.remove(&ticket)).flatten()
    }

    /// The call is answered, or its connection is over.
    pub fn end(&mut self, key: SessionKey) {
        self.calls.remove(&key);
    }
}
