//! Which frames have a form in JSON: a row a kind, with its key and the names of the numbers in its extension.

use super::fields::{Added, More, Object, Reading, named};
use super::shapes::Property;
use super::write::{Says, append};
use serde::de::{Error, MapAccess};
use std::marker::PhantomData;
use wire::{FrameError, Kind, RawFrame, frames, try_encode};

macro_rules! kinds {
    ($($key:literal: $kind:ident [$($form:ident $name:literal),*],)*) => {
        /// A frame.
        #[derive(Debug)]
        pub(super) enum Said { $($kind(frames::$kind),)* }

        impl Said {
            /// Reads the value of a key, and the numbers of its extension.
            pub fn read<'de, A: MapAccess<'de>>(
                key: &str,
                map: &mut A,
                user: u64,
            ) -> Result<(Self, Vec<u64>), A::Error> {
                match key {
                    $($key => {
                        let mut more = More { user, names: &[$(Added::$form($name)),*], numbers: Vec::new() };
                        let said = map.next_value_seed(Reading(&mut more, PhantomData));
                        Ok((Self::$kind(said.map_err(named(key))?), more.numbers))
                    })*
                    _ => Err(Error::custom(format_args!("unknown request `{key}`"))),
                }
            }

            /// Appends the frame; whether it is within a frame's bound.
            pub fn encode(self, out: &mut Vec<u8>, request_id: u64, extension: &[u64]) -> bool {
                match self {
                    $(Self::$kind(frame) => try_encode(out, request_id, frame, extension),)*
                }
            }
        }

        /// Appends a frame as text; nothing if it has no form in JSON.
        ///
        /// # Errors
        /// It is no frame of its kind.
        pub fn write(frame: &RawFrame<'_>, out: &mut Vec<u8>) -> Result<(), FrameError> {
            let request_id = frame.header.request_id;
            match frame.header.kind {
                $(Some(Kind::$kind) => {
                    let object = &frame.read::<frames::$kind>()?;
                    append(out, request_id, $key, &Says { object, names: &[$(Added::$form($name)),*], frame });
                })*
                // The subprotocol's name says what hello does.
                Some(Kind::Hello) | None => {}
            }
            Ok(())
        }

        /// Of a kind of frame that has a form: its key, the name of its object, and what may stand there beside it.
        #[must_use]
        pub fn describes(kind: Kind) -> Option<(&'static str, &'static str, Vec<Property>)> {
            match kind {
                $(Kind::$kind => {
                    let added: &[Added] = &[$(Added::$form($name)),*];
                    Some(($key, frames::$kind::NAME, added.iter().map(|it| it.shape()).collect()))
                })*
                Kind::Hello => None,
            }
        }

        #[cfg(test)]
        const KEYS: &[(&str, Kind)] = &[$(($key, Kind::$kind),)*];
    };
}

kinds! {
    "hello_reply": HelloReply [],
    "login": Login [Id "message_id", Number "platform"],
    "login_reply": LoginReply [Number "inbox_tail"],
    "logout": Logout [],
    "logout_reply": LogoutReply [],
    "heartbeat": Heartbeat [],
    "heartbeat_reply": HeartbeatReply [Number "server_time_ms"],
    "renew": Renew [],
    "renew_reply": RenewReply [],
    "send": Send [Number "seen_seq"],
    "send_ack": SendAck [],
    "push": Push [],
    "push_ack": PushAck [],
    "sync": Sync [],
    "sync_page": SyncPage [Number "inbox_tail"],
    "history": History [],
    "history_page": HistoryPage [],
    "chats": Chats [],
    "chats_page": ChatsPage [Numbers "peer_read_seqs"],
    "mark_read": MarkRead [],
    "hide_chat": HideChat [],
    "chat_reply": ChatReply [],
    "group_members": GroupMembers [],
    "group_members_page": GroupMembersPage [],
    "devices": Devices [],
    "devices_page": DevicesPage [],
    "end_device": EndDevice [],
    "end_device_reply": EndDeviceReply [],
    "push_token": PushToken [],
    "push_token_reply": PushTokenReply [],
    "group_info": GroupInfo [],
    "group_info_reply": GroupInfoReply [],
    "refusal": Refusal [Number "server_time_ms"],
    "going_away": GoingAway [],
    "inbox_head": InboxHead [],
    "session_end": SessionEnd [],
    "signal": Signal [],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_kind_in_snake_case() {
        let snake_case = |kind: Kind| {
            let name = format!("{kind:?}");
            let words = name.split_inclusive(char::is_lowercase);
            words.fold(String::new(), |key, word| match word {
                word if word.len() > 1 && !key.is_empty() => key + "_" + &word.to_lowercase(),
                word => key + &word.to_lowercase(),
            })
        };
        let expected: Vec<(String, Kind)> = Kind::ALL
            .iter()
            .filter(|kind| **kind != Kind::Hello)
            .map(|kind| (snake_case(*kind), *kind))
            .collect();
        let mut keys: Vec<_> = KEYS.iter().map(|(key, kind)| ((*key).to_owned(), *kind)).collect();
        keys.sort_by_key(|(_, kind)| *kind as u8);
        assert_eq!(keys, expected);
    }
}
