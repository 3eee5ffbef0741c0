//! What an entry is told. How a link says it stands with the commands, in [`crate::command`].

use crate::group::{GroupInfo, Member};
use crate::offline::DeadRow;
use crate::page::is_limit;
use crate::rows::{ChatRow, InboxRow, MessageRow};
use crate::session::Login;
use crate::signal::Signal;
use wire::{
    BODY_BYTES_MAX, CHAT_BYTES, ConversationId, DeviceId, Generation, InboxSeq, MESSAGE_BYTES,
    MessageId,
};
use wire::{PAGE_BYTES_MAX, Platform, RefusalCode, Seq, Uid};

/// What an entry is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The login holds.
    LoggedIn {
        /// Its number.
        login: Login,
        /// The last committed inbox row.
        inbox_head: InboxSeq,
        /// The row after which pushes begin.
        cursor: InboxSeq,
        /// The first inbox row that is still there, as far as the device lacks rows; 0: not known.
        inbox_tail: InboxSeq,
    },
    /// The session is over.
    LoggedOut(Generation),
    /// The message is durable in all its inboxes; one to a group is durable, and will be in all that it is for.
    Acked {
        /// The message's id.
        message_id: MessageId,
        /// Its place.
        seq: Seq,
        /// Its time.
        time_ms: u64,
        /// Its place in the sender's inbox, 0 if not known any more.
        inbox_seq: InboxSeq,
    },
    /// A row for the device, after `previous`.
    Push {
        /// The row pushed before.
        previous: InboxSeq,
        /// The row.
        row: Box<InboxRow>,
    },
    /// The last committed inbox row: answers a heartbeat.
    Head {
        /// Its place.
        head: InboxSeq,
        /// From the heartbeat.
        time_ms: u64,
    },
    /// The last committed inbox row, which nobody asked for: answers a registration.
    News(InboxSeq),
    /// A signal for a user's device.
    Signal {
        /// Whose device.
        uid: Uid,
        /// The signal.
        signal: Signal,
    },
    /// A page of a group's members, by uid.
    GroupMembers {
        /// The group.
        group: ConversationId,
        /// How many there are.
        count: u64,
        /// The members.
        members: Vec<Member>,
    },
    /// What a group is.
    GroupInfo {
        /// The group.
        group: ConversationId,
        /// What it is.
        info: Box<GroupInfo>,
    },
    /// A page of the inbox.
    Inbox {
        /// The last committed inbox row.
        head: InboxSeq,
        /// The rows.
        rows: Vec<InboxRow>,
        /// The first inbox row that is still there, as far as this page shows it; 0: not known.
        tail: InboxSeq,
    },
    /// A page of a conversation.
    History {
        /// Which.
        conversation: ConversationId,
        /// Its rows.
        rows: Vec<MessageRow>,
    },
    /// A page of chats.
    Chats {
        /// The version of the list.
        version: u64,
        /// The chats with their newest message.
        chats: Vec<(ChatRow, Option<MessageRow>)>,
        /// There may be more.
        more: bool,
    },
    /// A chat after its change.
    Chat(ChatRow),
    /// Refused.
    Refused {
        /// Why.
        code: RefusalCode,
        /// Retry not before this many ms.
        retry_after_ms: u32,
    },
    /// The session is over by the shard's decision.
    Closed(RefusalCode),
    /// A page of a user's devices that are logged in, by login.
    Devices(Vec<DeviceState>),
    /// The token is believed.
    Believed,
    /// A device's token for offline push is stored.
    PushTokenSet {
        /// There is one now.
        is_kept: bool,
    },
    /// What the receiver of offline push did not take.
    Dead(Vec<DeadRow>),
    /// The receiver is asked again.
    Replayed {
        /// For so many.
        count: u32,
    },
    /// Sessions were ended.
    Ended {
        /// How many.
        count: u32,
    },
}

/// A device that is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceState {
    /// Its id.
    pub device: DeviceId,
    /// Its login.
    pub generation: Generation,
    /// What it is.
    pub platform: Platform,
    /// How long it has said nothing, in s.
    pub silent_s: u32,
    /// It has acknowledged the inbox up to this row; 0: nothing, or a node of an earlier release does not say. Rows that it sent
    /// itself may be above it.
    pub acked: InboxSeq,
}

impl Answer {
    /// Whether it may come though nothing was asked: under request id 0.
    #[must_use]
    pub fn is_unasked(&self) -> bool {
        matches!(self, Self::Push { .. } | Self::Signal { .. } | Self::News(_) | Self::Closed(_))
    }

    /// Bytes of the bodies in it.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        match self {
            Self::Push { row, .. } => row.message.body.len(),
            Self::Inbox { rows, .. } => rows.iter().map(|row| row.message.body.len()).sum(),
            Self::History { rows, .. } => rows.iter().map(|row| row.body.len()).sum(),
            Self::Chats { chats, .. } => recent(chats).map(|row| row.body.len()).sum(),
            Self::Acked { .. } | Self::LoggedIn { .. } | Self::LoggedOut(_) => 0,
            Self::Head { .. } | Self::News(_) | Self::Chat(_) => 0,
            Self::GroupMembers { .. } | Self::Devices(_) | Self::Ended { .. } => 0,
            Self::GroupInfo { info, .. } => info.title.len() + info.notice.len(),
            Self::Signal { .. } | Self::Believed => 0,
            Self::PushTokenSet { .. } | Self::Dead(_) | Self::Replayed { .. } => 0,
            Self::Refused { .. } | Self::Closed(_) => 0,
        }
    }

    /// Whether a correct shard can have said it: a page has room in a client's frame.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let is_page = |rows: usize, row_bytes: usize| {
            let bytes = rows * row_bytes + self.body_bytes();
            is_limit(rows.max(1)) && bytes <= PAGE_BYTES_MAX
        };
        match self {
            Self::Push { row, .. } => row.is_possible(),
            Self::Inbox { rows, .. } => {
                rows.iter().all(InboxRow::is_possible) && is_page(rows.len(), MESSAGE_BYTES)
            }
            Self::History { rows, .. } => {
                rows.iter().all(MessageRow::is_possible) && is_page(rows.len(), MESSAGE_BYTES)
            }
            Self::Chats { chats, .. } => {
                chats.iter().all(|(row, _)| row.is_possible())
                    && recent(chats).all(MessageRow::is_possible)
                    && is_page(chats.len(), CHAT_BYTES)
            }
            Self::Chat(row) => row.is_possible(),
            Self::Signal { uid, signal } => signal.is_possible(*uid),
            Self::GroupMembers { members, .. } => is_limit(members.len().max(1)),
            Self::GroupInfo { info, .. } => {
                is_limit(info.members.len().max(1)) && self.body_bytes() <= BODY_BYTES_MAX
            }
            Self::Devices(devices) => is_limit(devices.len().max(1)),
            Self::Dead(rows) => {
                is_limit(rows.len().max(1)) && rows.iter().all(DeadRow::is_possible)
            }
            Self::PushTokenSet { .. } | Self::Replayed { .. } => true,
            Self::Ended { .. } | Self::Believed => true,
            Self::LoggedIn { .. } | Self::LoggedOut(_) | Self::Acked { .. } => true,
            Self::Head { .. } | Self::News(_) | Self::Refused { .. } | Self::Closed(_) => true,
        }
    }
}

/// The newest messages of chats.
fn recent(chats: &[(ChatRow, Option<MessageRow>)]) -> impl Iterator<Item = &MessageRow> {
    chats.iter().filter_map(|(_, recent)| recent.as_ref())
}
