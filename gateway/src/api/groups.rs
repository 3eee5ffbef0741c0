//! Changes of groups, on behalf of a member: each is a message to the group, as a client would send it.

use super::call::Change;
use super::calls::ROLES;
use super::desk::{Asked, Desk, page};
use super::form::Fields;
use super::refused::{Page, Refused};
use serde_json::{Value, json};
use wire::frames::Send;
use wire::{Bytes, ConversationId, RowKind, Uid, encode, put_set, put_uids};

/// Changes a group, or makes one.
///
/// # Errors
/// Why not.
pub async fn change(desk: &Desk, asked: &Asked, change: Change) -> Result<Page, Refused> {
    let (uid, id) = (asked.uid()?, asked.id()?);
    let is_new = change == Change::Create;
    let group = if is_new { ConversationId::made_by(uid, id) } else { asked.group()? };
    let (kind, body) = said(change, &asked.fields);
    let conversation = group.into();
    let send = Send { conversation, client_msg_id: id.0, kind: kind.0, flags: 0, body };
    let acked = page(desk.ask_for(uid, |out| encode(out, 0, send)).await?)?;
    Ok(if is_new { with_group(group, &acked) } else { acked })
}

/// The kind and the body of the message that says a change.
fn said(change: Change, fields: &Fields) -> (RowKind, Bytes) {
    let uids = || -> Vec<Uid> { fields.ids("uids").iter().map(|uid| Uid(*uid)).collect() };
    let text = || Bytes::copy_from_slice(fields.words("text").unwrap_or_default().as_bytes());
    match change {
        Change::Create => (RowKind::GROUP_CREATED, put_uids(uids())),
        Change::Add => (RowKind::MEMBERS_ADDED, put_uids(uids())),
        Change::Remove => (RowKind::MEMBERS_REMOVED, put_uids(uids())),
        Change::Leave => (RowKind::MEMBER_LEFT, Bytes::new()),
        Change::Role => {
            let role = ROLES.iter().position(|role| Some(*role) == fields.words("role"));
            let number = role.expect("it is one of these") as u64;
            (RowKind::ROLE_SET, put_set(number, uids()))
        }
        Change::Mute => (RowKind::MUTED, put_set(fields.number("until_ms").unwrap_or(0), uids())),
        Change::Title => (RowKind::RENAMED, text()),
        Change::Notice => (RowKind::ANNOUNCED, text()),
        Change::Dissolve => (RowKind::DISSOLVED, Bytes::new()),
    }
}

/// What a new group's maker is answered: its number beside.
fn with_group(group: ConversationId, acked: &Page) -> Page {
    let mut value: Value = serde_json::from_slice(&acked.body).expect("this side writes JSON");
    value["group"] = json!(group.home().to_string());
    Page::of(&value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Role;

    #[test]
    fn roles_have_the_numbers_of_the_wire() {
        for role in [Role::Member, Role::Admin, Role::Owner] {
            let at = usize::try_from(role.number()).unwrap();
            assert_eq!(ROLES[at], format!("{role:?}").to_lowercase());
        }
    }
}
