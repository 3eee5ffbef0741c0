//! What a call is: its name, path, scope, what it is given and what it is answered. It does not know which there are.

use super::form::Field;
use super::scope::Scope;
use wire::Kind;

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Describes all calls.
    Document,
    /// Says whether this gateway serves.
    Health,
    /// Sends a message on behalf of a user.
    Send,
    /// Sends a message as the system to one user or to many.
    Tell,
    /// A page of a user's chats.
    Chats,
    /// Counts what a user has not read.
    Unread,
    /// A page of a user's inbox.
    Inbox,
    /// A page of a conversation.
    History,
    /// What became of a message for a user.
    Trace,
    /// A user's devices that are logged in.
    Devices,
    /// Which of many users have a device logged in.
    Online,
    /// Ends sessions of a user.
    Kick,
    /// Takes a user's tokens back.
    Revoke,
    /// What a group is.
    Group,
    /// A page of a group's members.
    Members,
    /// Changes a group, or makes one.
    Change(Change),
}

/// How a group is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It begins.
    Create,
    /// Users become members.
    Add,
    /// Users are none any more.
    Remove,
    /// The user in the path is none any more.
    Leave,
    /// Users get a role.
    Role,
    /// Users may not write, or may again.
    Mute,
    /// It gets a title.
    Title,
    /// It announces something.
    Notice,
    /// It ends.
    Dissolve,
}

/// What a call is answered if it is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// What clients are answered: one frame as JSON.
    Frame(Kind),
    /// An object of this name, described in [`super::document`].
    Object(&'static str),
}

/// One call.
#[derive(Debug)]
pub struct Call {
    /// What it is called.
    pub name: &'static str,
    /// GET, or POST with a body.
    pub method: &'static str,
    /// Its path; what stands in braces is given.
    pub path: &'static str,
    /// What a key must be good for; none: any key will do.
    pub scope: Option<Scope>,
    /// What it is for.
    pub text: &'static str,
    /// What it does.
    pub does: Does,
    /// What may stand in the query.
    pub query: &'static [Field],
    /// What may stand in the body; none: it has no body.
    pub body: Option<&'static [Field]>,
    /// What it is answered.
    pub answers: Answers,
}

impl Call {
    /// What stands in its path, by the name of its place; none: it is another path.
    #[must_use]
    pub fn places<'a>(&self, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
        let (own, given) = (self.path.split('/'), path.split('/'));
        if own.clone().count() != given.clone().count() {
            return None;
        }
        let mut places = Vec::new();
        for (own, given) in own.zip(given) {
            match own.strip_prefix('{').and_then(|own| own.strip_suffix('}')) {
                Some(name) => places.push((name, given)),
                None if own == given => {}
                None => return None,
            }
        }
        Some(places)
    }

    /// Whether the same said twice must be one.
    #[must_use]
    pub fn has_id(&self) -> bool {
        self.body.is_some_and(|body| body.iter().any(|field| field.name == "client_msg_id"))
    }
}
