//! A shard that is asked one thing after the other, over the store of tests. It knows no property.

use shard::command::{Answer, Command, Effects, Input, Inputs, Now, ReplyTo, Session};
use shard::notification::{Notification, Notified};
use shard::rows::{Read, StoreError};
use shard::store::MemoryStore;
use shard::{Shard, ShardConfig};

/// A shard, its store, and the time.
pub struct Asked {
    pub shard: Shard,
    pub store: MemoryStore,
    pub now: Now,
    /// What the store refuses everything with.
    pub refusal: Option<StoreError>,
    /// What the receiver of offline push is asked.
    pub told: Vec<Notification>,
    inputs: Inputs,
    requests: u64,
}

impl Asked {
    /// An empty one.
    pub fn new(config: ShardConfig, now: Now) -> Self {
        let (store, inputs) = (MemoryStore::new(), Inputs::default());
        let shard = Shard::new(config, now);
        Self { shard, store, now, refusal: None, told: Vec::new(), inputs, requests: 0 }
    }

    /// Another owner of the partitions begins, with what is stored.
    pub fn take_over(&mut self, config: ShardConfig) {
        self.shard = Shard::new(config, self.now);
        self.run(|_| false);
    }

    /// The receiver of offline push answers.
    pub fn notified(&mut self, notified: Notified) {
        self.inputs.inputs.push(Input::Notified(notified));
        self.run(|_| false);
    }

    /// Time passes, a bit at a time.
    pub fn pass(&mut self, ms: u64) {
        let end_ms = self.now.mono_ms + ms;
        while self.now.mono_ms < end_ms {
            let bit = 100.min(end_ms - self.now.mono_ms);
            self.now.mono_ms += bit;
            self.now.unix_ms += bit;
            self.run(|_| false);
        }
    }

    /// What is answered, until nothing follows any more. `fails` is shown each read once, and says whether it is not answered.
    pub fn ask(&mut self, command: Command, fails: impl FnMut(&Read) -> bool) -> Vec<Answer> {
        self.say(command);
        self.run(fails)
    }

    /// What is in one step with what is asked next.
    pub fn say(&mut self, command: Command) {
        self.requests += 1;
        let session = Session { entry: 0, key: 1 };
        let reply = ReplyTo { session, ticket: self.requests };
        self.inputs.inputs.push(Input::Command(command, reply));
    }

    /// Steps until nothing follows any more; what was said. `fails` as in [`Asked::ask`].
    pub fn run(&mut self, mut fails: impl FnMut(&Read) -> bool) -> Vec<Answer> {
        let mut answers = Vec::new();
        loop {
            let mut effects = Effects::default();
            self.shard.step(&mut self.inputs, self.now, &mut effects);
            if let Some((ticket, rows)) = effects.commit {
                self.store.commit(ticket, rows);
            }
            let mut has_failed = false;
            for (ticket, read) in effects.reads {
                has_failed |= fails(&read);
                self.store.read(ticket, read);
            }
            self.told.extend(effects.notifications);
            answers.extend(effects.deliveries.into_iter().map(|delivery| delivery.answer));
            if self.store.in_flight() == 0 {
                return answers;
            }
            let failed = has_failed.then_some(StoreError::Unavailable);
            self.store.refuse(failed.or_else(|| self.refusal.clone()));
            self.store.poll(&mut self.inputs.completions);
        }
    }
}
