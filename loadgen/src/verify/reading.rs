//! The judge of read positions: what a user's devices asked for, what the marks in its inbox say, and what the server says
//! is unread in the end, against a count one by one. It knows no bodies.

use super::faults::{Fault, Subject};
use super::reads::Reads;
use super::{Row, StreamId, Verifier};
use wire::{ConversationId, Uid};

impl Verifier {
    /// The last place of a conversation that the sending device of this stream's sender was given.
    #[must_use]
    pub fn last_had(&self, stream: StreamId) -> u64 {
        self.last_seq[stream.0 as usize * self.devices]
    }

    /// A device says that it has read, or seen, a conversation up to a place.
    pub fn read_asked(&mut self, user: usize, conversation: ConversationId, seq: u64) {
        if let Some(id) = self.to_friend(user, Some(conversation)) {
            let asked = &mut self.reads[id.0 as usize].asked;
            *asked = seq.max(*asked);
        }
    }

    /// The server says that it is read up to there.
    pub fn read_answered(&mut self, user: usize, which: Option<ConversationId>, seq: u64) {
        if let Some(id) = self.to_friend(user, which) {
            let answered = &mut self.reads[id.0 as usize].answered;
            *answered = seq.max(*answered);
        }
    }

    /// A friend's message in the inbox that is read at the end.
    pub(super) fn kept_unread(&mut self, to_friend: StreamId, seq: u64) {
        self.reads[to_friend.0 as usize].unread.push(seq);
    }

    /// A mark there: it says up to where the user has read, and how many messages are unread behind.
    pub fn kept_mark(&mut self, user: usize, row: &Row<'_>, unread: u64) {
        self.kept_row(user, row.inbox_seq);
        let Some(id) = self.to_friend(user, row.conversation) else { return };
        let reads = &mut self.reads[id.0 as usize];
        let goes_back = row.seq < reads.read;
        reads.read = row.seq;
        reads.unread.retain(|seq| *seq > row.seq);
        let counted = reads.unread.len() as u64;
        if goes_back || counted != unread {
            self.miscounted(id, row.seq, || {
                format!("user {user}: a mark at {} says {unread} unread, {counted} are", row.seq)
            });
        }
    }

    /// What the list of chats says at the end, behind the inbox.
    pub fn listed(&mut self, user: usize, which: Option<ConversationId>, told: (u64, u64)) {
        let Some(id) = self.to_friend(user, which) else { return };
        let Reads { asked, answered, read, unread } = &self.reads[id.0 as usize];
        let (counted, asked, answered) = ((*read, unread.len() as u64), *asked, *answered);
        if counted != told || !(answered..=asked).contains(&told.0) {
            self.miscounted(id, told.0, || {
                format!(
                    "user {user}: read and unread are {counted:?}, the list says {told:?}; asked for up to {asked}, \
                     answered {answered}"
                )
            });
        }
    }

    fn miscounted(&mut self, to_friend: StreamId, seq: u64, detail: impl FnOnce() -> String) {
        let subject = Subject::Read { stream: to_friend.0, seq };
        self.faults.note(Fault::Miscounted, subject, detail);
    }

    /// The stream from a user to the friend of this conversation.
    fn to_friend(&self, user: usize, which: Option<ConversationId>) -> Option<StreamId> {
        let peer = which?.peer_of(Uid(self.friends.uid(user)))?;
        self.friends.between(user, self.friends.user(peer.0)?)
    }
}
