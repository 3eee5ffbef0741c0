//! One device: the real session of the client library, and a user that sends now and then. It keeps what it was told,
//! and says what cannot be.

use super::clock::{Clock, DEVICE_OFF_US_MAX};
use crate::random::Random;
use client::machine::{Credentials, Event, Machine, Turn};
use client::{GroupChange, Position};
use gateway::limits::REMOTE_GIVE_UP_MS;
use shard::partition::Partition;
use std::collections::BTreeMap;
use wire::RefusalCode::{AlreadyMember, NotAllowed, NotMember};
use wire::{Bytes, ClientMsgId, ConversationId, DeviceId, InboxSeq, MessageId};
use wire::{RefusalCode, RowKind, Scratch, Seq, Uid, put_uids};

/// Partitions of a run.
pub const PARTITIONS: u16 = 3;
/// Users of each partition.
const USERS_PER_PARTITION: usize = 2;
/// Who talks to whom: within a partition, and from each to another.
const TALKS: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 4), (2, 3), (3, 5), (4, 5)];
/// After so long a gateway may have refused a message whose connection is gone, in µs: its clock may be fast.
const GIVEN_UP_US: u64 = REMOTE_GIVE_UP_MS * 990;
/// Messages of a device that are not acknowledged, at most: more than a conversation's window, now and then.
const PENDING_MAX: usize = 100;

/// Every user, by partition.
#[must_use]
pub fn users() -> Vec<Uid> {
    let of = |partition| {
        let all = (1..).map(Uid).filter(move |uid| Partition::of_user(*uid) == partition);
        all.take(USERS_PER_PARTITION)
    };
    Partition::all(PARTITIONS).flat_map(of).collect()
}

/// Every conversation.
pub fn conversations(users: &[Uid]) -> impl Iterator<Item = ConversationId> {
    TALKS.iter().map(|(one, other)| {
        ConversationId::direct(users[*one], users[*other]).expect("they are two")
    })
}

/// A message that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Where to.
    pub conversation: ConversationId,
    /// The client's id of it.
    pub id: ClientMsgId,
    /// What it is.
    pub kind: RowKind,
    /// What it says.
    pub body: Bytes,
    /// When, in µs.
    pub at_us: u64,
    /// It was refused for a while, or a gateway may have given it up: later ones may have passed it.
    pub may_be_passed: bool,
    /// It was refused for good, as what is said to a group may be: of a member and of nobody else.
    pub is_refused: bool,
    /// Why it was refused last.
    pub refusal: Option<RefusalCode>,
    /// Its id and place.
    pub acked: Option<(MessageId, Seq)>,
}

/// What a device has of an inbox's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Its place there.
    pub seq: Seq,
    /// The client's id of it.
    pub id: ClientMsgId,
}

/// What its user was told.
#[derive(Default)]
struct Told {
    sent: Vec<Sent>,
    rows: BTreeMap<InboxSeq, Row>,
    /// The first thing that cannot be.
    wrong: Option<String>,
}

/// One device.
pub struct Client {
    /// Whose.
    pub uid: Uid,
    machine: Machine,
    clock: Clock,
    scratch: Scratch,
    conversations: Vec<ConversationId>,
    told: Told,
}

impl Client {
    /// A device that was never connected.
    pub fn new(
        (uid, device): (Uid, DeviceId),
        token: Bytes,
        conversations: Vec<ConversationId>,
        random: &mut Random,
    ) -> Self {
        let credentials = Credentials { token, device };
        Self {
            uid,
            machine: Machine::new(credentials, Position::default(), random.any()),
            clock: Clock::new(random, DEVICE_OFF_US_MAX),
            scratch: Scratch::default(),
            conversations,
            told: Told::default(),
        }
    }

    fn now_ms(&self, true_us: u64) -> u64 {
        self.clock.wall_us(true_us) / 1_000
    }

    /// There is a connection.
    pub fn on_connected(&mut self, true_us: u64) -> Vec<u8> {
        let mut out = Vec::new();
        self.machine.on_connected(self.now_ms(true_us), &mut out);
        out
    }

    /// Its connection is gone. Returns in how many µs it dials again.
    pub fn on_disconnected(&mut self) -> u64 {
        self.machine.on_disconnected();
        self.machine.reconnect_delay_ms() * 1_000
    }

    /// The server says something. Returns what to say, or that the connection is to be closed.
    pub fn hear(&mut self, bytes: &[u8], true_us: u64) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let now_ms = self.now_ms(true_us);
        let Self { machine, scratch, told, .. } = self;
        let turn = Turn { now_ms, out: &mut out, scratch };
        let heard = machine.on_bytes(bytes, turn, &mut |event| told.on_event(&event, true_us));
        (heard.is_ok() && !machine.may_leave()).then_some(out)
    }

    /// In how many µs it wants to be called.
    #[must_use]
    pub fn wake_in_us(&self, true_us: u64) -> Option<u64> {
        let at_ms = self.machine.next_timer_ms()?;
        Some((at_ms.saturating_sub(self.now_ms(true_us)) + 1) * 1_000)
    }

    /// Its time has come. Returns what to say, or that the connection is to be closed.
    pub fn on_timer(&mut self, true_us: u64) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        self.machine.on_timer(self.now_ms(true_us), &mut out).ok().map(|()| out)
    }

    /// Its user sends some messages to somebody.
    pub fn send(&mut self, count: u64, true_us: u64, random: &mut Random) -> Vec<u8> {
        let mut out = Vec::new();
        let conversation = random.pick(&self.conversations).expect("everybody talks");
        for _ in 0..count {
            if self.machine.sends_pending() >= PENDING_MAX {
                break;
            }
            let body = Bytes::copy_from_slice(&random.any().to_le_bytes());
            let now_ms = self.now_ms(true_us);
            let sent = self.machine.send((conversation, body.clone()), now_ms, &mut out);
            let id = sent.expect("there is room");
            self.told.add((conversation, id), (RowKind::MESSAGE, body), true_us);
        }
        out
    }

    /// Its user changes who is in a group.
    pub fn change_group(
        &mut self,
        (group, other): (ConversationId, Uid),
        true_us: u64,
        random: &mut Random,
    ) -> Vec<u8> {
        let mut out = Vec::new();
        // The number of its group says whose a message is: the user is known once it was logged in.
        if self.machine.uid() == Uid(0) || self.machine.sends_pending() >= PENDING_MAX {
            return out;
        }
        let others = vec![other];
        let (change, kind) = match random.between(0, 4) {
            0 => (GroupChange::Leave(group), RowKind::MEMBER_LEFT),
            1 => (GroupChange::Remove(group, others), RowKind::MEMBERS_REMOVED),
            _ => (GroupChange::Add(group, others), RowKind::MEMBERS_ADDED),
        };
        let named = if kind == RowKind::MEMBER_LEFT { vec![] } else { vec![other] };
        let changed = self.machine.change_group(change, self.now_ms(true_us), &mut out);
        let id = changed.expect("there is room");
        self.told.add((group, id), (kind, put_uids(named)), true_us);
        out
    }

    /// What it has sent, in order.
    #[must_use]
    pub fn sent(&self) -> &[Sent] {
        &self.told.sent
    }

    /// What it was shown of its inbox.
    #[must_use]
    pub fn rows(&self) -> &BTreeMap<InboxSeq, Row> {
        &self.told.rows
    }

    /// Messages that are not acknowledged.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.machine.sends_pending()
    }

    /// Whether it is logged in, has everything acknowledged, and has everything up to this row.
    #[must_use]
    pub fn is_whole(&self, through: InboxSeq) -> bool {
        let is_through = self.machine.cursor() >= through;
        self.machine.is_logged_in() && self.pending() == 0 && is_through
    }

    /// How it stands, for whoever looks into a failure.
    #[must_use]
    pub fn state(&self) -> String {
        let (uid, cursor) = (self.uid, self.machine.cursor());
        let is_in = self.machine.is_logged_in();
        let waits = |sent: &&Sent| sent.acked.is_none() && !sent.is_refused;
        let waiting = self.told.sent.iter().filter(waits);
        let waiting: Vec<_> = waiting.map(|it| (it.conversation, it.kind, it.refusal)).collect();
        format!("{uid} logged in {is_in}, cursor {cursor}, waiting {waiting:?}")
    }

    /// The first thing that it was told and that cannot be.
    #[must_use]
    pub fn wrong(&self) -> Option<&str> {
        self.told.wrong.as_deref()
    }
}

impl Told {
    fn add(
        &mut self,
        (conversation, id): (ConversationId, ClientMsgId),
        (kind, body): (RowKind, Bytes),
        at_us: u64,
    ) {
        let (may_be_passed, is_refused, refusal, acked) = (false, false, None, None);
        self.sent.push(Sent {
            conversation,
            id,
            kind,
            body,
            at_us,
            may_be_passed,
            is_refused,
            refusal,
            acked,
        });
    }

    fn is_wrong(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }

    fn on_event(&mut self, event: &Event<'_>, now_us: u64) {
        match event {
            Event::Message { message, .. } => {
                let conversation = message.conversation.id().expect("a server names one");
                let row = Row {
                    conversation,
                    seq: Seq(message.seq.to_native()),
                    id: ClientMsgId(message.client_msg_id),
                };
                let place = InboxSeq(message.inbox_seq.to_native());
                if let Some(before) = self.rows.insert(place, row) {
                    self.is_wrong(format!("{place} was shown twice: {before:?}, {row:?}"));
                }
            }
            Event::NewId { former, client_msg_id } => {
                let sent = self.sent.iter_mut().find(|sent| sent.id == *former);
                sent.expect("the machine tells of its own").id = *client_msg_id;
            }
            Event::Acked { client_msg_id, message_id, seq, .. } => {
                let place = (*message_id, *seq);
                let sent = self.sent.iter_mut().find(|sent| sent.id == *client_msg_id);
                let sent = sent.expect("the machine tells of its own");
                sent.may_be_passed |= now_us >= sent.at_us + GIVEN_UP_US;
                if sent.acked.replace(place).is_some() {
                    self.is_wrong(format!("{client_msg_id:?} was acknowledged twice"));
                }
            }
            Event::Refused { client_msg_id: Some(id), code, will_retry, .. } => {
                let sent = self.sent.iter_mut().find(|sent| sent.id == *id);
                let sent = sent.expect("the machine tells of its own");
                sent.may_be_passed = true;
                (sent.is_refused, sent.refusal) = (!will_retry, *code);
                let may_be = [NotMember, NotAllowed, AlreadyMember].map(Some).contains(code);
                if !(*will_retry || sent.conversation.is_group() && may_be) {
                    self.is_wrong(format!("{id:?} was refused for good: {code:?}"));
                }
            }
            Event::InboxReset { .. } => self.is_wrong("the inbox began anew".into()),
            Event::RowsMissing { after, before } => {
                self.is_wrong(format!("there are no rows between {after} and {before}"));
            }
            Event::LoggedIn { .. }
            | Event::WireDuplicate { .. }
            | Event::GapDetected { .. }
            | Event::Synced { .. }
            | Event::Refused { .. }
            | Event::HistoryPage { .. }
            | Event::ChatsPage { .. }
            | Event::ChatReply { .. }
            | Event::Renewed { .. }
            | Event::GroupMembersPage { .. }
            | Event::DevicesPage { .. }
            | Event::DeviceEnded { .. }
            | Event::PushTokenSet { .. }
            | Event::Signal(_)
            | Event::GroupInfo { .. }
            | Event::HeartbeatReply { .. }
            | Event::GoingAway { .. }
            | Event::LoggedOut => {}
        }
    }
}
