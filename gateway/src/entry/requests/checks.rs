//! Bounds that several requests have in common.

use super::action::Action;
use crate::canary::is_reserved;
use shard::command::{ChatChange, Command};
use wire::frames::ArchivedConversation;
use wire::{ConversationId, ConversationKind, PAGE_ROWS_MAX, RefusalCode, Uid};

/// The conversation that a user means, if it may be the user's by its id and is not the canary's; or why not.
pub(super) fn conversation(
    uid: Uid,
    meant: &ArchivedConversation,
) -> Result<ConversationId, RefusalCode> {
    match ConversationKind::from_wire(meant.kind) {
        Some(ConversationKind::Direct | ConversationKind::System) => {
            let conversation = meant.id().filter(|conversation| conversation.names(uid));
            let is_open = |it: &ConversationId| !it.peer_of(uid).is_some_and(is_reserved);
            conversation.filter(is_open).ok_or(RefusalCode::BadRecipient)
        }
        // Who may do what in a group is judged where it lives. Ids have 63 bits.
        Some(ConversationKind::Group) => {
            let group = meant.id().filter(|group| i64::try_from(group.home()).is_ok());
            group.ok_or(RefusalCode::BadRecipient)
        }
        Some(ConversationKind::Broadcast) | None => Err(RefusalCode::Unsupported),
    }
}

pub(super) fn page(limit: u32, command: impl FnOnce(usize) -> Command) -> Action {
    match usize::try_from(limit) {
        Ok(rows) if (1..=PAGE_ROWS_MAX).contains(&limit) => Action::Submit(command(rows)),
        _ => Action::Refuse(RefusalCode::OutOfRange),
    }
}

pub(super) fn change_chat(uid: Uid, meant: &ArchivedConversation, change: ChatChange) -> Action {
    match conversation(uid, meant) {
        Ok(conversation) => Action::Submit(Command::ChangeChat { uid, conversation, change }),
        Err(code) => Action::Refuse(code),
    }
}
