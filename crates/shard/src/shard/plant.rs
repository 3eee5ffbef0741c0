//! Faults planted on purpose, so that the drills and the model can prove that they find them. Nothing without the
//! feature `planted`, which no release carries.

/// What is done wrong: each takes one rule away at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Acknowledge before the commit.
    AckBeforeCommit,
    /// Acknowledge once one of the two inboxes has the message.
    AckAfterOneInbox,
    /// Do not look for an id that was used before.
    SkipDedup,
    /// Take an id that is later than the clock at the take-over for a new one.
    TrustTheClock,
    /// Look for an id in memory only, also one that is older than the take-over.
    SkipLookUp,
    /// Do not look for an id among the messages in flight.
    ForgetInFlight,
    /// Append over a gap instead of pulling what is missing.
    AppendOverGap,
    /// Confirm a message to its conversation again before its inbox row is durable.
    ConfirmUnwritten,
    /// Push an inbox row before the commit.
    PushBeforeCommit,
    /// Write a message's inbox row in the batch of the message also when a batch may be written in part.
    TrustTheBatch,
    /// Take back what was not written first to last.
    TakeBackInOrder,
    /// Leave a chat as it was made by what is taken back.
    KeepRefused,
    /// Let the stored chats lag behind the inbox without bound.
    LagWithoutBound,
    /// Do not bring chats up to their inbox when a user is loaded.
    SkipRepair,
    /// Take what a user sends for read, and all before it.
    OwnIsRead,
    /// Count own messages as unread behind a mark.
    MarkByDistance,
    /// Do not take what a sender has seen for read.
    ForgetSeen,
    /// Tell the peer what is read before that is durable.
    TellReadsEarly,
    /// Do not store what the peer has read.
    ForgetPeerRead,
    /// Take what a device sends behind a message that was refused for now.
    ForgetOrder,
    /// Offer a member the newest entry of a group only, over what it lacks.
    GroupNewestOnly,
    /// Offer an entry to those who are members now, not to those of its place.
    GroupCurrentMembers,
    /// Judge who may speak by the committed members, not by those at the head.
    GroupCommittedMembers,
    /// Store as a group's position what is committed, not what everybody has.
    GroupPositionAhead,
    /// Store with a group's position the members at the head.
    GroupRowsAhead,
    /// Do not load groups whose mark is open.
    GroupNoMark,
    /// Acknowledge an entry before the mark is open.
    GroupAckBeforeMark,
    /// Believe a mark that a former owner wrote.
    GroupReuseMark,
    /// Close the mark of a group once everything is committed, though not everybody has it.
    GroupCloseSoon,
    /// Refuse for good by members that are not committed.
    GroupRefuseSoon,
    /// Refuse for good though an owner before may still land what is refused.
    GroupNoNoop,
    /// Let one who left a group read on.
    GroupNoCeiling,
    /// Let every member do in a group what its role does not allow.
    GroupAnyRole,
    /// Store a group without the roles of its members, and what it is set to.
    GroupForgetSettings,
    /// Take what is said by those who are muted.
    GroupNoMute,
    /// Keep the title that a group had first.
    GroupKeepTitle,
    /// Go on with a group that was dissolved.
    GroupNoEnd,
    /// Tell of a group what is not committed.
    GroupInfoAhead,
    /// Leave no mark of what a user is owed.
    NotifyNoMark,
    /// Judge whoever is owed something before its sessions may have come back.
    NotifyUnsettled,
    /// Tell nobody.
    NotifyNobody,
    /// Tell what a device may acknowledge in time.
    NotifyAcked,
    /// Ask the receiver before it is durable that it may have been.
    NotifyUnwritten,
    /// Ask the receiver anew what it may have been asked, as far as the inbox goes by now.
    NotifyAnew,
}

const NAMES: &[(&str, Fault)] = &[
    ("ack-before-commit", Fault::AckBeforeCommit),
    ("ack-after-one-inbox", Fault::AckAfterOneInbox),
    ("skip-dedup", Fault::SkipDedup),
    ("trust-the-clock", Fault::TrustTheClock),
    ("skip-look-up", Fault::SkipLookUp),
    ("forget-in-flight", Fault::ForgetInFlight),
    ("append-over-gap", Fault::AppendOverGap),
    ("confirm-unwritten", Fault::ConfirmUnwritten),
    ("push-before-commit", Fault::PushBeforeCommit),
    ("trust-the-batch", Fault::TrustTheBatch),
    ("take-back-in-order", Fault::TakeBackInOrder),
    ("keep-refused", Fault::KeepRefused),
    ("lag-without-bound", Fault::LagWithoutBound),
    ("skip-repair", Fault::SkipRepair),
    ("own-is-read", Fault::OwnIsRead),
    ("mark-by-distance", Fault::MarkByDistance),
    ("forget-seen", Fault::ForgetSeen),
    ("tell-reads-early", Fault::TellReadsEarly),
    ("forget-peer-read", Fault::ForgetPeerRead),
    ("forget-order", Fault::ForgetOrder),
    ("group-newest-only", Fault::GroupNewestOnly),
    ("group-current-members", Fault::GroupCurrentMembers),
    ("group-committed-members", Fault::GroupCommittedMembers),
    ("group-position-ahead", Fault::GroupPositionAhead),
    ("group-rows-ahead", Fault::GroupRowsAhead),
    ("group-no-mark", Fault::GroupNoMark),
    ("group-ack-before-mark", Fault::GroupAckBeforeMark),
    ("group-reuse-mark", Fault::GroupReuseMark),
    ("group-close-soon", Fault::GroupCloseSoon),
    ("group-refuse-soon", Fault::GroupRefuseSoon),
    ("group-no-noop", Fault::GroupNoNoop),
    ("group-no-ceiling", Fault::GroupNoCeiling),
    ("group-any-role", Fault::GroupAnyRole),
    ("group-forget-settings", Fault::GroupForgetSettings),
    ("group-no-mute", Fault::GroupNoMute),
    ("group-keep-title", Fault::GroupKeepTitle),
    ("group-no-end", Fault::GroupNoEnd),
    ("group-info-ahead", Fault::GroupInfoAhead),
    ("notify-no-mark", Fault::NotifyNoMark),
    ("notify-unsettled", Fault::NotifyUnsettled),
    ("notify-nobody", Fault::NotifyNobody),
    ("notify-acked", Fault::NotifyAcked),
    ("notify-unwritten", Fault::NotifyUnwritten),
    ("notify-anew", Fault::NotifyAnew),
];

/// A server that acknowledges first writes behind: at most so often. A kill loses what lies between, which a commit
/// that is written within a fraction of a ms would hide from most kills.
const COMMIT_INTERVAL_MS: u64 = 50;

/// The fault that the variable `PLANTED_FAULT` names, if any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plant {
    fault: Option<Fault>,
    /// No commit before this, in ms of the shard's clock.
    next_commit_ms: u64,
}

impl Plant {
    /// As the environment says.
    pub fn from_env() -> Self {
        let name =
            if cfg!(feature = "planted") { std::env::var("PLANTED_FAULT").ok() } else { None };
        let fault = name.and_then(|name| NAMES.iter().find(|known| known.0 == name));
        Self { fault: fault.map(|known| known.1), next_commit_ms: 0 }
    }

    /// Whether this is done wrong. Without the feature it is known to be false when it is compiled.
    pub fn has(self, fault: Fault) -> bool {
        cfg!(feature = "planted") && self.fault == Some(fault)
    }

    /// Whether a commit is to wait; when it is not, the next one is.
    pub fn holds_commit(&mut self, now_ms: u64) -> bool {
        if !self.has(Fault::AckBeforeCommit) {
            return false;
        }
        let holds = now_ms < self.next_commit_ms;
        if !holds {
            self.next_commit_ms = now_ms + COMMIT_INTERVAL_MS;
        }
        holds
    }
}
