//! The inboxes that a conversation's messages go to, and up to where each has them durably.

use crate::limits::INBOXES_MAX;
use wire::{ConversationId, Seq, Uid};

/// An inbox keeps the conversation's order, so one confirmation tells of everything before it, and a lost one is made good
/// by any later one.
pub(super) struct Recipients(Box<[(Uid, Seq)]>);

impl Recipients {
    pub fn of(conversation: ConversationId) -> Self {
        let inboxes: Box<[_]> = conversation.users().map(|uid| (uid, Seq(0))).collect();
        assert!(inboxes.len() <= INBOXES_MAX, "each inbox has a bit");
        Self(inboxes)
    }

    #[inline]
    pub fn confirm(&mut self, uid: Uid, seq: Seq) {
        for (_, through) in self.0.iter_mut().filter(|inbox| inbox.0 == uid) {
            *through = seq.max(*through);
        }
    }

    /// Up to where all have everything; without any, there is nothing to wait for.
    #[inline]
    pub fn all(&self) -> Seq {
        self.0.iter().map(|inbox| inbox.1).min().unwrap_or(Seq(u64::MAX))
    }

    /// Up to where one has everything.
    pub fn one(&self) -> Seq {
        self.0.iter().map(|inbox| inbox.1).max().unwrap_or(Seq(u64::MAX))
    }

    /// Those that have not confirmed it and were not given it.
    #[inline]
    pub fn lacking(&self, seq: Seq, given: u64) -> impl Iterator<Item = Uid> {
        let inboxes = (0..).zip(&self.0);
        let lacks =
            move |&(bit, inbox): &(u32, &(Uid, Seq))| given >> bit & 1 == 0 && inbox.1 < seq;
        inboxes.filter(lacks).map(|(_, inbox)| inbox.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_have_what_the_last_one_has_confirmed() {
        let mut recipients = Recipients::of(ConversationId::direct(Uid(1), Uid(2)).unwrap());
        recipients.confirm(Uid(1), Seq(3));
        recipients.confirm(Uid(2), Seq(2));
        recipients.confirm(Uid(1), Seq(1));
        assert_eq!((recipients.all(), recipients.one()), (Seq(2), Seq(3)));
        assert_eq!(recipients.lacking(Seq(3), 0).collect::<Vec<_>>(), [Uid(2)]);
        let users: Vec<Uid> = recipients.lacking(Seq(4), 0).collect();
        assert_eq!(recipients.lacking(Seq(4), 1).collect::<Vec<_>>(), users[1..]);
    }
}
