//! The judge of a run: takes what was sent, acked, delivered and at last found in the inboxes, and says what
//! was broken. It reads no clock and does no IO, so a simulator can use it as well.
//!
//! A stream (one user to another) costs a fixed amount plus what is not settled of it. Whoever drives the judge
//! first lets every device sync, then reads each inbox whole by a device that had nothing: only then is a
//! message that was acked called lost.

mod run_set;
mod faults;
mod stream;
mod finish;
mod reading;
mod reads;
mod groups;
mod in_groups;
#[cfg(test)]
mod tests;

pub use faults::{Example, Fault, Faults};
pub use groups::{Changing, Group, GroupNo, Groups, Reach, Reached, Sent};
pub use run_set::RunSet;

use crate::body::Stamp;
use crate::friends::{Friends, StreamId};
use crate::limits::DEVICES_MAX;
use faults::Subject;
use reads::Reads;
use stream::{Entry, Fate, Side, Stream, device_bit, mix};
use wire::{ConversationId, RowKind, Uid};

/// A device of a user, by numbers from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The user, as [`Friends`] counts them.
    pub user: usize,
    /// The device. Device 0 is the one that sends.
    pub device: usize,
}

/// A message as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Where it belongs, as the server says; `None`: nowhere that there is.
    pub conversation: Option<ConversationId>,
    /// Who sent it, as the server says.
    pub sender: Uid,
    /// Its place in the conversation.
    pub seq: u64,
    /// The server's id of it.
    pub message_id: u64,
    /// Its place in the reader's inbox.
    pub inbox_seq: u64,
    /// What it is.
    pub kind: RowKind,
    /// The body is only the beginning of it.
    pub is_beginning: bool,
    /// The body.
    pub body: &'a [u8],
}

/// What a delivery was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// A device of the recipient has it, and had not.
    Reached {
        /// When it was due.
        due_ns: u64,
        /// When it was written.
        written_ns: u64,
        /// The recipient's first device to have it.
        first: bool,
        /// It is acked too.
        acked: bool,
    },
    /// A device of the sender has it: nothing to measure.
    Own,
    /// From another run, or a fault that was noted.
    Other,
}

/// What an ack was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acked {
    /// When the message was written.
    pub written_ns: u64,
    /// A device of the recipient has it already.
    pub reached: bool,
}

/// What one user has of one conversation, by the inbox read at the end.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    first_seq: u64,
    last_seq: u64,
    rows: u64,
}

/// Totals that are no faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Messages sent, each once.
    pub sent: u64,
    /// Messages acked.
    pub acked: u64,
    /// Messages that a device of the recipient has.
    pub delivered: u64,
    /// Messages refused for good.
    pub refused: u64,
    /// Messages without an answer at the end.
    pub unknown: u64,
    /// Rows of other runs, not judged.
    pub foreign: u64,
    /// Users whose inbox could not be read at the end, so that nothing is said of what it lost.
    pub unread_users: u64,
    /// Of groups, what members have of what they were to have.
    pub reach: Reach,
    /// Messages to groups that were refused, rightly, because their senders were members no more.
    pub late: u64,
    /// Changes of groups' members that are known, with those that made the groups.
    pub changes: u64,
}

impl Totals {
    /// Adds another thread's.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.acked += other.acked;
        self.delivered += other.delivered;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.foreign += other.foreign;
        self.unread_users += other.unread_users;
        self.reach.add(other.reach);
        self.late += other.late;
        self.changes += other.changes;
    }
}

/// The judge.
pub struct Verifier {
    run: u64,
    friends: Friends,
    devices: usize,
    everybody: u8,
    streams: Vec<Stream>,
    /// Last seq that a device had of a conversation, by stream to the friend, then device.
    last_seq: Vec<u64>,
    /// By stream to the friend.
    kept: Vec<Kept>,
    /// By stream to the friend.
    reads: Vec<Reads>,
    /// By user: last inbox row read at the end, and whether all were read.
    kept_inbox: Vec<(u64, bool)>,
    /// Ids of messages that arrived corrupt or that nobody sent: they are not lost or a hole on top of it.
    excused: Vec<(StreamId, u64)>,
    /// Frames that could not be read.
    damaged: u64,
    groups: Groups,
    faults: Faults,
    totals: Totals,
}

impl Verifier {
    /// A judge of the messages with this run number, among these users with `devices` devices each.
    #[must_use]
    pub fn new(run: u64, friends: Friends, devices: usize) -> Self {
        assert!((1..=DEVICES_MAX).contains(&devices), "the caller bounds devices");
        let mut everybody = 0;
        for device in 0..devices {
            everybody |= device_bit(Side::Recipient, device);
            everybody |= if device > 0 { device_bit(Side::Sender, device) } else { 0 };
        }
        let mut streams = Vec::new();
        streams.resize_with(friends.streams(), Stream::default);
        Self {
            run,
            friends,
            devices,
            everybody,
            streams,
            last_seq: vec![0; friends.streams() * devices],
            kept: vec![Kept::default(); friends.streams()],
            reads: vec![Reads::default(); friends.streams()],
            kept_inbox: vec![(0, false); friends.users()],
            excused: Vec::new(),
            damaged: 0,
            groups: Groups::default(),
            faults: Faults::default(),
            totals: Totals::default(),
        }
    }

    /// Its users have groups too.
    pub fn set_groups(&mut self, groups: Groups) {
        self.groups = groups;
    }

    /// The groups.
    #[must_use]
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The groups, to take what became of their messages.
    pub fn groups_mut(&mut self) -> &mut Groups {
        &mut self.groups
    }

    /// A message is sent. Its count, which its body carries.
    pub fn sent(&mut self, stream: StreamId, written_ns: u64) -> u64 {
        let stream = &mut self.streams[stream.0 as usize];
        let (seq, message_id, delivered, fate, retried) = (0, 0, 0, Fate::Unknown, false);
        stream.window.push_back(Entry { seq, message_id, written_ns, delivered, fate, retried });
        self.totals.sent += 1;
        stream.sent()
    }

    /// A message was written only now, or again.
    pub fn written(&mut self, stream: StreamId, count: u64, written_ns: u64) {
        if let Some(entry) = self.streams[stream.0 as usize].entry(count) {
            entry.written_ns = written_ns;
        }
    }

    /// When a message was written, if no device of its recipient has it.
    #[must_use]
    pub fn unreached(&mut self, stream: StreamId, count: u64) -> Option<u64> {
        let entry = self.streams[stream.0 as usize].entry(count)?;
        (entry.delivered & RECIPIENT == 0).then_some(entry.written_ns)
    }

    /// A message goes out again, so that others may pass it.
    pub fn retried(&mut self, stream: StreamId, count: u64) {
        if let Some(entry) = self.streams[stream.0 as usize].entry(count) {
            entry.retried = true;
        }
    }

    /// The server acknowledged a message. `None` if it had been answered before.
    pub fn acked(&mut self, id: StreamId, count: u64, seq: u64, message_id: u64) -> Option<Acked> {
        let stream = &mut self.streams[id.0 as usize];
        let entry = stream.entry(count)?;
        let first = entry.fate == Fate::Unknown;
        let acked =
            Acked { written_ns: entry.written_ns, reached: entry.delivered & RECIPIENT > 0 };
        let agrees = entry.agree(seq, message_id);
        if first {
            entry.fate = Fate::Acked;
            self.totals.acked += 1;
        }
        if !agrees {
            self.diverged(id, count, "its ack", (seq, message_id));
        }
        self.streams[id.0 as usize].settle(self.everybody);
        first.then_some(acked)
    }

    /// The server refused a message for good.
    pub fn refused(&mut self, stream: StreamId, count: u64) {
        if let Some(entry) = self.streams[stream.0 as usize].entry(count)
            && entry.fate == Fate::Unknown
        {
            entry.fate = Fate::Refused;
            self.totals.refused += 1;
        }
    }

    /// A device was given a message.
    pub fn delivered(&mut self, reader: Reader, row: &Row<'_>) -> Delivery {
        let Some((id, side, stamp)) = self.place(reader.user, row) else { return Delivery::Other };
        if side == Side::Sender && reader.device == 0 {
            // A device learns of its own messages by their acks; those that it missed while it was away come again.
            return Delivery::Own;
        }
        let bit = device_bit(side, reader.device);
        let count = stamp.count;
        let stream = &mut self.streams[id.0 as usize];
        let Some(entry) = stream.entry(count).filter(|entry| entry.delivered & bit == 0) else {
            self.faults.note(Fault::VisibleDuplicate, message(id, count), || {
                format!("{} had {stamp:?} before, now as seq {}", who(reader), row.seq)
            });
            return Delivery::Other;
        };
        let first = entry.delivered & RECIPIENT == 0;
        entry.delivered |= bit;
        let (written_ns, acked, retried) =
            (entry.written_ns, entry.fate == Fate::Acked, entry.retried);
        if !entry.agree(row.seq, row.message_id) {
            self.diverged(id, count, "a device", (row.seq, row.message_id));
        }
        self.order(reader, id, side, (row.seq, count, retried));
        self.streams[id.0 as usize].settle(self.everybody);
        match side {
            Side::Sender => Delivery::Own,
            Side::Recipient => {
                self.totals.delivered += u64::from(first);
                Delivery::Reached { due_ns: stamp.due_ns, written_ns, first, acked }
            }
        }
    }

    /// A row of a user's inbox, read at the end by a device that had nothing.
    pub fn kept(&mut self, user: usize, row: &Row<'_>) {
        self.kept_row(user, row.inbox_seq);
        let Some((id, side, stamp)) = self.place(user, row) else { return };
        let (count, stream) = (stamp.count, &mut self.streams[id.0 as usize]);
        let sum = &mut stream.kept_sum[side as usize];
        *sum = sum.wrapping_add(mix(count, row.seq, row.message_id));
        let new = stream.kept[side as usize].insert(count);
        let agrees = stream.entry(count).is_none_or(|entry| entry.agree(row.seq, row.message_id));
        if !new {
            stream.diverged = true;
            self.faults.note(Fault::VisibleDuplicate, message(id, count), || {
                format!("the inbox of user {user} has {stamp:?} twice, again as seq {}", row.seq)
            });
        } else if !agrees {
            self.diverged(id, count, "an inbox", (row.seq, row.message_id));
        }
        self.keep_order(user, (id, side), row.seq, count);
    }

    /// Rows of an inbox come without a hole.
    fn kept_row(&mut self, user: usize, inbox_seq: u64) {
        let (last, _) = self.kept_inbox[user];
        if inbox_seq > last + 1 {
            let hole = Subject::InboxRow { user, inbox_seq: last + 1 };
            self.faults.note(Fault::Gap, hole, || {
                format!("the inbox of user {user} goes from row {last} to {inbox_seq}")
            });
        }
        self.kept_inbox[user].0 = inbox_seq;
    }

    /// A device was told that its inbox lacks the rows after this one.
    pub fn rows_missing(&mut self, user: usize, after: u64) {
        let hole = Subject::InboxRow { user, inbox_seq: after + 1 };
        self.faults.note(Fault::Gap, hole, || format!("user {user}: no inbox rows after {after}"));
    }

    /// A user was sent bytes that are no frame.
    pub fn damaged(&mut self, user: usize, why: &str) {
        self.damaged += 1;
        let frame = Subject::Frame { nth: self.damaged };
        self.faults.note(Fault::Corrupt, frame, || format!("user {user}: {why}"));
    }

    /// A user's inbox was read whole.
    pub fn kept_whole(&mut self, user: usize) {
        self.kept_inbox[user].1 = true;
    }

    /// Totals so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Faults so far.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Which message a row is, seen by a user; `None` if it is a fault, which is noted, or of another run.
    fn place(&mut self, user: usize, row: &Row<'_>) -> Option<(StreamId, Side, Stamp)> {
        let stranger = Subject::Stranger { message_id: row.message_id };
        let (from, to) = (row.sender, row.conversation.and_then(|which| which.peer_of(row.sender)));
        let ends = self.friends.user(from.0).zip(to.and_then(|to| self.friends.user(to.0)));
        let id = ends.and_then(|(from, to)| self.friends.between(from, to));
        let stamp = Stamp::read(row.body);
        if stamp.is_some_and(|stamp| stamp.run != self.run) {
            self.totals.foreign += 1;
            return None;
        }
        let Some(stamp) =
            stamp.filter(|stamp| (Uid(stamp.from), Some(Uid(stamp.to))) == (from, to))
        else {
            self.excused.extend(id.map(|id| (id, row.message_id)));
            self.faults.note(Fault::Corrupt, stranger, || {
                format!("user {user} got from {from} to {to:?}: {stamp:?}")
            });
            return None;
        };
        let side = match ends {
            Some((_, to)) if to == user => Side::Recipient,
            Some((from, _)) if from == user => Side::Sender,
            Some(_) | None => {
                self.faults.note(Fault::Leaked, stranger, || format!("user {user} got {stamp:?}"));
                return None;
            }
        };
        let sent = id.map_or(0, |id| self.streams[id.0 as usize].sent());
        match id {
            Some(id) if (1..=sent).contains(&stamp.count) => Some((id, side, stamp)),
            Some(_) | None => {
                self.excused.extend(id.map(|id| (id, row.message_id)));
                self.faults.note(Fault::Phantom, stranger, || format!("nobody sent {stamp:?}"));
                None
            }
        }
    }

    /// A device sees a conversation's places rise, and a sender's messages in the order they were sent.
    fn order(&mut self, reader: Reader, id: StreamId, side: Side, what: (u64, u64, bool)) {
        let (seq, count, retried) = what;
        let to_friend = self.of_conversation(id, side);
        let last = &mut self.last_seq[to_friend.0 as usize * self.devices + reader.device];
        let top = &mut self.streams[id.0 as usize].tops
            [device_bit(side, reader.device).trailing_zeros() as usize];
        let (last_before, top_before) = (*last, *top);
        if seq < last_before || (count < top_before && !retried) {
            self.faults.note(Fault::Reordered, message(id, count), || {
                let reader = who(reader);
                format!("{reader} had seq {last_before}, count {top_before}; then seq {seq}, count {count}")
            });
        }
        *last = seq.max(last_before);
        *top = count.max(top_before);
    }

    fn keep_order(&mut self, user: usize, which: (StreamId, Side), seq: u64, count: u64) {
        let (id, side) = which;
        let to_friend = self.of_conversation(id, side);
        if side == Side::Recipient {
            self.kept_unread(to_friend, seq);
        }
        let kept = &mut self.kept[to_friend.0 as usize];
        let last = kept.last_seq;
        if kept.rows == 0 {
            kept.first_seq = seq;
        }
        kept.first_seq = kept.first_seq.min(seq);
        kept.last_seq = kept.last_seq.max(seq);
        kept.rows += 1;
        if seq <= last {
            self.faults.note(Fault::Reordered, message(id, count), || {
                format!("the inbox of user {user} has seq {last} before {seq}")
            });
        }
    }

    /// The stream from the reader to its friend, whichever way the message went.
    fn of_conversation(&self, id: StreamId, side: Side) -> StreamId {
        let (from, to) = self.friends.ends(id);
        match side {
            Side::Sender => id,
            Side::Recipient => self.friends.between(to, from).expect("friendship is mutual"),
        }
    }

    fn diverged(&mut self, id: StreamId, count: u64, source: &str, says: (u64, u64)) {
        let stream = &mut self.streams[id.0 as usize];
        stream.diverged = true;
        let had = stream.entry(count).map(|entry| (entry.seq, entry.message_id));
        self.faults.note(Fault::Diverged, message(id, count), || {
            format!("{id:?} count {count}: {source} says {says:?}, before it was {had:?}")
        });
    }
}

/// The recipient's half of a delivery mask.
const RECIPIENT: u8 = (1 << DEVICES_MAX) - 1;

fn message(id: StreamId, count: u64) -> Subject {
    Subject::Message { stream: id.0, count }
}

fn who(reader: Reader) -> String {
    format!("user {} device {}", reader.user, reader.device)
}
