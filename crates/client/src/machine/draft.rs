//! What an application wants sent. It knows no session.

use wire::{Bytes, ConversationId, Seq};

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Where to.
    pub conversation: ConversationId,
    /// What.
    pub body: Bytes,
    /// Up to where its writer has seen the conversation, which is read up to there with it; 0: it does not say.
    pub seen: Seq,
}

impl From<(ConversationId, Bytes)> for Draft {
    fn from((conversation, body): (ConversationId, Bytes)) -> Self {
        Self { conversation, body, seen: Seq(0) }
    }
}
