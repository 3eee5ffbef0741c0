//! What calls ask of shards: how many at once, for how long, and what an answer is to a call. It knows no HTTP.

use super::call::Call;
use super::form::Fields;
use super::keyring::Keyring;
use super::limits::{DENIED_LOGGED, ROOM_PATIENCE, UNDER_WAY_MAX};
use super::once;
use super::refused::{Page, Refused};
use crate::admin::Seen;
use crate::canary::is_reserved;
use crate::entry::rate::{Bucket, Rate};
use crate::entry::requests::{self, Action, Context, decide};
use crate::entry::session::Stage;
use crate::metrics::ApiResult;
use crate::questions;
use service::lifecycle::State;
use shard::command::{Answer, Command, Login};
use shard::limits::BUSY_RETRY_MS;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use wire::{
    ClientMsgId, ConversationId, DeviceId, FRAME_BYTES_MAX, FrameBuffer, Generation, RefusalCode,
    Scratch, Uid,
};

/// A call that was let in, with what was given.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which.
    pub call: &'static Call,
    /// What stands in its path, query and body.
    pub fields: Fields,
    /// Its Idempotency-Key.
    pub key: Option<String>,
}

impl Asked {
    /// The user in the path, whom somebody can be.
    ///
    /// # Errors
    /// It is one of those that are kept for canaries.
    pub fn uid(&self) -> Result<Uid, Refused> {
        user(self.fields.number("uid").expect("it stands in the path"))
    }

    /// The conversation that is named, if one is.
    ///
    /// # Errors
    /// This user has none of that name.
    pub fn conversation(&self, uid: Uid, name: &str) -> Result<Option<ConversationId>, Refused> {
        let Some(meant) = self.fields.meant(name) else { return Ok(None) };
        let none = || Refused::new(RefusalCode::BadRecipient, "there is no such conversation");
        meant.of(uid).map(Some).ok_or_else(none)
    }

    /// The group of the path.
    ///
    /// # Errors
    /// There is none of that number.
    pub fn group(&self) -> Result<ConversationId, Refused> {
        let number = self.fields.number("group").expect("it stands in the path");
        let none = || Refused::new(RefusalCode::BadRecipient, "there is no such group");
        ConversationId::group(number).ok_or_else(none)
    }

    /// What makes it the same call when it is said again.
    ///
    /// # Errors
    /// It has no id, or no good one.
    pub fn id(&self) -> Result<ClientMsgId, Refused> {
        once::id(self.key.as_deref(), &self.fields)
    }
}

/// A user whom somebody can be.
///
/// # Errors
/// It is one of those that are kept for canaries.
pub fn user(uid: u64) -> Result<Uid, Refused> {
    match Uid(uid) {
        Uid(0) => Err(Refused::new(RefusalCode::BadRecipient, "there is no user 0")),
        uid if is_reserved(uid) => {
            Err(Refused::new(RefusalCode::BadRecipient, "this user is the gateway's own"))
        }
        uid => Ok(uid),
    }
}

/// The command of a frame that a client of this user would say: what it may not ask, nobody may on its behalf.
///
/// # Errors
/// As the client would be refused.
fn command(uid: Uid, say: impl FnOnce(&mut Vec<u8>)) -> Result<Command, Refused> {
    let mut bytes = Vec::new();
    say(&mut bytes);
    let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
    let mut read = buffer.read(&bytes, FRAME_BYTES_MAX);
    let frame = read.next(&mut scratch).expect("there is one").expect("this side writes frames");
    // Of generation 0 it is no session.
    let login = Login { uid, device: DeviceId(0), generation: Generation(0) };
    match decide(Stage::Active, Some(login), &frame).0 {
        Action::Submit(command) => Ok(command),
        Action::Refuse(code) | Action::Close(code) => Err(refused(code, 0)),
        Action::Ignore
        | Action::Greet { .. }
        | Action::Login { .. }
        | Action::Renew { .. }
        | Action::LogOut => Err(refused(RefusalCode::Unsupported, 0)),
    }
}

/// What a shard refuses with.
fn refused(code: RefusalCode, retry_after_ms: u32) -> Refused {
    Refused { code, retry_after_ms, text: crate::entry::delivery::explain(code) }
}

/// What all calls have in common.
pub struct Desk {
    /// What is known of the process, and the way to its cores.
    pub seen: Seen,
    /// The keys.
    pub keyring: Arc<Keyring>,
    room: Semaphore,
    started: Instant,
    denied: (Rate, Bucket),
}

impl Desk {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(seen: Seen, keyring: Arc<Keyring>) -> Self {
        Self {
            seen,
            keyring,
            room: Semaphore::new(UNDER_WAY_MAX),
            started: Instant::now(),
            denied: (Rate::new(DENIED_LOGGED), Bucket::default()),
        }
    }

    /// Microseconds of the clock by which rates are kept.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Counts a call.
    pub fn count(&self, result: ApiResult) {
        // Only this thread writes it.
        self.seen.metrics.cores()[0].api_calls.of(result).inc();
    }

    /// Whether a call without a good key is logged: a few of them are.
    #[must_use]
    pub fn logs_denied(&self) -> bool {
        let (rate, bucket) = &self.denied;
        bucket.take(rate, self.now_us()).is_ok()
    }

    /// Whether calls are taken.
    ///
    /// # Errors
    /// The process goes.
    pub fn takes(&self) -> Result<(), Refused> {
        if self.seen.shutdown.state() == State::Running {
            return Ok(());
        }
        let text = "this gateway drains: ask another";
        Err(Refused::wait(RefusalCode::Draining, BUSY_RETRY_MS, text))
    }

    /// Asks the shard that a command is for, as soon as there is room.
    ///
    /// # Errors
    /// There was none for too long, no answer in time, or the shard refuses.
    pub async fn ask(&self, command: Command) -> Result<(Answer, Context), Refused> {
        self.takes()?;
        let room = timeout(ROOM_PATIENCE, self.room.acquire()).await;
        let Ok(Ok(_room)) = room else { return Err(questions::Unanswered::Busy.into()) };
        let home = u64::from(command.partition().number());
        match questions::ask(&self.seen.questions, (home, command)).await? {
            (Answer::Refused { code, retry_after_ms }, _) => Err(refused(code, retry_after_ms)),
            answered => Ok(answered),
        }
    }

    /// The same of what a client of this user would ask.
    ///
    /// # Errors
    /// As [`Self::ask`], or as the client would be refused.
    pub async fn ask_for(
        &self,
        uid: Uid,
        say: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(Answer, Context), Refused> {
        self.ask(command(uid, say)?).await
    }
}

/// An answer as clients have it.
pub fn page((answer, context): (Answer, Context)) -> Result<Page, Refused> {
    let mut frames = Vec::new();
    requests::answer(&mut frames, 0, answer, context);
    Ok(Page::said(&frames))
}

/// An answer that no shard gives to what was asked.
pub fn senseless(answer: &Answer) -> Refused {
    tracing::error!(?answer, "a shard answered a call with what was not asked for");
    Refused::new(RefusalCode::StoreUnavailable, "no answer that makes sense")
}
