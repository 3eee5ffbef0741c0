//! The other end of a store: one task on the runtime, which serves what the front asks for, all of it at once. It ends
//! when the front is dropped, and with it every statement that is being repeated.
//!
//! What waits here is bounded by what the front asks for. It decides nothing but the deadline of reads.

use super::chats;
use super::front::{Reply, Request};
use super::load::{self, Takeover};
use super::places::Places;
use super::read;
use super::statements::Statements;
use super::tail;
use super::write::{Log, Phase};
use crate::cql::limits::CQL_UNFINISHED_MAX;
use flume::r#async::RecvStream;
use flume::{Receiver, Sender};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use shard::owner::Epoch;
use shard::partition::Partition;
use shard::rows::{Found, Read, StoreError};
use shard::store::Wake;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// What the task of one store has.
pub struct Task<S> {
    pub statements: Arc<S>,
    pub partition: Partition,
    pub epoch: Epoch,
    /// Places of takeovers, of all stores of the process: those of a dead node's partitions do not crowd out the messages
    /// of others.
    pub takeovers: Arc<Places>,
    /// How long a read may take.
    pub read_deadline: Duration,
    pub replies: Sender<Reply>,
    pub wake: Wake,
}

/// What became of a request.
enum Served {
    Done(Reply),
    /// The read was not answered in time; what it has decided must be finished by the next load of that log.
    Unfinished(u64, Log, Takeover),
}

enum Event {
    Asked(Option<Request>),
    Served(Served),
}

impl<S: Statements> Task<S> {
    /// Serves until the front is dropped.
    pub async fn run(self, requests: Receiver<Request>) {
        let opening = self.statements.bound(self.partition);
        let mut requests = requests.into_stream();
        let mut opening = pin!(opening);
        // The front asks for nothing before: so what comes first is that it was dropped.
        let bound_ms = poll_fn(|cx| {
            if let Poll::Ready(bound_ms) = opening.as_mut().poll(cx) {
                return Poll::Ready(Some(bound_ms));
            }
            requests.poll_next_unpin(cx).map(|_| None)
        });
        let Some(bound_ms) = bound_ms.await else { return };
        self.tell(Reply::Opened(bound_ms));
        self.serve_all(requests).await;
    }

    async fn serve_all(&self, mut requests: RecvStream<'_, Request>) {
        let mut unfinished = HashMap::new();
        let mut under_way = FuturesUnordered::new();
        loop {
            let event = poll_fn(|cx| {
                if let Poll::Ready(Some(served)) = Pin::new(&mut under_way).poll_next_unpin(cx) {
                    return Poll::Ready(Event::Served(served));
                }
                requests.poll_next_unpin(cx).map(Event::Asked)
            });
            match event.await {
                Event::Asked(None) => return,
                Event::Asked(Some(Request::Read(number, read))) => {
                    let log = log_of(read);
                    let begun = log.and_then(|log| unfinished.remove(&log));
                    let is_full = log.is_some() && unfinished.len() >= CQL_UNFINISHED_MAX;
                    if begun.is_none() && is_full {
                        self.tell(Reply::Read(number, Err(StoreError::Unavailable)));
                    } else {
                        under_way.push(self.serve(Request::Read(number, read), begun));
                    }
                }
                Event::Asked(Some(request)) => under_way.push(self.serve(request, None)),
                Event::Served(Served::Done(reply)) => self.tell(reply),
                Event::Served(Served::Unfinished(number, log, takeover)) => {
                    unfinished.insert(log, takeover);
                    self.tell(Reply::Read(number, Err(StoreError::Unavailable)));
                }
            }
        }
    }

    fn tell(&self, reply: Reply) {
        let result = self.replies.try_send(reply);
        assert!(!matches!(result, Err(flume::TrySendError::Full(_))), "as many places as requests");
        (self.wake)();
    }

    async fn serve(&self, request: Request, begun: Option<Takeover>) -> Served {
        match request {
            Request::Write(Phase { timestamp_us, writes }) => {
                load::write_all(&*self.statements, &writes, timestamp_us).await;
                Served::Done(Reply::Written)
            }
            Request::Read(number, read) => {
                let deadline = pin!(self.statements.passed(self.read_deadline));
                if let Some(log) = log_of(read) {
                    return self.load(number, (log, read), begun, deadline).await;
                }
                let found = within(deadline, self.read(read)).await;
                let found = found.ok_or(StoreError::Unavailable);
                Served::Done(Reply::Read(number, found))
            }
        }
    }

    async fn load(
        &self,
        number: u64,
        (log, read): (Log, Read),
        begun: Option<Takeover>,
        mut deadline: Pin<&mut impl Future<Output = ()>>,
    ) -> Served {
        let store = &*self.statements;
        let unanswered = || Served::Done(Reply::Read(number, Err(StoreError::Unavailable)));
        let Some(_place) = within(deadline.as_mut(), self.takeovers.take()).await else {
            return match begun {
                Some(begun) => Served::Unfinished(number, log, begun),
                None => unanswered(),
            };
        };
        let deciding = async {
            match (begun, read) {
                (Some(begun), _) => begun,
                (None, Read::Conversation { conversation }) => {
                    load::conversation(store, conversation).await
                }
                (None, Read::User { uid }) => load::user(store, uid).await,
                (None, Read::Group { group }) => load::group(store, group).await,
                (None, read) => unreachable!("{read:?} takes no log over"),
            }
        };
        let Some(takeover) = within(deadline.as_mut(), deciding).await else {
            return unanswered();
        };
        let rewriting = load::write_all(store, &takeover.rewrite, self.epoch.timestamp_us(0));
        if within(deadline, rewriting).await.is_none() {
            return Served::Unfinished(number, log, takeover);
        }
        Served::Done(Reply::Read(number, Ok(takeover.found)))
    }

    async fn read(&self, read: Read) -> Found {
        let store = &*self.statements;
        match read {
            Read::Messages { conversation, before, limit, bytes_max } => {
                let page = (limit, bytes_max);
                Found::Messages(read::messages(store, conversation, before, page).await)
            }
            Read::ByClientMsgId { sender, conversation, client_msg_id } => {
                let id = (sender, client_msg_id);
                let row = read::by_client_msg_id(store, conversation, id).await;
                Found::Messages(row.into_iter().collect())
            }
            Read::Inbox { uid, after, limit, bytes_max } => {
                Found::Inbox(read::inbox(store, uid, after, (limit, bytes_max)).await)
            }
            Read::Tail { uid, from, head } => {
                Found::Tail(tail::first(store, uid, (from, head)).await)
            }
            Read::Chat { uid, conversation } => {
                let _place = self.takeovers.take().await;
                Found::Chat(store.chat(uid, conversation).await)
            }
            Read::Chats { uid, after, limit, bytes_max } => {
                Found::Chats(chats::page(store, uid, after, (limit, bytes_max)).await)
            }
            Read::Marks { after, limit } => {
                Found::Marks(store.marks(self.partition, after, limit).await)
            }
            Read::User { .. } | Read::Conversation { .. } | Read::Group { .. } => {
                unreachable!("they are loads")
            }
            Read::Owing(..) | Read::Owed(..) | Read::PushTokens(..) | Read::Dead(..) => {
                unreachable!("a shard of a node has no receiver of offline push")
            }
        }
    }
}

/// What the work gives, if it is done before the deadline.
async fn within<T>(
    mut deadline: Pin<&mut impl Future<Output = ()>>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    let ended = poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => deadline.as_mut().poll(cx).map(|()| None),
    });
    ended.await
}

/// The log that a read takes over.
fn log_of(read: Read) -> Option<Log> {
    match read {
        Read::User { uid } => Some(Log::Inbox(uid)),
        Read::Conversation { conversation } | Read::Group { group: conversation } => {
            Some(Log::Conversation(conversation))
        }
        Read::Messages { .. }
        | Read::Marks { .. }
        | Read::Owing(..)
        | Read::Owed(..)
        | Read::PushTokens(..)
        | Read::Dead(..)
        | Read::ByClientMsgId { .. }
        | Read::Inbox { .. }
        | Read::Tail { .. }
        | Read::Chat { .. }
        | Read::Chats { .. } => None,
    }
}
