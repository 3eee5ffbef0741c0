//! A conversation as frames have it, and its id: from one to the other. It knows no other part of a frame.

use crate::ConversationId;
use crate::frames::{ArchivedConversation, Conversation};

impl From<ConversationId> for Conversation {
    fn from(id: ConversationId) -> Self {
        let (kind, a, b) = id.parts();
        Self { kind, a, b }
    }
}

impl Conversation {
    /// No conversation: the end of a list, or its beginning.
    pub const NONE: Self = Self { kind: 0, a: 0, b: 0 };

    /// The conversation that is meant; `None`: there is none of these parts.
    #[must_use]
    pub fn id(&self) -> Option<ConversationId> {
        ConversationId::from_parts(self.kind, self.a, self.b)
    }
}

impl ArchivedConversation {
    /// Whether it is [`Conversation::NONE`].
    #[must_use]
    pub fn is_none(&self) -> bool {
        (self.kind, self.a.to_native(), self.b.to_native()) == (0, 0, 0)
    }

    /// The conversation that is meant; `None`: there is none of these parts.
    #[must_use]
    pub fn id(&self) -> Option<ConversationId> {
        ConversationId::from_parts(self.kind, self.a.to_native(), self.b.to_native())
    }
}
