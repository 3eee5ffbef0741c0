//! A message to a conversation, or a change of a group.

use super::action::Action;
use super::checks;
use crate::canary::is_reserved;
use shard::command::{Command, Login, Send};
use shard::group;
use wire::{BODY_BYTES_MAX, Bytes, ClientMsgId, ConversationId, ConversationKind, FrameError};
use wire::{RawFrame, RefusalCode, RowKind, SEEN_SEQ, Seq, Uid, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let send = frame.access::<frames::Send>()?;
    if send.body.len() > BODY_BYTES_MAX {
        return Ok(Action::Refuse(RefusalCode::BodyTooLarge));
    }
    let (kind, flags) = (RowKind(send.kind), send.flags.to_native());
    let is_group =
        ConversationKind::from_wire(send.conversation.kind) == Some(ConversationKind::Group);
    if flags != 0 || !(kind == RowKind::MESSAGE || is_group && group::is_change(kind)) {
        return Ok(Action::Refuse(RefusalCode::Unsupported));
    }
    let client_msg_id = ClientMsgId(send.client_msg_id);
    let conversation = match checks::conversation(login.uid, &send.conversation) {
        Ok(conversation) if conversation.kind() == ConversationKind::Direct => conversation,
        Ok(group) if group.is_group() => {
            match group_refusal((login.uid, client_msg_id), group, send) {
                Some(code) => return Ok(Action::Refuse(code)),
                None => group,
            }
        }
        // A user reads what the system tells it, and says nothing there.
        Ok(_) => return Ok(Action::Refuse(RefusalCode::BadRecipient)),
        Err(code) => return Ok(Action::Refuse(code)),
    };
    Ok(Action::Submit(Command::Send(Send {
        conversation,
        sender: login.uid,
        device: login.device,
        client_msg_id,
        kind,
        flags,
        // The first of two copies of a body in user space; the other is into the outbox.
        body: Bytes::copy_from_slice(&send.body),
        seen: Seq(frame.extended(SEEN_SEQ)),
    })))
}

/// Why what a user sends to a group is refused whatever the group has.
fn group_refusal(
    (uid, id): (Uid, ClientMsgId),
    group: ConversationId,
    send: &frames::ArchivedSend,
) -> Option<RefusalCode> {
    let kind = RowKind(send.kind);
    let change = group::Change::of(kind, &send.body);
    if change.is_none_or(|change| change.uids().iter().any(|uid| is_reserved(*uid))) {
        return Some(RefusalCode::OutOfRange);
    }
    // A group has the number that its first id gives it, so that nobody chooses one.
    let is_named = kind != RowKind::GROUP_CREATED || group == ConversationId::made_by(uid, id);
    (!is_named).then_some(RefusalCode::BadRecipient)
}
