//! The embedded store: commits go to the shard's log, which the core itself writes; the index follows behind, on a thread of
//! its own, which holds in memory what the index lacks, and answers reads.
//!
//! A read must know every commit asked for before it. While one of those is being written the read waits here; then the
//! index is given the records, and the read after them.

use std::collections::VecDeque;
use std::thread::JoinHandle;
use std::time::Instant;
use std::{io, mem, thread};

use flume::{Receiver, Sender};

use super::damage::Damage;
use super::end::{End, EndFile};
use super::expire::{Expiry, Retention};
use super::held::Held;
use super::home::Home;
use super::index::{Index, Reply, Request, Wake};
use super::limits::{
    EXPIRE_ROUND_MS, EXPIRE_SLICE_MS, FILLING_BYTES, INDEX_BATCH_BYTES, INDEX_DELAY, READS_MAX,
    REPLIES_MAX, REQUESTS_MAX,
};
use super::log::{Front, LogWrite};
use super::open::{Opened, open};
use super::plant::Plant;
use super::space::Space;
use crate::command::Now;
use crate::group::MEMBER_BYTES;
use crate::rows::{Completion, Read, Row, StoreError, Ticket};

/// Where and how large.
#[derive(Clone, Debug)]
pub struct EmbeddedConfig {
    /// This shard's folder.
    pub home: Home,
    /// Commits are refused while less than this is free. It must hold the journals and one compaction.
    pub reserve_bytes: u64,
    /// Bytes of records in memory for which the index is filled.
    pub filling_bytes: usize,
    /// How much of an inbox is kept.
    pub retention: Retention,
}

impl EmbeddedConfig {
    /// The usual sizes, for a shard that lives there.
    #[must_use]
    pub fn new(home: Home) -> Self {
        Self {
            home,
            reserve_bytes: 512 * 1024 * 1024,
            filling_bytes: FILLING_BYTES,
            retention: Retention::default(),
        }
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("could not open the store of shard {shard}: {damage}")]
pub struct OpenError {
    shard: u16,
    damage: Damage,
}

/// The shard's end of the store.
pub struct EmbeddedStore {
    home: Home,
    front: Front,
    end: EndFile,
    newest_id_ms: u64,
    space: Space,
    /// The index's thread has room.
    index_has_room: bool,
    /// Commits are refused for want of room.
    is_full: bool,
    /// What cannot be read, each text once.
    damaged: Vec<String>,
    plant: Plant,
    /// Reads that wait for so many records: those of the commits before them.
    held: VecDeque<(u64, Ticket, Read)>,
    /// Reads asked for and not polled.
    reads: usize,
    /// When a little of what is too old is to go next, in the monotonic ms of [`Now`]; none while some goes.
    expire_at_ms: Option<u64>,
    /// The last time that was told.
    mono_ms: u64,
    /// When the oldest record that the index was not given was written.
    behind_since: Option<Instant>,
    requests: Sender<Request>,
    replies: Receiver<Reply>,
    thread: JoinHandle<Result<(), StoreError>>,
}

impl EmbeddedStore {
    /// Opens or creates the store, replays what its index lacks, and starts its thread. Blocks. The threads inherit the
    /// caller's CPU set: call it before the caller is pinned.
    ///
    /// # Errors
    /// The directory is in use, damaged, not writable.
    pub fn open(config: EmbeddedConfig, wake: Wake) -> Result<Self, OpenError> {
        let shard = config.home.shard;
        Self::start(config, wake).map_err(|damage| OpenError { shard, damage })
    }

    fn start(config: EmbeddedConfig, wake: Wake) -> Result<Self, Damage> {
        let EmbeddedConfig { home, reserve_bytes, filling_bytes, retention } = config;
        let Opened { tables, files, through, front, end } = open(&home)?;
        let io = |error| Damage::io(&home.dir, error);
        let space = Space::new(&home.dir, reserve_bytes).map_err(io)?;
        let (requests, asked) = flume::bounded(REQUESTS_MAX);
        let (told, replies) = flume::bounded(REPLIES_MAX);
        let index = Index {
            home: home.clone(),
            filling_bytes,
            tables: Some(tables),
            held: Held::default(),
            files,
            expiry: Expiry::new(retention),
            is_filling: false,
            to_expire: None,
            begins_round: true,
            applied: through,
            replies: told,
            wake,
            sealed: Vec::new(),
            owed: 1,
            failure: None,
            damaged: Vec::new(),
            has_room: true,
        };
        let thread = thread::Builder::new().name("store".into());
        let thread = thread.spawn(move || index.run(&asked)).map_err(io)?;
        Ok(Self {
            home,
            front,
            end,
            newest_id_ms: through.newest_id_ms,
            space,
            index_has_room: true,
            is_full: false,
            damaged: Vec::new(),
            plant: Plant::from_env(),
            held: VecDeque::new(),
            reads: 0,
            expire_at_ms: Some(0),
            mono_ms: 0,
            behind_since: None,
            requests,
            replies,
            thread,
        })
    }

    /// See [`super::Store::newest_id_ms`].
    #[must_use]
    pub fn newest_id_ms(&self) -> u64 {
        self.newest_id_ms
    }

    /// See [`super::Store::commit`].
    pub fn commit(&mut self, ticket: Ticket, batch: &[Row]) {
        match self.space.has_room_for(bytes(batch)) {
            Ok(has_room) => {
                self.say_whether_full(!has_room);
                if has_room && self.index_has_room {
                    self.front.commit(ticket, batch);
                } else {
                    self.front.refuse(ticket, StoreError::Full);
                }
            }
            Err(error) => {
                self.front.fail(format!("free space: {error}"));
                self.front.commit(ticket, batch);
            }
        }
    }

    fn say_whether_full(&mut self, is_full: bool) {
        if is_full == mem::replace(&mut self.is_full, is_full) {
            return;
        }
        let dir = self.home.dir.display();
        if is_full {
            tracing::error!(%dir, "no room: less is free than must stay so; sends are refused until there is");
        } else {
            tracing::info!(%dir, "there is room again");
        }
    }

    /// What of the store cannot be read: each file once.
    #[must_use]
    pub fn damaged(&self) -> &[String] {
        &self.damaged
    }

    /// See [`super::Store::read`].
    pub fn read(&mut self, ticket: Ticket, read: Read) {
        assert!(self.reads < READS_MAX, "the shard bounds its reads");
        self.reads += 1;
        self.held.push_back((self.front.asked(), ticket, read));
        self.release_reads();
    }

    /// See [`super::Store::pass_time`].
    pub fn pass_time(&mut self, now: Now) {
        self.mono_ms = now.mono_ms;
        if self.expire_at_ms.take_if(|at| *at <= now.mono_ms).is_some() {
            self.hand_over();
            self.ask(Request::Expire(now));
        }
    }

    /// See [`super::Store::next_write`].
    pub fn next_write(&mut self) -> Option<LogWrite> {
        self.front.next_write()
    }

    /// See [`super::Store::on_written`].
    pub fn on_written(&mut self, write: LogWrite, result: io::Result<usize>) {
        let result = if self.plant.fails() { Err(io::Error::other("planted")) } else { result };
        self.front.on_written(write, result);
        // Before the commit is told of: who kills this process must not find less than was acknowledged.
        self.end.write(self.front.end());
        self.behind_since.get_or_insert_with(Instant::now);
        self.release_reads();
    }

    /// See [`super::Store::write_now`].
    pub fn write_now(&mut self) {
        while let Some(write) = self.next_write() {
            let result = write.perform();
            self.on_written(write, result);
        }
    }

    /// See [`super::Store::poll`].
    pub fn poll(&mut self, completions: &mut Vec<Completion>) {
        // An answer may know the commits that complete here: they come first.
        self.front.completed(completions);
        while let Ok(reply) = self.replies.try_recv() {
            self.on_reply(reply, completions);
        }
        let is_due = self.behind_since.is_some_and(|since| since.elapsed() >= INDEX_DELAY);
        let is_much = self.front.written_bytes() >= INDEX_BATCH_BYTES;
        if is_due || is_much || self.front.lacks_segment() {
            self.hand_over();
        }
        self.release_reads();
    }

    /// See [`super::Store::in_flight`].
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.front.commits() + self.reads + usize::from(self.expire_at_ms.is_none())
    }

    /// See [`super::Store::close`].
    ///
    /// # Errors
    /// The failure that stopped the store.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.write_now();
        // Without room none may ever come.
        while self.front.lacks_segment() && self.index_has_room {
            self.hand_over();
            // The thread lives until the requests are dropped.
            let Ok(reply) = self.replies.recv() else { break };
            self.on_reply(reply, &mut Vec::new());
            self.write_now();
        }
        self.hand_over();
        let Self { front, mut end, requests, replies, thread, .. } = self;
        drop(requests);
        let result = thread.join();
        drop(replies);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        end.write(End { is_closed: front.failure().is_none(), ..front.end() });
        end.sync().map_err(|damage| StoreError::Failed(damage.to_string()))?;
        front.failure().cloned().map_or(Ok(()), Err)
    }

    fn on_reply(&mut self, reply: Reply, completions: &mut Vec<Completion>) {
        match reply {
            Reply::Answers(mut answers) => {
                self.reads -= answers.len();
                completions.append(&mut answers);
            }
            Reply::Segment(segment) => self.front.add(segment),
            Reply::Expired(is_more) => {
                let wait_ms = if is_more { EXPIRE_SLICE_MS } else { EXPIRE_ROUND_MS };
                self.expire_at_ms = Some(self.mono_ms + wait_ms);
            }
            Reply::HasRoom(has_room) => {
                self.index_has_room = has_room;
                if !has_room {
                    self.front.refuse_waiting();
                    let asked = self.front.asked();
                    self.held.iter_mut().for_each(|held| held.0 = held.0.min(asked));
                }
            }
            Reply::Damaged(text) => self.damaged.push(text),
            Reply::Failed(reason) => self.front.fail(reason),
        }
    }

    /// Reads go once every commit before them is in the log, or never will be.
    fn release_reads(&mut self) {
        let has_failed = self.front.failure().is_some();
        let durable = if has_failed { u64::MAX } else { self.front.durable() };
        if self.held.front().is_some_and(|held| held.0 <= durable) {
            self.hand_over();
        }
        while let Some((_, ticket, read)) = self.held.pop_front_if(|held| held.0 <= durable) {
            self.ask(Request::Read(ticket, read));
        }
    }

    fn hand_over(&mut self) {
        self.behind_since = None;
        let (records, sealed) = self.front.take_written();
        if !records.is_empty() {
            self.ask(Request::Apply(records));
        }
        sealed.into_iter().for_each(|segment| self.ask(Request::Sealed(segment)));
    }

    fn ask(&self, request: Request) {
        assert!(
            self.requests.try_send(request).is_ok(),
            "as many places as requests, and a thread"
        );
    }
}

fn bytes(batch: &[Row]) -> usize {
    let body = |row: &Row| match row {
        Row::Message(row) => row.body.len(),
        Row::Inbox(row) => row.message.body.len(),
        Row::Group(row) => row.members.known().len() * MEMBER_BYTES,
        Row::PushToken(row) => row.token.len(),
        Row::Chat(_) | Row::User(_) | Row::Mark(_) | Row::Owed(_) | Row::Dead(_) => 0,
    };
    batch.iter().map(body).sum()
}
