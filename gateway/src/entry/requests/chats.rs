//! A page of the user's chats.

use super::action::Action;
use super::checks;
use crate::entry::delivery::message;
use shard::command::{Command, Login};
use shard::limits::PREVIEW_BYTES_MAX;
use shard::rows::{ChatRow, InboxRow, MessageRow};
use wire::frames::{Chat, ChatsPage, Conversation, Message};
use wire::{Bytes, ConversationKind, FrameError, RawFrame, RefusalCode, RowKind, Seq, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let uid = login.uid;
    let chats = frame.access::<frames::Chats>()?;
    let after = chats.after.id();
    if after.is_none() && !chats.after.is_none() {
        return Ok(Action::Refuse(RefusalCode::OutOfRange));
    }
    Ok(checks::page(chats.limit.to_native(), |limit| Command::Chats { uid, after, limit }))
}

pub(super) fn reply(
    version: u64,
    chats: Vec<(ChatRow, Option<MessageRow>)>,
    more: bool,
) -> ChatsPage {
    let last = chats.last().filter(|_| more).map(|(row, _)| row.conversation.into());
    let next_after = last.unwrap_or(Conversation::NONE);
    let chats = chats.into_iter().map(|(row, recent)| chat(row, recent)).collect();
    ChatsPage { next_after, version, chats }
}

/// Up to where the peer has read each chat, in order; nothing if none has read anything.
pub(super) fn peer_read_seqs(chats: &[(ChatRow, Option<MessageRow>)]) -> Vec<u64> {
    let is_read = chats.iter().any(|(row, _)| row.peer_read() > Seq(0));
    let all = chats.iter().filter(|_| is_read);
    all.map(|(row, _)| row.peer_read().0).collect()
}

fn chat(row: ChatRow, recent: Option<MessageRow>) -> Chat {
    let conversation = Conversation::from(row.conversation);
    let empty = || Message {
        inbox_seq: row.recent_inbox_seq.0,
        conversation: conversation.clone(),
        seq: row.recent_seq.0,
        number: row.recent_number,
        sender: 0,
        message_id: 0,
        time_ms: 0,
        client_msg_id: [0; 16],
        kind: 0,
        row_flags: 0,
        flags: 0,
        body: Bytes::new(),
    };
    Chat {
        recent: recent.map_or_else(empty, |recent| {
            // As the inbox has it: of a group's message only the beginning may be there.
            let is_cut = conversation.kind == ConversationKind::Group as u8
                && recent.kind == RowKind::MESSAGE
                && recent.body.len() >= PREVIEW_BYTES_MAX;
            message(recent, row.recent_inbox_seq, if is_cut { InboxRow::POINTS } else { 0 })
        }),
        conversation: conversation.clone(),
        read_time_ms: row.read_time_ms,
        read_seq: row.read_seq.0,
        unread: row.unread(),
        version: row.version,
        is_hidden: row.is_hidden.into(),
    }
}
