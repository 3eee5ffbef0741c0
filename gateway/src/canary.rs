//! Tries whether delivery works: one reserved user sends another a message, the way clients'
//! messages go, and the ack and the push must come. Pure: it knows no clock, no socket, and not
//! where shards are.
//!
//! Each round has a session of its own, so that what an earlier one left behind reaches nobody. It
//! takes the next pair of users, so that in time every partition is tried, as the sender's and as
//! the receiver's. While clients' own messages are acked and pushed nothing is tried: they show
//! that delivery works.
//!
//! A pair whose partitions nobody serves is passed over, and a round during which that came about
//! proves nothing: what is known to be away is said elsewhere.

use crate::limits::{CANARY_FAILURES_MAX, CANARY_PAIRS, CANARY_PATIENCE_MS};
use crate::limits::{CANARY_RETRY_MS, RESERVED_UIDS};
use shard::command::{Answer, Begin, Command, Login, Now, Send};
use shard::partition::Partition;
use wire::{Bytes, ClientMsgId, ConversationId, DeviceId, RowKind, Seq, Uid};

/// What clients have been given so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Acks.
    pub acks: u64,
    /// Pushes.
    pub pushes: u64,
}

/// What the canary wants done, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Ask {
    /// A session for a round.
    Begin,
    /// A request of the round's session; without an id no answer is wanted.
    Request(Command, Option<u64>),
    /// The end of the round's session, which logs it out.
    End,
}

/// The requests of a round.
const LOGIN: u64 = 1;
const SEND: u64 = 2;

/// The canary of one core: the round under way, and how many before it failed.
#[derive(Debug)]
pub struct Canary {
    every_ms: u64,
    /// Drawn at random: tells this canary's device and messages from those of others, on other
    /// cores and in other processes.
    seed: u64,
    rounds: u64,
    round: Option<Round>,
    /// When the next round is due.
    next_ms: u64,
    seen: Traffic,
    ok_ms: Option<u64>,
    /// Rounds that failed since delivery was last known to work.
    failures: u32,
}

#[derive(Debug)]
struct Round {
    sender: Uid,
    receiver: Uid,
    client_msg_id: ClientMsgId,
    began_ms: u64,
    login: Option<Login>,
    is_acked: bool,
    is_pushed: bool,
}

/// Whether a user is the canary's: nobody logs in as it or sends to it.
#[must_use]
pub fn is_reserved(uid: Uid) -> bool {
    uid.0 >= first_reserved()
}

fn first_reserved() -> u64 {
    u64::MAX - RESERVED_UIDS + 1
}

/// The sender and the receiver of a pair.
fn pair(number: u64) -> (Uid, Uid) {
    let first = first_reserved() + 2 * (number % CANARY_PAIRS);
    (Uid(first), Uid(first + 1))
}

/// Whether both users' partitions are served. Their conversation is of one of the two.
fn is_served((sender, receiver): (Uid, Uid), serves: impl Fn(Partition) -> bool) -> bool {
    [sender, receiver].into_iter().all(|uid| serves(Partition::of_user(uid)))
}

impl Canary {
    /// Tries every so many ms, for the first time after the first of them; 0: never.
    #[must_use]
    pub fn new(every_ms: u64, seed: u64) -> Self {
        Self {
            every_ms,
            seed,
            rounds: 0,
            round: None,
            next_ms: every_ms,
            seen: Traffic::default(),
            ok_ms: None,
            failures: 0,
        }
    }

    /// Whether the last rounds failed and nothing was delivered since.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failures >= CANARY_FAILURES_MAX
    }

    /// When delivery was last known to work, if it was ever tried.
    #[must_use]
    pub fn ok_ms(&self) -> Option<u64> {
        self.ok_ms
    }

    /// Begins a round that is due, ends one that took too long. `serves` says of a partition whether
    /// anybody serves it now.
    pub fn tick(
        &mut self,
        now: Now,
        traffic: Traffic,
        serves: impl Fn(Partition) -> bool,
    ) -> Vec<Ask> {
        if let Some(round) = &self.round {
            let is_over = now.mono_ms >= round.began_ms + CANARY_PATIENCE_MS;
            return if !is_served((round.sender, round.receiver), serves) {
                self.give_up(now)
            } else if is_over {
                self.end(false, now)
            } else {
                Vec::new()
            };
        }
        if self.every_ms == 0 || now.mono_ms < self.next_ms {
            return Vec::new();
        }
        let is_flowing = traffic.acks > self.seen.acks && traffic.pushes > self.seen.pushes;
        self.seen = traffic;
        if is_flowing {
            self.judge(true, now.mono_ms);
            self.next_ms = now.mono_ms + self.every_ms;
            return Vec::new();
        }
        self.rounds += 1;
        let number = self.seed.wrapping_add(self.rounds);
        if !is_served(pair(number), serves) {
            self.next_ms = now.mono_ms + CANARY_RETRY_MS.min(self.every_ms);
            return Vec::new();
        }
        self.begin(number, now)
    }

    fn begin(&mut self, number: u64, now: Now) -> Vec<Ask> {
        let (sender, receiver) = pair(number);
        self.round = Some(Round {
            sender,
            receiver,
            client_msg_id: ClientMsgId::new(now.unix_ms, number.into()),
            began_ms: now.mono_ms,
            login: None,
            is_acked: false,
            is_pushed: false,
        });
        let (device, from) = (self.device(), Begin::Head);
        let command = Command::login(receiver, device, from);
        vec![Ask::Begin, Ask::Request(command, Some(LOGIN))]
    }

    /// An answer, or a push, for the session of the round.
    pub fn on_answer(&mut self, request_id: u64, answer: &Answer, now: Now) -> Vec<Ask> {
        let mut asks = Vec::new();
        let Some(round) = &mut self.round else { return asks };
        if let Answer::LoggedIn { login, .. } = answer {
            asks.push(self.send(*login));
            return asks;
        } else if let Answer::Push { row, .. } = answer {
            let Some(login) = round.login.filter(|login| login.uid == row.uid) else { return asks };
            asks.push(Ask::Request(Command::PushAck(login, row.inbox_seq), None));
            // The canary of another core may have sent to this user too.
            round.is_pushed |= row.message.client_msg_id == round.client_msg_id;
        } else if matches!(answer, Answer::Acked { .. }) {
            round.is_acked |= request_id == SEND;
        } else if matches!(answer, Answer::Refused { .. }) {
            return self.end(false, now);
        }
        if round.is_acked && round.is_pushed {
            asks.extend(self.end(true, now));
        }
        asks
    }

    fn send(&mut self, login: Login) -> Ask {
        let device = self.device();
        let round = self.round.as_mut().expect("a login is awaited in a round");
        round.login = Some(login);
        let conversation = ConversationId::direct(round.sender, round.receiver);
        let send = Send {
            conversation: conversation.expect("a pair is two users"),
            sender: round.sender,
            device,
            client_msg_id: round.client_msg_id,
            kind: RowKind::MESSAGE,
            flags: 0,
            seen: Seq(0),
            body: Bytes::from_static(b"canary"),
        };
        Ask::Request(Command::Send(send), Some(SEND))
    }

    fn end(&mut self, is_ok: bool, now: Now) -> Vec<Ask> {
        let round = self.round.take().expect("what ends has begun");
        self.judge(is_ok, now.mono_ms);
        self.next_ms = if is_ok {
            round.began_ms + self.every_ms
        } else {
            now.mono_ms + CANARY_RETRY_MS.min(self.every_ms)
        };
        vec![Ask::End]
    }

    /// Ends the round without a judgement.
    fn give_up(&mut self, now: Now) -> Vec<Ask> {
        self.round = None;
        self.next_ms = now.mono_ms + CANARY_RETRY_MS.min(self.every_ms);
        vec![Ask::End]
    }

    fn judge(&mut self, is_ok: bool, now_ms: u64) {
        if is_ok {
            (self.failures, self.ok_ms) = (0, Some(now_ms));
        } else {
            self.failures = self.failures.saturating_add(1);
        }
    }

    fn device(&self) -> DeviceId {
        DeviceId(self.seed)
    }
}

#[cfg(test)]
mod tests;
