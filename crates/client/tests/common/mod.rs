//! A scripted other end for one machine. Each test binary uses a part of it.
#![allow(dead_code, reason = "each test binary uses a part")]

use client::machine::{Credentials, Event, Machine, Turn};
use client::{ClientError, Position};
use rand::{Rng, RngExt};
use wire::frames::{HelloReply, LoginReply, Message, Push, Refusal, Send, SendAck};
use wire::{
    Bytes, ConversationId, DeviceId, Frame, FrameBuffer, InboxSeq, Kind, RefusalCode, Scratch, Uid,
    encode,
};

pub const HEARTBEAT_MS: u64 = 60_000;
pub const START_MS: u64 = 1_700_000_000_000;
/// How far the server's clock is ahead.
pub const OFFSET_MS: u64 = 3_600_000;

pub fn machine(cursor: u64, epoch: u64, seed: u64) -> Machine {
    let credentials = Credentials { token: Bytes::from_static(b"token"), device: DeviceId(1) };
    let cursor = InboxSeq(cursor);
    let position = Position { cursor, inbox_epoch: epoch, ..Position::default() };
    Machine::new(credentials, position, seed)
}

/// The user's conversation with another.
pub fn with(peer: u64) -> ConversationId {
    ConversationId::direct(Uid(7), Uid(peer)).unwrap()
}

pub fn message(inbox_seq: u64) -> Message {
    Message {
        inbox_seq,
        conversation: with(8).into(),
        seq: inbox_seq,
        number: inbox_seq,
        sender: 8,
        message_id: inbox_seq,
        time_ms: START_MS,
        client_msg_id: [7; 16],
        kind: 1,
        row_flags: 0,
        flags: 0,
        body: Bytes::from_static(b"hi"),
    }
}

pub fn push(previous: u64, inbox_seq: u64) -> Push {
    Push { previous, message: message(inbox_seq) }
}

pub fn frame<F>(request_id: u64, frame: F) -> Vec<u8>
where
    F: Encode,
{
    let mut bytes = vec![];
    frame.encode(&mut bytes, request_id);
    bytes
}

/// [`encode`] without its bounds.
pub trait Encode: Frame {
    fn encode(self, out: &mut Vec<u8>, request_id: u64);
}

macro_rules! encodes {
    ($($name:ident)*) => { $(impl Encode for wire::frames::$name {
        fn encode(self, out: &mut Vec<u8>, request_id: u64) { encode(out, request_id, self); }
    })* };
}
encodes!(Hello HelloReply Login LoginReply Logout LogoutReply Heartbeat HeartbeatReply Send SendAck Push PushAck
    Sync SyncPage History HistoryPage Chats ChatsPage MarkRead HideChat ChatReply Refusal GoingAway InboxHead
    SessionEnd Renew RenewReply GroupMembers GroupMembersPage Devices DevicesPage
    EndDevice EndDeviceReply PushToken PushTokenReply Signal GroupInfo GroupInfoReply);

/// A machine with its clock, and what it said and told.
pub struct Session {
    pub machine: Machine,
    pub now_ms: u64,
    pub out: Vec<u8>,
    pub events: Vec<String>,
}

impl Session {
    pub fn new(cursor: u64, epoch: u64) -> Self {
        let machine = machine(cursor, epoch, 1);
        Self { machine, now_ms: START_MS, out: vec![], events: vec![] }
    }

    /// Connected and logged in; what was said and told so far is forgotten.
    pub fn logged_in(cursor: u64, epoch: u64, head: u64) -> Self {
        let mut session = Self::new(cursor, epoch);
        session.log_in(epoch, head);
        session.out.clear();
        session.events.clear();
        session
    }

    /// As a server answers: pushes begin at the machine's cursor, or at the first row if the inbox has no such one.
    pub fn log_in(&mut self, inbox_epoch: u64, inbox_head: u64) {
        self.machine.on_connected(self.now_ms, &mut self.out);
        self.hear(1, hello_reply()).unwrap();
        let cursor = self.machine.cursor().0;
        let is_of = self.machine.position().inbox_epoch == inbox_epoch && cursor <= inbox_head;
        let reply = login_reply(inbox_epoch, inbox_head, if is_of { cursor } else { 0 });
        let server_time_ms = self.now_ms + OFFSET_MS;
        self.hear(2, LoginReply { server_time_ms, ..reply }).unwrap();
    }

    pub fn hear<F: Encode>(&mut self, request_id: u64, reply: F) -> Result<(), ClientError> {
        self.hear_bytes(&frame(request_id, reply))
    }

    pub fn hear_bytes(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        let mut scratch = Scratch::default();
        let turn = Turn { now_ms: self.now_ms, out: &mut self.out, scratch: &mut scratch };
        let events = &mut self.events;
        self.machine.on_bytes(bytes, turn, &mut |event| events.push(name(&event)))
    }

    /// A reply with what was added to its kind.
    pub fn hear_with<F: Encode>(
        &mut self,
        request_id: u64,
        reply: F,
        added: &[u64],
    ) -> Result<(), ClientError> {
        let bytes = frame(request_id, reply);
        let kind = bytes[4];
        self.hear_bytes(&changed(bytes, kind, added))
    }

    pub fn send(&mut self, body: &'static [u8]) -> wire::ClientMsgId {
        let body = Bytes::from_static(body);
        self.machine.send((with(8), body), self.now_ms, &mut self.out).unwrap()
    }

    /// Lets time pass up to the next timer, and lets it ring.
    pub fn ring(&mut self) -> Result<(), ClientError> {
        self.now_ms = self.machine.next_timer_ms().expect("a timer runs");
        self.machine.on_timer(self.now_ms, &mut self.out)
    }

    /// What was said since the last call: kind and request id.
    pub fn said(&mut self) -> Vec<(Kind, u64)> {
        self.said_bytes().0
    }

    /// The last frame that was said, which is of this kind.
    pub fn said_last<F>(&mut self, read: impl Fn(&wire::RawFrame<'_>) -> F) -> F {
        let bytes = self.said_bytes().1;
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        let mut frames = buffer.read(&bytes, wire::FRAME_BYTES_MAX);
        let frame = frames.next(&mut scratch).expect("something was said").unwrap();
        read(&frame)
    }

    /// What the events were since the last call.
    pub fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events)
    }

    fn said_bytes(&mut self) -> (Vec<(Kind, u64)>, Vec<u8>) {
        let out = std::mem::take(&mut self.out);
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        let (mut said, mut last, mut at) = (vec![], vec![], 0);
        let mut frames = buffer.read(&out, wire::FRAME_BYTES_MAX);
        while let Some(frame) = frames.next(&mut scratch) {
            let header = frame.unwrap().header;
            said.push((header.kind.unwrap(), header.request_id));
            last = out[at..at + header.length].to_vec();
            at += header.length;
        }
        (said, last)
    }
}

pub fn hello_reply() -> HelloReply {
    HelloReply {
        version: wire::VERSION,
        heartbeat_ms: u32::try_from(HEARTBEAT_MS).unwrap(),
        frame_bytes_max: 65_536,
        body_bytes_max: 32_768,
        page_rows_max: 256,
        push_window_max: 256,
        send_window_max: 64,
        features: 0,
        server_time_ms: START_MS + OFFSET_MS,
    }
}

/// Pushes of what is above `cursor` are to follow.
pub fn login_reply(inbox_epoch: u64, inbox_head: u64, cursor: u64) -> LoginReply {
    let server_time_ms = START_MS + OFFSET_MS;
    LoginReply { uid: 7, generation: 3, inbox_epoch, inbox_head, cursor, server_time_ms }
}

/// The same frame as a later release may send it: with another kind, or with so many words behind its payload.
pub fn changed(mut frame: Vec<u8>, kind: u8, extension: &[u64]) -> Vec<u8> {
    frame.extend(extension.iter().flat_map(|word| word.to_le_bytes()));
    let length = u32::try_from(frame.len()).unwrap();
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4] = kind;
    frame[20..24].copy_from_slice(&u32::try_from(8 * extension.len()).unwrap().to_le_bytes());
    let checksum = crc32fast::hash(&[&frame[..16], &frame[20..]].concat());
    frame[16..20].copy_from_slice(&checksum.to_le_bytes());
    frame
}

/// An event in a few words.
pub fn name(event: &Event<'_>) -> String {
    match event {
        Event::LoggedIn { uid, inbox_head, .. } => format!("logged in {uid} head {inbox_head}"),
        Event::InboxReset { inbox_epoch } => format!("reset {inbox_epoch}"),
        Event::Message { message, via_sync } => {
            format!("{} {}", if *via_sync { "synced" } else { "pushed" }, message.inbox_seq)
        }
        Event::WireDuplicate { inbox_seq } => format!("duplicate {inbox_seq}"),
        Event::GapDetected { cursor, inbox_seq } => format!("gap {cursor} to {inbox_seq}"),
        Event::RowsMissing { after, before } => format!("missing {after} to {before}"),
        Event::Synced { head } => format!("in sync {head}"),
        Event::NewId { former, client_msg_id } => format!("{former:?} is {client_msg_id:?}"),
        Event::Acked { client_msg_id, seq, .. } => format!("acked {client_msg_id:?} {seq}"),
        Event::Refused { code, will_retry, .. } => {
            format!("refused {code:?}{}", if *will_retry { ", again" } else { "" })
        }
        Event::HistoryPage { request_id, .. } => format!("history {request_id}"),
        Event::ChatsPage { request_id, .. } => format!("chats {request_id}"),
        Event::ChatReply { request_id, .. } => format!("chat {request_id}"),
        Event::Renewed { request_id, until_ms } => format!("renewed {request_id} {until_ms}"),
        Event::GroupMembersPage { request_id, .. } => format!("members {request_id}"),
        Event::DevicesPage { request_id, .. } => format!("devices {request_id}"),
        Event::PushTokenSet { request_id, is_kept } => {
            format!("push token {request_id} {is_kept}")
        }
        Event::DeviceEnded { request_id, was_logged_in } => {
            format!("ended {request_id} {was_logged_in}")
        }
        Event::Signal(signal) => format!("{} {:?}", signal.uid, signal.does),
        Event::GroupInfo { request_id, .. } => format!("group info {request_id}"),
        Event::HeartbeatReply { round_trip_ms } => format!("heartbeat {round_trip_ms}"),
        Event::GoingAway { reconnect_after_ms, .. } => format!("going away {reconnect_after_ms}"),
        Event::LoggedOut => "logged out".to_owned(),
    }
}

/// Whether it is one of so many cases of 100.
pub fn percent(random: &mut impl Rng, percent: u64) -> bool {
    random.random_range(0..100) < percent
}

/// A refusal with this code and hint.
pub fn refusal(code: RefusalCode, retry_after_ms: u32) -> Refusal {
    Refusal { code: code as u16, retry_after_ms, text: Bytes::from_static(b"no") }
}

/// An ack of a message that is so in its conversation and the inbox.
pub fn ack(seq: u64, inbox_seq: u64) -> SendAck {
    SendAck { message_id: seq, seq, time_ms: START_MS, inbox_seq }
}

/// Rings until a send is said; a heartbeat may be due before.
pub fn ring_until_sent(session: &mut Session) -> Send {
    loop {
        session.ring().unwrap();
        if let Ok(sent) = session.said_last(|frame| frame.read::<Send>()) {
            return sent;
        }
    }
}
