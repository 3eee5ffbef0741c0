//! What members of a group are. It does not know who may do what.

/// What a member is in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It speaks, adds and leaves.
    Member,
    /// It looks after the members.
    Admin,
    /// The group is its own. One of each group's members is.
    Owner,
}

impl Role {
    /// The role with this number.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        [Self::Member, Self::Admin, Self::Owner].into_iter().find(|role| role.number() == number)
    }

    /// Its number on the wire.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::Member => 0,
            Self::Admin => 1,
            Self::Owner => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_as_it_is_written() {
        for role in [Role::Member, Role::Admin, Role::Owner] {
            assert_eq!(Role::from_number(role.number()), Some(role));
        }
        assert_eq!(Role::from_number(3), None);
    }
}
