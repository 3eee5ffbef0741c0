//! What is refused for now keeps its sender's order: what the sender says behind it to that
//! conversation is refused too, until the refused one came again. Pure.
//!
//! It knows no queue and no rate: whoever has one says whether there is room.

use crate::command::Send;
use crate::limits::{BUSY_EACH_MS, BUSY_RETRY_MS, HELD_BACK_MS, SENDERS_HELD_BACK_MAX};
use std::collections::{HashMap, VecDeque};
use wire::{ClientMsgId, ConversationId, DeviceId, RefusalCode, SEND_WINDOW_MAX, Uid};

/// A refusal that says when to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Why.
    pub code: RefusalCode,
    /// In how many ms there will be room for one.
    pub after_ms: u32,
    /// And for each behind it.
    pub each_ms: u32,
}

impl Wait {
    /// A queue is full.
    pub const BUSY: Self =
        Self { code: RefusalCode::Busy, after_ms: BUSY_RETRY_MS, each_ms: BUSY_EACH_MS };
}

/// Who is held back, and what of it, in order.
#[derive(Debug, Default)]
pub struct Order {
    senders: HashMap<Sender, VecDeque<Held>>,
}

/// A device, and where it writes.
pub type Sender = (Uid, DeviceId, ConversationId);

/// A send that was refused.
#[derive(Clone, Copy, Debug)]
struct Held {
    id: ClientMsgId,
    /// When it was told to come again, in ms.
    due_ms: u64,
    wait: Wait,
}

impl Held {
    fn new(id: ClientMsgId, wait: Wait, now_ms: u64) -> Self {
        Self { id, due_ms: now_ms + u64::from(wait.after_ms), wait }
    }

    /// Its sender has given it up.
    fn is_over(&self, now_ms: u64) -> bool {
        now_ms >= self.due_ms + HELD_BACK_MS
    }

    fn refusal(&self, now_ms: u64) -> (RefusalCode, u32) {
        let left_ms = self.due_ms.saturating_sub(now_ms).max(1);
        (self.wait.code, u32::try_from(left_ms).unwrap_or(u32::MAX))
    }
}

impl Order {
    /// Judges a send. `room` says why it must wait, if it must; it is not asked about one that is
    /// behind another.
    ///
    /// # Errors
    /// Why it is refused, and in how many ms it is to come again.
    pub fn judge(
        &mut self,
        send: &Send,
        now_ms: u64,
        room: impl FnOnce() -> Option<Wait>,
    ) -> Result<(), (RefusalCode, u32)> {
        let sender = (send.sender, send.device, send.conversation);
        if let Some(behind) = self.behind(sender, send.client_msg_id, now_ms) {
            return Err(behind);
        }
        match room() {
            Some(wait) => Err(self.refused(send, wait, now_ms)),
            None => {
                self.took(sender);
                Ok(())
            }
        }
    }

    /// A send is refused elsewhere, or later: what follows it is held back.
    pub fn refused(&mut self, send: &Send, wait: Wait, now_ms: u64) -> (RefusalCode, u32) {
        let sender = (send.sender, send.device, send.conversation);
        let held = Held::new(send.client_msg_id, wait, now_ms);
        self.hold(sender, held, now_ms);
        held.refusal(now_ms)
    }

    /// Of sends that were let in, and are refused after all: to be told of the last first, so that each goes before those that its
    /// sender said behind it. In how many ms it is to come again.
    pub fn put_first(
        &mut self,
        sender: Sender,
        id: ClientMsgId,
        wait: Wait,
        now_ms: u64,
    ) -> (RefusalCode, u32) {
        let held = Held::new(id, wait, now_ms);
        self.make_room(sender, now_ms);
        if let Some(behind) = self.senders.get_mut(&sender) {
            behind.retain(|it| it.id != id);
            behind.truncate(SEND_WINDOW_MAX as usize - 1);
            behind.push_front(held);
        } else if self.senders.len() < SENDERS_HELD_BACK_MAX {
            self.senders.insert(sender, VecDeque::from([held]));
        }
        held.refusal(now_ms)
    }

    /// A send that was let in is answered: nothing waits for it to come again.
    pub fn forget(&mut self, sender: Sender, id: ClientMsgId) {
        if let Some(held) = self.senders.get_mut(&sender) {
            held.retain(|it| it.id != id);
            if held.is_empty() {
                self.senders.remove(&sender);
            }
        }
    }

    /// Whether nobody is held back.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.senders.is_empty()
    }

    /// What to say to a send that is behind another.
    fn behind(
        &mut self,
        sender: Sender,
        id: ClientMsgId,
        now_ms: u64,
    ) -> Option<(RefusalCode, u32)> {
        let held = self.senders.get_mut(&sender)?;
        while held.front().is_some_and(|first| first.is_over(now_ms)) {
            held.pop_front();
        }
        let Some(last) = held.back().copied() else {
            self.senders.remove(&sender);
            return None;
        };
        match held.iter().position(|it| it.id == id) {
            Some(0) => None,
            Some(at) => {
                // It came, so it is not given up, however long the first of them takes.
                let first_ms = held[0].due_ms + at as u64 * u64::from(held[at].wait.each_ms);
                held[at].due_ms = held[at].due_ms.max(first_ms).max(now_ms + 1);
                Some(held[at].refusal(now_ms))
            }
            None => {
                let due_ms = last.due_ms.max(now_ms) + u64::from(last.wait.each_ms);
                let next = Held { id, due_ms, ..last };
                if held.len() < SEND_WINDOW_MAX as usize {
                    held.push_back(next);
                }
                Some(next.refusal(now_ms))
            }
        }
    }

    /// The first that was held back came again, and there was room.
    fn took(&mut self, sender: Sender) {
        let Some(held) = self.senders.get_mut(&sender) else { return };
        held.pop_front();
        if held.is_empty() {
            self.senders.remove(&sender);
        }
    }

    /// Forgets those that were given up, if there is no room for another sender.
    fn make_room(&mut self, sender: Sender, now_ms: u64) {
        if self.senders.len() >= SENDERS_HELD_BACK_MAX && !self.senders.contains_key(&sender) {
            self.senders.retain(|_, held| held.back().is_some_and(|last| !last.is_over(now_ms)));
        }
    }

    fn hold(&mut self, sender: Sender, held: Held, now_ms: u64) {
        if let Some(before) = self.senders.get_mut(&sender) {
            match before.iter().position(|it| it.id == held.id) {
                Some(at) => before[at] = held,
                None if before.len() < SEND_WINDOW_MAX as usize => before.push_back(held),
                None => {}
            }
            return;
        }
        self.make_room(sender, now_ms);
        if self.senders.len() < SENDERS_HELD_BACK_MAX {
            self.senders.insert(sender, VecDeque::from([held]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use wire::{RowKind, Seq};

    const BUSY: Wait = Wait { code: RefusalCode::Busy, after_ms: 100, each_ms: 10 };

    fn send(to: u64, number: u8) -> Send {
        Send {
            conversation: ConversationId::direct(Uid(7), Uid(to)).unwrap(),
            sender: Uid(7),
            device: DeviceId(1),
            client_msg_id: ClientMsgId([number; 16]),
            kind: RowKind::MESSAGE,
            flags: 0,
            body: Bytes::new(),
            seen: Seq(0),
        }
    }

    fn busy(after_ms: u32) -> Result<(), (RefusalCode, u32)> {
        Err((RefusalCode::Busy, after_ms))
    }

    #[test]
    fn what_follows_a_refused_one_waits_for_it() {
        let mut order = Order::default();
        assert_eq!(order.judge(&send(8, 1), 0, || Some(BUSY)), busy(100));
        // There is room, and each is told when its turn is.
        assert_eq!(order.judge(&send(8, 2), 0, || None), busy(110));
        assert_eq!(order.judge(&send(8, 3), 5, || None), busy(115));
        assert_eq!(order.judge(&send(8, 2), 105, || None), busy(5), "too early, again");
        assert_eq!(order.judge(&send(8, 1), 106, || None), Ok(()));
        assert_eq!(
            order.judge(&send(8, 3), 106, || None),
            busy(14),
            "also among those that waited"
        );
        assert_eq!(order.judge(&send(8, 2), 107, || None), Ok(()));
        assert_eq!(order.judge(&send(8, 3), 107, || None), Ok(()));
        assert!(order.is_empty());
        assert_eq!(order.judge(&send(8, 4), 107, || None), Ok(()));
    }

    #[test]
    fn the_first_may_be_refused_again() {
        let mut order = Order::default();
        assert_eq!(order.judge(&send(8, 1), 0, || Some(BUSY)), busy(100));
        assert_eq!(order.judge(&send(8, 1), 100, || Some(BUSY)), busy(100));
        assert_eq!(order.judge(&send(8, 2), 100, || None), busy(110));
        assert_eq!(order.judge(&send(8, 1), 200, || None), Ok(()));
        assert_eq!(order.judge(&send(8, 2), 200, || None), Ok(()));
    }

    /// As where a batch is taken back: what was let in goes before what came behind it, however late it is refused.
    #[test]
    fn what_was_let_in_and_is_refused_after_all_goes_before_what_came_behind_it() {
        let mut order = Order::default();
        let of = |send: &Send| (send.sender, send.device, send.conversation);
        let (one, two, three) = (send(8, 1), send(8, 2), send(8, 3));
        for each in [&one, &two] {
            assert_eq!(order.judge(each, 0, || None), Ok(()));
        }
        assert_eq!(order.judge(&three, 0, || Some(BUSY)), busy(100));
        for each in [&two, &one] {
            assert_eq!(order.put_first(of(each), each.client_msg_id, BUSY, 50), (BUSY.code, 100));
        }
        assert!(order.judge(&three, 150, || None).is_err());
        assert!(order.judge(&two, 150, || None).is_err());
        assert_eq!(order.judge(&one, 150, || None), Ok(()));
        // Once more: it is the first again.
        order.put_first(of(&one), one.client_msg_id, BUSY, 150);
        assert!(order.judge(&two, 250, || None).is_err());
        for each in [&one, &two, &three] {
            assert_eq!(order.judge(each, 250, || None), Ok(()));
        }
        assert!(order.is_empty());
    }

    #[test]
    fn other_conversations_and_other_senders_go_on() {
        let mut order = Order::default();
        assert_eq!(order.judge(&send(8, 1), 0, || Some(BUSY)), busy(100));
        assert_eq!(order.judge(&send(9, 2), 0, || None), Ok(()));
        let other_device = Send { device: DeviceId(2), ..send(8, 3) };
        assert_eq!(order.judge(&other_device, 0, || None), Ok(()));
        let peer = Send { sender: Uid(8), ..send(8, 4) };
        assert_eq!(order.judge(&peer, 0, || None), Ok(()));
    }

    #[test]
    fn what_is_given_up_holds_nothing_back_for_long() {
        let mut order = Order::default();
        assert_eq!(order.judge(&send(8, 1), 0, || Some(BUSY)), busy(100));
        let last_ms = 100 + HELD_BACK_MS - 1;
        assert!(order.judge(&send(8, 2), last_ms, || None).is_err());
        assert_eq!(order.judge(&send(8, 2), last_ms + 1, || None), Ok(()));
        assert!(order.is_empty());
    }

    #[test]
    fn what_comes_again_and_again_is_not_given_up_while_the_first_is_refused() {
        let mut order = Order::default();
        let steps = 3 * HELD_BACK_MS / 100;
        for step in 0..steps {
            assert_eq!(order.judge(&send(8, 1), 100 * step, || Some(BUSY)), busy(100));
            assert!(order.judge(&send(8, 2), 100 * step, || None).is_err());
        }
        assert_eq!(order.judge(&send(8, 1), 100 * steps, || None), Ok(()));
        assert!(order.judge(&send(8, 3), 100 * steps, || None).is_err(), "it is behind the second");
        assert_eq!(order.judge(&send(8, 2), 100 * steps, || None), Ok(()));
        assert_eq!(order.judge(&send(8, 3), 100 * steps, || None), Ok(()));
    }

    #[test]
    fn no_more_is_kept_than_the_bounds_say() {
        let mut order = Order::default();
        for number in 0..=u8::MAX {
            assert!(order.judge(&send(8, number), 0, || Some(BUSY)).is_err());
        }
        assert_eq!(order.senders.values().map(VecDeque::len).sum::<usize>(), 64);
        for to in 10..10 + 2 * SENDERS_HELD_BACK_MAX as u64 {
            assert!(order.judge(&send(to, 1), 0, || Some(BUSY)).is_err());
        }
        assert_eq!(order.senders.len(), SENDERS_HELD_BACK_MAX);
        let later_ms = 1_000 + HELD_BACK_MS;
        assert!(order.judge(&send(9, 1), later_ms, || Some(BUSY)).is_err());
        assert_eq!(order.senders.len(), 1, "those that were given up make room");
    }
}
