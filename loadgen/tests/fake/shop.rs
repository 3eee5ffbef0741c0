//! What the fake server keeps: inboxes, places in conversations, who is connected; and its one fault.

use super::circle::{self, Circle, Told};
use super::{InGroup, Planted, now_ms};
use std::collections::HashMap;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};
use wire::frames::{
    ArchivedHistory, ArchivedSend, ChatsPage, HistoryPage, Message, Push, Refusal, SendAck,
};
use wire::{Bytes, ConversationId, RefusalCode, RowKind};

pub struct Device {
    pub stream: TcpStream,
    /// The last inbox row pushed to it.
    pub pushed: u64,
}

#[derive(Default)]
struct User {
    inbox: Vec<Message>,
    devices: HashMap<u64, Device>,
}

pub struct Shop {
    planted: Planted,
    users: HashMap<u64, User>,
    seqs: HashMap<ConversationId, u64>,
    acks: HashMap<[u8; 16], SendAck>,
    messages: u64,
    /// First copies, as they came.
    nths: HashMap<[u8; 16], u64>,
    dark_until: Option<Instant>,
    logins: u64,
    /// Withheld until its conversation has another.
    withheld: Option<Message>,
    circles: HashMap<ConversationId, Circle>,
    /// Messages to groups; and whether what is wrong with one was done.
    said: u64,
    is_bent: bool,
    withheld_in_group: Option<Told>,
    /// Until when a user's histories are refused.
    told_from: HashMap<u64, Instant>,
    /// Until when what was taken fills a server with a limit.
    full_until: Instant,
}

impl Shop {
    pub fn new(planted: Planted) -> Self {
        Self {
            planted,
            users: HashMap::new(),
            seqs: HashMap::new(),
            acks: HashMap::new(),
            messages: 0,
            nths: HashMap::new(),
            dark_until: None,
            logins: 0,
            withheld: None,
            circles: HashMap::new(),
            said: 0,
            is_bent: false,
            withheld_in_group: None,
            told_from: HashMap::new(),
            full_until: Instant::now(),
        }
    }

    pub fn is_dead(&self) -> bool {
        matches!(self.planted, Planted::Die(nth) if self.messages >= nth)
            || self.dark_until.is_some_and(|until| Instant::now() < until)
    }

    /// Takes a message if there is room. Room for a tenth of a second is kept for bursts.
    fn is_full(&mut self) -> bool {
        let Planted::Limit(rate) = self.planted else { return false };
        let now = Instant::now();
        if self.full_until > now + Duration::from_millis(100) {
            return true;
        }
        self.full_until = self.full_until.max(now) + Duration::from_secs(1) / rate;
        false
    }

    pub fn enter(&mut self, uid: u64, device: Device) -> u64 {
        self.logins += 1;
        self.users.entry(uid).or_default().devices.insert(self.logins, device);
        self.logins
    }

    pub fn leave(&mut self, uid: u64, number: u64) {
        self.users.get_mut(&uid).unwrap().devices.remove(&number);
    }

    pub fn head(&self, uid: u64) -> u64 {
        self.users.get(&uid).map_or(0, |user| user.inbox.len() as u64)
    }

    pub fn rows(&self, uid: u64, cursor: u64, limit: u32) -> Vec<Message> {
        let inbox = self.users.get(&uid).map_or(&[][..], |user| &user.inbox);
        inbox.iter().skip(usize::try_from(cursor).unwrap()).take(limit as usize).cloned().collect()
    }

    pub fn take(&mut self, (from, number): (u64, u64), request_id: u64, send: &ArchivedSend) {
        let next = self.nths.len() as u64 + 1;
        let nth = *self.nths.entry(send.client_msg_id).or_insert(next);
        let is_first = nth == next;
        let mut out = Vec::new();
        let ignored = matches!(self.planted, Planted::IgnoreOnce(at) if is_first && nth == at);
        if ignored || self.planted == Planted::EatSends {
            return;
        }
        let busy =
            matches!(self.planted, Planted::Busy(every) if is_first && nth.is_multiple_of(every));
        if busy || self.is_full() {
            let code = RefusalCode::Busy as u16;
            let text = Bytes::from_static(b"try again");
            wire::encode(&mut out, request_id, Refusal { code, retry_after_ms: 50, text });
            return write(&self.users[&from].devices[&number].stream, &out);
        }
        if !self.acks.contains_key(&send.client_msg_id) {
            let conversation = send.conversation.id().unwrap();
            if !conversation.is_group() {
                self.store(from, number, send);
            } else if let Some(code) = self.store_in_group((from, number), conversation, send) {
                let (code, retry_after_ms) = (code as u16, 0);
                let text = Bytes::from_static(b"no");
                wire::encode(&mut out, request_id, Refusal { code, retry_after_ms, text });
                return write(&self.users[&from].devices[&number].stream, &out);
            }
        }
        if let Planted::Outage(at, length) = self.planted
            && is_first
            && nth == at
        {
            self.dark_until = Some(Instant::now() + length);
        }
        if self.planted == Planted::HangUp(self.messages) || self.is_dead() {
            let devices = self.users.values().flat_map(|user| user.devices.values());
            // One that hangs up while it answers a retry would never end.
            self.messages += 1;
            devices.for_each(|device| device.stream.shutdown(Shutdown::Both).unwrap_or(()));
        }
        if matches!(self.planted, Planted::EatAcks(every) if nth.is_multiple_of(every)) {
            return;
        }
        wire::encode(&mut out, request_id, self.acks[&send.client_msg_id].clone());
        let stream = &self.users[&from].devices[&number].stream;
        let Planted::Late(length) = self.planted else { return write(stream, &out) };
        let stream = stream.try_clone().unwrap();
        thread::spawn(move || {
            stall(length);
            write(&stream, &out);
        });
    }

    fn store(&mut self, from: u64, number: u64, send: &ArchivedSend) {
        self.messages += 1;
        let nth = self.messages;
        if let Planted::Stall(at, length) = self.planted
            && nth == at
        {
            // With the lock held, so that nobody is served.
            stall(length);
        }
        let mut message = self.message(from, send);
        if self.planted == Planted::Corrupt(nth) {
            let mut body = message.body.to_vec();
            *body.last_mut().unwrap() ^= 1;
            message.body = Bytes::from(body);
        }
        let (message_id, seq, client_msg_id) =
            (message.message_id, message.seq, message.client_msg_id);
        let mut inbox_seq = 0;
        if self.planted == Planted::Swap(nth) {
            self.withheld = Some(message);
        } else if self.planted != Planted::Lose(nth) {
            inbox_seq = self.append(number, &message);
            if self.planted == Planted::Duplicate(nth) {
                let again = self.message(from, send);
                self.append(number, &again);
            }
            let follows = |held: &mut Message| {
                (held.sender, &held.conversation) == (message.sender, &message.conversation)
            };
            if let Some(held) = self.withheld.take_if(follows) {
                self.append(number, &held);
            }
        }
        self.acks.insert(client_msg_id, SendAck { message_id, seq, time_ms: now_ms(), inbox_seq });
    }

    /// With the next place of its conversation.
    fn message(&mut self, from: u64, send: &ArchivedSend) -> Message {
        let conversation = send.conversation.id().unwrap();
        let seq = self.seqs.entry(conversation).or_default();
        *seq += 1;
        let is_doubled = self.planted == Planted::Duplicate(self.messages);
        let message_id = (self.messages << 1) + u64::from(is_doubled);
        row(from, (*seq, *seq), message_id, send)
    }

    /// Why it is not stored, if it is not.
    fn store_in_group(
        &mut self,
        (from, number): (u64, u64),
        conversation: ConversationId,
        send: &ArchivedSend,
    ) -> Option<RefusalCode> {
        let circle = self.circles.entry(conversation).or_default();
        let kind = RowKind(send.kind);
        if let Some(code) = circle.refusal(from, kind, send.body.as_slice()) {
            return Some(code);
        }
        let is_message = kind == RowKind::MESSAGE;
        self.said += u64::from(is_message);
        let (how, stranger) = self.wrong_with(conversation).filter(|_| is_message).unzip();
        self.is_bent |= how.is_some();
        if how == Some(InGroup::Refuse) {
            return Some(RefusalCode::NotMember);
        }
        let circle = self.circles.get_mut(&conversation).unwrap();
        circle.seq += u64::from(how == Some(InGroup::Gap));
        let copies = 1 + u64::from(how == Some(InGroup::Duplicate));
        let mut told = Vec::new();
        for _ in 0..copies {
            self.messages += 1;
            let row = self.row_of_group(from, conversation, send);
            let uids = self.circles.get_mut(&conversation).unwrap().take(&row);
            told.push(Told { row, uids, number });
        }
        let (message_id, seq) = (told[0].row.message_id, told[0].row.seq);
        if let Some(how) = how {
            circle::bend(&mut told, how, from, stranger.flatten());
        }
        if how == Some(InGroup::Swap) {
            self.withheld_in_group = told.pop();
        } else {
            let follows = |held: &mut Told| held.row.conversation == told[0].row.conversation;
            let held = self.withheld_in_group.take_if(follows);
            told.extend(held);
        }
        for Told { row, uids, number } in told {
            self.append_for(number, &row, &uids);
        }
        let ack = SendAck { message_id, seq, time_ms: now_ms(), inbox_seq: 0 };
        self.acks.insert(send.client_msg_id, ack);
        None
    }

    /// What is to be done wrong with this message of a group, and who else may get it.
    fn wrong_with(&self, conversation: ConversationId) -> Option<(InGroup, Option<u64>)> {
        let Planted::InGroup(how, nth) = self.planted else { return None };
        let circle = &self.circles[&conversation];
        let stranger = if how == InGroup::LeakToFormer {
            circle.former()
        } else if how == InGroup::LeakToStranger {
            self.users.keys().copied().find(|uid| !circle.knows(*uid))
        } else {
            Some(0)
        };
        let is_due = self.said >= nth && !self.is_bent && stranger.is_some();
        is_due.then_some((how, stranger))
    }

    fn row_of_group(
        &mut self,
        from: u64,
        conversation: ConversationId,
        send: &ArchivedSend,
    ) -> Message {
        let circle = self.circles.get_mut(&conversation).unwrap();
        circle.seq += 1;
        circle.number += u64::from(RowKind(send.kind) == RowKind::MESSAGE);
        row(from, (circle.seq, circle.number), self.messages << 1, send)
    }

    pub fn chats(&self, uid: u64) -> ChatsPage {
        circle::chats(uid, &self.rows(uid, 0, u32::MAX))
    }

    pub fn history(&mut self, uid: u64, asked: &ArchivedHistory) -> Result<HistoryPage, Refusal> {
        let conversation = asked.conversation.id().unwrap();
        let page = self.circles[&conversation].history(uid, asked);
        if self.planted != Planted::BusyHistory {
            return Ok(page);
        }
        let now = Instant::now();
        let Some(from) = self.told_from.get(&uid) else {
            let retry_after_ms = 400;
            self.told_from.insert(uid, now + Duration::from_millis(u64::from(retry_after_ms)));
            let (code, text) = (RefusalCode::Busy as u16, Bytes::from_static(b"later"));
            return Err(Refusal { code, retry_after_ms, text });
        };
        let is_early = now < *from;
        Ok(HistoryPage { messages: if is_early { Vec::new() } else { page.messages }, ..page })
    }

    /// Into both inboxes, and to all devices but the one that sent it. The sender's inbox row.
    fn append(&mut self, number: u64, message: &Message) -> u64 {
        let both: Vec<u64> = message.conversation.id().unwrap().users().map(|uid| uid.0).collect();
        self.append_for(number, message, &both);
        self.head(message.sender)
    }

    fn append_for(&mut self, number: u64, message: &Message, uids: &[u64]) {
        for uid in uids {
            let user = self.users.entry(*uid).or_default();
            let inbox_seq = user.inbox.len() as u64 + 1;
            user.inbox.push(Message { inbox_seq, ..message.clone() });
            for (device, Device { stream, pushed }) in &mut user.devices {
                if *device != number {
                    let previous = std::mem::replace(pushed, inbox_seq);
                    let push = Push { previous, message: Message { inbox_seq, ..message.clone() } };
                    let mut out = Vec::new();
                    wire::encode(&mut out, 0, push);
                    if self.planted == Planted::Damage(self.messages) {
                        *out.last_mut().unwrap() ^= 1;
                    }
                    write(stream, &out);
                }
            }
        }
    }
}

/// A peer that is gone is noticed by whoever reads from it.
pub fn write(mut stream: &TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes);
}

pub fn stall(length: Duration) {
    let start = Instant::now();
    while start.elapsed() < length {
        thread::park_timeout(length);
    }
}

/// What is stored of a send, at this place and with this number, in no inbox yet.
fn row(sender: u64, (seq, number): (u64, u64), message_id: u64, send: &ArchivedSend) -> Message {
    Message {
        inbox_seq: 0,
        conversation: send.conversation.id().unwrap().into(),
        seq,
        number,
        sender,
        message_id,
        time_ms: now_ms(),
        client_msg_id: send.client_msg_id,
        kind: send.kind,
        row_flags: 0,
        flags: send.flags.to_native(),
        body: Bytes::copy_from_slice(send.body.as_slice()),
    }
}
