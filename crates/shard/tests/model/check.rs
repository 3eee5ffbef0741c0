//! What must hold in the end, read through the shards' own commands.

use super::client::{Changes, Sending};
use super::{ROUNDS_CLEARING, World};
use shard::command::{Answer, ChatChange, Command};
use shard::rows::{ChatRow, InboxRow, MessageRow};
use std::collections::{BTreeMap, BTreeSet};
use wire::{ConversationId, InboxSeq, RowKind, Seq, Uid};

impl World {
    fn to_be_shown(&self, at: usize) -> Vec<InboxSeq> {
        let rows = self.durable.inbox(self.clients.devices[at].uid);
        let foreign = rows.iter().filter(|row| !self.clients.is_own(at, row));
        foreign.map(|row| row.inbox_seq).collect()
    }

    pub fn is_settled(&self) -> bool {
        self.clients.sends.iter().all(|sending| sending.is_acked || sending.is_given_up)
            && (0..self.clients.devices.len())
                .all(|at| self.clients.devices[at].shown.len() >= self.to_be_shown(at).len())
    }

    pub fn unsettled(&self) -> String {
        let sends =
            self.clients.sends.iter().filter(|sending| !sending.is_acked && !sending.is_given_up);
        let sends: Vec<_> = sends
            .map(|sending| (sending.send.conversation, sending.send.sender, sending.send.device))
            .collect();
        let behind: Vec<_> = (0..self.clients.devices.len())
            .map(|at| (&self.clients.devices[at], self.to_be_shown(at).len()))
            .filter(|(device, count)| device.shown.len() < *count)
            .map(|(device, count)| (device.uid, device.device, device.shown.len(), count))
            .collect();
        format!("not acknowledged: {sends:?}; devices with rows missing: {behind:?}")
    }

    /// Everybody who has read something says so again: what was lost of it on its way to the peer is there then.
    pub fn read_again(&mut self) {
        let conversations: Vec<_> = self.durable.messages.keys().copied().collect();
        for (conversation, uid) in
            conversations.into_iter().flat_map(|it| it.users().map(move |uid| (it, uid)))
        {
            let read = self.durable.read(uid, conversation);
            if read > Seq(0) {
                let change = ChatChange::Read(read);
                let answer = self.ask(uid, Command::ChangeChat { uid, conversation, change });
                assert!(matches!(answer, Answer::Chat(_)), "not read again: {answer:?}");
            }
        }
        (0..ROUNDS_CLEARING).for_each(|_| self.round());
    }

    /// Everything that holds without a restart as after one.
    pub fn check(&mut self) {
        self.check_logs();
        self.check_shown();
        let conversations: Vec<_> = self.durable.messages.keys().copied().collect();
        for conversation in conversations {
            self.check_history(conversation);
        }
        let mut users: Vec<_> = self.clients.devices.iter().map(|device| device.uid).collect();
        users.dedup();
        for uid in users {
            self.check_inbox(uid);
            self.check_chats(uid);
        }
    }

    /// That rows are dense, in order and unique was held when they were written.
    fn check_logs(&self) {
        let stored: usize = self.durable.messages.values().map(Vec::len).sum();
        let sends = &self.clients.sends;
        let is_stored = |sending: &&Sending| self.durable.has_id(&sending.send);
        assert_eq!(stored, sends.iter().filter(is_stored).count(), "stored, but not sent");
        assert!(sends.iter().all(|sending| sending.is_given_up || is_stored(&sending)), "lost");
        let rows = self.durable.inboxes.values().flatten();
        let inboxes = rows.filter(|row| !row.is_mark()).count();
        let owed = self.durable.messages.iter().map(|(id, log)| id.users().count() * log.len());
        assert_eq!(inboxes, owed.sum::<usize>(), "each message is in all its inboxes");
        if !self.is_calm() {
            return;
        }
        let mut last = BTreeMap::new();
        for sending in &self.clients.sends {
            let send = &sending.send;
            let (_, seq) = sending.told.expect("settled");
            let before = last.insert((send.conversation, send.sender, send.device.0), seq);
            assert!(before.unwrap_or(Seq(0)) < seq, "a device's sends change their order");
        }
    }

    fn check_shown(&self) {
        for (at, device) in self.clients.devices.iter().enumerate() {
            let (uid, name) = (device.uid, device.device);
            assert_eq!(device.shown, self.to_be_shown(at), "shown by {uid:?}'s {name:?}");
        }
    }

    fn check_history(&mut self, conversation: ConversationId) {
        let mut log: Vec<MessageRow> = Vec::new();
        loop {
            let before = log.first().map(|row| row.seq);
            let limit = 1 + self.rng.index(30);
            let command = Command::History { conversation, before, limit };
            let answer = self.ask(Uid(conversation.home()), command);
            let Answer::History { conversation: of, mut rows } = answer else {
                panic!("no history")
            };
            assert_eq!(of, conversation);
            if rows.is_empty() {
                break;
            }
            rows.append(&mut log);
            log = rows;
        }
        assert_eq!(log, self.durable.messages[&conversation], "history");
    }

    fn check_inbox(&mut self, uid: Uid) {
        let mut inbox = Vec::new();
        loop {
            let (after, limit) = (InboxSeq(inbox.len() as u64), 1 + self.rng.index(30));
            let command = Command::Sync { uid, after, limit };
            let Answer::Inbox { head, rows, .. } = self.ask(uid, command) else {
                panic!("no page")
            };
            assert_eq!(head.0, self.durable.inbox(uid).len() as u64, "the inbox's head");
            if rows.is_empty() {
                break;
            }
            inbox.extend(rows);
        }
        assert_eq!(inbox, self.durable.inbox(uid), "inbox");
    }

    fn check_chats(&mut self, uid: Uid) {
        let (mut conversations, mut versions) = (Vec::new(), BTreeSet::new());
        let mut is_more = None;
        loop {
            let after = conversations.last().copied();
            let command = Command::Chats { uid, after, limit: 1 + self.rng.index(5) };
            let Answer::Chats { version, chats, more } = self.ask(uid, command) else {
                panic!("no chats")
            };
            assert!(is_more.is_none_or(|is_more| is_more != chats.is_empty()), "more was told");
            is_more = Some(more);
            if chats.is_empty() {
                break;
            }
            for (row, newest) in chats {
                assert!((1..=version).contains(&row.version), "a version of the future: {row:?}");
                let is_new = versions.insert(row.version);
                // Of a batch that was cut off, a chat may be there without its user.
                assert!(is_new || !self.shape.is_atomic, "two changes of one version: {row:?}");
                self.check_chat(row, newest);
                conversations.push(row.conversation);
            }
        }
        let rows = self.durable.inbox(uid).iter();
        let mut expected: Vec<_> = rows.map(|row| row.message.conversation).collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(conversations, expected, "chats of {uid:?}");
    }

    fn check_chat(&self, row: ChatRow, newest: Option<MessageRow>) {
        let conversation = row.conversation;
        let last = self
            .durable
            .newest(row.uid, conversation)
            .unwrap_or_else(|| panic!("a chat without messages: {row:?}"));
        assert_eq!(row.recent_seq, last.message.seq, "{row:?}");
        assert_eq!(row.recent_inbox_seq, last.inbox_seq, "{row:?}");
        assert_eq!(newest.as_ref(), Some(&last.message), "{row:?}");
        let log = &self.durable.messages[&conversation];
        let nothing = Changes::default();
        let changes = self.clients.changes.get(&(row.uid, conversation)).unwrap_or(&nothing);
        assert_eq!(row.read_seq, self.durable.read(row.uid, conversation), "{row:?}");
        assert!(row.read_seq >= changes.read_answered, "what was read is unread: {row:?}");
        let unread = self.durable.unread(row.uid, conversation, row.read_seq, row.recent_seq);
        assert_eq!(row.unread(), unread, "{row:?}");
        assert_eq!(row.recent_number, log.last().map_or(0, |last| last.number), "{row:?}");
        let peer = conversation.peer_of(row.uid);
        let peer_read = peer.map_or(Seq(0), |peer| self.durable.read(peer, conversation));
        assert_eq!(row.peer_read_seq, peer_read, "the peer's reads did not arrive: {row:?}");
        self.check_marks(row, changes);
    }

    /// Each mark in the inbox was asked for, and the last row says whether the chat is hidden.
    fn check_marks(&self, row: ChatRow, changes: &Changes) {
        let of = |it: &&InboxRow| it.message.conversation == row.conversation;
        let mut is_hidden = false;
        for InboxRow { message, .. } in self.durable.inbox(row.uid).iter().filter(of) {
            let MessageRow { seq, kind, .. } = *message;
            let asked = &changes.read_asked;
            let is_asked = asked.contains(&seq) || asked.contains(&Seq(u64::MAX));
            assert!(kind != RowKind::READ || is_asked, "read by nobody: {message:?}");
            is_hidden = kind == RowKind::HIDDEN || is_hidden && kind == RowKind::READ;
        }
        assert_eq!(row.is_hidden, is_hidden, "{row:?}");
        let was_told = changes.hidden_at == Some(row.recent_seq);
        assert!(row.is_hidden || !was_told, "a hidden chat came back: {row:?}");
        assert!(changes.hide_asked || !row.is_hidden, "hidden by nobody: {row:?}");
    }

    /// Every send over again: the same acks.
    pub fn check_acks(&mut self) {
        for index in 0..self.clients.sends.len() {
            let sending = &self.clients.sends[index];
            if sending.is_given_up {
                continue;
            }
            let (send, first) = (sending.send.clone(), sending.told);
            let answer = self.ask(Uid(send.conversation.home()), Command::Send(send));
            let Answer::Acked { message_id, seq, .. } = answer else {
                panic!("not acknowledged again: {answer:?}")
            };
            assert_eq!(Some((message_id, seq)), first, "two acks of one id differ");
        }
    }
}
