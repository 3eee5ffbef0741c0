//! What a group is.

use super::action::Action;
use super::checks;
use shard::command::{Command, Login};
use shard::group::{GroupInfo, Member};
use wire::frames::{GroupInfoReply, GroupRole};
use wire::{ConversationId, FrameError, RawFrame, RefusalCode, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let uid = login.uid;
    let asked = frame.access::<frames::GroupInfo>()?;
    Ok(match checks::conversation(uid, &asked.conversation) {
        Ok(group) if group.is_group() => Action::Submit(Command::GroupInfo { group, uid }),
        Ok(_) => Action::Refuse(RefusalCode::BadRecipient),
        Err(code) => Action::Refuse(code),
    })
}

pub(super) fn reply(group: ConversationId, info: GroupInfo) -> GroupInfoReply {
    let role = |member: Member| {
        let role = u8::try_from(member.role().number()).expect("there are few");
        GroupRole { uid: member.uid.0, role, muted_until_ms: member.muted_until_ms }
    };
    let GroupInfo { seq, count, muted_until_ms, title, notice, members } = info;
    let roles = members.into_iter().map(role).collect();
    let conversation = group.into();
    GroupInfoReply { conversation, seq: seq.0, count, muted_until_ms, title, notice, roles }
}
