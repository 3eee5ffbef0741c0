//! What the cores want of Redis as one pipeline, and what its replies mean. It knows no connection.

use super::layout::{self, Route, UserRoutes};
use super::limits::{PIPELINE_COMMANDS_MAX, ROUTE_TTL_S};
use super::state::{State, count};
use flume::Receiver;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Script, ServerErrorKind, Value};
use shard::command::Login;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;
use wire::Uid;

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
    Remove(Login),
    Refresh(Vec<UserRoutes>),
    Find { uid: Uid, answer: oneshot::Sender<Result<Vec<Route>, FindError>> },
}

impl Job {
    fn commands(&self) -> usize {
        match self {
            Self::Set(_) | Self::Remove(_) | Self::Find { .. } => 1,
            Self::Refresh(users) => users.len(),
        }
    }

    /// Gives it up: whoever asked is told, and what is lost is counted.
    pub fn give_up(self, state: &State) {
        let commands = self.commands();
        match self {
            Self::Find { answer, .. } => drop(answer.send(Err(FindError::Unavailable))),
            Self::Refresh(_) => {
                state.refreshes_waiting.fetch_sub(1, Ordering::Relaxed);
                state.has_lost.store(true, Ordering::Relaxed);
                count(&state.counts.dropped, commands);
            }
            Self::Set(_) => {
                state.has_lost.store(true, Ordering::Relaxed);
                count(&state.counts.dropped, commands);
            }
            Self::Remove(login) => {
                // Whoever is not there any more is not refreshed, so it is said again. One too many ends by itself.
                let _ = state.unsaid.0.try_send(login);
                count(&state.counts.dropped, commands);
            }
        }
    }

    fn add_to(&self, pipeline: &mut Pipeline, script: &Script) {
        match self {
            Self::Set(route) => {
                let mut change = change(script, route.uid, "set");
                change.arg(ROUTE_TTL_S);
                add_device(&mut change, route);
                pipeline.add_command(change);
            }
            Self::Remove(Login { uid, device, generation }) => {
                let mut change = change(script, *uid, "remove");
                change.arg(device.0).arg(generation.0);
                pipeline.add_command(change);
            }
            Self::Refresh(users) => {
                for user in users {
                    let mut change = change(script, user.uid, "all");
                    change.arg(ROUTE_TTL_S).arg(user.as_of.0);
                    user.routes.iter().for_each(|route| add_device(&mut change, route));
                    pipeline.add_command(change);
                }
            }
            Self::Find { uid, .. } => drop(pipeline.cmd("HGETALL").arg(layout::key(*uid))),
        }
    }
}

fn change(script: &Script, uid: Uid, what: &str) -> Cmd {
    let mut command = redis::cmd("EVALSHA");
    command.arg(script.get_hash()).arg(1).arg(layout::key(uid)).arg(what);
    command
}

fn add_device(change: &mut Cmd, route: &Route) {
    let address = route.entry_address;
    change.arg(route.device.0).arg(route.generation.0);
    change.arg(address.ip().to_string()).arg(address.port()).arg(route.login_time_ms);
    change.arg(route.node.0);
}

/// Jobs that go out together, in the order in which they came.
#[derive(Debug, Default)]
pub struct Batch {
    jobs: Vec<Job>,
}

/// A reply for each command.
pub type Replies = Vec<RedisResult<Value>>;

impl Batch {
    /// `first` and what waits behind it: a pipeline's commands, and the rest of the last job's. Then what could not be said
    /// before.
    pub fn gather(first: Option<Job>, waiting: &Receiver<Job>, unsaid: &Receiver<Login>) -> Self {
        let mut commands = first.as_ref().map_or(0, Job::commands);
        let mut jobs = Vec::from_iter(first);
        while commands < PIPELINE_COMMANDS_MAX
            && let Ok(job) = waiting.try_recv()
        {
            commands += job.commands();
            jobs.push(job);
        }
        while commands < PIPELINE_COMMANDS_MAX
            && let Ok(login) = unsaid.try_recv()
        {
            commands += 1;
            jobs.push(Job::Remove(login));
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
                Job::Remove(_) => changed(replies.next(), &state.counts.removes, state),
                Job::Refresh(users) => {
                    state.refreshes_waiting.fetch_sub(1, Ordering::Relaxed);
                    let replies = replies.by_ref().take(users.len());
                    replies.for_each(|it| changed(Some(it), &state.counts.refreshed, state));
                }
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

fn found(uid: Uid, reply: Reply, state: &State) -> Result<Vec<Route>, FindError> {
    match reply.map(|reply| reply.and_then(|value| Ok(redis::from_redis_value(value)?))) {
        Some(Ok(fields)) => Ok(layout::parse(uid, &fields)),
        _ => {
            count(&state.counts.foreign, 1);
            Err(FindError::Foreign)
        }
    }
}
