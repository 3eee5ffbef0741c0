//! Frames of every kind that has a form in JSON, with values that it can say: which is which stands here once more, so that the
//! tables of the crate are not compared with themselves.

use proptest::collection::vec;
use proptest::prelude::*;
use wire::frames::*;
use wire::{Bytes, Kind, NUMBER_MAX, encode_extended};

/// A value that can be said.
pub trait Sayable: Sized {
    fn any() -> BoxedStrategy<Self>;
}

/// What JSON has a form for.
trait Form<T> {
    fn any() -> BoxedStrategy<T>;
}

/// A string of digits, of any 64 bits.
enum Digits {}
/// A number, below 2^53.
enum Number {}
/// True or false.
enum Flag {}
/// A string.
enum Text {}
/// Anything of its type.
enum Whole {}

impl Form<u64> for Digits {
    fn any() -> BoxedStrategy<u64> {
        any::<u64>().boxed()
    }
}

impl Form<u64> for Number {
    fn any() -> BoxedStrategy<u64> {
        prop_oneof![Just(0), 1..NUMBER_MAX, Just(NUMBER_MAX - 1)].boxed()
    }
}

impl Form<u8> for Flag {
    fn any() -> BoxedStrategy<u8> {
        (0..=1_u8).boxed()
    }
}

impl Form<Bytes> for Text {
    fn any() -> BoxedStrategy<Bytes> {
        any::<String>().prop_map(Bytes::from).boxed()
    }
}

macro_rules! whole {
    ($($type:ty),*) => {$(
        impl Form<$type> for Whole {
            fn any() -> BoxedStrategy<$type> {
                any::<$type>().boxed()
            }
        }
    )*};
}

whole!(u8, u16, u32, [u8; 16]);

/// A body: text, almost text, or bytes.
impl Form<Bytes> for Whole {
    fn any() -> BoxedStrategy<Bytes> {
        let bytes = vec(any::<u8>(), 0..70).prop_map(Bytes::from);
        let ascii = vec(0..128_u8, 0..9).prop_map(Bytes::from);
        prop_oneof![<Text as Form<Bytes>>::any(), bytes, ascii].boxed()
    }
}

impl<T: Sayable> Form<T> for Whole {
    fn any() -> BoxedStrategy<T> {
        T::any()
    }
}

/// A list.
enum Many {}

impl<T: Sayable + std::fmt::Debug + 'static> Form<Vec<T>> for Many {
    fn any() -> BoxedStrategy<Vec<T>> {
        vec(T::any(), 0..4).boxed()
    }
}

macro_rules! sayable {
    ($($name:ident { $($field:ident: $form:ty,)* })*) => {$(
        impl Sayable for $name {
            fn any() -> BoxedStrategy<Self> {
                ($(<$form as Form<_>>::any(),)*).prop_map(|($($field,)*)| Self { $($field,)* }).boxed()
            }
        }
    )*};
}

macro_rules! frames {
    ($($name:ident [$numbers:literal] { $($fields:tt)* })*) => {
        sayable! { $($name { $($fields)* })* }

        /// The bytes of a frame of some kind; with the numbers of its extension, or without.
        pub fn any_frame() -> BoxedStrategy<Vec<u8>> {
            proptest::strategy::Union::new([$(any_of::<$name>($numbers, |frame, id, extension| {
                let mut bytes = Vec::new();
                encode_extended(&mut bytes, id, frame, extension);
                bytes
            }),)*]).boxed()
        }

        /// The kinds.
        pub const KINDS: &[Kind] = &[$(Kind::$name,)*];
    };
}

fn any_of<F: Sayable + std::fmt::Debug + 'static>(
    numbers: usize,
    encode: fn(F, u64, &[u64]) -> Vec<u8>,
) -> BoxedStrategy<Vec<u8>> {
    // A number that is 0 is not told.
    let extension = prop_oneof![Just(vec![]), vec(1..NUMBER_MAX, numbers)];
    (F::any(), <Number as Form<u64>>::any(), extension)
        .prop_map(move |(frame, id, extension)| encode(frame, id, &extension))
        .boxed()
}

frames! {
    HelloReply [0] {
        version: Whole, heartbeat_ms: Whole, frame_bytes_max: Whole, body_bytes_max: Whole,
        page_rows_max: Whole, push_window_max: Whole, send_window_max: Whole, features: Digits,
        server_time_ms: Number,
    }
    Login [2] { device: Digits, cursor: Number, inbox_epoch: Digits, from_head: Flag, token: Text, }
    LoginReply [1] {
        uid: Digits, generation: Number, inbox_epoch: Digits, inbox_head: Number, cursor: Number,
        server_time_ms: Number,
    }
    Logout [0] { generation: Number, }
    LogoutReply [0] { generation: Number, }
    Heartbeat [0] { time_ms: Number, }
    HeartbeatReply [1] { time_ms: Number, inbox_epoch: Digits, inbox_head: Number, }
    Renew [0] { token: Text, }
    RenewReply [0] { until_ms: Number, }
    Send [1] {
        conversation: Whole, client_msg_id: Whole, kind: Whole, flags: Whole, body: Whole,
    }
    SendAck [0] { message_id: Digits, seq: Number, time_ms: Number, inbox_seq: Number, }
    Push [0] { previous: Number, message: Whole, }
    PushAck [0] { inbox_seq: Number, }
    Sync [0] { cursor: Number, limit: Whole, }
    SyncPage [1] { inbox_epoch: Digits, inbox_head: Number, messages: Many, }
    History [0] { conversation: Whole, before_seq: Number, limit: Whole, }
    HistoryPage [0] { conversation: Whole, messages: Many, }
    Chats [0] { after: Whole, limit: Whole, }
    ChatsPage [3] { next_after: Whole, version: Number, chats: Many, }
    MarkRead [0] { conversation: Whole, seq: Number, }
    HideChat [0] { conversation: Whole, }
    ChatReply [0] {
        conversation: Whole, read_seq: Number, unread: Number, version: Number, is_hidden: Flag,
    }
    GroupMembers [0] { conversation: Whole, after_uid: Digits, limit: Whole, }
    GroupMembersPage [0] { conversation: Whole, count: Number, members: Many, }
    Devices [0] { after_generation: Number, limit: Whole, }
    DevicesPage [0] { devices: Many, }
    EndDevice [0] { device: Digits, }
    EndDeviceReply [0] { was_logged_in: Flag, }
    PushToken [0] { token: Text, provider: Whole, }
    PushTokenReply [0] { is_kept: Flag, }
    GroupInfo [0] { conversation: Whole, }
    GroupInfoReply [0] {
        conversation: Whole, seq: Number, count: Number, muted_until_ms: Number, title: Text, notice: Text,
        roles: Many,
    }
    Refusal [1] { code: Whole, retry_after_ms: Whole, text: Text, }
    GoingAway [0] { code: Whole, reconnect_after_ms: Whole, jitter_ms: Whole, }
    InboxHead [0] { inbox_epoch: Digits, inbox_head: Number, }
    SessionEnd [0] { code: Whole, next: Whole, wait_ms: Whole, jitter_ms: Whole, text: Text, }
    Signal [0] { conversation: Whole, uid: Digits, seq: Number, ttl_ms: Whole, kind: Whole, }
}

sayable! {
    GroupRole { uid: Digits, role: Whole, muted_until_ms: Number, }
    GroupMember { uid: Digits, since_seq: Number, is_owner: Flag, }
    Device { device: Digits, generation: Number, silent_s: Whole, platform: Whole, }
    Message {
        inbox_seq: Number, conversation: Whole, seq: Number, number: Number, sender: Digits,
        message_id: Digits, time_ms: Number, client_msg_id: Whole, kind: Whole, row_flags: Whole,
        flags: Whole, body: Whole,
    }
    Chat {
        conversation: Whole, recent: Whole, read_time_ms: Number, read_seq: Number, unread: Number,
        version: Number, is_hidden: Flag,
    }
}

impl Sayable for Conversation {
    fn any() -> BoxedStrategy<Self> {
        let any = (any::<u8>(), any::<u64>(), any::<u64>());
        let some = any.prop_map(|(kind, a, b)| Self { kind, a, b });
        prop_oneof![
            1 => Just(Self::NONE),
            1 => (1..9_u64).prop_map(|a| Self { kind: 2, a, b: 0 }),
            2 => some,
        ]
        .boxed()
    }
}
