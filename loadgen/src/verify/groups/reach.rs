//! How many of those who were to have messages of groups have them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Messages by the members that were to have them: each but its sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reach {
    /// Messages times the members who were to have them.
    pub expected: u64,
    /// Of these, what they have.
    pub received: u64,
}

impl Reach {
    /// Adds another's.
    pub fn add(&mut self, other: Self) {
        self.expected += other.expected;
        self.received += other.received;
    }
}
