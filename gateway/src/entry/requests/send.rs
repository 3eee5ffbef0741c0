//! A message to a conversation.

use super::action::Action;
use super::checks;
use shard::command::{Command, Login, Send};
use wire::{BODY_BYTES_MAX, Bytes, ClientMsgId, ConversationKind, FrameError, RawFrame};
use wire::{RefusalCode, RowKind, SEEN_SEQ, Seq, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let send = frame.access::<frames::Send>()?;
    if send.body.len() > BODY_BYTES_MAX {
        return Ok(Action::Refuse(RefusalCode::BodyTooLarge));
    }
    let (kind, flags) = (RowKind(send.kind), send.flags.to_native());
    if kind != RowKind::MESSAGE || flags != 0 {
        return Ok(Action::Refuse(RefusalCode::Unsupported));
    }
    let conversation = match checks::conversation(login.uid, &send.conversation) {
        Ok(conversation) if conversation.kind() == ConversationKind::Direct => conversation,
        // A user reads what the system tells it, and says nothing there.
        Ok(_) => return Ok(Action::Refuse(RefusalCode::BadRecipient)),
        Err(code) => return Ok(Action::Refuse(code)),
    };
    Ok(Action::Submit(Command::Send(Send {
        conversation,
        sender: login.uid,
        device: login.device,
        client_msg_id: ClientMsgId(send.client_msg_id),
        kind,
        flags,
        // The first of two copies of a body in user space; the other is into the outbox.
        body: Bytes::copy_from_slice(&send.body),
        seen: Seq(frame.extended(SEEN_SEQ)),
    })))
}
