//! What is in each frame: a row a struct, its fields as [`wire::frames`] has them, and how each stands in JSON.

use super::fields::{Field, More, Object, end, fill, next_key};
use super::forms::{Behind, Body, Code, Count, Flag, Id, Inner, List, MsgId, Or, Place, Words};
use super::shapes::{Described, Property};
use serde::de::MapAccess;
use serde::ser::SerializeMap;
use wire::frames::{
    Chat, ChatReply, Chats, ChatsPage, Conversation, Device, Devices, DevicesPage, EndDevice,
    EndDeviceReply, GoingAway, GroupInfo, GroupInfoReply, GroupMember, GroupMembers,
    GroupMembersPage, GroupRole, Heartbeat, HeartbeatReply, HelloReply, HideChat, History,
    HistoryPage, InboxHead, Login, LoginReply, Logout, LogoutReply, MarkRead, Message, Push,
    PushAck, PushToken, PushTokenReply, Refusal, Renew, RenewReply, Send, SendAck, SessionEnd,
    Signal, Sync, SyncPage,
};

macro_rules! objects {
    ($($name:ident { $($field:ident: $form:ty,)* })*) => {$(
        impl Object for $name {
            const NAME: &'static str = stringify!($name);

            fn shape() -> Vec<Property> {
                [$(<$form>::shape(stringify!($field)),)*].concat()
            }

            fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                $(<$form>::write(&self.$field, stringify!($field), map)?;)*
                Ok(())
            }

            fn read<'de, A: MapAccess<'de>>(
                map: &mut A,
                more: &mut More<'_>,
            ) -> Result<Self, A::Error> {
                $(let mut $field = None;)*
                while let Some(key) = next_key(map)? {
                    $(if <$form>::has(stringify!($field), &key) {
                        fill::<$form, A>(&mut $field, &key, map, more.user)?;
                        continue;
                    })*
                    more.read(&key, map)?;
                }
                Ok(Self { $($field: end::<$form, A::Error>($field, stringify!($field))?,)* })
            }
        }
    )*
        /// Every object, with its keys. What a kind of frame has beside its object says [`super::describes`].
        #[must_use]
        pub fn described() -> Vec<Described> {
            vec![$(($name::NAME, $name::shape()),)*]
        }
    };
}

/// A number of 64 bits that is below 2^53.
type Number = Count<u64>;

objects! {
    HelloReply {
        version: Count<u8>,
        heartbeat_ms: Count<u32>,
        frame_bytes_max: Count<u32>,
        body_bytes_max: Count<u32>,
        page_rows_max: Count<u32>,
        push_window_max: Count<u32>,
        send_window_max: Count<u32>,
        features: Id,
        server_time_ms: Number,
    }
    Login {
        device: Id,
        cursor: Or<Number, 0>,
        inbox_epoch: Or<Id, 0>,
        from_head: Or<Flag, 0>,
        token: Words,
    }
    LoginReply {
        uid: Id,
        generation: Number,
        inbox_epoch: Id,
        inbox_head: Number,
        cursor: Number,
        server_time_ms: Number,
    }
    Logout { generation: Number, }
    LogoutReply { generation: Number, }
    Heartbeat { time_ms: Number, }
    HeartbeatReply { time_ms: Number, inbox_epoch: Id, inbox_head: Number, }
    Renew { token: Words, }
    RenewReply { until_ms: Number, }
    Conversation { kind: Count<u8>, a: Id, b: Or<Id, 0>, }
    Send {
        conversation: Place,
        client_msg_id: MsgId,
        kind: Or<Count<u8>, 1>,
        flags: Or<Count<u16>, 0>,
        body: Body,
    }
    SendAck { message_id: Id, seq: Number, time_ms: Number, inbox_seq: Number, }
    Message {
        inbox_seq: Number,
        conversation: Inner<Conversation>,
        seq: Number,
        number: Number,
        sender: Id,
        message_id: Id,
        time_ms: Number,
        client_msg_id: MsgId,
        kind: Count<u8>,
        row_flags: Or<Count<u8>, 0>,
        flags: Or<Count<u16>, 0>,
        body: Body,
    }
    Push { previous: Number, message: Inner<Message>, }
    PushAck { inbox_seq: Number, }
    Sync { cursor: Number, limit: Count<u32>, }
    SyncPage { inbox_epoch: Id, inbox_head: Number, messages: List<Message>, }
    History { conversation: Place, before_seq: Or<Number, 0>, limit: Count<u32>, }
    HistoryPage { conversation: Inner<Conversation>, messages: List<Message>, }
    Chats { after: Behind, limit: Count<u32>, }
    Chat {
        conversation: Inner<Conversation>,
        recent: Inner<Message>,
        read_time_ms: Number,
        read_seq: Number,
        unread: Number,
        version: Number,
        is_hidden: Flag,
    }
    ChatsPage { next_after: Behind, version: Number, chats: List<Chat>, }
    MarkRead { conversation: Place, seq: Number, }
    HideChat { conversation: Place, }
    ChatReply {
        conversation: Inner<Conversation>,
        read_seq: Number,
        unread: Number,
        version: Number,
        is_hidden: Flag,
    }
    GroupMembers { conversation: Inner<Conversation>, after_uid: Or<Id, 0>, limit: Count<u32>, }
    GroupMember { uid: Id, since_seq: Number, is_owner: Flag, }
    GroupMembersPage {
        conversation: Inner<Conversation>,
        count: Number,
        members: List<GroupMember>,
    }
    Devices { after_generation: Or<Number, 0>, limit: Count<u32>, }
    Device { device: Id, generation: Number, silent_s: Count<u32>, platform: Count<u8>, }
    DevicesPage { devices: List<Device>, }
    EndDevice { device: Id, }
    EndDeviceReply { was_logged_in: Flag, }
    PushToken { token: Words, provider: Or<Count<u8>, 0>, }
    PushTokenReply { is_kept: Flag, }
    GroupInfo { conversation: Inner<Conversation>, }
    GroupRole { uid: Id, role: Count<u8>, muted_until_ms: Or<Number, 0>, }
    GroupInfoReply {
        conversation: Inner<Conversation>,
        seq: Number,
        count: Number,
        muted_until_ms: Or<Number, 0>,
        title: Words,
        notice: Words,
        roles: List<GroupRole>,
    }
    Refusal { code: Code, retry_after_ms: Count<u32>, text: Words, }
    GoingAway { code: Code, reconnect_after_ms: Count<u32>, jitter_ms: Count<u32>, }
    InboxHead { inbox_epoch: Id, inbox_head: Number, }
    SessionEnd {
        code: Code,
        next: Count<u8>,
        wait_ms: Count<u32>,
        jitter_ms: Count<u32>,
        text: Words,
    }
    Signal {
        conversation: Place,
        uid: Or<Id, 0>,
        seq: Or<Number, 0>,
        ttl_ms: Or<Count<u32>, 0>,
        kind: Count<u8>,
    }
}
