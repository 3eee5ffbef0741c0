//! What a user does to a chat itself: it reads it up to a place, or hides it.
//!
//! Each is a row of the user's inbox, a mark: it tells the other devices, and the chat is made again from it. So it is answered
//! when that row is durable. What changes nothing makes none. Of one chat the rows that clients ask for are
//! [`MARK_REST_MS`] apart: what comes meanwhile waits, together.

use super::Inboxes;
use super::chat::Chat;
use crate::command::{ChatChange, ReplyTo};
use crate::limits::MARK_REST_MS;
use crate::rows::{Chain, ChatRow, InboxRow, MessageRow, Row};
use crate::shard::commit::Change;
use crate::shard::plant::Fault;
use crate::shard::step::Step;
use bytes::Bytes;
use wire::{ClientMsgId, ConversationId, RefusalCode, RowKind, Seq, Uid};

type Key = (Uid, ConversationId);

impl Inboxes {
    /// What a user does to a chat; both are in memory.
    pub fn change_chat(&mut self, key: Key, change: ChatChange, reply: ReplyTo, step: &mut Step) {
        let chat = self.chats.get(&key).expect("it is loaded");
        let ChatRow { recent_seq, read_seq, is_hidden, .. } = chat.row;
        if recent_seq == Seq(0) {
            return step.refuse(reply, RefusalCode::OutOfRange);
        }
        match change {
            ChatChange::Read(seq) if seq.min(recent_seq) <= read_seq => {
                self.tell_again(key, vec![reply], step);
            }
            ChatChange::Read(seq) => self.read(key, seq.min(recent_seq), vec![reply], step),
            ChatChange::Hide if is_hidden => self.tell_again(key, vec![reply], step),
            ChatChange::Hide => self.mark(key, (RowKind::HIDDEN, recent_seq), vec![reply], step),
        }
    }

    /// When the next rest is over, in the monotonic ms of [`crate::command::Now`].
    #[inline]
    pub fn next_rested_ms(&self) -> Option<u64> {
        self.resting.front().map(|resting| resting.0)
    }

    /// Makes the marks whose chats have rested, up to this time. Who waits for a count may wait again.
    #[inline]
    pub fn mark_rested(&mut self, until_ms: u64, step: &mut Step) {
        let rested = self.resting.iter().take_while(|resting| resting.0 <= until_ms).count();
        for _ in 0..rested {
            let (_, key) = self.resting.pop_front().expect("just counted");
            let Some(chat) = self.chats.get_mut(&key) else { continue };
            let Some(marks) = &mut chat.marks else { continue };
            if marks.rests_until_ms <= until_ms {
                marks.rests_until_ms = 0;
                self.mark_waiting(key, step);
            }
        }
    }

    /// Makes every mark that waits: nothing is heard of a count any more.
    pub fn mark_all(&mut self, step: &mut Step) {
        while let Some((_, key)) = self.resting.pop_front() {
            let Some(chat) = self.chats.get_mut(&key) else { continue };
            let waiting = chat.marks.as_mut().and_then(|marks| marks.waiting.take());
            let Some((seq, replies)) = waiting else { continue };
            if seq <= chat.row.read_seq {
                self.tell_again(key, replies, step);
            } else if chat.unread_behind(seq).is_some() {
                self.mark(key, (RowKind::READ, seq), replies, step);
            } else {
                replies.into_iter().for_each(|reply| step.refuse(reply, RefusalCode::Busy));
            }
        }
    }

    /// Makes the mark that waits in a chat, if one does and the chat does not rest.
    pub(super) fn mark_waiting(&mut self, key: Key, step: &mut Step) {
        let now_ms = step.now().mono_ms;
        let chat = self.chats.get_mut(&key).expect("the caller has it");
        let marks = chat.marks.as_mut().filter(|marks| marks.rests_until_ms <= now_ms);
        let Some((seq, replies)) = marks.and_then(|marks| marks.waiting.take()) else { return };
        if seq <= chat.row.read_seq {
            self.tell_again(key, replies, step);
        } else {
            self.read(key, seq, replies, step);
        }
    }

    /// Marks a chat as read up to a place, or waits until it has rested and that is counted.
    fn read(&mut self, key: Key, seq: Seq, replies: Vec<ReplyTo>, step: &mut Step) {
        let now_ms = step.now().mono_ms;
        let chat = self.chats.get_mut(&key).expect("it is loaded");
        let is_known = chat.unread_behind(seq).is_some();
        let marks = chat.marks.get_or_insert_default();
        let is_resting = now_ms < marks.rests_until_ms;
        if is_known && !is_resting {
            return self.mark(key, (RowKind::READ, seq), replies, step);
        }
        if marks.waiting.is_none() && !is_resting {
            self.resting.push_back((now_ms + MARK_REST_MS, key));
        }
        for displaced in marks.wait(seq, replies) {
            step.refuse(displaced, RefusalCode::Busy);
        }
        if !is_resting {
            self.count_for_mark(key, step);
        }
    }

    /// Nothing changes. The answer says so once all that it tells of is durable: it goes with the chat's row.
    fn tell_again(&mut self, key: Key, replies: Vec<ReplyTo>, step: &mut Step) {
        let round = step.commit.round();
        self.users.get_mut(&key.0).expect("it is kept").touch(round);
        let chat = self.chats.get_mut(&key).expect("it is loaded");
        chat.touched = round;
        let row = chat.row;
        step.commit.push(Row::Chat(row), Change::Told { row, replies });
    }

    /// Marks a chat up to a place behind which it is known what is unread, or refuses it for now.
    fn mark(&mut self, key: Key, mark: (RowKind, Seq), replies: Vec<ReplyTo>, step: &mut Step) {
        if self.users.get(&key.0).expect("it is kept").has_room(1) {
            return self.add_mark(key, mark, replies, step);
        }
        replies.into_iter().for_each(|reply| step.refuse(reply, RefusalCode::Busy));
    }

    /// Puts a mark into the inbox. There is room, and it is known what is unread behind it.
    pub(super) fn add_mark(
        &mut self,
        key: Key,
        (kind, seq): (RowKind, Seq),
        replies: Vec<ReplyTo>,
        step: &mut Step,
    ) {
        let (uid, conversation) = key;
        let chat = self.chats.get_mut(&key).expect("it is loaded");
        let number = match self.plant.has(Fault::MarkByDistance) {
            true => chat.row.recent_seq.0 - seq.0,
            false => chat.unread_behind(seq).expect("the caller asked"),
        };
        let rested_ms = step.now().mono_ms + MARK_REST_MS;
        chat.marks.get_or_insert_default().rests_until_ms = rested_ms;
        self.resting.push_back((rested_ms, key));
        let place = (uid, self.users.get(&uid).expect("it is loaded").next_place());
        let time_ms = step.now().unix_ms;
        let mark = MessageRow {
            conversation,
            seq,
            number,
            message_id: InboxRow::mark_id(place, time_ms, conversation),
            sender: uid,
            time_ms,
            kind,
            flags: 0,
            chain: Chain::default(),
            client_msg_id: ClientMsgId::default(),
            body: Bytes::new(),
            seen: Seq(0),
        };
        let change = |row, before, after| Change::Mark { row, before, after, replies };
        self.add_row(uid, mark, change, step);
        if self.plant.has(Fault::TellReadsEarly) {
            Self::tell_peer(&self.chats.get(&key).expect("just seen").row, step);
        }
    }

    /// Up to where the sender of a message that is next has seen its conversation, if that is more than it has read.
    #[inline]
    pub(super) fn newly_seen(uid: Uid, message: &MessageRow, chat: &ChatRow) -> Option<Seq> {
        let seen = message.seen.min(chat.recent_seq);
        (message.sender == uid && seen > chat.read_seq).then_some(seen)
    }

    /// The same, if it is not known how many are unread behind that.
    #[inline]
    pub(super) fn uncounted(uid: Uid, message: &MessageRow, chat: &Chat) -> Option<Seq> {
        let seen = Self::newly_seen(uid, message, &chat.row);
        seen.filter(|seen| chat.unread_behind(*seen).is_none())
    }
}
