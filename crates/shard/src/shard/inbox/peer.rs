//! What a chat has of its peer: up to where that one has read. It is told by mail that may be lost or come twice, so the greatest
//! place counts; no row of the inbox has it, and the list's version does not grow with it.

use super::Inboxes;
use crate::command::Mail;
use crate::partition::Partition;
use crate::rows::ChatRow;
use crate::shard::plant::Fault;
use crate::shard::step::Step;
use wire::{ConversationId, Seq, Uid};

impl Inboxes {
    /// Tells the peer up to where a user has read their chat, as it was written. It may be lost: the user's next mark says it
    /// again, also one that changes nothing.
    pub fn tell_peer(chat: &ChatRow, step: &mut Step) {
        let ChatRow { uid, conversation, read_seq: seq, .. } = *chat;
        if let Some(peer) = conversation.peer_of(uid).filter(|_| seq > Seq(0)) {
            step.mail(Partition::of_user(peer), Mail::PeerRead { uid: peer, conversation, seq });
        }
    }

    /// The peer of a user has read up to here; user and chat are in memory. Whether that is news: it is stored with the chat,
    /// later. A chat without a message is none.
    pub fn set_peer_read(
        &mut self,
        (uid, conversation): (Uid, ConversationId),
        seq: Seq,
        step: &Step,
    ) -> bool {
        let user = self.users.get_mut(&uid).expect("it is loaded");
        let chat = self.chats.get_mut(&(uid, conversation)).expect("it is loaded");
        if chat.row.recent_seq == Seq(0) || seq <= chat.row.peer_read_seq {
            return false;
        }
        chat.row.peer_read_seq = seq;
        if !self.plant.has(Fault::ForgetPeerRead) {
            let due_ms = chat.mark_dirty(user, step.now());
            self.dirty.extend(due_ms.map(|due_ms| (due_ms, uid)));
        }
        true
    }
}
