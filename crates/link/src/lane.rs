//! What may be lost when a peer reads too slowly, and why something came to nothing. It does not know who counts.

use super::item::Item;
use super::limits::{LINK_MAIL_BYTES_MAX, LINK_PUSHES_BYTES_MAX, LINK_SIGNALS_BYTES_MAX};
use shard::command::{Answer, Command, Delivery, Mail};

/// Items that are dropped alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Commands, answers, and who owns what: never dropped. They end with their link.
    Kept,
    /// What is told now or not at all.
    Signals,
    /// Rows for devices.
    Pushes,
    /// Mail between shards, and to nodes that hold something new.
    Mail,
}

impl Lane {
    /// The lane of an item.
    #[must_use]
    pub fn of(item: &Item) -> Self {
        match item {
            Item::Delivery(Delivery { answer: Answer::Push { .. }, .. }) => Self::Pushes,
            Item::Delivery(Delivery { answer: Answer::Signal { .. }, .. })
            | Item::Command { command: Command::Signal { .. }, .. }
            | Item::Mail(_, Mail::PeerRead { .. }) => Self::Signals,
            Item::Mail(..) | Item::Told(_) => Self::Mail,
            Item::Command { .. } | Item::NotHere { .. } | Item::Delivery(_) => Self::Kept,
            Item::Owners(_) | Item::Nodes(_) | Item::ClientsAt(_) | Item::InboxEpoch(_) => {
                Self::Kept
            }
            Item::Reach(_) | Item::Ping(_) | Item::Pong { .. } => Self::Kept,
        }
    }

    /// Whether it takes an item while so many bytes wait for the peer.
    ///
    /// # Errors
    /// It is full.
    pub fn take(self, waiting_bytes: usize) -> Result<(), LinkDrop> {
        let (bytes_max, drop) = match self {
            Self::Kept => return Ok(()),
            Self::Signals => (LINK_SIGNALS_BYTES_MAX, LinkDrop::SignalsFull),
            Self::Pushes => (LINK_PUSHES_BYTES_MAX, LinkDrop::PushesFull),
            Self::Mail => (LINK_MAIL_BYTES_MAX, LinkDrop::MailFull),
        };
        if waiting_bytes > bytes_max { Err(drop) } else { Ok(()) }
    }
}

/// Why an item was not said, or not heard. Whoever needs it says it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkDrop {
    /// There is no link to the peer.
    NoLink,
    /// Too much waits for the peer, for a signal.
    SignalsFull,
    /// Too much waits for the peer, for a push.
    PushesFull,
    /// Too much waits for the peer, for mail.
    MailFull,
    /// It came, and is of a later release.
    Unknown,
}

impl LinkDrop {
    /// Every reason.
    pub const ALL: &[Self] =
        &[Self::NoLink, Self::SignalsFull, Self::PushesFull, Self::MailFull, Self::Unknown];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_full_above_its_bound_and_what_is_kept_never() {
        for (lane, bytes_max, drop) in [
            (Lane::Signals, LINK_SIGNALS_BYTES_MAX, LinkDrop::SignalsFull),
            (Lane::Pushes, LINK_PUSHES_BYTES_MAX, LinkDrop::PushesFull),
            (Lane::Mail, LINK_MAIL_BYTES_MAX, LinkDrop::MailFull),
        ] {
            assert_eq!(lane.take(bytes_max), Ok(()));
            assert_eq!(lane.take(bytes_max + 1), Err(drop));
        }
        assert_eq!(Lane::Kept.take(usize::MAX), Ok(()));
    }
}
