//! What a shard says is held against what the stores have at that moment: nobody is told or shown what is
//! not written.

use super::World;
use super::client::{Request, Said};
use shard::command::{Answer, Delivery, Send, Session, Signal};
use shard::rows::ChatRow;
use wire::{ConversationId, InboxSeq, MessageId, RefusalCode, Seq, Uid};

impl World {
    /// Judges an answer or a push the moment it is said.
    pub fn judge(&mut self, delivery: &Delivery) {
        let asked = self.clients.asked(delivery);
        match (&delivery.answer, asked) {
            (Answer::Acked { message_id, seq, inbox_seq, .. }, Some(Said { request, .. })) => {
                self.judge_ack(request, *message_id, *seq, *inbox_seq);
            }
            (Answer::Push { row, .. }, _) => {
                let stored = self.durable.row(row.uid, row.inbox_seq);
                assert_eq!(stored, Some(&**row), "pushed, but not stored");
            }
            (Answer::LoggedIn { login, inbox_head, .. }, _) => {
                self.judge_head(login.uid, *inbox_head);
            }
            (Answer::Head { head, .. }, Some(Said { uid, .. })) => self.judge_head(uid, *head),
            (Answer::Inbox { head, rows, .. }, Some(Said { uid, .. })) => {
                self.judge_head(uid, *head);
                for row in rows {
                    assert_eq!(self.durable.row(uid, row.inbox_seq), Some(row), "a page's row");
                }
            }
            (Answer::Chat(row), _) => self.judge_chat(row),
            (Answer::Signal { uid, signal }, _) => {
                let Signal { conversation, sender, seq, .. } = *signal;
                assert_eq!(conversation.peer_of(*uid), Some(sender), "a signal of a stranger");
                self.judge_peer_read((*uid, delivery.to.session), conversation, seq);
            }
            (Answer::Chats { chats, .. }, _) => {
                chats.iter().for_each(|(row, _)| self.judge_chat(row));
            }
            (Answer::Refused { code, .. }, Some(Said { request, .. })) => {
                let is_conflict = *code == RefusalCode::IdConflict;
                assert!(!is_conflict || matches!(request, Request::Forged), "a false conflict");
                let is_untimely = matches!(code, RefusalCode::IdInFuture | RefusalCode::IdTooOld);
                if let (true, Request::Send(index)) = (is_untimely, request) {
                    let told = self.clients.sends[index].told;
                    assert_eq!(told, None, "acknowledged, and refused for its time");
                }
            }
            _ => {}
        }
    }

    fn judge_head(&self, uid: Uid, head: InboxSeq) {
        assert!(head.0 <= self.durable.inbox(uid).len() as u64, "a head above the inbox");
    }

    fn judge_chat(&self, row: &ChatRow) {
        let through = self.durable.through(row.uid, row.conversation);
        assert!(row.recent_seq <= through, "a chat above its inbox: {row:?}");
        let read = self.durable.read(row.uid, row.conversation);
        assert!(row.read_seq <= read, "read by no row of the inbox: {row:?}");
        let peer = row.conversation.peer_of(row.uid);
        let peer_read = peer.map_or(Seq(0), |peer| self.durable.read(peer, row.conversation));
        assert!(row.peer_read_seq <= peer_read, "read by no row of the peer's inbox: {row:?}");
    }

    /// Nobody is told that more is read than the peer's inbox says; while nothing fails, never less than before.
    fn judge_peer_read(
        &mut self,
        (uid, session): (Uid, Session),
        conversation: ConversationId,
        seq: Seq,
    ) {
        let peer = conversation.peer_of(uid).expect("two users");
        let read = self.durable.read(peer, conversation);
        assert!(seq <= read, "{uid} is told of {seq}, and {peer} has read {read}");
        if self.is_calm() {
            let before = self.clients.peer_reads.insert((session, conversation), seq);
            assert!(before.is_none_or(|before| before < seq), "{uid} is told of {seq} again");
        }
    }

    fn judge_ack(&mut self, request: Request, id: MessageId, seq: Seq, inbox_seq: InboxSeq) {
        let Request::Send(index) = request else { panic!("acknowledged: {request:?}") };
        let sending = &mut self.clients.sends[index];
        let Send { conversation, sender, client_msg_id, ref body, .. } = sending.send;
        let row = self.durable.message(conversation, seq).expect("acknowledged, but not stored");
        let stored = (row.message_id, row.sender, row.client_msg_id, &row.body);
        assert_eq!(stored, (id, sender, client_msg_id, body), "another message's ack");
        for uid in conversation.users() {
            let through = self.durable.through(uid, conversation);
            assert!(through >= seq, "acknowledged, but not in the inbox of {uid:?}");
        }
        if inbox_seq.0 > 0 {
            let own = self.durable.row(sender, inbox_seq).map(|row| &row.message);
            assert_eq!(own, Some(row), "an ack names another row of the inbox");
        }
        if conversation.names(sender) {
            let changes = self.clients.changes.entry((sender, conversation)).or_default();
            let seen = sending.send.seen.min(Seq(seq.0 - 1));
            changes.read_answered = changes.read_answered.max(seen);
            let read = self.durable.read(sender, conversation);
            assert!(seen <= read, "acknowledged, but what was seen is not read");
        }
        let first = (id, seq);
        let before = sending.told.replace(first);
        assert_eq!(before.unwrap_or(first), first, "two acks of one id differ");
        if before.is_none() && self.is_calm() {
            let last = self.clients.acked.insert(conversation, seq).unwrap_or(Seq(0));
            assert_eq!(last.next(), seq, "acks out of order");
        }
    }
}
