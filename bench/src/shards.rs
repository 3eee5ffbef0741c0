//! Shards with a store that does at once what it is asked, and clients that ack at once: the shard's own work on
//! a message, a login, a page, and nothing else. No row is kept: what is read is made up.

use hashbrown::HashMap;
use shard::command::{
    Answer, Begin, Command, Effects, Input, Inputs, Login, Now, ReplyTo, Send, Session,
};
use shard::partition::{Partition, ShardId, Share};
use shard::rows::{Chain, Completion, Found, InboxRow, MessageRow, Read, UserRow};
use shard::{Shard, ShardConfig};
use std::hint::black_box;
use wire::{Bytes, ClientMsgId, ConversationId, DeviceId, InboxSeq, MessageId, RowKind, Seq, Uid};

use crate::samples::BODY_BYTES;

/// Pairs of users that write to each other.
const PAIRS: usize = 64;
/// Between messages, in ms. The shard's memory of ids, 30 s, is full after 120 of these.
const STEP_MS: u64 = 250;
/// Steps until everything that grows has its size.
const WARM_STEPS: usize = 150;
const BODY: Bytes = Bytes::from_static(&[0x5a; BODY_BYTES]);
const DEVICE: DeviceId = DeviceId(1);
/// Of all inboxes here.
const INBOX_EPOCH: u64 = 1;
/// From here on users log out as soon as they are logged in.
const PASSING: Uid = Uid(1 << 32);

/// One or several shards, with their users.
pub struct Shards {
    shards: Vec<(Shard, Inputs)>,
    effects: Effects,
    now: Now,
    /// The sender, and the conversation with the other, in whose shard it lives.
    pairs: Vec<(Uid, ConversationId)>,
    logins: HashMap<Uid, Login>,
    sent: u64,
    asked: u64,
    /// The page that the next reader gets.
    page: Vec<InboxRow>,
}

fn session(key: u64) -> Session {
    Session { entry: 0, key }
}

impl Shards {
    /// New shards with nobody in them.
    ///
    /// # Panics
    /// More shards than there may be.
    #[must_use]
    pub fn new(count: u16) -> Self {
        let now = Now { unix_ms: 1_700_000_000_000, mono_ms: 0 };
        let shard = |id| {
            let share = Share::Of { id: ShardId(id), shards: count };
            let config =
                ShardConfig { cached_max: 1_000, ..ShardConfig::new(share, 1, INBOX_EPOCH) };
            (Shard::new(config, now), Inputs::default())
        };
        Self {
            shards: (0..count).map(shard).collect(),
            effects: Effects::default(),
            now,
            pairs: Vec::new(),
            logins: HashMap::new(),
            sent: 0,
            asked: 0,
            page: Vec::new(),
        }
    }

    /// With pairs of users logged in, the two of a pair in different shards if there are two; warmed up.
    #[must_use]
    pub fn with_pairs(count: u16, messages_per_step: usize) -> Self {
        let mut shards = Self::new(count);
        let mut uid = 0;
        while shards.pairs.len() < PAIRS {
            uid += 2;
            let (small, big) = (Uid(uid), Uid(uid + 1));
            let is_apart = shards.owner(big) != shards.owner(small);
            if is_apart == (count > 1) {
                shards.log_in(small);
                shards.log_in(big);
                let conversation = ConversationId::direct(small, big).expect("two users");
                shards.pairs.push((small, conversation));
            }
        }
        (0..WARM_STEPS).for_each(|_| shards.messages(messages_per_step));
        shards
    }

    fn owner(&self, uid: Uid) -> usize {
        let count = u16::try_from(self.shards.len()).expect("it was one");
        Partition::of_user(uid).owner(count).0.into()
    }

    fn command(&mut self, uid: Uid, command: Command, ticket: u64) {
        let reply = ReplyTo { session: session(uid.0), ticket };
        let owner = self.owner(uid);
        self.shards[owner].1.inputs.push(Input::Command(command, reply));
    }

    fn log_in(&mut self, uid: Uid) {
        self.command(uid, Command::login(uid, DEVICE, Begin::Head), 1);
        self.settle();
    }

    /// So many messages in one step, from their taking to the recipients' acks.
    ///
    /// # Panics
    /// A message was not acknowledged.
    pub fn messages(&mut self, count: usize) {
        self.now = Now { unix_ms: self.now.unix_ms + STEP_MS, mono_ms: self.now.mono_ms + STEP_MS };
        for _ in 0..count {
            self.sent += 1;
            let (sender, conversation) =
                self.pairs[usize::try_from(self.sent).expect("few") % PAIRS];
            let client_msg_id = ClientMsgId::new(self.now.unix_ms, self.sent.into());
            let (device, kind, flags, body, seen) = (DEVICE, RowKind::MESSAGE, 0, BODY, Seq(0));
            let send =
                Send { conversation, sender, device, client_msg_id, kind, flags, body, seen };
            self.command(Uid(conversation.home()), Command::Send(send), self.sent);
        }
        assert_eq!(self.settle(), count, "every message is acknowledged");
    }

    /// A user who is not in memory logs in and out.
    pub fn login(&mut self) {
        self.asked += 1;
        self.log_in(Uid(PASSING.0 + self.asked));
    }

    /// A user gets a page of its inbox.
    ///
    /// # Panics
    /// There is no page.
    pub fn sync_page(&mut self, rows: u64) {
        let uid = Uid(2);
        if self.page.is_empty() {
            self.page = (1..=rows).map(|at| made_up(uid, at)).collect();
            self.log_in(uid);
        }
        let limit = self.page.len();
        self.command(uid, Command::Sync { uid, after: InboxSeq(0), limit }, 1);
        self.settle();
        assert!(!self.page.is_empty(), "the page came back");
    }

    /// Steps until nothing is left to do; how many messages were acknowledged.
    fn settle(&mut self) -> usize {
        let mut acked = 0;
        let count = u16::try_from(self.shards.len()).expect("few");
        while let Some(at) = self.shards.iter().position(|shard| has_work(&shard.1)) {
            let (shard, inputs) = &mut self.shards[at];
            shard.step(inputs, self.now, &mut self.effects);
            if let Some((ticket, rows)) = self.effects.commit.take() {
                black_box(rows);
                inputs.completions.push(Completion::Committed(ticket, Ok(())));
            }
            for (ticket, read) in self.effects.reads.drain(..) {
                let found = found(&read, &mut self.page);
                inputs.completions.push(Completion::Read(ticket, Ok(found)));
            }
            for (to, mail) in self.effects.mail.drain(..) {
                self.shards[usize::from(to.owner(count).0)].1.inputs.push(Input::Mail(mail));
            }
            acked += self.deliver(at);
        }
        acked
    }

    /// Clients take what they are told.
    fn deliver(&mut self, at: usize) -> usize {
        let mut acked = 0;
        let inputs = &mut self.shards[at].1.inputs;
        for delivery in self.effects.deliveries.drain(..) {
            let to = ReplyTo { session: delivery.to.session, ticket: 0 };
            match black_box(delivery.answer) {
                Answer::Acked { .. } => acked += 1,
                Answer::Push { row, .. } => {
                    let login = self.logins[&row.uid];
                    inputs.push(Input::Command(Command::PushAck(login, row.inbox_seq), to));
                }
                Answer::LoggedIn { login, .. } if login.uid < PASSING => {
                    self.logins.insert(login.uid, login);
                }
                Answer::LoggedIn { login, .. } => {
                    inputs.push(Input::Command(Command::Logout(login), to));
                }
                Answer::Inbox { rows, .. } => self.page = rows,
                Answer::LoggedOut(_)
                | Answer::Head { .. }
                | Answer::News(_)
                | Answer::History { .. }
                | Answer::Chats { .. }
                | Answer::Chat(_)
                | Answer::GroupMembers { .. }
                | Answer::Devices(_)
                | Answer::Ended { .. }
                | Answer::Believed
                | Answer::PushTokenSet { .. }
                | Answer::Dead(_)
                | Answer::Replayed { .. }
                | Answer::Signal { .. }
                | Answer::GroupInfo { .. }
                | Answer::Refused { .. }
                | Answer::Closed(_) => {}
            }
        }
        acked
    }
}

/// What a store without rows finds, but for the inbox page.
fn found(read: &Read, page: &mut Vec<InboxRow>) -> Found {
    match read {
        Read::User { uid } => {
            let head = InboxSeq(page.len() as u64);
            let row =
                Some(UserRow { chats_through: head, chats_version: 0, ..UserRow::empty(*uid) });
            Found::User { row, head, chain: Chain::default(), tail: Vec::new() }
        }
        Read::Conversation { .. } | Read::Messages { .. } | Read::ByClientMsgId { .. } => {
            Found::Messages(Vec::new())
        }
        Read::Inbox { .. } => Found::Inbox(std::mem::take(page)),
        Read::Tail { from, .. } => Found::Tail(*from),
        Read::Chat { .. } => Found::Chat(None),
        Read::Chats { .. } => Found::Chats(Vec::new()),
        Read::Group { .. } => Found::Group(None, Vec::new()),
        Read::Marks { .. } => Found::Marks(Vec::new()),
        Read::Owing(..) => Found::Owing(Vec::new()),
        Read::PushTokens(..) => Found::PushTokens(Vec::new()),
        Read::Dead(..) => Found::Dead(Vec::new()),
        Read::Owed(..) => unreachable!("nobody is told here"),
    }
}

fn made_up(uid: Uid, at: u64) -> InboxRow {
    let conversation = ConversationId::direct(uid, Uid(1)).expect("two users");
    let message = MessageRow {
        conversation,
        seq: Seq(at),
        number: at,
        message_id: MessageId(at),
        sender: Uid(1),
        time_ms: at,
        kind: RowKind::MESSAGE,
        flags: 0,
        chain: Chain::default(),
        client_msg_id: ClientMsgId::new(at, at.into()),
        body: BODY,
        seen: Seq(0),
    };
    InboxRow { uid, inbox_seq: InboxSeq(at), flags: 0, chain: Chain::default(), message }
}

fn has_work(inputs: &Inputs) -> bool {
    !inputs.inputs.is_empty() || !inputs.completions.is_empty()
}
