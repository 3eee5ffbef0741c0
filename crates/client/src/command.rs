//! What the handles ask of the task.

use crate::{Ack, ClientError, ContactState, ContactsPage, Message};
use tokio::sync::oneshot;
use wire::{Bytes, Seq, Uid};

/// Where a result goes; nobody may be waiting any more.
pub(crate) type ReplyTo<T> = oneshot::Sender<Result<T, ClientError>>;

pub(crate) enum Command {
    Send { to: Uid, body: Bytes, reply_to: ReplyTo<Ack> },
    Request(Request, ReplyTo<Reply>),
    Close(oneshot::Sender<()>),
}

pub(crate) enum Request {
    History { peer: Uid, before_seq: Seq, limit: u32 },
    Contacts { after_peer: Uid, limit: u32 },
    MarkRead { peer: Uid, seq: Seq },
    DeleteContact { peer: Uid },
}

pub(crate) enum Reply {
    History(Vec<Message>),
    Contacts(ContactsPage),
    Contact(ContactState),
}
