//! A peer that says whatever a test wants, frame by frame or byte by byte, and does nothing by itself.

use super::process::{Gateway, PATIENCE};
use std::io::{Read, Write};
use std::net::TcpStream;
use wire::{
    Bytes, ConversationKind, FEATURES, FRAME_BYTES_MAX, FrameBuffer, RawFrame, RefusalCode,
};
use wire::{RowKind, Scratch, VERSION, encode, frames};

/// One connection.
pub struct Peer {
    stream: TcpStream,
    frames: FrameBuffer,
    scratch: Scratch,
    /// Read and not yet taken.
    rest: Vec<u8>,
    /// Of its session; 0: it has none.
    generation: u64,
}

/// What a peer is told at last.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    /// A request is refused: the code, and after how many ms to retry.
    Refused(RefusalCode, u32),
    /// The connection will close.
    GoingAway(RefusalCode),
    /// The session ends now.
    SessionEnd(RefusalCode),
}

impl Peer {
    /// Connects, and says nothing.
    pub fn connect(gateway: &Gateway) -> Self {
        let stream = TcpStream::connect(gateway.listen).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (frames, scratch) = (FrameBuffer::default(), Scratch::default());
        Self { stream, frames, scratch, rest: Vec::new(), generation: 0 }
    }

    /// Connects, says hello, and hears the answer.
    pub fn greeted(gateway: &Gateway) -> Self {
        let mut peer = Self::connect(gateway);
        peer.say(&hello());
        peer.hear(|frame| frame.read::<frames::HelloReply>().unwrap()).expect("hello is answered");
        peer
    }

    /// Connects and logs in; begins at the inbox's head.
    pub fn logged_in(gateway: &Gateway, uid: u64, device: u64) -> Self {
        let mut peer = Self::greeted(gateway);
        peer.say(&login(&gateway.token(uid), device));
        let reply = peer.hear(|frame| frame.read::<frames::LoginReply>().unwrap());
        let reply = reply.expect("the login is answered");
        assert_eq!(reply.uid, uid);
        peer.generation = reply.generation;
        peer
    }

    /// Writes bytes; a gateway that closed already does not hear them.
    pub fn say(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// A logout of its session.
    pub fn logout(&self, request_id: u64) -> Vec<u8> {
        framed(request_id, frames::Logout { generation: self.generation })
    }

    /// Says nothing more, and goes on to hear.
    pub fn says_all(&self) {
        self.stream.shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// What `take` makes of the next frame; none when the connection ended.
    pub fn hear<T>(&mut self, take: impl FnOnce(&RawFrame<'_>) -> T) -> Option<T> {
        loop {
            if let Some(length) = whole(&self.rest) {
                let frame: Vec<u8> = self.rest.drain(..length).collect();
                let mut read = self.frames.read(&frame, FRAME_BYTES_MAX);
                let frame = read.next(&mut self.scratch).expect("it is whole");
                return Some(take(&frame.expect("the gateway's frames are sound")));
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece) {
                Ok(0) => return None,
                Ok(read) => self.rest.extend_from_slice(&piece[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("the gateway says nothing: {error}"),
            }
        }
    }

    /// The next push: the row before it, and the message.
    pub fn pushed(&mut self) -> (u64, frames::Message) {
        let push = self.hear(|frame| frame.read::<frames::Push>().unwrap());
        let frames::Push { previous, message } = push.expect("something is pushed");
        (previous, message)
    }

    /// The next frame, which must be a refusal or a good-bye.
    pub fn told(&mut self) -> Option<Told> {
        self.hear(Told::of)
    }

    /// Hears nothing more but the end.
    pub fn ended(&mut self) -> bool {
        self.hear(|frame| panic!("{:?} after the end", frame.header.kind)).is_none()
    }

    /// A send's ack.
    pub fn acked(&mut self) -> frames::SendAck {
        let ack = |frame: &RawFrame<'_>| frame.read().map_err(|_| Told::of(frame));
        self.hear(ack).expect("the send is answered").unwrap()
    }
}

impl Told {
    fn of(frame: &RawFrame<'_>) -> Self {
        if let Ok(refusal) = frame.read::<frames::Refusal>() {
            Self::Refused(code(refusal.code), refusal.retry_after_ms)
        } else if let Ok(end) = frame.read::<frames::SessionEnd>() {
            Self::SessionEnd(code(end.code))
        } else {
            let parting = frame.read::<frames::GoingAway>();
            Self::GoingAway(code(parting.expect("a refusal or a good-bye").code))
        }
    }
}

/// A hello of this version.
pub fn hello() -> Vec<u8> {
    framed(1, hello_of(VERSION))
}

/// A hello of one version.
pub fn hello_of(version: u8) -> frames::Hello {
    let frame_bytes_max = u32::try_from(FRAME_BYTES_MAX).unwrap();
    let (version_min, version_max) = (version, version);
    frames::Hello { version_min, version_max, frame_bytes_max, features: FEATURES }
}

/// A login that begins at the inbox's head.
pub fn login(token: &str, device: u64) -> Vec<u8> {
    let token = Bytes::copy_from_slice(token.as_bytes());
    framed(2, frames::Login { device, cursor: 0, inbox_epoch: 0, from_head: 1, token })
}

/// The conversation of two uids, also where there is none.
pub fn direct(one: u64, other: u64) -> frames::Conversation {
    let kind = ConversationKind::Direct as u8;
    frames::Conversation { kind, a: one.max(other), b: one.min(other) }
}

/// A message from one user to another.
pub fn send(request_id: u64, ends: (u64, u64), client_msg_id: [u8; 16], body: &[u8]) -> Vec<u8> {
    framed(request_id, message(direct(ends.0, ends.1), client_msg_id, body))
}

/// A message to a conversation.
pub fn message(to: frames::Conversation, client_msg_id: [u8; 16], body: &[u8]) -> frames::Send {
    let (kind, body) = (RowKind::MESSAGE.0, Bytes::copy_from_slice(body));
    frames::Send { conversation: to, client_msg_id, kind, flags: 0, body }
}

/// The same frame as a later release may say it: of another kind, or with so many words behind its payload.
pub fn changed(mut frame: Vec<u8>, kind: u8, extension: &[u64]) -> Vec<u8> {
    frame.extend(extension.iter().flat_map(|word| word.to_le_bytes()));
    let length = u32::try_from(frame.len()).unwrap();
    let extension_size = u32::try_from(8 * extension.len()).unwrap();
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4] = kind;
    frame[20..24].copy_from_slice(&extension_size.to_le_bytes());
    let checksum = crc32fast::hash(&[&frame[..16], &frame[20..]].concat());
    frame[16..20].copy_from_slice(&checksum.to_le_bytes());
    frame
}

/// An id made now.
pub fn id(random: u128) -> [u8; 16] {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    wire::ClientMsgId::new(u64::try_from(now.as_millis()).unwrap(), random).0
}

/// A `client_msg_id` as JSON has it.
pub fn uuid(random: u128) -> String {
    let hex: Vec<String> = id(random).iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..4], &hex[4..6], &hex[6..8], &hex[8..10], &hex[10..]].map(<[_]>::concat).join("-")
}

macro_rules! framed {
    ($($name:ident)*) => {$(
        impl Framed for frames::$name {
            fn encode(self, out: &mut Vec<u8>, request_id: u64) {
                encode(out, request_id, self);
            }
        }
    )*};
}

/// A frame that a client may try to say.
pub trait Framed {
    /// Appends it.
    fn encode(self, out: &mut Vec<u8>, request_id: u64);
}

framed! {
    Hello Login Send PushAck Heartbeat HeartbeatReply Sync History Chats MarkRead HideChat Logout GroupMembers
    GroupInfo Renew LoginReply SendAck Refusal Devices EndDevice Signal
}

/// The bytes of a frame.
pub fn framed(request_id: u64, frame: impl Framed) -> Vec<u8> {
    let mut out = Vec::new();
    frame.encode(&mut out, request_id);
    out
}

fn code(code: u16) -> RefusalCode {
    let known = RefusalCode::ALL.iter().find(|known| **known as u16 == code);
    *known.expect("a code of this version")
}

/// The length of the first frame, if it is whole.
fn whole(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*bytes.first_chunk::<4>()?) as usize;
    (bytes.len() >= length).then_some(length)
}
