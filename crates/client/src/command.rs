//! What the handles ask of the task.

use crate::Message;
use crate::machine::Draft;
use crate::{
    Ack, ChatState, ChatsPage, ClientError, Device, GroupChange, GroupInfo, GroupMembersPage,
};
use tokio::sync::oneshot;
use wire::{Bytes, ConversationId, DeviceId, Kind, Seq, SignalKind, Uid};

/// Where a result goes; nobody may be waiting any more.
pub(crate) type ReplyTo<T> = oneshot::Sender<Result<T, ClientError>>;

pub(crate) enum Command {
    Send(Draft, ReplyTo<Ack>),
    ChangeGroup(GroupChange, ReplyTo<Ack>),
    Request(Request, ReplyTo<Reply>),
    Renew(Bytes, ReplyTo<Reply>),
    /// Said now, or not at all.
    Signal(ConversationId, SignalKind),
    Close(oneshot::Sender<()>),
}

pub(crate) enum Request {
    History { conversation: ConversationId, before_seq: Seq, limit: u32 },
    Chats { after: Option<ConversationId>, limit: u32 },
    MarkRead { conversation: ConversationId, seq: Seq },
    HideChat { conversation: ConversationId },
    GroupMembers { group: ConversationId, after: Uid, limit: u32 },
    Devices,
    EndDevice { device: DeviceId },
    SetPushToken { provider: u8, token: Bytes },
    GroupInfo { group: ConversationId },
}

pub(crate) enum Reply {
    History(Vec<Message>),
    Chats(ChatsPage),
    Chat(ChatState),
    GroupMembers(GroupMembersPage),
    Devices(Vec<Device>),
    DeviceEnded(bool),
    PushTokenSet,
    GroupInfo(GroupInfo),
    /// A newer token was taken, by the server if there is a session.
    Renewed,
}

impl Reply {
    /// It answers another request than the one that was asked.
    pub(crate) fn unexpected(&self) -> ClientError {
        ClientError::Unexpected(match self {
            Self::History(_) => Kind::HistoryPage,
            Self::Chats(_) => Kind::ChatsPage,
            Self::Chat(_) => Kind::ChatReply,
            Self::GroupMembers(_) => Kind::GroupMembersPage,
            Self::Devices(_) => Kind::DevicesPage,
            Self::DeviceEnded(_) => Kind::EndDeviceReply,
            Self::PushTokenSet => Kind::PushTokenReply,
            Self::GroupInfo(_) => Kind::GroupInfoReply,
            Self::Renewed => Kind::RenewReply,
        })
    }
}
