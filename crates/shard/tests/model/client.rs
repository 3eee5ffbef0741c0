//! Clients: devices that send, retry, read what is pushed by the client rule, and sync over gaps. It does not
//! look into shards; what a shard says is held against what the stores have.

mod logins;

use super::{ENTRIES, INBOX_EPOCH, Rng, Shape, World};
use bytes::Bytes;
use shard::command::{Answer, Begin, ChatChange, Command, Delivery, Login, ReplyTo, Send, Session};
use shard::rows::{ChatRow, InboxRow};
use std::collections::{BTreeMap, BTreeSet};
use wire::{ClientMsgId, ConversationId, DeviceId, InboxSeq, MessageId, RefusalCode, RowKind};
use wire::{Seq, Uid};

/// How wrong a client's clock may be, in ms: less than the server allows.
const CLIENT_SKEW_MS: u64 = 9_000;

/// A device and what it keeps over restarts: its cursor.
pub struct Device {
    pub uid: Uid,
    pub device: DeviceId,
    session: Option<Session>,
    login: Option<Login>,
    generation: u64,
    /// Where the last login was to begin.
    from: Begin,
    /// It claims another message at its cursor than it has.
    is_forged: bool,
    is_syncing: bool,
    cursor: InboxSeq,
    /// Of the message there; 0: there is none.
    message_id: MessageId,
    /// Rows shown to the user, but those that the device sent.
    pub shown: Vec<InboxSeq>,
}

/// A message that a device wants sent.
pub struct Sending {
    pub send: Send,
    device: usize,
    /// What a shard first answered, whether or not the client heard of it.
    pub told: Option<(MessageId, Seq)>,
    pub is_acked: bool,
    /// The device is gone for good: nobody asks again.
    pub is_given_up: bool,
}

/// What was asked and answered about a chat.
#[derive(Default)]
pub struct Changes {
    /// Places up to which it was to be read, also by what was sent.
    pub read_asked: BTreeSet<Seq>,
    pub read_answered: Seq,
    pub hide_asked: bool,
    /// The newest message when it was hidden.
    pub hidden_at: Option<Seq>,
}

/// What a request was for.
#[derive(Clone, Copy, Debug)]
pub enum Request {
    Login,
    Send(usize),
    /// An acknowledged send's id with another body.
    Forged,
    Sync,
    Change(ConversationId, ChatChange),
    Other,
}

/// Which request an answer is for.
pub struct Said {
    pub uid: Uid,
    pub request: Request,
}

#[derive(Default)]
pub struct Clients {
    pub devices: Vec<Device>,
    pub sends: Vec<Sending>,
    pub changes: BTreeMap<(Uid, ConversationId), Changes>,
    senders: BTreeMap<ClientMsgId, usize>,
    requests: BTreeMap<u64, (usize, Request)>,
    requested: u64,
    connections: u64,
    /// Of calm worlds: up to where a session was told that the peer has read.
    pub peer_reads: BTreeMap<(Session, ConversationId), Seq>,
    /// Of calm worlds: the last seq that a conversation's first acks told.
    pub acked: BTreeMap<ConversationId, Seq>,
}

impl Clients {
    pub fn new(shape: &Shape, rng: &mut Rng) -> Self {
        let mut clients = Self::default();
        for uid in 1..=shape.users {
            for device in 1..=1 + rng.below(shape.devices) {
                clients.devices.push(Device {
                    uid: Uid(uid),
                    device: DeviceId(device),
                    session: None,
                    login: None,
                    generation: 0,
                    from: Begin::Head,
                    is_forged: false,
                    is_syncing: false,
                    cursor: InboxSeq(0),
                    message_id: MessageId(0),
                    shown: Vec::new(),
                });
            }
        }
        clients
    }

    pub fn next_request(&mut self) -> u64 {
        self.requested += 1;
        self.requested
    }

    pub fn asked(&self, delivery: &Delivery) -> Option<Said> {
        let &(device, request) = self.requests.get(&delivery.to.ticket)?;
        Some(Said { uid: self.devices[device].uid, request })
    }

    pub fn is_own(&self, device: usize, row: &InboxRow) -> bool {
        self.senders.get(&row.message.client_msg_id) == Some(&device)
    }
}

impl World {
    /// A device does something.
    pub fn act(&mut self) {
        let at = self.rng.index(self.clients.devices.len());
        let Some(login) = self.clients.devices[at].login else { return self.log_in(at) };
        match self.rng.below(100) {
            0..50 => {
                for _ in 0..1 + self.rng.below(self.shape.burst) {
                    self.send_new(at);
                }
            }
            50..75 => self.send_again(at),
            75..83 => self.change_chat(at),
            83..88 => self.sync(at),
            88..93 => self.ask_own_shard(
                at,
                Command::Heartbeat { uid: login.uid, time_ms: 0 },
                Request::Other,
            ),
            93..97 if self.shape.clock_ms[3] > 1 => {
                let limit = 1 + self.rng.index(5);
                let command = Command::Chats { uid: login.uid, after: None, limit };
                self.ask_own_shard(at, command, Request::Other);
            }
            _ => self.log_in(at),
        }
    }

    fn request(&mut self, at: usize, shard: usize, command: Command, request: Request) {
        let Some(session) = self.clients.devices[at].session else { return };
        let ticket = self.clients.next_request();
        self.clients.requests.insert(ticket, (at, request));
        self.command(shard, command, ReplyTo { session, ticket });
    }

    fn ask_own_shard(&mut self, at: usize, command: Command, request: Request) {
        let shard = self.owner_of(self.clients.devices[at].uid);
        self.request(at, shard, command, request);
    }

    fn send_new(&mut self, at: usize) {
        if self.clients.sends.len() >= self.shape.sends_max {
            return;
        }
        let from = self.clients.devices[at].uid;
        let to = if self.shape.is_crowd { 1 } else { 1 + self.rng.below(self.shape.users) };
        // Some messages are the system's: the shard does not ask who sends them.
        let conversation = match self.rng.below(10) {
            0 => ConversationId::system(Uid(to)),
            _ => ConversationId::direct(from, Uid(to)),
        };
        let Some(conversation) = conversation else { return };
        self.send_in(at, conversation);
    }

    /// An id for a new message: sometimes one that this device used in another conversation.
    fn new_id(&mut self, at: usize, conversation: ConversationId) -> ClientMsgId {
        let used = |sending: &&Sending| {
            let send = &sending.send;
            sending.device == at && send.conversation != conversation
        };
        let last = self.clients.sends.iter().rev().find(used).map(|it| it.send.client_msg_id);
        let sends = &self.clients.sends;
        let is_free = |id: &ClientMsgId| {
            !sends.iter().any(|it| {
                let send = &it.send;
                it.device == at && send.conversation == conversation && send.client_msg_id == *id
            })
        };
        if let Some(id) = last.filter(is_free).filter(|_| self.rng.chance(20)) {
            return id;
        }
        let skewed = self.now.unix_ms - CLIENT_SKEW_MS + self.rng.below(2 * CLIENT_SKEW_MS);
        let random = u128::from(self.rng.next()) << 64 | u128::from(self.rng.next());
        ClientMsgId::new(skewed, random)
    }

    /// The last message of a conversation: it heals what messages left behind that nobody asks for again.
    pub fn send_last(&mut self, conversation: ConversationId) {
        let devices = &self.clients.devices;
        let at = devices.iter().position(|device| device.uid.0 == conversation.home()).unwrap();
        self.send_in(at, conversation);
    }

    fn send_in(&mut self, at: usize, conversation: ConversationId) {
        let client_msg_id = self.new_id(at, conversation);
        let body = Bytes::from(self.rng.next().to_le_bytes().to_vec());
        let Device { uid: sender, device, .. } = self.clients.devices[at];
        let (kind, flags) = (RowKind::MESSAGE, 0);
        let seen = self.seen(sender, conversation);
        let send = Send { conversation, sender, device, client_msg_id, kind, flags, body, seen };
        self.clients.senders.insert(client_msg_id, at);
        let is_given_up = !self.is_ending && self.rng.chance(self.shape.given_up);
        let sending = Sending { send, device: at, told: None, is_acked: false, is_given_up };
        self.clients.sends.push(sending);
        self.send(self.clients.sends.len() - 1);
    }

    /// Up to where a sender has seen the conversation. Some do not say, some exaggerate.
    fn seen(&mut self, sender: Uid, conversation: ConversationId) -> Seq {
        let through = self.durable.through(sender, conversation);
        let seen = match self.rng.below(20) {
            0..10 => Seq(0),
            10 => Seq(u64::MAX),
            _ => self.place(sender, conversation, through),
        };
        if seen > Seq(0) {
            let changes = self.clients.changes.entry((sender, conversation)).or_default();
            changes.read_asked.insert(seen);
        }
        seen
    }

    /// A place up to the last: mostly one that is not far behind what was read before.
    fn place(&mut self, uid: Uid, conversation: ConversationId, through: Seq) -> Seq {
        let changes = self.clients.changes.get(&(uid, conversation));
        let read = changes.map_or(0, |changes| changes.read_answered.0);
        let far = [4, 20, through.0][self.rng.index(3)];
        Seq(through.0.min(read + self.rng.below(far + 1)))
    }

    /// One of the last sends over again, acknowledged or not.
    fn send_again(&mut self, at: usize) {
        let own = |send: &Sending| send.device == at && !send.is_given_up;
        let sends: Vec<_> = (0..self.clients.sends.len())
            .filter(|index| own(&self.clients.sends[*index]))
            .collect();
        if !sends.is_empty() {
            let index = sends[self.rng.index(sends.len())];
            let sending = &self.clients.sends[index];
            if sending.told.is_some() && self.rng.chance(5) {
                let mut send = sending.send.clone();
                send.body = Bytes::from_static(b"another");
                let shard = self.home_of(send.conversation);
                return self.request(at, shard, Command::Send(send), Request::Forged);
            }
            self.send(index);
        }
    }

    fn send(&mut self, index: usize) {
        let sending = &self.clients.sends[index];
        let (send, at) = (sending.send.clone(), sending.device);
        let shard = self.home_of(send.conversation);
        self.request(at, shard, Command::Send(send), Request::Send(index));
    }

    fn sync(&mut self, at: usize) {
        let device = &mut self.clients.devices[at];
        device.is_syncing = true;
        let (uid, after, limit) = (device.uid, device.cursor, 1 + self.rng.index(20));
        self.ask_own_shard(at, Command::Sync { uid, after, limit }, Request::Sync);
    }

    fn change_chat(&mut self, at: usize) {
        let uid = self.clients.devices[at].uid;
        let peer = Uid(1 + self.rng.below(self.shape.users));
        let system = ConversationId::system(uid);
        let Some(conversation) = ConversationId::direct(uid, peer).or(system) else { return };
        let through = self.durable.through(uid, conversation);
        if through == Seq(0) {
            return;
        }
        let seq = self.place(uid, conversation, through).max(Seq(1));
        let changes = self.clients.changes.entry((uid, conversation)).or_default();
        let change = if self.rng.chance(90) {
            changes.read_asked.insert(seq);
            ChatChange::Read(seq)
        } else {
            changes.hide_asked = true;
            ChatChange::Hide
        };
        let command = Command::ChangeChat { uid, conversation, change };
        self.ask_own_shard(at, command, Request::Change(conversation, change));
    }

    /// What every client does until all is well: log in, and retry.
    pub fn persist(&mut self) {
        for at in 0..self.clients.devices.len() {
            if self.clients.devices[at].login.is_none() && self.rng.chance(15) {
                self.log_in(at);
            }
        }
        let mut again = std::collections::HashSet::new();
        for index in 0..self.clients.sends.len() {
            let sending = &self.clients.sends[index];
            if sending.is_acked || sending.is_given_up {
                continue;
            }
            // Who sends one again sends those behind it again, so that they keep their order.
            let sender = (sending.device, sending.send.conversation);
            if again.contains(&sender) || self.rng.chance(15) {
                again.insert(sender);
                self.send(index);
            }
        }
    }

    pub fn on_delivery(&mut self, delivery: Delivery) {
        let Delivery { to: ReplyTo { session, ticket }, answer } = delivery;
        let request = self.clients.requests.remove(&ticket);
        let devices = &self.clients.devices;
        let Some(at) = devices.iter().position(|device| device.session == Some(session)) else {
            return;
        };
        assert!(request.is_none_or(|request| request.0 == at), "an answer to another");
        match answer {
            Answer::LoggedIn { login, inbox_head, cursor, .. } => {
                self.on_login(at, login, inbox_head, cursor);
            }
            Answer::Acked { inbox_seq, message_id, .. } => {
                self.on_acked(at, request.map(|r| r.1), (inbox_seq, message_id));
            }
            Answer::Push { previous, row } => self.on_push(at, previous, &row),
            Answer::Head { head, .. } => {
                if self.clients.devices[at].cursor < head {
                    self.sync(at);
                }
            }
            Answer::Inbox { head, rows, .. } => self.on_page(at, head, &rows),
            Answer::News(_) => panic!("nobody registers"),
            Answer::Chat(row) => self.on_chat(request.map(|request| request.1), row),
            Answer::Refused { code, .. } => self.on_refused(at, request.map(|r| r.1), code),
            Answer::Closed(_) => {
                let device = &mut self.clients.devices[at];
                (device.session, device.login) = (None, None);
            }
            Answer::LoggedOut(_) | Answer::History { .. } | Answer::Chats { .. } => {}
            Answer::GroupMembers { .. } | Answer::GroupInfo { .. } => panic!("of no group"),
            Answer::Devices(_) | Answer::Ended { .. } => panic!("nobody asks for devices here"),
            Answer::PushTokenSet { .. } | Answer::Dead(_) | Answer::Replayed { .. } => {
                panic!("nobody asks for it here")
            }
            Answer::Believed => panic!("nobody asks for it here"),
            // It was judged when it was said; nobody depends on it.
            Answer::Signal { .. } => {}
        }
    }

    fn on_acked(
        &mut self,
        at: usize,
        request: Option<Request>,
        (inbox_seq, message_id): (InboxSeq, MessageId),
    ) {
        if self.is_lost() {
            return;
        }
        let Some(Request::Send(index)) = request else { panic!("an ack of nothing") };
        self.clients.sends[index].is_acked = true;
        let device = &mut self.clients.devices[at];
        if inbox_seq == device.cursor.next() {
            (device.cursor, device.message_id) = (inbox_seq, message_id);
        }
    }

    fn is_lost(&mut self) -> bool {
        !self.is_ending && self.rng.chance(self.shape.loss)
    }

    fn on_push(&mut self, at: usize, previous: InboxSeq, row: &InboxRow) {
        if self.is_lost() {
            return;
        }
        let device = &self.clients.devices[at];
        let (cursor, is_syncing) = (device.cursor, device.is_syncing);
        if row.inbox_seq > cursor && previous > cursor {
            if !is_syncing {
                self.sync(at);
            }
            return;
        }
        if row.inbox_seq > cursor {
            self.show(at, row);
        }
        self.ack_push(at);
    }

    fn ack_push(&mut self, at: usize) {
        if self.is_lost() {
            return;
        }
        let device = &self.clients.devices[at];
        let (Some(login), Some(session), cursor) = (device.login, device.session, device.cursor)
        else {
            return;
        };
        let shard = self.owner_of(login.uid);
        let reply = ReplyTo { session, ticket: 0 };
        self.command(shard, Command::PushAck(login, cursor), reply);
    }

    fn show(&mut self, at: usize, row: &InboxRow) {
        let uid = self.clients.devices[at].uid;
        assert_eq!(self.durable.row(uid, row.inbox_seq), Some(row), "shown, but not stored");
        let is_own = self.clients.is_own(at, row);
        let device = &mut self.clients.devices[at];
        (device.cursor, device.message_id) = (row.inbox_seq, row.message.message_id);
        if !is_own {
            device.shown.push(row.inbox_seq);
        }
    }

    fn on_page(&mut self, at: usize, head: InboxSeq, rows: &[InboxRow]) {
        self.clients.devices[at].is_syncing = false;
        for row in rows {
            let cursor = self.clients.devices[at].cursor;
            if row.inbox_seq > cursor {
                assert_eq!(row.inbox_seq, cursor.next(), "a page has a gap");
                self.show(at, row);
            }
        }
        if self.clients.devices[at].cursor < head {
            self.sync(at);
        }
        self.ack_push(at);
    }

    fn on_chat(&mut self, request: Option<Request>, row: ChatRow) {
        let Some(Request::Change(conversation, change)) = request else { return };
        assert_eq!(conversation, row.conversation);
        let changes =
            self.clients.changes.get_mut(&(row.uid, conversation)).expect("it was asked for");
        match change {
            ChatChange::Read(seq) => changes.read_answered = changes.read_answered.max(seq),
            ChatChange::Hide if row.is_hidden => changes.hidden_at = Some(row.recent_seq),
            ChatChange::Hide => {}
        }
        assert!(change != ChatChange::Hide || row.unread() == 0, "hidden, and not read: {row:?}");
    }

    fn on_refused(&mut self, at: usize, request: Option<Request>, code: RefusalCode) {
        let is_retryable = code.is_retryable() && (!self.is_calm() || code == RefusalCode::Busy);
        let is_forged = matches!(request, Some(Request::Forged));
        // What was never acknowledged waits until the clock has come by.
        let is_ahead = code == RefusalCode::IdInFuture && self.clock_steps > 0;
        assert!(is_retryable || is_forged || is_ahead, "refused: {code:?}");
        if matches!(request, Some(Request::Sync)) {
            self.sync(at);
        }
    }
}
