//! A user that may be owed a notification. It knows no other.

use crate::notification::Notification;
use wire::InboxSeq;

pub(super) struct Owing {
    pub state: State,
    /// What is in the inbox up to here has waited as long as the user has.
    pub armed: InboxSeq,
    /// Nothing is told before this, in the monotonic ms of `Now`.
    pub rests_until_ms: u64,
    pub has_newer_token: bool,
    /// Its mark is open, or is being opened.
    pub is_marked: bool,
}

/// How far it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nobody looks at it before this, in the monotonic ms of `Now`.
    Waiting { due_ms: u64 },
    /// It is looked at next.
    Ready,
    /// What it is owed is being looked for.
    Judged,
    /// That the receiver may be asked this is being written.
    Written(Box<Notification>),
    /// The receiver is asked what lies behind one place up to another.
    Told { after: InboxSeq, through: InboxSeq },
}

impl State {
    /// Whether something is under way for it.
    pub fn is_under_way(&self) -> bool {
        match self {
            Self::Waiting { .. } | Self::Ready => false,
            Self::Judged | Self::Written(_) | Self::Told { .. } => true,
        }
    }
}

impl Owing {
    /// Whoever makes one says how long it waits.
    pub fn new() -> Self {
        let (state, armed) = (State::Ready, InboxSeq(0));
        Self { state, armed, rests_until_ms: 0, has_newer_token: false, is_marked: true }
    }

    /// Whether it only waits for what it is owed to be old enough.
    pub fn may_hurry(&self, now_ms: u64) -> bool {
        matches!(self.state, State::Waiting { .. }) && self.rests_until_ms <= now_ms
    }
}
