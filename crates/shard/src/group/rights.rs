//! Who may do what in a group: one table. It knows no member.

use wire::Role;

/// What is done in a group, and, where it is done to a member, which role that one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A message.
    Say,
    /// Users become members.
    Add,
    /// A member is none any more.
    Remove(Role),
    /// Oneself is none any more.
    Leave,
    /// A member becomes an admin, or a plain member again.
    ChangeRole(Role),
    /// A member becomes the owner.
    HandOver(Role),
    /// A member may not write for a while, or may again.
    Mute(Role),
    /// No plain member may write for a while, or all may again.
    MuteAll,
    /// The group has another title.
    Rename,
    /// The group is told something that stays to be read.
    Announce,
    /// The group ends.
    Dissolve,
}

impl Act {
    /// Whether who has this role may do it.
    #[must_use]
    pub fn is_for(self, by: Role) -> bool {
        match self {
            Self::Say | Self::Add | Self::Leave => true,
            Self::Remove(whom) => by == Role::Owner || by > whom,
            // A group is not left without an owner by a change of role: it is handed over.
            Self::ChangeRole(whom) => by == Role::Owner && by > whom,
            Self::HandOver(_) | Self::Dissolve => by == Role::Owner,
            Self::Mute(whom) => by > whom,
            Self::MuteAll | Self::Rename | Self::Announce => by >= Role::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a member, an admin and the owner may.
    fn check(act: Act, expect: [bool; 3]) {
        let may = [Role::Member, Role::Admin, Role::Owner].map(|by| act.is_for(by));
        assert_eq!(may, expect, "{act:?}");
    }

    #[test]
    fn each_role_may_what_the_table_says() {
        check(Act::Say, [true, true, true]);
        check(Act::Add, [true, true, true]);
        check(Act::Leave, [true, true, true]);
        check(Act::Remove(Role::Member), [false, true, true]);
        check(Act::Remove(Role::Admin), [false, false, true]);
        check(Act::Remove(Role::Owner), [false, false, true]);
        check(Act::ChangeRole(Role::Member), [false, false, true]);
        check(Act::ChangeRole(Role::Admin), [false, false, true]);
        check(Act::ChangeRole(Role::Owner), [false, false, false]);
        check(Act::HandOver(Role::Member), [false, false, true]);
        check(Act::HandOver(Role::Admin), [false, false, true]);
        check(Act::HandOver(Role::Owner), [false, false, true]);
        check(Act::Mute(Role::Member), [false, true, true]);
        check(Act::Mute(Role::Admin), [false, false, true]);
        check(Act::Mute(Role::Owner), [false, false, false]);
        check(Act::MuteAll, [false, true, true]);
        check(Act::Rename, [false, true, true]);
        check(Act::Announce, [false, true, true]);
        check(Act::Dissolve, [false, false, true]);
    }
}
