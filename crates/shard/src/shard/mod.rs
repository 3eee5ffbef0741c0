//! A shard: the users, chats and conversations of its partitions, in memory, as a pure state
//! machine.
//!
//! [`Shard::step`] takes what arrived and says what to do. It never awaits, reads no clock and
//! touches no store: it asks by ticket, and what must wait for an answer is parked until the answer
//! comes.
//!
//! If the process dies: before the commit, nothing was promised; after it, the rows are there and a
//! retry finds them by id; between a conversation's commit and that of an inbox, the retry or the
//! next message completes the inbox. Nothing in memory is needed to recover.

mod commit;
mod chat;
mod conversation;
mod dedup;
mod device;
mod load;
mod pages;
mod plant;
mod pushes;
mod retry;
mod timers;
mod user;

use crate::command::{
    Answer, Command, Delivery, Effects, Input, Inputs, Login, Mail, Now, ReplyTo,
};
use crate::limits::{
    BUSY_RETRY_MS, CACHED_MAX, DEDUP_ENTRIES_MAX, DEVICES_MAX, SHARD_IN_FLIGHT_MAX, STORE_RETRY_MS,
};
use crate::owner::EPOCH_BITS;
use crate::partition::{Partition, Share};
use crate::rows::{Read, StoreError, Ticket};
use chat::Chat;
use commit::Commit;
use conversation::ConversationState;
use dedup::Dedup;
use hashbrown::{DefaultHashBuilder, HashMap};
use load::Parking;
use plant::{Fault, Plant};
use std::collections::VecDeque;
use timers::PushTimers;
use user::User;
use wire::{CLOCK_SKEW_MS_MAX, ConversationId, Generation, RefusalCode, Uid};

/// What a shard is told once.
#[derive(Clone, Copy, Debug)]
pub struct ShardConfig {
    /// Its partitions.
    pub share: Share,
    /// The owner's epoch: how often the store was opened, or the partition begun. 1: it is new and empty.
    pub epoch: u32,
    /// Tells the inboxes of this store from those of any other.
    pub inbox_epoch: u64,
    /// A batch is written whole or not at all. If not, no row may rest on another of its batch.
    pub is_atomic: bool,
    /// Devices of one user at a time.
    pub devices_max: usize,
    /// Users, chats and conversations kept in memory while nothing needs them.
    pub cached_max: usize,
    /// Messages taken and not answered, and inputs that wait; as many reads.
    pub in_flight_max: usize,
    /// Ids remembered.
    pub ids_max: usize,
    /// The latest time in an id of a message in the store, Unix ms; 0: there is none.
    pub newest_id_ms: u64,
}

impl ShardConfig {
    /// As usual for a shard with a store of its own.
    #[must_use]
    pub fn new(share: Share, epoch: u32, inbox_epoch: u64) -> Self {
        Self {
            share,
            epoch,
            inbox_epoch,
            is_atomic: true,
            devices_max: DEVICES_MAX,
            cached_max: CACHED_MAX,
            in_flight_max: SHARD_IN_FLIGHT_MAX,
            ids_max: DEDUP_ENTRIES_MAX,
            newest_id_ms: 0,
        }
    }
}

/// What a shard has in memory, and what is under way for it.
pub struct Shard {
    config: ShardConfig,
    now: Now,
    out: Effects,
    /// Inputs that the shard gives itself: what was parked, and mail to itself.
    local: VecDeque<Input>,
    /// Boxed: a table has up to twice as many places as users.
    users: HashMap<Uid, Box<User>>,
    chats: HashMap<(Uid, ConversationId), Chat>,
    conversations: HashMap<ConversationId, ConversationState>,
    dedup: Dedup,
    parking: Parking,
    commit: Commit,
    push_timers: PushTimers,
    /// Users with changed chats, and when to store them.
    dirty_users: VecDeque<(u64, Uid)>,
    /// Conversations with messages in flight, and when to see that they move.
    watched: VecDeque<(u64, ConversationId)>,
    hasher: DefaultHashBuilder,
    /// Reads beyond what the store may have at a time, and how many it has.
    reads_later: VecDeque<(Ticket, Read)>,
    reads_asked: usize,
    /// How many users, chats and conversations there may be before the next sweep.
    sweep_above: usize,
    tickets: u64,
    messages: u64,
    logins: u64,
    /// Messages taken and not answered.
    in_flight: usize,
    /// Conversations whose messages were just taken back.
    taken_back: Vec<ConversationId>,
    plant: Plant,
    failed: Option<StoreError>,
}

impl Shard {
    /// A shard that has just taken its partitions over.
    ///
    /// # Panics
    /// The epoch is 0 or does not fit 20 bits.
    #[must_use]
    pub fn new(config: ShardConfig, now: Now) -> Self {
        assert!(config.epoch > 0 && config.epoch < 1 << EPOCH_BITS, "an epoch fits its bits");
        let plant = Plant::from_env();
        let trusts = plant.has(Fault::TrustTheClock);
        let unsure_ms = if trusts { now.unix_ms + CLOCK_SKEW_MS_MAX } else { config.newest_id_ms };
        Self {
            config,
            now,
            out: Effects::default(),
            local: VecDeque::new(),
            users: HashMap::new(),
            chats: HashMap::new(),
            conversations: HashMap::new(),
            dedup: Dedup::new(unsure_ms, config.ids_max),
            parking: Parking::default(),
            commit: Commit::default(),
            push_timers: PushTimers::default(),
            dirty_users: VecDeque::new(),
            watched: VecDeque::new(),
            hasher: DefaultHashBuilder::default(),
            reads_later: VecDeque::new(),
            reads_asked: 0,
            sweep_above: config.cached_max,
            tickets: 0,
            messages: 0,
            logins: 0,
            in_flight: 0,
            taken_back: Vec::new(),
            plant,
            failed: None,
        }
    }

    /// Takes everything in `inputs` and adds to `effects` what is to be done.
    pub fn step(&mut self, inputs: &mut Inputs, now: Now, effects: &mut Effects) {
        self.now = now;
        std::mem::swap(&mut self.out, effects);
        for completion in inputs.completions.drain(..) {
            self.on_completion(completion);
            self.run_local();
        }
        for input in inputs.inputs.drain(..) {
            self.handle(input);
            self.run_local();
        }
        self.on_timers();
        self.run_local();
        self.evict();
        self.submit();
        self.submit_reads();
        std::mem::swap(&mut self.out, effects);
        self.invariants();
    }

    /// Asks for everything that is only in memory to be stored: the last commit before a clean stop.
    pub fn drain(&mut self, effects: &mut Effects) {
        std::mem::swap(&mut self.out, effects);
        while let Some((_, uid)) = self.dirty_users.pop_front() {
            self.flush_user(uid);
        }
        self.submit();
        self.submit_reads();
        std::mem::swap(&mut self.out, effects);
    }

    /// The sessions that hold, and the entry of each.
    pub fn sessions(&self) -> impl Iterator<Item = (Login, u16)> {
        self.users.iter().flat_map(|(uid, user)| {
            user.devices.iter().map(|device| (device.login(*uid), device.session().entry))
        })
    }

    /// The way to an entry is gone, and with it every session of that entry.
    pub fn forget_entry(&mut self, entry: u16) {
        for user in self.users.values_mut() {
            user.devices.retain(|device| device.session().entry != entry);
        }
    }

    /// When to step even if nothing arrives, in the monotonic ms of [`Now`].
    #[must_use]
    pub fn next_timer_ms(&self) -> Option<u64> {
        let flush = self.dirty_users.front().map(|dirty| dirty.0);
        [flush, self.push_timers.next_ms()].into_iter().flatten().min()
    }

    /// Messages taken and not answered, and inputs that wait.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight + self.parking.len()
    }

    /// Nothing waits for the store.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.commit.is_idle() && self.parking.is_idle()
    }

    /// The store's failure. Everything is refused from then on; the process is to end.
    #[must_use]
    pub fn failed(&self) -> Option<&StoreError> {
        self.failed.as_ref()
    }

    fn run_local(&mut self) {
        while let Some(input) = self.local.pop_front() {
            self.handle(input);
        }
    }

    fn handle(&mut self, input: Input) {
        if self.failed.is_some() {
            return self.decline(input, RefusalCode::StoreUnavailable);
        }
        match input {
            Input::Command(command, reply) => self.on_command(command, reply),
            Input::Mail(Mail::Confirm { uid, conversation, seq, inbox_seq }) => {
                self.on_confirm(conversation, seq, uid, inbox_seq);
            }
            Input::Mail(Mail::Decline { conversation, seq, code }) => {
                self.on_decline(conversation, seq, code);
            }
            Input::Mail(Mail::Pull { uid, conversation, from, to }) => {
                self.on_pull(uid, conversation, from, to);
            }
            Input::Mail(Mail::Append { uid, message, device }) => {
                self.on_append(uid, message, device);
            }
        }
    }

    fn on_command(&mut self, command: Command, reply: ReplyTo) {
        match command {
            Command::Send(send) => self.on_send(send, reply),
            Command::PushAck(login, row) => self.on_push_ack(login, row),
            Command::Login { uid, device, from } => self.on_login(uid, device, from, reply),
            Command::Logout(login) => self.on_logout(login, reply),
            Command::Register(login) => self.on_register(login, reply),
            Command::Heartbeat { uid, time_ms } => self.on_heartbeat(uid, time_ms, reply),
            Command::Sync { uid, after, limit } => self.on_sync(uid, after, limit, reply),
            Command::History { conversation, before, limit } => {
                self.on_history(conversation, before, limit, reply);
            }
            Command::Chats { uid, after, limit } => self.on_chats(uid, after, limit, reply),
            Command::ChangeChat { uid, conversation, change } => {
                self.on_change_chat(uid, conversation, change, reply);
            }
        }
    }

    /// Says no to an input: its sender must not wait for an answer that will not come.
    fn decline(&mut self, input: Input, code: RefusalCode) {
        match input {
            Input::Command(Command::PushAck(..) | Command::Logout(_), _) => {}
            Input::Command(_, reply) => self.refuse(reply, code),
            Input::Mail(Mail::Append { message, .. }) => {
                let (conversation, seq) = (message.conversation, message.seq);
                self.mail(
                    Partition::of_conversation(conversation),
                    Mail::Decline { conversation, seq, code },
                );
            }
            Input::Mail(Mail::Confirm { .. } | Mail::Decline { .. } | Mail::Pull { .. }) => {}
        }
    }

    fn answer(&mut self, to: ReplyTo, answer: Answer) {
        self.out.deliveries.push(Delivery { to, answer });
    }

    fn refuse(&mut self, to: ReplyTo, code: RefusalCode) {
        let retry_after_ms = if code == RefusalCode::Busy {
            BUSY_RETRY_MS
        } else if code.is_retryable() {
            STORE_RETRY_MS
        } else {
            0
        };
        self.answer(to, Answer::Refused { code, retry_after_ms });
    }

    fn mail(&mut self, partition: Partition, mail: Mail) {
        let Self { config, local, out, .. } = self;
        post(config.share, local, out, (partition, mail));
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// Asks the store; what is being gathered for the next commit is not seen by it.
    fn ask(&mut self, read: Read) -> Ticket {
        let ticket = self.ticket();
        self.reads_later.push_back((ticket, read));
        ticket
    }

    /// Hands the reads to the store, as many as it takes.
    fn submit_reads(&mut self) {
        while self.reads_asked < self.config.in_flight_max {
            let Some(read) = self.reads_later.pop_front() else { return };
            self.reads_asked += 1;
            self.out.reads.push(read);
        }
    }

    /// Whether a page may be asked for, or too many are already.
    fn may_ask(&mut self, reply: ReplyTo) -> bool {
        let may = self.reads_later.len() < self.config.in_flight_max;
        if !may {
            self.refuse(reply, RefusalCode::Busy);
        }
        may
    }

    fn next_generation(&mut self) -> Generation {
        self.logins += 1;
        Generation::new(self.config.epoch, self.logins)
    }

    fn invariants(&self) {
        assert!(self.local.is_empty(), "a step leaves nothing of its own behind");
        let is_held = self.plant.has(Fault::AckBeforeCommit);
        assert!(
            self.commit.is_idle() || self.failed.is_some() || self.commit.is_under_way() || is_held
        );
    }
}

/// Says something to the shard of a partition, which may be this one.
fn post(
    share: Share,
    local: &mut VecDeque<Input>,
    out: &mut Effects,
    (partition, mail): (Partition, Mail),
) {
    if share.has(partition) {
        local.push_back(Input::Mail(mail));
    } else {
        out.mail.push((partition, mail));
    }
}
