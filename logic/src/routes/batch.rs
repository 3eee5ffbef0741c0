//! What the cores want of Redis as one pipeline, and what its replies mean. It knows no connection.

use super::layout::{self, Route};
use super::limits::{PIPELINE_COMMANDS_MAX, ROUTE_TTL_S};
use super::state::{State, count};
use flume::{Receiver, Sender, TrySendError};
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Script, ServerErrorKind, Value};
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;
use wire::{DeviceId, Generation, Uid};

/// Why routes were not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// Redis is away, or too much waits for it. Transient.
    #[error("the routes cannot be read now")]
    Unavailable,
    /// The user's key holds something else.
    #[error("the key of the user's routes holds something else")]
    Foreign,
}

/// One thing that a core wants of Redis.
#[derive(Debug)]
pub enum Job {
    Set(Route),
    Remove { uid: Uid, device: DeviceId, generation: Generation },
    Refresh { uids: Vec<Uid>, missing: Sender<Uid> },
    Find { uid: Uid, answer: oneshot::Sender<Result<Vec<Route>, FindError>> },
}

impl Job {
    fn commands(&self) -> usize {
        match self {
            Self::Set(_) | Self::Remove { .. } | Self::Find { .. } => 1,
            Self::Refresh { uids, .. } => uids.len(),
        }
    }

    /// Gives it up: whoever asked is told, and what is lost is counted.
    pub fn give_up(self, state: &State) {
        let commands = self.commands();
        match self {
            Self::Find { answer, .. } => drop(answer.send(Err(FindError::Unavailable))),
            Self::Refresh { .. } => {
                state.refreshes_waiting.fetch_sub(1, Ordering::Relaxed);
                count(&state.counts.dropped, commands);
            }
            Self::Set(_) | Self::Remove { .. } => {
                state.has_lost.store(true, Ordering::Relaxed);
                count(&state.counts.dropped, commands);
            }
        }
    }

    fn add_to(&self, pipeline: &mut Pipeline, script: &Script) {
        match self {
            Self::Set(route) => {
                let mut change = change(script, route.uid, route.device, route.generation);
                let address = route.entry_address;
                change.arg(address.ip().to_string()).arg(address.port()).arg(route.login_time_ms);
                change.arg(route.node.0).arg(ROUTE_TTL_S);
                pipeline.add_command(change);
            }
            Self::Remove { uid, device, generation } => {
                pipeline.add_command(change(script, *uid, *device, *generation));
            }
            Self::Refresh { uids, .. } => {
                for uid in uids {
                    pipeline.cmd("EXPIRE").arg(layout::key(*uid)).arg(ROUTE_TTL_S);
                }
            }
            Self::Find { uid, .. } => drop(pipeline.cmd("HGETALL").arg(layout::key(*uid))),
        }
    }
}

fn change(script: &Script, uid: Uid, device: DeviceId, generation: Generation) -> Cmd {
    let mut command = redis::cmd("EVALSHA");
    command.arg(script.get_hash()).arg(1).arg(layout::key(uid)).arg(device.0).arg(generation.0);
    command
}

/// Jobs that go out together, in the order in which they came.
#[derive(Debug, Default)]
pub struct Batch {
    jobs: Vec<Job>,
}

/// A reply for each command.
pub type Replies = Vec<RedisResult<Value>>;

impl Batch {
    /// `first` and what waits behind it: a pipeline's commands, and the rest of the last job's.
    pub fn gather(first: Option<Job>, waiting: &Receiver<Job>) -> Self {
        let mut commands = first.as_ref().map_or(0, Job::commands);
        let mut jobs = Vec::from_iter(first);
        while commands < PIPELINE_COMMANDS_MAX
            && let Ok(job) = waiting.try_recv()
        {
            commands += job.commands();
            jobs.push(job);
        }
        assert!(commands < 2 * PIPELINE_COMMANDS_MAX, "no job is more than a pipeline");
        Self { jobs }
    }

    pub fn pipeline(&self, script: &Script) -> Pipeline {
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        self.jobs.iter().for_each(|job| job.add_to(&mut pipeline, script));
        pipeline
    }

    /// Hands the replies out. An error that is not of one key must have been looked for before.
    pub fn finish(self, replies: Replies, state: &State) {
        count(&state.counts.pipelines, 1);
        let mut replies = replies.into_iter();
        for job in self.jobs {
            match job {
                Job::Set(_) => changed(replies.next(), &state.counts.sets, state),
                Job::Remove { .. } => changed(replies.next(), &state.counts.removes, state),
                Job::Refresh { uids, missing } => refreshed(&uids, &mut replies, &missing, state),
                Job::Find { uid, answer } => drop(answer.send(found(uid, replies.next(), state))),
            }
        }
        assert!(replies.next().is_none(), "a reply for each command");
    }

    pub fn give_up(self, state: &State) {
        self.jobs.into_iter().for_each(|job| job.give_up(state));
    }
}

/// The first error that is not only about one key that holds something else.
pub fn failure(replies: &Replies) -> Option<&RedisError> {
    let foreign = Some("WRONGTYPE");
    replies.iter().filter_map(|reply| reply.as_ref().err()).find(|error| error.code() != foreign)
}

pub fn is_without_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

type Reply = Option<RedisResult<Value>>;

fn changed(reply: Reply, done: &std::sync::atomic::AtomicU64, state: &State) {
    let counter = match reply {
        Some(Ok(Value::Int(1))) => done,
        Some(Ok(Value::Int(0))) => &state.counts.stale,
        _ => &state.counts.foreign,
    };
    count(counter, 1);
}

fn refreshed(
    uids: &[Uid],
    replies: &mut impl Iterator<Item = RedisResult<Value>>,
    missing: &Sender<Uid>,
    state: &State,
) {
    state.refreshes_waiting.fetch_sub(1, Ordering::Relaxed);
    let is_there = |reply: RedisResult<Value>| matches!(reply, Ok(Value::Int(1)));
    let answered = uids.iter().zip(replies.take(uids.len()));
    let mut lost = 0;
    for (uid, _) in answered.filter(|(_, reply)| !is_there(reply.clone())) {
        lost += 1;
        if let Err(TrySendError::Full(_)) = missing.try_send(*uid) {
            state.has_lost.store(true, Ordering::Relaxed);
        }
    }
    count(&state.counts.missing, lost);
    count(&state.counts.refreshed, uids.len() - lost);
}

fn found(uid: Uid, reply: Reply, state: &State) -> Result<Vec<Route>, FindError> {
    match reply.map(|reply| reply.and_then(|value| Ok(redis::from_redis_value(value)?))) {
        Some(Ok(fields)) => Ok(layout::parse(uid, &fields)),
        _ => {
            count(&state.counts.foreign, 1);
            Err(FindError::Foreign)
        }
    }
}
