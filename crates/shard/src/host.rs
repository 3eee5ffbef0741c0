//! One shard with its store, and the way between them: a driver gives it inputs, steps it, and
//! carries away what comes out.
//!
//! It knows no core, no connection and no clock but the one that times commits.

use crate::command::{Command, Effects, Input, Inputs, Now, ReplyTo};
use crate::rows::{Completion, StoreError, Ticket};
use crate::shard::{Shard, ShardConfig};
use crate::store::{EmbeddedConfig, EmbeddedStore, LogWrite, OpenError, Store, Wake, random};
use netring::FileWrite;
use std::io;
use std::time::Instant;
use wire::MessageId;

/// A shard, its store, and the inputs gathered for the next step.
pub struct Host {
    shard: Shard,
    store: Store,
    inputs: Inputs,
    commit_started: Option<(Ticket, Instant, usize)>,
}

/// A commit that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Committed {
    /// Time from handing it to the store until it ended.
    pub micros: u64,
    /// Its rows.
    pub rows: u64,
    /// Whether it is durable; if not, it was refused.
    pub is_durable: bool,
    /// It was refused for want of room.
    pub is_full: bool,
}

impl Host {
    /// Joins a shard and a store. The shard must have been made for what the store holds.
    #[must_use]
    pub fn new(shard: Shard, store: Store) -> Self {
        Self { shard, store, inputs: Inputs::default(), commit_started: None }
    }

    /// Opens an embedded store and makes a shard for what it holds. Blocks; see [`EmbeddedStore::open`].
    ///
    /// # Errors
    /// The store cannot be opened.
    pub fn open(
        store: EmbeddedConfig,
        wake: Wake,
        config: ShardConfig,
        now: Now,
    ) -> Result<Self, OpenError> {
        let store = EmbeddedStore::open(store, wake)?;
        // A directory that was put back from a copy may come to an opening that it has had: its ids begin elsewhere.
        let first_message = random() >> (u64::BITS - MessageId::COUNT_BITS);
        let newest_id_ms = store.newest_id_ms();
        let config = ShardConfig { newest_id_ms, first_message, ..config };
        Ok(Self::new(Shard::new(config, now), Store::Embedded(Box::new(store))))
    }

    /// Hands an input in, for the next step.
    pub fn take(&mut self, input: Input) {
        self.inputs.inputs.push(input);
    }

    /// Takes commands back that wait for the next step, and says whose they were.
    pub fn take_back(&mut self, is_it: impl Fn(&Command, &ReplyTo) -> bool) -> Vec<ReplyTo> {
        let is_it = |input: &mut Input| matches!(input, Input::Command(command, reply) if is_it(command, reply));
        let taken = self.inputs.inputs.extract_if(.., is_it);
        let replies = taken.filter_map(|input| match input {
            Input::Command(_, reply) => Some(reply),
            Input::Mail(_) | Input::Wake(_) | Input::Judge(_) | Input::Notified(_) => None,
        });
        replies.collect()
    }

    /// Takes what the store has done, for the next step, and tells of commits.
    pub fn poll(&mut self, mut on_commit: impl FnMut(Committed)) {
        let known = self.inputs.completions.len();
        self.store.poll(&mut self.inputs.completions);
        for completion in &self.inputs.completions[known..] {
            let Completion::Committed(ticket, result) = completion else { continue };
            let (asked, started, rows) = self.commit_started.take().expect("one is under way");
            assert_eq!(asked, *ticket, "one commit is under way");
            on_commit(Committed {
                micros: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
                rows: rows as u64,
                is_durable: result.is_ok(),
                is_full: matches!(result, Err(StoreError::Full)),
            });
        }
    }

    /// Steps the shard once and gives the store what the step wants of it. Answers and mail are
    /// added to `effects`, for the driver.
    pub fn step(&mut self, now: Now, effects: &mut Effects) {
        self.store.pass_time(now);
        self.shard.step(&mut self.inputs, now, effects);
        self.ask_store(effects);
    }

    /// Whether something waits for a step.
    #[must_use]
    pub fn has_inputs(&self) -> bool {
        !self.inputs.inputs.is_empty() || !self.inputs.completions.is_empty()
    }

    /// Asks for everything that is only in memory to be stored. Only when the shard is idle.
    pub fn flush(&mut self) {
        let mut effects = Effects::default();
        self.shard.drain(&mut effects);
        self.ask_store(&mut effects);
        assert!(effects.deliveries.is_empty() && effects.mail.is_empty(), "nobody is told of it");
    }

    /// See [`Store::next_write`].
    pub fn next_write(&mut self) -> Option<FileWrite> {
        let LogWrite { file, offset, buffer, content } = self.store.next_write()?;
        Some(FileWrite { file, offset, buffer, content })
    }

    /// See [`Store::on_written`].
    pub fn on_written(&mut self, write: FileWrite, result: io::Result<usize>) {
        let FileWrite { file, offset, buffer, content } = write;
        self.store.on_written(LogWrite { file, offset, buffer, content }, result);
    }

    /// See [`Shard::forget_entry`].
    pub fn forget_entry(&mut self, entry: u16) {
        self.shard.forget_entry(entry);
    }

    /// The shard, to ask.
    #[must_use]
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// See [`Store::damaged`].
    #[must_use]
    pub fn damaged(&self) -> &[String] {
        self.store.damaged()
    }

    /// Batches and reads that the store has and has not answered.
    #[must_use]
    pub fn store_in_flight(&self) -> usize {
        self.store.in_flight()
    }

    /// Closes the store. Blocks.
    ///
    /// # Errors
    /// The store's failure.
    pub fn close(self) -> Result<(), StoreError> {
        self.store.close()
    }

    fn ask_store(&mut self, effects: &mut Effects) {
        if let Some((ticket, rows)) = effects.commit.take() {
            self.commit_started = Some((ticket, Instant::now(), rows.len()));
            self.store.commit(ticket, rows);
        }
        for (ticket, read) in effects.reads.drain(..) {
            self.store.read(ticket, read);
        }
    }
}
