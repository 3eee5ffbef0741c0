//! A connection as the world has it. Each keeps the order of its bytes both ways; of one that breaks, what was under way
//! arrives up to some byte, and each end learns of it by itself. It does not know what the bytes say.

use crate::random::Random;
use netring::ConnId;
use std::collections::VecDeque;

/// Who is at an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A device.
    Client(usize),
    /// A gateway's process.
    Gateway(usize),
    /// A node's process.
    Node(usize),
}

/// What is under way to an end.
#[derive(Debug, PartialEq, Eq)]
pub enum Payload {
    /// There is a connection.
    Opened,
    /// Some of what was said.
    Bytes(Vec<u8>),
    /// The other end has closed it.
    End,
}

/// One end.
#[derive(Debug)]
pub struct End {
    /// Whose.
    pub who: Who,
    /// What its process calls it.
    pub conn: ConnId,
    /// Its process was not told that it is gone.
    pub is_open: bool,
    /// Its process has closed it.
    pub is_shut: bool,
    /// What is under way to it.
    pub queue: VecDeque<Payload>,
    /// When the last of that arrives, in µs.
    pub last_us: u64,
}

impl End {
    /// Of a connection that is about to be.
    #[must_use]
    pub fn new(who: Who, conn: ConnId) -> Self {
        Self { who, conn, is_open: true, is_shut: false, queue: VecDeque::new(), last_us: 0 }
    }

    /// Of what is under way only so much arrives as some byte.
    fn cut(&mut self, random: &mut Random) {
        let at = random.between(0, self.queue.len() as u64 + 1);
        self.queue.truncate(usize::try_from(at).expect("below a length"));
        if let Some(Payload::Bytes(bytes)) = self.queue.back_mut() {
            let through = random.between(1, bytes.len() as u64 + 1);
            bytes.truncate(usize::try_from(through).expect("below a length"));
        }
    }
}

/// A connection: who dialed is end 0.
#[derive(Debug)]
pub struct Link {
    /// Both ends.
    pub ends: [End; 2],
    /// Nothing that is said from now on arrives, and both ends learn of it.
    pub is_broken: bool,
    /// The same, but neither end learns of it.
    pub is_silent: bool,
}

impl Link {
    /// One that is about to be.
    #[must_use]
    pub fn new(from: (Who, ConnId), to: (Who, ConnId)) -> Self {
        let ends = [End::new(from.0, from.1), End::new(to.0, to.1)];
        Self { ends, is_broken: false, is_silent: false }
    }

    /// Both ends are of processes of the cluster.
    #[must_use]
    pub fn is_inner(&self) -> bool {
        self.ends.iter().all(|end| !matches!(end.who, Who::Client(_)))
    }

    /// Of what is under way only a part arrives.
    pub fn cut(&mut self, random: &mut Random) {
        self.ends.iter_mut().for_each(|end| end.cut(random));
    }
}
