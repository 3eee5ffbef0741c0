//! What a key may be good for. It knows no key and no call.

use std::fmt;
use std::str::FromStr;

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What a key may be good for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Scope { $($(#[$doc])* $name,)* }

        impl Scope {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What it is called in the file of keys and on the command line.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

scopes! {
    /// To read what users have: chats, what is unread, inboxes, histories, what became of a message.
    Read = "read",
    /// To send on behalf of users.
    Send = "send",
    /// To send as the system.
    System = "system",
    /// To see which devices of users are logged in.
    Devices = "devices",
    /// To end sessions, and to take tokens back.
    Kick = "kick",
    /// To make, read and change groups on behalf of users.
    Groups = "groups",
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|scope| scope.text() == text).ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|scope| scope.text()).collect();
            format!("{text:?} is no scope: give some of {}", all.join(", "))
        })
    }
}

/// Those of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Whether a scope is among them.
    #[must_use]
    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<&str> = self.0.iter().map(|scope| scope.text()).collect();
        f.write_str(&texts.join(","))
    }
}

impl FromStr for Scopes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(|word| word.trim().parse()).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_they_are_written() {
        let all: Vec<&str> = Scope::ALL.iter().map(|scope| scope.text()).collect();
        let scopes: Scopes = all.join(",").parse().unwrap();
        assert!(Scope::ALL.iter().all(|scope| scopes.has(*scope)));
        assert_eq!(scopes.to_string(), all.join(","));
        let one: Scopes = "read, kick".parse().unwrap();
        assert!(one.has(Scope::Read) && one.has(Scope::Kick) && !one.has(Scope::Send));
        for bad in ["", "read,", "all", "Read"] {
            assert!(bad.parse::<Scopes>().is_err(), "{bad:?}");
        }
    }
}
