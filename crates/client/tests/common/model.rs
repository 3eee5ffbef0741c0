//! A server in memory: conversations, inboxes, ids. It does to pushes, acks and requests what its faults say: loses,
//! doubles, reorders, refuses. It is a model of the promises, not of the real server.

#![allow(clippy::wildcard_enum_match_arm, reason = "what only a server says ends the test")]

use crate::common::{Encode, frame, hello_reply, login_reply, percent};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use std::collections::HashMap;
use wire::frames::{
    Heartbeat, HeartbeatReply, HelloReply, Login, LoginReply, Message, Push, PushAck, Refusal,
    Send, SendAck, Sync, SyncPage,
};
use wire::{Bytes, ConversationId, FrameBuffer, Kind, RawFrame, RefusalCode, Scratch};

pub const EPOCH: u64 = 9;
const PAGE_ROWS_MAX: usize = 3;

/// In percent.
#[derive(Clone, Copy)]
pub struct Faults {
    pub lose_push: u64,
    pub double_push: u64,
    pub reorder_push: u64,
    pub eat_ack: u64,
    pub refuse: u64,
}

impl Faults {
    pub const NONE: Self =
        Self { lose_push: 0, double_push: 0, reorder_push: 0, eat_ack: 0, refuse: 0 };
}

/// One device's side of the server. It is known by its number.
#[derive(Default)]
pub struct Link {
    pub uid: u64,
    pub is_up: bool,
    is_logged_in: bool,
    buffer: FrameBuffer,
    /// The last row that was pushed, or was tried to.
    pushed: u64,
    /// A push that will be overtaken.
    late: Vec<u8>,
    /// Bytes on their way to the device.
    pub out: Vec<u8>,
}

pub struct Row {
    pub message: Message,
    pub device: usize,
}

pub struct Server {
    pub now_ms: u64,
    pub random: Xoshiro256PlusPlus,
    pub faults: Faults,
    pub links: Vec<Link>,
    pub inboxes: HashMap<u64, Vec<Row>>,
    seqs: HashMap<ConversationId, u64>,
    /// Everything stored, by its id.
    pub stored: HashMap<[u8; 16], (Send, SendAck)>,
}

impl Server {
    pub fn new(uids: &[u64], faults: Faults, now_ms: u64, seed: u64) -> Self {
        let link = |&uid: &u64| Link { uid, ..Link::default() };
        Self {
            now_ms,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            faults,
            links: uids.iter().map(link).collect(),
            inboxes: uids.iter().map(|&uid| (uid, vec![])).collect(),
            seqs: HashMap::new(),
            stored: HashMap::new(),
        }
    }

    pub fn connect(&mut self, device: usize) {
        self.links[device].is_up = true;
    }

    /// What was on its way is gone.
    pub fn disconnect(&mut self, device: usize) {
        self.links[device] = Link { uid: self.links[device].uid, ..Link::default() };
    }

    pub fn on_bytes(&mut self, device: usize, bytes: &[u8]) {
        let mut scratch = Scratch::default();
        let mut buffer = std::mem::take(&mut self.links[device].buffer);
        let mut frames = buffer.read(bytes, wire::FRAME_BYTES_MAX);
        while let Some(frame) = frames.next(&mut scratch) {
            self.on_frame(device, frame.unwrap());
        }
        self.links[device].buffer = buffer;
    }

    fn on_frame(&mut self, device: usize, frame: RawFrame<'_>) {
        let request_id = frame.header.request_id;
        match frame.header.kind.unwrap() {
            Kind::Hello => {
                let server_time_ms = self.now_ms;
                self.say(device, request_id, HelloReply { server_time_ms, ..hello_reply() });
            }
            Kind::Login => self.on_login(device, request_id, &frame.read().unwrap()),
            Kind::Heartbeat => {
                let time_ms = frame.read::<Heartbeat>().unwrap().time_ms;
                let inbox_head = self.head(device);
                let reply = HeartbeatReply { time_ms, inbox_epoch: EPOCH, inbox_head };
                self.say(device, request_id, reply);
            }
            Kind::PushAck => {
                let ack = frame.read::<PushAck>().unwrap();
                assert!(ack.inbox_seq <= self.head(device), "an ack of what there is");
            }
            Kind::Send if percent(&mut self.random, self.faults.refuse) => {
                self.refuse(device, request_id)
            }
            Kind::Sync if percent(&mut self.random, self.faults.refuse) => {
                self.refuse(device, request_id)
            }
            Kind::Send => self.on_send(device, request_id, frame.read().unwrap()),
            Kind::Sync => self.on_sync(device, request_id, &frame.read().unwrap()),
            kind => panic!("the client said {kind:?}"),
        }
    }

    /// Answers, then pushes every row above the cursor; those that the device sent, too.
    fn on_login(&mut self, device: usize, request_id: u64, login: &Login) {
        let (uid, head, server_time_ms) = (self.links[device].uid, self.head(device), self.now_ms);
        assert!(login.inbox_epoch == EPOCH || login.cursor == 0, "a cursor has its epoch");
        assert!(login.cursor <= head, "the inbox never gets shorter");
        let reply = login_reply(EPOCH, head, login.cursor);
        self.say(device, request_id, LoginReply { uid, server_time_ms, ..reply });
        let link = &mut self.links[device];
        (link.is_logged_in, link.pushed) = (true, login.cursor);
        for row in usize::try_from(login.cursor).unwrap()..self.inboxes[&uid].len() {
            let message = self.inboxes[&uid][row].message.clone();
            self.push(device, message);
        }
    }

    fn on_send(&mut self, device: usize, request_id: u64, send: Send) {
        let stored = self.stored.get(&send.client_msg_id);
        let ack = if let Some((first, ack)) = stored {
            assert_eq!(first, &send, "an id is of one message");
            SendAck { inbox_seq: 0, ..ack.clone() }
        } else {
            self.store(device, send)
        };
        if percent(&mut self.random, self.faults.eat_ack) {
            return;
        }
        self.say(device, request_id, ack);
    }

    fn store(&mut self, device: usize, send: Send) -> SendAck {
        let sender = self.links[device].uid;
        let conversation = send.conversation.id().unwrap();
        let seq = self.seqs.entry(conversation).or_default();
        *seq += 1;
        let seq = *seq;
        let (client_msg_id, message_id) = (send.client_msg_id, self.stored.len() as u64 + 1);
        let time_ms = self.now_ms;
        let message = Message {
            inbox_seq: 0,
            conversation: conversation.into(),
            seq,
            number: seq,
            sender,
            message_id,
            time_ms,
            client_msg_id,
            kind: send.kind,
            row_flags: 0,
            flags: send.flags,
            body: send.body.clone(),
        };
        let inbox_seq = self.append(sender, device, &message);
        for uid in conversation.users().filter(|uid| uid.0 != sender) {
            self.append(uid.0, device, &message);
        }
        let ack = SendAck { message_id, seq, time_ms, inbox_seq };
        self.stored.insert(client_msg_id, (send, ack.clone()));
        ack
    }

    fn append(&mut self, uid: u64, device: usize, message: &Message) -> u64 {
        let inbox = self.inboxes.get_mut(&uid).unwrap();
        let inbox_seq = inbox.len() as u64 + 1;
        let message = Message { inbox_seq, ..message.clone() };
        inbox.push(Row { message: message.clone(), device });
        for other in 0..self.links.len() {
            let link = &self.links[other];
            if link.uid == uid && link.is_logged_in && other != device {
                self.push(other, message.clone());
            }
        }
        inbox_seq
    }

    fn push(&mut self, device: usize, message: Message) {
        let previous = std::mem::replace(&mut self.links[device].pushed, message.inbox_seq);
        let bytes = frame(0, Push { previous, message });
        if percent(&mut self.random, self.faults.lose_push) {
            return;
        }
        let is_late = percent(&mut self.random, self.faults.reorder_push);
        let is_double = percent(&mut self.random, self.faults.double_push);
        let link = &mut self.links[device];
        if is_late {
            link.late.extend(&bytes);
            return;
        }
        for _ in 0..=usize::from(is_double) {
            link.out.extend(&bytes);
        }
        link.out.append(&mut link.late);
    }

    fn on_sync(&mut self, device: usize, request_id: u64, sync: &Sync) {
        let inbox_head = self.head(device);
        let rows = &self.inboxes[&self.links[device].uid];
        let rows = rows.iter().skip(usize::try_from(sync.cursor).unwrap()).take(PAGE_ROWS_MAX);
        let messages = rows.map(|row| row.message.clone()).collect();
        self.say(device, request_id, SyncPage { inbox_epoch: EPOCH, inbox_head, messages });
    }

    fn refuse(&mut self, device: usize, request_id: u64) {
        let (code, text) = (RefusalCode::Busy as u16, Bytes::from_static(b"busy"));
        self.say(device, request_id, Refusal { code, retry_after_ms: 100, text });
    }

    fn head(&self, device: usize) -> u64 {
        self.inboxes[&self.links[device].uid].len() as u64
    }

    fn say<F: Encode>(&mut self, device: usize, request_id: u64, reply: F) {
        self.links[device].out.extend(frame(request_id, reply));
    }
}
