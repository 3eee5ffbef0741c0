//! Frames of any kind, and a header written without the crate's help.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod plain;
pub mod samples;

use plain::Value;
use proptest::collection::vec;
use proptest::prelude::*;
use wire::encode_extended;
use wire::frames::*;
use wire::{Bytes, FRAME_BYTES_MAX, FrameBuffer, FrameError, Kind, RawFrame, Scratch};

macro_rules! any_struct {
    ($($name:ident { $($field:ident: $type:ty,)* })*) => {$(
        impl Any for $name {
            fn any() -> BoxedStrategy<Self> {
                ($(<$type>::any(),)*).prop_map(|($($field,)*)| Self { $($field,)* }).boxed()
            }

            fn plain(&self) -> Value {
                Value::Struct(vec![$((stringify!($field), self.$field.plain()),)*])
            }
        }
    )*};
}

macro_rules! any_frame {
    ($($kind:ident { $($field:ident: $type:ty,)* })*) => {
        /// A frame of some kind.
        #[derive(Clone, Debug, PartialEq)]
        pub enum AnyFrame { $($kind($kind),)* }

        impl AnyFrame {
            /// The whole frame.
            pub fn encode(&self, request_id: u64) -> Vec<u8> {
                self.encode_extended(request_id, &[])
            }

            /// The same with an extension.
            pub fn encode_extended(&self, request_id: u64, extension: &[u64]) -> Vec<u8> {
                let mut bytes = vec![];
                match self.clone() {
                    $(Self::$kind(frame) => encode_extended(&mut bytes, request_id, frame, extension),)*
                }
                bytes
            }

            /// The frame without its type.
            pub fn plain(&self) -> Value {
                match self { $(Self::$kind(frame) => frame.plain(),)* }
            }

            /// What it is.
            pub fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind,)* }
            }

            /// Reads the frame that the header names; one of a kind that is not known is nothing.
            pub fn read(raw: &RawFrame<'_>) -> Result<Option<Self>, FrameError> {
                match raw.header.kind {
                    None => Ok(None),
                    $(Some(Kind::$kind) => raw.read().map(|frame| Some(Self::$kind(frame))),)*
                }
            }

            /// How many kinds accept the frame as theirs.
            pub fn accepted_as(raw: &RawFrame<'_>) -> usize {
                [$(raw.access::<$kind>().is_ok(),)*].into_iter().filter(|&is| is).count()
            }

            /// One frame of each kind, out of a seed that never changes.
            pub fn one_of_each() -> Vec<Self> {
                use proptest::strategy::ValueTree;
                let mut runner = proptest::test_runner::TestRunner::deterministic();
                vec![$(Self::$kind($kind::any().new_tree(&mut runner).unwrap().current()),)*]
            }
        }

        any_struct! { $($kind { $($field: $type,)* })* }

        /// Any frame of any kind.
        pub fn any_frame() -> BoxedStrategy<AnyFrame> {
            proptest::strategy::Union::new([$($kind::any().prop_map(AnyFrame::$kind).boxed(),)*]).boxed()
        }
    };
}

any_frame! {
    Hello { version_min: u8, version_max: u8, frame_bytes_max: u32, features: u64, }
    HelloReply {
        version: u8, heartbeat_ms: u32, frame_bytes_max: u32, body_bytes_max: u32, page_rows_max: u32,
        push_window_max: u32, send_window_max: u32, features: u64, server_time_ms: u64,
    }
    Login { device: u64, cursor: u64, inbox_epoch: u64, from_head: u8, token: Bytes, }
    LoginReply {
        uid: u64, generation: u64, inbox_epoch: u64, inbox_head: u64, cursor: u64, server_time_ms: u64,
    }
    Logout { generation: u64, }
    LogoutReply { generation: u64, }
    Heartbeat { time_ms: u64, }
    HeartbeatReply { time_ms: u64, inbox_epoch: u64, inbox_head: u64, }
    Renew { token: Bytes, }
    RenewReply { until_ms: u64, }
    Send { conversation: Conversation, client_msg_id: [u8; 16], kind: u8, flags: u16, body: Bytes, }
    SendAck { message_id: u64, seq: u64, time_ms: u64, inbox_seq: u64, }
    Push { previous: u64, message: Message, }
    PushAck { inbox_seq: u64, }
    Sync { cursor: u64, limit: u32, }
    SyncPage { inbox_epoch: u64, inbox_head: u64, messages: Vec<Message>, }
    History { conversation: Conversation, before_seq: u64, limit: u32, }
    HistoryPage { conversation: Conversation, messages: Vec<Message>, }
    Chats { after: Conversation, limit: u32, }
    ChatsPage { next_after: Conversation, version: u64, chats: Vec<Chat>, }
    MarkRead { conversation: Conversation, seq: u64, }
    HideChat { conversation: Conversation, }
    ChatReply { conversation: Conversation, read_seq: u64, unread: u64, version: u64, is_hidden: u8, }
    Refusal { code: u16, retry_after_ms: u32, text: Bytes, }
    GoingAway { code: u16, reconnect_after_ms: u32, jitter_ms: u32, }
    GroupMembers { conversation: Conversation, after_uid: u64, limit: u32, }
    GroupMembersPage { conversation: Conversation, count: u64, members: Vec<GroupMember>, }
    GroupInfo { conversation: Conversation, }
    GroupInfoReply {
        conversation: Conversation, seq: u64, count: u64, muted_until_ms: u64, title: Bytes, notice: Bytes,
        roles: Vec<GroupRole>,
    }
    Devices { after_generation: u64, limit: u32, }
    DevicesPage { devices: Vec<Device>, }
    EndDevice { device: u64, }
    EndDeviceReply { was_logged_in: u8, }
    PushToken { token: Bytes, provider: u8, }
    PushTokenReply { is_kept: u8, }
    InboxHead { inbox_epoch: u64, inbox_head: u64, }
    SessionEnd { code: u16, next: u8, wait_ms: u32, jitter_ms: u32, text: Bytes, }
    Signal { conversation: Conversation, uid: u64, seq: u64, ttl_ms: u32, kind: u8, }
}

/// A field's type.
trait Any: Sized {
    /// A value at random.
    fn any() -> BoxedStrategy<Self>;

    /// The value without its type.
    fn plain(&self) -> Value;
}

macro_rules! any_number {
    ($($number:ty),*) => {$(
        impl Any for $number {
            fn any() -> BoxedStrategy<Self> {
                any::<Self>().boxed()
            }

            fn plain(&self) -> Value {
                Value::Number(u64::from(*self), size_of::<Self>())
            }
        }
    )*};
}

any_number!(u8, u16, u32, u64);

impl Any for [u8; 16] {
    fn any() -> BoxedStrategy<Self> {
        any::<Self>().boxed()
    }

    fn plain(&self) -> Value {
        Value::Id(*self)
    }
}

impl Any for Bytes {
    fn any() -> BoxedStrategy<Self> {
        vec(any::<u8>(), 0..70).prop_map(Self::from).boxed()
    }

    fn plain(&self) -> Value {
        Value::Bytes(self.to_vec())
    }
}

impl<T: Any + std::fmt::Debug + 'static> Any for Vec<T> {
    fn any() -> BoxedStrategy<Self> {
        vec(T::any(), 0..5).boxed()
    }

    fn plain(&self) -> Value {
        Value::List(self.iter().map(T::plain).collect())
    }
}

any_struct! {
    Conversation { kind: u8, a: u64, b: u64, }
    Message {
        inbox_seq: u64, conversation: Conversation, seq: u64, number: u64, sender: u64, message_id: u64,
        time_ms: u64, client_msg_id: [u8; 16], kind: u8, row_flags: u8, flags: u16, body: Bytes,
    }
    GroupRole { uid: u64, role: u8, muted_until_ms: u64, }
    GroupMember { uid: u64, since_seq: u64, is_owner: u8, }
    Device { device: u64, generation: u64, silent_s: u32, platform: u8, }
    Chat {
        conversation: Conversation, recent: Message, read_time_ms: u64, read_seq: u64, unread: u64,
        version: u64, is_hidden: u8,
    }
}

/// What one piece gives: frames of known kinds until it is empty, or the first error.
pub fn read_all(piece: &[u8]) -> Result<Vec<AnyFrame>, FrameError> {
    let (mut buffer, mut scratch, mut seen) = (FrameBuffer::default(), Scratch::default(), vec![]);
    let mut frames = buffer.read(piece, FRAME_BYTES_MAX);
    while let Some(frame) = frames.next(&mut scratch) {
        seen.extend(AnyFrame::read(&frame?)?);
    }
    Ok(seen)
}

/// Calls `with` with the only frame in `bytes`, whose header and checksum must be right.
pub fn with_raw<T>(bytes: &[u8], with: impl FnOnce(RawFrame<'_>) -> T) -> T {
    let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
    let mut frames = buffer.read(bytes, FRAME_BYTES_MAX);
    with(frames.next(&mut scratch).expect("whole").expect("header and checksum are right"))
}

/// A frame with a right header around any payload; zeros are added until the length is a multiple of 8.
pub fn seal(kind: u8, request_id: u64, payload: &[u8]) -> Vec<u8> {
    let mut payload = payload.to_vec();
    payload.resize(payload.len().next_multiple_of(8), 0);
    seal_extended(kind, request_id, &payload, &[])
}

/// A frame with a right header around any payload and an extension, both multiples of 8 bytes.
pub fn seal_extended(kind: u8, request_id: u64, payload: &[u8], extension: &[u8]) -> Vec<u8> {
    let size = |bytes: usize| u32::try_from(bytes).unwrap().to_le_bytes();
    let mut frame = size(24 + payload.len() + extension.len()).to_vec();
    frame.extend_from_slice(&[kind, 2, 0, 0]);
    frame.extend_from_slice(&request_id.to_le_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&size(extension.len()));
    frame.extend_from_slice(payload);
    frame.extend_from_slice(extension);
    let checksum = crc32(frame[..16].iter().chain(&frame[20..]));
    frame[16..20].copy_from_slice(&checksum.to_le_bytes());
    frame
}

/// CRC-32 (IEEE), a bit at a time, as PROTOCOL.md has it.
pub fn crc32<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}
