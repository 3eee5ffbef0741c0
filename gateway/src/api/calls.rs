//! Every call. One table, by which calls are found, read, let in and described to others; so none is served that is not
//! described.

use super::call::{Answers, Call, Change, Does};
use super::form::{Field, Form, NUMBER, needed, perhaps};
use super::limits::{LIST_MAX, PAGE_ROWS};
use super::scope::Scope;
use wire::{GROUP_MEMBERS_MAX, GROUP_NOTICE_BYTES_MAX, GROUP_TITLE_BYTES_MAX, Kind, PAGE_ROWS_MAX};

/// What stands in paths.
pub const PLACES: &[Field] = &[
    needed("uid", Form::Id, "The user."),
    needed(
        "conversation",
        Form::Conversation,
        "The conversation: user-8, group-55, system, or its kind, a and b as answers have them, such as 1:8:7.",
    ),
    needed("seq", NUMBER, "The message's place in its conversation."),
    needed("group", Form::Id, "The group."),
];

const LIMIT: Field = perhaps(
    "limit",
    Form::Number(PAGE_ROWS_MAX as u64),
    "Rows at most, from 1; 50 if it is not there.",
);
const MSG_ID: Field = perhaps(
    "client_msg_id",
    Form::Uuid,
    "The message's id, a UUIDv7. What is said again has the same, and is done once. Or give the header Idempotency-Key.",
);
const CREATED: Field = perhaps(
    "created_ms",
    NUMBER,
    "With an Idempotency-Key that is no UUIDv7: when it was made, Unix ms; the same each time it is said. At most a day ago.",
);
const TEXT: Field =
    perhaps("text", Form::Text, "The message as a text of at most 32768 bytes; or give body.");
const BODY: Field =
    perhaps("body", Form::Base64, "The message as at most 32768 bytes in base64; or give text.");
const UIDS: Field = needed("uids", Form::Ids(GROUP_MEMBERS_MAX), "The users.");

/// A path below a user's.
macro_rules! of_user {
    ($path:literal) => {
        concat!("/v1/users/{uid}/", $path)
    };
}

const fn read(name: &'static str, path: &'static str, does: Does, answers: Answers) -> Call {
    let (method, scope) = ("GET", Some(Scope::Read));
    Call { name, method, path, scope, text: "", does, query: &[], body: None, answers }
}

const fn change(
    name: &'static str,
    path: &'static str,
    does: Change,
    body: &'static [Field],
) -> Call {
    Call {
        name,
        method: "POST",
        path,
        scope: Some(Scope::Groups),
        text: "",
        does: Does::Change(does),
        query: &[],
        body: Some(body),
        answers: Answers::Frame(Kind::SendAck),
    }
}

/// Every call.
pub const CALLS: &[Call] = &[
    Call {
        scope: None,
        text: "This document.",
        ..read("document", "/openapi.json", Does::Document, Answers::Object("Document"))
    },
    Call {
        scope: None,
        text: "Whether this gateway serves: 503 and why if not.",
        ..read("health", "/v1/health", Does::Health, Answers::Object("Health"))
    },
    Call {
        name: "send",
        method: "POST",
        path: of_user!("messages"),
        scope: Some(Scope::Send),
        text: "Sends a message on behalf of a user, to another user or a group. The answer comes when it is durable.",
        does: Does::Send,
        query: &[],
        body: Some(&[
            perhaps("to", Form::Id, "The other user; or give group."),
            perhaps("group", Form::Id, "The group; or give to."),
            TEXT,
            BODY,
            MSG_ID,
            CREATED,
        ]),
        answers: Answers::Frame(Kind::SendAck),
    },
    Call {
        name: "tell",
        method: "POST",
        path: "/v1/system/messages",
        scope: Some(Scope::System),
        text: "Sends a message as the system to each of these users, into the conversation that each has with the system. The answer says of each what came of it; those that were refused or are unknown are said again with the same id.",
        does: Does::Tell,
        query: &[],
        body: Some(&[
            needed("to", Form::Ids(LIST_MAX), "The users."),
            needed(
                "account",
                Form::Number(u32::MAX as u64),
                "As which of the system's accounts, from 1.",
            ),
            TEXT,
            BODY,
            MSG_ID,
            CREATED,
        ]),
        answers: Answers::Object("Told"),
    },
    Call {
        text: "A page of a user's chats, with the newest message of each and what is unread.",
        query: &[
            perhaps(
                "after",
                Form::Conversation,
                "Chats behind this one: next_after of the page before.",
            ),
            LIMIT,
        ],
        ..read("chats", of_user!("chats"), Does::Chats, Answers::Frame(Kind::ChatsPage))
    },
    Call {
        text: "How many messages a user has not read, over all chats.",
        ..read("unread", of_user!("unread"), Does::Unread, Answers::Object("Unread"))
    },
    Call {
        text: "A page of a user's inbox: all that reaches the user, in order.",
        query: &[perhaps("cursor", NUMBER, "Rows behind this one; 0 if it is not there."), LIMIT],
        ..read("inbox", of_user!("inbox"), Does::Inbox, Answers::Frame(Kind::SyncPage))
    },
    Call {
        text: "A page of a conversation as a user may read it, the newest messages first to come.",
        query: &[
            perhaps(
                "before_seq",
                NUMBER,
                "Messages before this one; the newest if it is not there.",
            ),
            LIMIT,
        ],
        ..read(
            "history",
            of_user!("conversations/{conversation}/messages"),
            Does::History,
            Answers::Frame(Kind::HistoryPage),
        )
    },
    Call {
        text: "Where a message is for a user: stored or not, in which row of the inbox, and up to where each device that is logged in has acknowledged the inbox.",
        ..read(
            "trace",
            of_user!("conversations/{conversation}/messages/{seq}"),
            Does::Trace,
            Answers::Object("Trace"),
        )
    },
    Call {
        scope: Some(Scope::Devices),
        text: "The devices of a user that are logged in.",
        ..read("devices", of_user!("devices"), Does::Devices, Answers::Frame(Kind::DevicesPage))
    },
    Call {
        name: "online",
        method: "POST",
        path: "/v1/online",
        scope: Some(Scope::Devices),
        text: "Which of these users have a device logged in.",
        does: Does::Online,
        query: &[],
        body: Some(&[needed("uids", Form::Ids(LIST_MAX), "The users.")]),
        answers: Answers::Object("Online"),
    },
    Call {
        name: "kick",
        method: "POST",
        path: of_user!("kick"),
        scope: Some(Scope::Kick),
        text: "Ends the sessions of a user, or of one device. They may come back: take the tokens back first if they must not.",
        does: Does::Kick,
        query: &[],
        body: Some(&[perhaps("device", Form::Id, "The device; all if it is not there.")]),
        answers: Answers::Object("Ended"),
    },
    Call {
        name: "revoke",
        method: "POST",
        path: of_user!("revoke"),
        scope: Some(Scope::Kick),
        text: "Believes no token of a user any more that was made up to a time, and ends every session.",
        does: Does::Revoke,
        query: &[],
        body: Some(&[perhaps(
            "tokens_s",
            NUMBER,
            "The time, in Unix seconds, not ahead of now; now if it is not there.",
        )]),
        answers: Answers::Object("Ended"),
    },
    Call {
        text: "Makes a group of which the user is the owner. Its number is in the answer, the same for the same id.",
        answers: Answers::Object("Made"),
        ..change(
            "create_group",
            of_user!("groups"),
            Change::Create,
            &[perhaps("uids", Form::Ids(GROUP_MEMBERS_MAX), "The other members."), MSG_ID, CREATED],
        )
    },
    Call {
        scope: Some(Scope::Groups),
        text: "What a group is, as a member sees it.",
        ..read(
            "group",
            of_user!("groups/{group}"),
            Does::Group,
            Answers::Frame(Kind::GroupInfoReply),
        )
    },
    Call {
        scope: Some(Scope::Groups),
        text: "A page of a group's members.",
        query: &[perhaps("after", Form::Id, "Members above this one."), LIMIT],
        ..read(
            "members",
            of_user!("groups/{group}/members"),
            Does::Members,
            Answers::Frame(Kind::GroupMembersPage),
        )
    },
    Call {
        text: "Adds members.",
        ..change(
            "add_members",
            of_user!("groups/{group}/add"),
            Change::Add,
            &[UIDS, MSG_ID, CREATED],
        )
    },
    Call {
        text: "Removes members.",
        ..change(
            "remove_members",
            of_user!("groups/{group}/remove"),
            Change::Remove,
            &[UIDS, MSG_ID, CREATED],
        )
    },
    Call {
        text: "The user leaves the group.",
        ..change("leave_group", of_user!("groups/{group}/leave"), Change::Leave, &[MSG_ID, CREATED])
    },
    Call {
        text: "Gives members a role; one alone becomes the owner.",
        ..change(
            "set_role",
            of_user!("groups/{group}/role"),
            Change::Role,
            &[UIDS, needed("role", Form::OneOf(ROLES), "The role."), MSG_ID, CREATED],
        )
    },
    Call {
        text: "Mutes members, or without any all that are plain members, up to a time; 0 lets them speak again.",
        ..change(
            "mute",
            of_user!("groups/{group}/mute"),
            Change::Mute,
            &[
                perhaps("uids", Form::Ids(GROUP_MEMBERS_MAX), "The members."),
                needed("until_ms", NUMBER, "The time, Unix ms."),
                MSG_ID,
                CREATED,
            ],
        )
    },
    Call {
        text: "Gives the group a title.",
        ..change(
            "rename",
            of_user!("groups/{group}/title"),
            Change::Title,
            &[needed("text", Form::Words(GROUP_TITLE_BYTES_MAX), "The title."), MSG_ID, CREATED],
        )
    },
    Call {
        text: "Announces something in the group, in place of what was announced before.",
        ..change(
            "announce",
            of_user!("groups/{group}/notice"),
            Change::Notice,
            &[
                needed("text", Form::Words(GROUP_NOTICE_BYTES_MAX), "What is announced."),
                MSG_ID,
                CREATED,
            ],
        )
    },
    Call {
        text: "Ends the group.",
        ..change(
            "dissolve",
            of_user!("groups/{group}/dissolve"),
            Change::Dissolve,
            &[MSG_ID, CREATED],
        )
    },
];

/// What roles are called, by their numbers.
pub const ROLES: &[&str] = &["member", "admin", "owner"];

const _: () = assert!(PAGE_ROWS <= PAGE_ROWS_MAX);

/// Which call a request is.
#[derive(Debug)]
pub enum Found<'a> {
    /// This one, with what stands in its path.
    Call(&'static Call, Vec<(&'static str, &'a str)>),
    /// One that has another method.
    Method(&'static str),
    /// None.
    Nothing,
}

/// Which call a method and a path are.
#[must_use]
pub fn find<'a>(method: &str, path: &'a str) -> Found<'a> {
    let mut of_path = CALLS.iter().filter_map(|call| Some((call, call.places(path)?))).peekable();
    let Some((first, _)) = of_path.peek() else { return Found::Nothing };
    let other = first.method;
    match of_path.find(|(call, _)| call.method == method) {
        Some((call, places)) => Found::Call(call, places),
        None => Found::Method(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_a_method_are_one_call() {
        let named = |method: &str, path: &str| match find(method, path) {
            Found::Call(call, places) => format!("{} {places:?}", call.name),
            Found::Method(method) => method.to_owned(),
            Found::Nothing => String::new(),
        };
        assert_eq!(named("GET", "/v1/users/7/chats"), "chats [(\"uid\", \"7\")]");
        assert_eq!(named("POST", "/v1/users/7/chats"), "GET");
        assert_eq!(
            named("GET", "/v1/users/7/conversations/user-8/messages/3"),
            "trace [(\"uid\", \"7\"), (\"conversation\", \"user-8\"), (\"seq\", \"3\")]"
        );
        for path in ["", "/", "/v1/users/7", "/v1/users/7/chats/", "/V1/health", "//v1/health"] {
            assert_eq!(named("GET", path), "", "{path}");
        }
    }

    #[test]
    fn names_and_paths_are_told_apart_and_every_place_is_described() {
        for (at, call) in CALLS.iter().enumerate() {
            let before = &CALLS[..at];
            assert!(before.iter().all(|other| other.name != call.name), "{}", call.name);
            let is_same = |other: &Call| (other.method, other.path) == (call.method, call.path);
            assert!(!before.iter().any(is_same), "{}", call.path);
            assert_eq!(call.method == "POST", call.body.is_some(), "{}", call.name);
            assert!(!call.text.is_empty(), "{}", call.name);
            for (place, _) in call.places(call.path).unwrap() {
                assert!(PLACES.iter().any(|field| field.name == place), "{place}");
            }
            // A change said again must be the same change.
            let is_change = matches!(call.does, Does::Send | Does::Tell | Does::Change(_));
            assert_eq!(call.has_id(), is_change, "{}", call.name);
        }
    }
}
