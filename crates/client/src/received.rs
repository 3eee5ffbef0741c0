//! What comes to the application, as values.

use crate::{ClientError, Message, Signal};
use wire::{InboxSeq, Uid};

/// What comes to the application, in order.
#[derive(Clone, Debug)]
pub enum Received {
    /// The next message of the inbox, each once. One that this device sent comes only if it was away since.
    Message {
        /// The message.
        message: Message,
        /// It had been missed, and was caught up with.
        via_sync: bool,
    },
    /// The inbox started anew: its messages come again from the first row; forget the cursor.
    InboxReset {
        /// Keep it beside the cursor.
        inbox_epoch: u64,
    },
    /// The server's inbox no longer has the rows between these two; the conversations' histories do: [`crate::Client::catch_up`]
    /// brings what was in them. What comes next goes on behind them.
    RowsMissing {
        /// The last row that came.
        after: InboxSeq,
        /// The next that will.
        before: InboxSeq,
    },
    /// The peer of a 1:1 chat does something now. It may be lost: what the peer has read is in the list of chats too.
    Signal(Signal),
    /// A session started.
    LoggedIn {
        /// Who the token is for.
        uid: Uid,
        /// Keep it beside the cursor.
        inbox_epoch: u64,
        /// The last inbox row.
        inbox_head: InboxSeq,
    },
    /// The session ended, and will be started again.
    Disconnected {
        /// Why.
        error: ClientError,
        /// In how many ms.
        retry_after_ms: u64,
    },
}
