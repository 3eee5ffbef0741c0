//! The statements of one process, on their way: what the real stores ask, each open until the world answers it. A wait
//! for time is one too. It knows nothing of what becomes of a statement.

use super::plant::Plant;
use super::store::{Put, Reply, Statement};
use logic::cluster::Position;
use logic::cql::{Entry, Log, Statements, Write, writes_head};
use shard::group::GroupRow;
use shard::partition::Partition;
use shard::rows::{ChatRow, InboxRow, MessageRow, UserRow};
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use wire::{ClientMsgId, ConversationId, InboxSeq, Seq, Uid};

/// What is waited for.
#[derive(Clone, Debug)]
pub enum Asked {
    /// The store's answer.
    Statement(Statement),
    /// So much time.
    Time(Duration),
}

/// Something that is waited for, until it is answered or given up.
#[derive(Debug)]
pub struct Open {
    /// What.
    pub asked: Asked,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    reply: Option<Reply>,
    waker: Option<Waker>,
}

impl Open {
    /// The answer is there.
    pub fn answer(&self, reply: Reply) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.reply = Some(reply);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// Somebody waits for it still, beside the world.
    #[must_use]
    pub fn is_wanted(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > 1
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Reply> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reply) = state.reply.take() {
            return Poll::Ready(reply);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// The statements of one process that the world has not taken yet.
#[derive(Debug, Default)]
pub struct Queue {
    opened: Mutex<Vec<Arc<Open>>>,
    plant: Plant,
    /// What the machine's wall clock shows.
    wall_us: AtomicU64,
}

impl Queue {
    /// Of a process that has just started.
    #[must_use]
    pub fn new(plant: Plant) -> Self {
        Self { plant, ..Self::default() }
    }

    /// What was asked since.
    #[must_use]
    pub fn take(&self) -> Vec<Arc<Open>> {
        std::mem::take(&mut *self.opened.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The wall clock shows this now.
    pub fn set_wall(&self, wall_us: u64) {
        self.wall_us.store(wall_us, Relaxed);
    }

    fn open(&self, asked: Asked) -> Arc<Open> {
        let open = Arc::new(Open { asked, state: Mutex::default() });
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(open.clone());
        open
    }

    /// Asks, once it is polled.
    fn ask<T>(
        &self,
        statement: Statement,
        take: impl Fn(Reply) -> T + Send,
    ) -> impl Future<Output = T> + Send {
        let (mut statement, mut open) = (Some(statement), None);
        poll_fn(move |cx| {
            if let Some(statement) = statement.take() {
                open = Some(self.open(Asked::Statement(statement)));
            }
            open.as_ref().expect("just asked").poll(cx).map(&take)
        })
    }

    /// What a write is made of: each part is a statement of its own.
    fn parts(write: &Write) -> Vec<Put> {
        match write {
            Write::Bound { partition, bound_ms } => vec![Put::Bound(*partition, *bound_ms)],
            Write::Message { row, committed } => {
                let (id, sender) = (row.conversation, row.sender);
                let place = Put::Place(id, sender, row.client_msg_id, row.seq);
                let head = writes_head(row.seq).then_some(Put::Head(id, (*committed).into()));
                let message = Put::Message(row.clone(), *committed);
                [message, place].into_iter().chain(head).collect()
            }
            Write::Inbox { row, committed } => vec![Put::Inbox(row.clone(), *committed)],
            Write::Chat(row) => vec![Put::Chat(*row)],
            Write::User(row) => vec![Put::User(*row)],
            Write::Group(row) => vec![Put::Group(row.clone())],
            Write::Mark(row) => vec![Put::Mark(*row)],
        }
    }
}

/// What an answer of one kind says.
macro_rules! only {
    ($kind:ident) => {
        |reply: Reply| {
            let Reply::$kind(found) = reply else { unreachable!("it answers another statement") };
            found
        }
    };
}

impl Statements for Queue {
    fn write(&self, write: &Write, timestamp_us: i64) -> impl Future<Output = ()> + Send {
        let mut parts = Self::parts(write);
        let mut open: Vec<Arc<Open>> = Vec::new();
        poll_fn(move |cx| {
            for put in parts.drain(..) {
                // The plant: the writer's clock instead of its epoch.
                let wall_us = i64::try_from(self.wall_us.load(Relaxed)).expect("years are left");
                let is_epoch = self.plant != Plant::NoEpochs;
                let timestamp_us = if is_epoch { timestamp_us } else { wall_us };
                open.push(self.open(Asked::Statement(Statement::Put(put, timestamp_us))));
            }
            open.retain(|part| part.poll(cx).is_pending());
            if open.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    fn group(&self, group: ConversationId) -> impl Future<Output = Option<GroupRow>> + Send {
        self.ask(Statement::Group(group), only!(Group))
    }

    fn marks(
        &self,
        partition: Partition,
        after: Option<ConversationId>,
        limit: usize,
    ) -> impl Future<Output = Vec<ConversationId>> + Send {
        self.ask(Statement::Marks(partition, after, limit), only!(Marks))
    }

    fn bound(&self, partition: Partition) -> impl Future<Output = u64> + Send {
        self.ask(Statement::Bound(partition), only!(Number))
    }

    fn user(&self, uid: Uid) -> impl Future<Output = Option<UserRow>> + Send {
        self.ask(Statement::User(uid), only!(User))
    }

    fn head(&self, id: ConversationId) -> impl Future<Output = Seq> + Send {
        self.ask(Statement::Head(id), |reply| Seq(only!(Number)(reply)))
    }

    fn chat(&self, uid: Uid, id: ConversationId) -> impl Future<Output = Option<ChatRow>> + Send {
        self.ask(Statement::Chat(uid, id), |reply| only!(Chats)(reply).pop())
    }

    fn chats(
        &self,
        uid: Uid,
        slot: i8,
        after: Option<ConversationId>,
        limit: usize,
    ) -> impl Future<Output = Vec<ChatRow>> + Send {
        self.ask(Statement::Chats(uid, slot, after, limit), only!(Chats))
    }

    fn place(
        &self,
        id: ConversationId,
        (sender, client_msg_id): (Uid, ClientMsgId),
    ) -> impl Future<Output = Option<Seq>> + Send {
        self.ask(Statement::Place(id, sender, client_msg_id), only!(Place))
    }

    fn rows(
        &self,
        log: Log,
        from: Position,
        limit: usize,
    ) -> impl Future<Output = Vec<Entry>> + Send {
        self.ask(Statement::Rows(log, from, limit), only!(Rows))
    }

    fn inbox_at(
        &self,
        uid: Uid,
        places: &[InboxSeq],
    ) -> impl Future<Output = Vec<InboxRow>> + Send {
        self.ask(Statement::InboxAt(uid, places.to_vec()), only!(Inbox))
    }

    fn inbox_there(
        &self,
        uid: Uid,
        places: &[InboxSeq],
    ) -> impl Future<Output = Vec<InboxSeq>> + Send {
        self.ask(Statement::InboxAt(uid, places.to_vec()), |reply| {
            only!(Inbox)(reply).into_iter().map(|row| row.inbox_seq).collect()
        })
    }

    fn messages_before(
        &self,
        id: ConversationId,
        before: Seq,
        limit: usize,
    ) -> impl Future<Output = Vec<MessageRow>> + Send {
        self.ask(Statement::MessagesBefore(id, before, limit), only!(Messages))
    }

    fn passed(&self, time: Duration) -> impl Future<Output = ()> + Send {
        let mut open = None;
        poll_fn(move |cx: &mut Context<'_>| {
            open.get_or_insert_with(|| self.open(Asked::Time(time))).poll(cx).map(drop)
        })
    }
}
