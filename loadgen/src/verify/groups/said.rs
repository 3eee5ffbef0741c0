//! A message of a group that is not over: some member that is online has not got it, or it is not answered.

use crate::verify::stream::Fate;

/// Such a message.
#[derive(Clone, Copy, Debug)]
pub(in crate::verify) struct Said {
    /// Its sender's slot.
    pub sender: usize,
    /// Its place; 0: not known.
    pub seq: u64,
    pub message_id: u64,
    pub due_ns: u64,
    pub written_ns: u64,
    /// Members that are online and have it on a device, without its sender; and how many are to.
    pub got: u32,
    pub expected: u32,
    /// Members at its place.
    pub size: usize,
    pub fate: Fate,
    pub retried: bool,
    /// Written to a connection that ended, and to another one: what becomes of the first copy is told to nobody.
    pub rewritten: bool,
    /// Refused for who is a member, while a copy of a connection that ended may be judged otherwise. It may be there or not.
    pub is_doubtful: bool,
    /// An inbox row told its place, not its ack alone.
    pub is_shown: bool,
    /// Acked, and with everybody.
    pub is_complete: bool,
    /// Changes that concerned its sender when it was sent, if it was surely a member.
    pub touched: Option<u32>,
    /// When half of them had it, 99 % and the last that has; 0: not yet.
    pub half_ns: u64,
    pub most_ns: u64,
    pub last_ns: u64,
}

/// A message of a group that everybody has who is online, or what is known of one at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Members at its place.
    pub size: usize,
    /// When it was due.
    pub due_ns: u64,
    /// When it was written.
    pub written_ns: u64,
    /// When half of the others who are online had it, 99 % of them, and all; monotonic ns. `None`: nobody is.
    pub times_ns: Option<[u64; 3]>,
}

impl Said {
    /// Whether its sender was told that it failed.
    pub fn is_refused(&self) -> bool {
        self.fate == Fate::Refused || self.is_doubtful
    }

    /// One more member has it.
    pub fn reach(&mut self, now_ns: u64) {
        self.got += 1;
        self.last_ns = now_ns;
        self.cross(now_ns);
    }

    /// Takes the time at which a share of those who are to have it was reached.
    pub fn cross(&mut self, now_ns: u64) {
        if self.half_ns == 0 && self.got >= self.expected.div_ceil(2) {
            self.half_ns = now_ns;
        }
        if self.most_ns == 0 && u64::from(self.got) * 100 >= u64::from(self.expected) * 99 {
            self.most_ns = now_ns;
        }
    }

    /// What came of it; what did not come by now came no sooner.
    pub fn reached(&self, now_ns: u64) -> Reached {
        let or_now = |ns: u64| if ns == 0 { now_ns } else { ns };
        let is_all = self.got >= self.expected && self.last_ns > 0;
        let last_ns = if is_all { self.last_ns } else { now_ns };
        let times_ns = [or_now(self.half_ns).min(last_ns), or_now(self.most_ns).min(last_ns)];
        let [half_ns, most_ns] = times_ns;
        let times_ns = (self.expected > 0).then_some([half_ns, most_ns, last_ns]);
        let Self { size, due_ns, written_ns, .. } = *self;
        Reached { size, due_ns, written_ns, times_ns }
    }
}
