//! The store of a cluster: ScyllaDB or Apache Cassandra, one [`CqlStore`] a partition and epoch.
//!
//! A store has two ends. The front is on the core's thread, decides, and never waits: which rows go first, when a batch
//! counts as committed, which reads wait for which commits. The other end is one task on a tokio runtime: it turns what the
//! front asks for into statements and repeats them until they are answered. Bounded channels join the two; the front
//! asks for no more than they hold, so neither ever waits for room.
//!
//! Rows of a batch are not atomic here. What holds instead: they are written in phases, each only after the one before is
//! durable and the lease still counted then; a takeover (`load`) makes good what an owner left half done. The
//! store knows partitions and epochs, but not who decides about them.

mod limits;
mod config;
mod signs;
mod bounds;
mod places;
mod session;
mod client;
mod texts;
mod keys;
mod entry;
mod columns;
mod codec;
mod write;
mod front;
mod statements;
mod load;
mod tail;
mod read;
mod chats;
mod task;
mod ownership;
mod stats;
pub mod schema;
#[cfg(test)]
mod late_writes;

pub use client::CqlClient;
pub use config::{CqlConfig, CqlError};
pub use entry::{Entry, LogRow, bucket};
pub use keys::slot;
pub use places::Places;
pub use statements::{Statements, writes_head};
pub use stats::{Kind, Stats};
pub use write::{Log, Write};

use crate::fence::Fence;
use flume::{Receiver, Sender};
use front::{Front, Reply, Request};
use limits::{CQL_READS_IN_FLIGHT_MAX, CQL_REQUESTS_MAX};
use shard::owner::Epoch;
use shard::partition::Partition;
use shard::rows::{Completion, Read, Row, Ticket};
use shard::store::{RemoteStore, Store, Wake};
use std::sync::Arc;
use std::time::Duration;
use task::Task;

/// The front of one partition's store, under one epoch. Dropping it ends every retry; what was sent may still land.
pub struct CqlStore {
    front: Front,
    fence: Arc<Fence>,
    requests: Sender<Request>,
    replies: Receiver<Reply>,
}

/// What a store and its other end are made of.
pub struct Parts<S> {
    /// Where the rows are.
    pub statements: Arc<S>,
    /// Places of takeovers, of all stores of the process.
    pub takeovers: Arc<Places>,
    /// How long a read may take.
    pub read_deadline: Duration,
    /// Which partition.
    pub partition: Partition,
    /// Under which epoch this node holds it.
    pub epoch: Epoch,
    /// Until when this node may commit.
    pub fence: Arc<Fence>,
    /// Called by the other end when there is something to poll.
    pub wake: Wake,
}

impl CqlStore {
    /// Opens the store of a partition that this node holds under `epoch`. Never blocks; `wake` is called from the
    /// runtime when there is something to poll. What came back while the fence was closed is handed out by the
    /// first poll after it opened: nobody wakes for that.
    #[must_use]
    pub fn open(
        client: &Arc<CqlClient>,
        partition: Partition,
        epoch: Epoch,
        fence: Arc<Fence>,
        wake: Wake,
    ) -> Store {
        let (statements, takeovers) = (client.clone(), client.takeovers.clone());
        let read_deadline = client.config.read_deadline;
        let parts = Parts { statements, takeovers, read_deadline, partition, epoch, fence, wake };
        let (store, other_end) = Self::over(parts);
        client.runtime().spawn(other_end);
        store
    }

    /// A store and its other end, which whoever calls has to run.
    pub fn over<S: Statements>(parts: Parts<S>) -> (Store, impl Future<Output = ()> + Send) {
        let Parts { statements, takeovers, read_deadline, partition, epoch, fence, wake } = parts;
        let (requests, asked) = flume::bounded(CQL_REQUESTS_MAX);
        let (replies, told) = flume::bounded(CQL_REQUESTS_MAX);
        let task = Task { statements, partition, epoch, takeovers, read_deadline, replies, wake };
        let front = Front::new(partition, epoch, CQL_READS_IN_FLIGHT_MAX);
        let store = Self { front, fence, requests, replies: told };
        (Store::Remote(Box::new(store)), task.run(asked))
    }

    fn take_replies(&mut self) {
        while let Ok(reply) = self.replies.try_recv() {
            self.front.on_reply(reply);
        }
    }

    fn go_on(&mut self) {
        // Looked at after the replies were taken: what they tell of came back before.
        self.front.advance(self.fence.is_open());
        while let Some(request) = self.front.next_request() {
            // A runtime that was shut down takes nothing; then nothing completes any more.
            let result = self.requests.try_send(request);
            assert!(
                !matches!(result, Err(flume::TrySendError::Full(_))),
                "as many places as requests"
            );
        }
    }
}

impl RemoteStore for CqlStore {
    fn opened(&mut self) -> Option<u64> {
        self.take_replies();
        self.front.bound_ms()
    }

    fn newest_id_ms(&self) -> u64 {
        self.front.bound_ms().expect("asked after the store said that it is opened")
    }

    fn commit(&mut self, ticket: Ticket, batch: Vec<Row>) {
        self.front.commit(ticket, batch);
        self.go_on();
    }

    fn read(&mut self, ticket: Ticket, read: Read) {
        self.front.read(ticket, read);
        self.go_on();
    }

    fn poll(&mut self, completions: &mut Vec<Completion>) {
        self.take_replies();
        self.go_on();
        self.front.completed(completions);
    }

    fn in_flight(&self) -> usize {
        self.front.in_flight()
    }
}
