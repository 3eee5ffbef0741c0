//! What is said over a link, how large it is, and whether it can be meant. It does not know frames.
//!
//! An item may be lost with its link; whoever needs it says it again.

use super::limits::{
    BATCH_BYTES, LINK_ADDRESS_BYTES_MAX, LINK_FRAME_BYTES_MAX, LINK_NODES_MAX, LINK_OWNERS_MAX,
    LINK_ROW_BYTES_MAX,
};
use crate::cluster::{Epoch, NodeId, OwnerRow};
use crate::command::{Answer, Command, Delivery, Mail, ReplyTo};
use crate::limits::{PAGE_BYTES_MAX, PARTITIONS};
use crate::partition::Partition;
use crate::rows::{ContactRow, MessageRow};
use rkyv::{Archive, Archived, Deserialize, Serialize};
use wire::{BODY_BYTES_MAX, Conversation, PAGE_CONTACTS_MAX, PAGE_MESSAGES_MAX, Uid};

/// Where a node listens for links.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct NodeAddress {
    /// Which node.
    pub node: NodeId,
    /// `host:port`, for the peers.
    pub address: String,
}

/// One thing said over a link.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
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

/// Room for one more block behind an item: padding before it.
const PADDING: usize = 7;
const _: () = {
    let contact = size_of::<Archived<(ContactRow, Option<MessageRow>)>>();
    assert!(contact + PADDING <= LINK_ROW_BYTES_MAX, "the largest row fits");
    assert!(size_of::<Archived<Item>>() + 2 * PADDING <= LINK_ROW_BYTES_MAX, "so does an item");
    assert!(size_of::<Archived<OwnerRow>>() <= 16 && size_of::<Archived<NodeAddress>>() <= 16);
};

impl Item {
    /// Bytes that it takes in a frame, at most.
    ///
    /// # Panics
    /// No frame can hold it: the sender bounds its pages and lists.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        let behind = match self {
            Self::Command { command: Command::Send(send), .. } => send.body.len(),
            Self::Mail(_, Mail::Append { message, .. }) => message.body.len(),
            Self::Delivery(delivery) => answer_bytes(&delivery.answer),
            Self::Owners(rows) => size_of::<Archived<OwnerRow>>() * rows.len(),
            Self::Nodes(nodes) => nodes
                .iter()
                .map(|node| size_of::<Archived<NodeAddress>>() + node.address.len() + PADDING)
                .sum(),
            Self::Command { .. } | Self::Mail(..) => 0,
            Self::NotHere { .. } | Self::Told(_) | Self::InboxEpoch(_) => 0,
            Self::ClientsAt(address) => address.len(),
            Self::Ping(_) | Self::Pong(_) => 0,
        };
        let bytes = size_of::<Archived<Self>>() + 2 * PADDING + behind;
        assert!(bytes + BATCH_BYTES <= LINK_FRAME_BYTES_MAX, "an item fits a frame");
        bytes
    }

    /// Whether a correct sender can have said it; what is done with the item may rely on that.
    pub(super) fn is_possible(&self) -> bool {
        match self {
            Self::Command { command, .. } => is_command(command),
            Self::NotHere { partition, .. } => is_partition(*partition),
            Self::Delivery(delivery) => is_answer(&delivery.answer),
            Self::Mail(partition, mail) => is_partition(*partition) && is_mail(mail),
            Self::Owners(rows) => rows.len() <= LINK_OWNERS_MAX && rows.iter().all(is_owner),
            Self::Nodes(nodes) => {
                nodes.len() <= LINK_NODES_MAX
                    && nodes.iter().all(|node| node.address.len() <= LINK_ADDRESS_BYTES_MAX)
            }
            Self::Told(row) => is_owner(row),
            Self::ClientsAt(address) => address.len() <= LINK_ADDRESS_BYTES_MAX,
            Self::InboxEpoch(_) | Self::Ping(_) | Self::Pong(_) => true,
        }
    }
}

fn answer_bytes(answer: &Answer) -> usize {
    let row = |row: &MessageRow| LINK_ROW_BYTES_MAX + row.body.len();
    match answer {
        Answer::Push { row: pushed, .. } => row(&pushed.message),
        Answer::Inbox { rows, .. } => rows.iter().map(|inbox| row(&inbox.message)).sum(),
        Answer::History(rows) => rows.iter().map(row).sum(),
        Answer::Contacts { contacts, .. } => {
            contacts.iter().map(|(_, recent)| recent.as_ref().map_or(LINK_ROW_BYTES_MAX, row)).sum()
        }
        Answer::LoggedIn { .. } | Answer::LoggedOut(_) | Answer::Acked { .. } => 0,
        Answer::Head { .. } | Answer::Contact(_) | Answer::Refused { .. } | Answer::Closed(_) => 0,
    }
}

fn is_partition(partition: Partition) -> bool {
    partition.number() < PARTITIONS
}

fn is_owner(row: &OwnerRow) -> bool {
    is_partition(row.partition)
}

fn is_conversation(conversation: Conversation) -> bool {
    let (big, small) = (conversation.big(), conversation.small());
    Conversation::between(big, small) == Some(conversation)
}

fn is_member(conversation: Conversation, uid: Uid) -> bool {
    is_conversation(conversation) && (uid == conversation.big() || uid == conversation.small())
}

fn is_message(row: &MessageRow) -> bool {
    is_member(row.conversation, row.from) && row.body.len() <= BODY_BYTES_MAX
}

fn is_contact(row: &ContactRow) -> bool {
    row.read_seq <= row.recent_seq
}

fn is_limit(limit: usize, limit_max: u32) -> bool {
    u32::try_from(limit).is_ok_and(|limit| (1..=limit_max).contains(&limit))
}

fn is_command(command: &Command) -> bool {
    match command {
        Command::Send(send) => {
            is_member(send.conversation, send.from) && send.body.len() <= BODY_BYTES_MAX
        }
        Command::History { conversation, limit, .. } => {
            is_conversation(*conversation) && is_limit(*limit, PAGE_MESSAGES_MAX)
        }
        Command::Sync { limit, .. } => is_limit(*limit, PAGE_MESSAGES_MAX),
        Command::Contacts { limit, .. } => is_limit(*limit, PAGE_CONTACTS_MAX),
        Command::ChangeContact { uid, peer, .. } => Conversation::between(*uid, *peer).is_some(),
        Command::Login { .. } | Command::Logout(_) | Command::Register(_) => true,
        Command::PushAck(..) | Command::Heartbeat { .. } => true,
    }
}

fn is_mail(mail: &Mail) -> bool {
    match mail {
        Mail::Append { uid, message, .. } => {
            is_message(message) && is_member(message.conversation, *uid)
        }
        Mail::Confirm { uid, conversation, .. } | Mail::Pull { uid, conversation, .. } => {
            is_member(*conversation, *uid)
        }
        Mail::Decline { conversation, .. } => is_conversation(*conversation),
    }
}

/// Whether rows make a page that a client's frame has room for.
fn is_page<'a>(
    rows: usize,
    limit_max: u32,
    messages: impl Iterator<Item = &'a MessageRow>,
) -> bool {
    let mut bytes = 0;
    let mut possible = rows <= limit_max as usize;
    for message in messages {
        possible &= is_message(message);
        bytes += message.body.len();
    }
    possible && bytes <= PAGE_BYTES_MAX.max(BODY_BYTES_MAX)
}

fn is_answer(answer: &Answer) -> bool {
    match answer {
        Answer::Push { row, .. } => is_message(&row.message),
        Answer::Inbox { rows, .. } => {
            is_page(rows.len(), PAGE_MESSAGES_MAX, rows.iter().map(|row| &row.message))
        }
        Answer::History(rows) => is_page(rows.len(), PAGE_MESSAGES_MAX, rows.iter()),
        Answer::Contacts { contacts, .. } => {
            let recent = contacts.iter().filter_map(|(_, recent)| recent.as_ref());
            contacts.iter().all(|(row, _)| is_contact(row))
                && is_page(contacts.len(), PAGE_CONTACTS_MAX, recent)
        }
        Answer::Contact(row) => is_contact(row),
        Answer::LoggedIn { .. } | Answer::LoggedOut(_) | Answer::Acked { .. } => true,
        Answer::Head { .. } | Answer::Refused { .. } | Answer::Closed(_) => true,
    }
}
