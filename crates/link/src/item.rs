//! What is said over a link, and whether it can be meant. It does not know bytes.
//!
//! An item may be lost with its link; whoever needs it says it again.

use super::limits::{LINK_ADDRESS_BYTES_MAX, LINK_NODES_MAX, LINK_OWNERS_MAX};
use shard::command::{Answer, Command, Delivery, Mail, ReplyTo};
use shard::owner::{Epoch, NodeId, OwnerRow};
use shard::partition::Partition;
use shard::rows::{ChatRow, InboxRow, MessageRow};
use wire::{BODY_BYTES_MAX, CHAT_BYTES, ConversationId, MESSAGE_BYTES};
use wire::{PAGE_BYTES_MAX, PAGE_ROWS_MAX, Uid};

/// Where a node listens for links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAddress {
    /// Which node.
    pub node: NodeId,
    /// `host:port`, for the peers.
    pub address: String,
}

/// One thing said over a link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "most items are the large ones")]
pub enum Item {
    /// From a gateway to the owner of the command's partition.
    Command {
        /// Counts the sender's rounds of this partition. A node that refused a command refuses the
        /// rest of its round.
        round: u32,
        /// The epoch of the owner that the sender means. A node in another epoch refuses: commands
        /// sent before this one may have been lost with an earlier owner.
        epoch: Epoch,
        /// What is asked.
        command: Command,
        /// Whom to answer. The node replaces the entry by the number that it gave this link.
        reply: ReplyTo,
    },
    /// To a gateway: a command of this round came to the wrong node.
    NotHere {
        /// Of which round.
        round: u32,
        /// What the node does not hold.
        partition: Partition,
    },
    /// To a gateway, for one of its connections.
    Delivery(Delivery),
    /// Between the shards of two nodes: for the one that holds the partition.
    Mail(Partition, Mail),
    /// Who owns what, as the sender knows.
    Owners(Vec<OwnerRow>),
    /// Which nodes there are, as the sender knows.
    Nodes(Vec<NodeAddress>),
    /// From a gateway: where its clients connect, `address:port`.
    ClientsAt(String),
    /// To a gateway: the epoch of all inboxes.
    InboxEpoch(u64),
    /// To a node: it holds this partition from now on.
    Told(OwnerRow),
    /// Answered by [`Item::Pong`] with the same number.
    Ping(u64),
    /// Answers [`Item::Ping`].
    Pong(u64),
}

impl Item {
    /// Whether a correct sender can have said it; what is done with the item may rely on that.
    pub(super) fn is_possible(&self) -> bool {
        match self {
            Self::Command { command, .. } => is_command(command),
            Self::Delivery(delivery) => is_answer(&delivery.answer),
            Self::Mail(_, mail) => is_mail(mail),
            Self::Owners(rows) => rows.len() <= LINK_OWNERS_MAX,
            Self::Nodes(nodes) => {
                nodes.len() <= LINK_NODES_MAX
                    && nodes.iter().all(|node| node.address.len() <= LINK_ADDRESS_BYTES_MAX)
            }
            Self::ClientsAt(address) => address.len() <= LINK_ADDRESS_BYTES_MAX,
            Self::NotHere { .. } | Self::Told(_) => true,
            Self::InboxEpoch(_) | Self::Ping(_) | Self::Pong(_) => true,
        }
    }
}

/// Whether a conversation is possible, and this user's if its id names users.
fn is_of(conversation: ConversationId, uid: Uid) -> bool {
    let is_open = conversation.users().next().is_none();
    conversation.is_possible() && (is_open || conversation.names(uid))
}

fn is_message(row: &MessageRow) -> bool {
    let is_sender = row.conversation.peer_of(row.sender).is_some();
    let is_direct = row.conversation.users().count() == 2;
    row.conversation.is_possible() && (is_sender || !is_direct) && row.body.len() <= BODY_BYTES_MAX
}

fn is_row(row: &InboxRow) -> bool {
    is_message(&row.message) && is_of(row.message.conversation, row.uid)
}

fn is_chat(row: &ChatRow) -> bool {
    is_of(row.conversation, row.uid)
        && row.read_seq <= row.recent_seq
        && row.read_number <= row.recent_number
}

fn is_limit(limit: usize, limit_max: u32) -> bool {
    u32::try_from(limit).is_ok_and(|limit| (1..=limit_max).contains(&limit))
}

fn is_command(command: &Command) -> bool {
    match command {
        Command::Send(send) => {
            is_of(send.conversation, send.sender) && send.body.len() <= BODY_BYTES_MAX
        }
        Command::History { conversation, limit, .. } => {
            conversation.is_possible() && is_limit(*limit, PAGE_ROWS_MAX)
        }
        Command::Sync { limit, .. } => is_limit(*limit, PAGE_ROWS_MAX),
        Command::Chats { after, limit, .. } => {
            after.is_none_or(ConversationId::is_possible) && is_limit(*limit, PAGE_ROWS_MAX)
        }
        Command::ChangeChat { uid, conversation, .. } => is_of(*conversation, *uid),
        Command::Login { .. } | Command::Logout(_) | Command::Register(_) => true,
        Command::PushAck(..) | Command::Heartbeat { .. } => true,
    }
}

fn is_mail(mail: &Mail) -> bool {
    match mail {
        Mail::Append { uid, message, .. } => {
            is_message(message) && is_of(message.conversation, *uid)
        }
        Mail::Confirm { uid, conversation, .. } | Mail::Pull { uid, conversation, .. } => {
            is_of(*conversation, *uid)
        }
        Mail::Decline { conversation, .. } => conversation.is_possible(),
    }
}

/// Whether rows make a page that a client's frame has room for.
fn is_page(rows: usize, row_bytes: usize, bodies: impl Iterator<Item = usize>) -> bool {
    rows <= PAGE_ROWS_MAX as usize && rows * row_bytes + bodies.sum::<usize>() <= PAGE_BYTES_MAX
}

fn is_answer(answer: &Answer) -> bool {
    match answer {
        Answer::Push { row, .. } => is_row(row),
        Answer::Inbox { rows, .. } => {
            let bodies = rows.iter().map(|row| row.message.body.len());
            rows.iter().all(is_row) && is_page(rows.len(), MESSAGE_BYTES, bodies)
        }
        Answer::History { rows, .. } => {
            let bodies = rows.iter().map(|row| row.body.len());
            rows.iter().all(is_message) && is_page(rows.len(), MESSAGE_BYTES, bodies)
        }
        Answer::Chats { chats, .. } => {
            let recent = || chats.iter().filter_map(|(_, recent)| recent.as_ref());
            chats.iter().all(|(row, _)| is_chat(row))
                && recent().all(is_message)
                && is_page(chats.len(), CHAT_BYTES, recent().map(|row| row.body.len()))
        }
        Answer::Chat(row) => is_chat(row),
        Answer::LoggedIn { .. } | Answer::LoggedOut(_) | Answer::Acked { .. } => true,
        Answer::Head { .. } | Answer::News(_) | Answer::Refused { .. } | Answer::Closed(_) => true,
    }
}
