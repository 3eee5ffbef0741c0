//! What a store does next: which phase of which commit, which reads, what is told to the shard. Pure.
//!
//! One commit is under way at a time, in phases. A reply counts only once the fence was seen open after it came back;
//! until then the commit stands still, and answers are held. A read goes out when every commit before it is done, and
//! answers are told in the order of their tickets. It knows no statement.

use super::write::{Phase, Writer};
use crate::cql::limits::CQL_COMMITS_MAX;
use shard::owner::Epoch;
use shard::partition::Partition;
use shard::rows::{Completion, Found, Read, Row, StoreError, Ticket};
use shard::store::READS_MAX;
use std::collections::VecDeque;

/// What the other end is to do. Each is answered once.
#[derive(Debug)]
pub enum Request {
    /// All of it, until it is durable.
    Write(Phase),
    /// Within the deadline of reads. The number names it.
    Read(u64, Read),
}

/// What the other end did.
#[derive(Debug)]
pub enum Reply {
    /// The id bound that was stored when the store was opened, 0 if none. Comes first, unasked.
    Opened(u64),
    /// The phase is durable.
    Written,
    /// The answer to the read with this number.
    Read(u64, Result<Found, StoreError>),
}

/// The commits and reads of one store, and the replies that do not count yet.
#[derive(Debug)]
pub struct Front {
    partition: Partition,
    epoch: Epoch,
    opened: Option<Opened>,
    /// Commits that wait for the one under way.
    waiting: VecDeque<(Ticket, Vec<Row>)>,
    under_way: Option<UnderWay>,
    /// Commits asked for, and those of them that are done.
    commits: u64,
    commits_done: u64,
    /// Reads that wait, each for so many commits.
    held: VecDeque<(u64, Ticket, Read)>,
    /// Reads that went out, in order, with their answers as far as they are there.
    reads: VecDeque<(Ticket, Option<Result<Found, StoreError>>)>,
    /// Reads that were told: the number of the first in `reads`.
    reads_done: u64,
    reads_max: usize,
    requests: VecDeque<Request>,
    completions: Vec<Completion>,
}

#[derive(Debug)]
struct Opened {
    bound_ms: u64,
    writer: Writer,
}

#[derive(Debug)]
struct UnderWay {
    ticket: Ticket,
    phases: std::vec::IntoIter<Phase>,
    /// Nothing of it is out.
    is_written: bool,
}

impl Front {
    /// Of a partition under an epoch; at most `reads_max` reads are out at a time.
    pub fn new(partition: Partition, epoch: Epoch, reads_max: usize) -> Self {
        Self {
            partition,
            epoch,
            opened: None,
            waiting: VecDeque::new(),
            under_way: None,
            commits: 0,
            commits_done: 0,
            held: VecDeque::new(),
            reads: VecDeque::new(),
            reads_done: 0,
            reads_max,
            requests: VecDeque::new(),
            completions: Vec::new(),
        }
    }

    /// The id bound as it was when the store was opened; `None`: it was not read yet.
    pub fn bound_ms(&self) -> Option<u64> {
        self.opened.as_ref().map(|opened| opened.bound_ms)
    }

    /// Takes a commit. It waits until the store is opened.
    pub fn commit(&mut self, ticket: Ticket, batch: Vec<Row>) {
        assert!(self.waiting.len() < CQL_COMMITS_MAX, "the shard bounds its commits");
        self.commits += 1;
        self.waiting.push_back((ticket, batch));
    }

    /// Takes a read.
    pub fn read(&mut self, ticket: Ticket, read: Read) {
        assert!(self.held.len() + self.reads.len() < READS_MAX, "the shard bounds its reads");
        self.held.push_back((self.commits, ticket, read));
    }

    /// Takes what the other end did.
    pub fn on_reply(&mut self, reply: Reply) {
        match reply {
            Reply::Opened(bound_ms) => {
                let writer = Writer::new(self.partition, self.epoch, bound_ms);
                self.opened = Some(Opened { bound_ms, writer });
            }
            Reply::Written => {
                let commit = self.under_way.as_mut().expect("a phase is out");
                assert!(!commit.is_written, "a phase is answered once");
                commit.is_written = true;
            }
            Reply::Read(number, answer) => {
                let at = usize::try_from(number - self.reads_done).expect("few are out");
                let read = self.reads.get_mut(at).expect("the read is out");
                assert!(read.1.is_none(), "a read is answered once");
                read.1 = Some(answer);
            }
        }
    }

    /// Goes on as far as it can. `is_open`: the fence was open after every reply that was taken had come back.
    pub fn advance(&mut self, is_open: bool) {
        self.advance_commits(is_open);
        if self.opened.is_some() {
            self.send_reads();
        }
        while is_open && self.reads.front().is_some_and(|read| read.1.is_some()) {
            let (ticket, answer) = self.reads.pop_front().expect("just seen");
            self.reads_done += 1;
            self.completions.push(Completion::Read(ticket, answer.expect("just seen")));
        }
    }

    fn advance_commits(&mut self, is_open: bool) {
        let Some(opened) = &mut self.opened else { return };
        loop {
            let Some(commit) = &mut self.under_way else {
                let Some((ticket, batch)) = self.waiting.pop_front() else { return };
                let phases = opened.writer.phases(batch).into_iter();
                self.under_way = Some(UnderWay { ticket, phases, is_written: true });
                continue;
            };
            if !commit.is_written || !is_open {
                return;
            }
            if let Some(phase) = commit.phases.next() {
                commit.is_written = false;
                self.requests.push_back(Request::Write(phase));
                return;
            }
            self.completions.push(Completion::Committed(commit.ticket, Ok(())));
            self.commits_done += 1;
            self.under_way = None;
        }
    }

    fn send_reads(&mut self) {
        while self.reads.len() < self.reads_max {
            let done = self.commits_done;
            let Some((_, ticket, read)) = self.held.pop_front_if(|held| held.0 <= done) else {
                return;
            };
            let number = self.reads_done + self.reads.len() as u64;
            self.reads.push_back((ticket, None));
            self.requests.push_back(Request::Read(number, read));
        }
    }

    /// The next request for the other end.
    pub fn next_request(&mut self) -> Option<Request> {
        self.requests.pop_front()
    }

    /// Appends what has completed since the last call.
    pub fn completed(&mut self, completions: &mut Vec<Completion>) {
        completions.append(&mut self.completions);
    }

    /// Requests whose completion was not told yet.
    pub fn in_flight(&self) -> usize {
        let commits = self.waiting.len() + usize::from(self.under_way.is_some());
        commits + self.held.len() + self.reads.len() + self.completions.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shard::rows::UserRow;
    use wire::{InboxSeq, Uid};

    const UID: Uid = Uid(1);
    const READ: Read = Read::User { uid: UID };

    fn front() -> Front {
        let mut front = Front::new(Partition::of_user(UID), Epoch(1), 2);
        front.on_reply(Reply::Opened(0));
        front
    }

    fn batch(through: u64) -> Vec<Row> {
        let chats_through = InboxSeq(through);
        vec![Row::User(UserRow { chats_through, chats_version: 0, ..UserRow::empty(UID) })]
    }

    /// What is asked of the other end, and the tickets that complete.
    fn turn(front: &mut Front, is_open: bool) -> (String, Vec<u64>) {
        front.advance(is_open);
        let mut asked = String::new();
        while let Some(request) = front.next_request() {
            asked += match request {
                Request::Write(_) => "w",
                Request::Read(..) => "r",
            };
        }
        let mut completions = Vec::new();
        front.completed(&mut completions);
        let ticket = |completion: &Completion| match completion {
            Completion::Committed(ticket, _) | Completion::Read(ticket, _) => ticket.0,
        };
        (asked, completions.iter().map(ticket).collect())
    }

    fn found() -> Result<Found, StoreError> {
        Ok(Found::Chat(None))
    }

    #[test]
    fn nothing_begins_before_the_store_is_opened() {
        let mut front = Front::new(Partition::of_user(UID), Epoch(1), 2);
        front.commit(Ticket(1), batch(1));
        front.read(Ticket(2), READ);
        assert_eq!(turn(&mut front, true), (String::new(), vec![]));
        front.on_reply(Reply::Opened(7));
        assert_eq!((turn(&mut front, true).0, front.bound_ms()), ("w".into(), Some(7)));
    }

    #[test]
    fn a_read_goes_out_when_the_commits_before_it_are_done() {
        let mut front = front();
        front.commit(Ticket(1), batch(1));
        front.read(Ticket(2), READ);
        front.commit(Ticket(3), batch(2));
        assert_eq!(turn(&mut front, true), ("w".into(), vec![]));
        front.on_reply(Reply::Written);
        assert_eq!(turn(&mut front, true), ("wr".into(), vec![1]));
        front.on_reply(Reply::Read(0, found()));
        front.on_reply(Reply::Written);
        assert_eq!(turn(&mut front, true), (String::new(), vec![3, 2]));
        assert_eq!(front.in_flight(), 0);
    }

    #[test]
    fn what_came_back_counts_once_the_fence_is_open() {
        let mut front = front();
        front.read(Ticket(1), READ);
        front.commit(Ticket(2), batch(1));
        assert_eq!(turn(&mut front, true).0, "wr");
        front.on_reply(Reply::Written);
        front.on_reply(Reply::Read(0, found()));
        assert_eq!(turn(&mut front, false).1, [0; 0]);
        front.commit(Ticket(3), batch(2));
        assert_eq!(turn(&mut front, false), (String::new(), vec![]), "nor does a commit begin");
        assert_eq!(turn(&mut front, true), ("w".into(), vec![2, 1]));
    }

    #[test]
    fn answers_are_told_in_order_and_few_reads_are_out() {
        let mut front = front();
        (1..=3).for_each(|ticket| front.read(Ticket(ticket), READ));
        assert_eq!(turn(&mut front, true).0, "rr");
        front.on_reply(Reply::Read(1, found()));
        assert_eq!(turn(&mut front, true), (String::new(), vec![]));
        front.on_reply(Reply::Read(0, Err(StoreError::Unavailable)));
        assert_eq!(turn(&mut front, true).1, [1, 2]);
        assert_eq!(turn(&mut front, true).0, "r");
    }
}
