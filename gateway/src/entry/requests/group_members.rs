//! A page of a group's members.

use super::action::Action;
use super::checks;
use shard::command::{Command, Login};
use shard::group::Member;
use wire::frames::{GroupMember, GroupMembersPage};
use wire::{ConversationId, FrameError, RawFrame, RefusalCode, Uid, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let uid = login.uid;
    let asked = frame.access::<frames::GroupMembers>()?;
    let (after, limit) = (Uid(asked.after_uid.to_native()), asked.limit.to_native());
    Ok(match checks::conversation(uid, &asked.conversation) {
        Ok(group) if group.is_group() => {
            checks::page(limit, |limit| Command::GroupMembers { group, uid, after, limit })
        }
        Ok(_) => Action::Refuse(RefusalCode::BadRecipient),
        Err(code) => Action::Refuse(code),
    })
}

pub(super) fn reply(group: ConversationId, count: u64, members: Vec<Member>) -> GroupMembersPage {
    let member = |member: Member| GroupMember {
        uid: member.uid.0,
        since_seq: member.since.0,
        is_owner: member.is_owner.into(),
    };
    let members = members.into_iter().map(member).collect();
    GroupMembersPage { conversation: group.into(), count, members }
}
