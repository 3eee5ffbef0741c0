//! What users of a world want, drawn at random or said by a schedule.

use super::check::roles_of;
use super::{NEVER_MS, USERS, Wish, World};
use shard::command::Send;
use shard::limits::PREVIEW_BYTES_MAX;
use wire::{ClientMsgId, ConversationId, DeviceId, RowKind, Seq, Uid};

impl World {
    /// A user wants something new.
    pub fn wish(&mut self, by: u64, kind: RowKind, uids: &[u64]) -> usize {
        let number = self.wishes.len();
        let body = match kind {
            RowKind::MESSAGE => vec![7; [3, PREVIEW_BYTES_MAX + 9][number % 2]].into(),
            _ => wire::put_uids(uids.iter().copied().map(Uid).collect()),
        };
        let send = Send {
            conversation: self.group,
            sender: Uid(by),
            device: DeviceId(1),
            client_msg_id: ClientMsgId::new(self.now.unix_ms, number as u128),
            kind,
            flags: 0,
            body,
            seen: Seq(0),
        };
        let acked = self.wishes.iter().filter_map(|wish| wish.answer?.ok()).max();
        self.wishes.push(Wish { send, since: acked.unwrap_or(Seq(0)), asked: None, answer: None });
        number
    }

    /// A user wants to set something of these to a value.
    pub fn wish_set(&mut self, by: u64, kind: RowKind, (value, uids): (u64, &[u64])) -> usize {
        let number = self.wish(by, kind, &[]);
        let uids = uids.iter().copied().map(Uid).collect();
        self.wishes[number].send.body = wire::put_set(value, uids);
        number
    }

    /// Whoever owns the group as it is stored wants to give a role to a user; or a user who may not.
    pub fn wish_role(&mut self, by: u64, whom: u64) -> usize {
        let by = self.owner_or(by);
        let role = self.below(3);
        self.wish_set(by, RowKind::ROLE_SET, (role, &[whom]))
    }

    fn owner_or(&mut self, by: u64) -> u64 {
        let owner = roles_of(&self.tables.log(self.group)).owner().unwrap_or(by);
        if self.chance(70) { owner } else { by }
    }

    /// The same of a mute, a title, what is announced, and, seldom, of the end.
    pub fn wish_setting(&mut self, by: u64, whom: u64) -> usize {
        let by = self.owner_or(by);
        let now_ms = self.now.unix_ms;
        match self.below(15) {
            0..6 => {
                let until_ms = [0, now_ms + 1_000, NEVER_MS, NEVER_MS][self.index(4)];
                let whom = &[whom][self.index(2)..];
                self.wish_set(by, RowKind::MUTED, (until_ms, whom))
            }
            6..10 => self.wish_text(by, RowKind::RENAMED),
            10..14 => self.wish_text(by, RowKind::ANNOUNCED),
            _ => self.wish(by, RowKind::DISSOLVED, &[]),
        }
    }

    /// A user wants to say a text of this kind, other than all others.
    pub fn wish_text(&mut self, by: u64, kind: RowKind) -> usize {
        let number = self.wish(by, kind, &[]);
        let len = [1, PREVIEW_BYTES_MAX + 9][number % 2];
        self.wishes[number].send.body = format!("{number:>len$}").into();
        number
    }

    /// A message, whose sender may say up to where it has seen the group.
    pub fn wish_message(&mut self, by: u64) -> usize {
        let number = self.wish(by, RowKind::MESSAGE, &[]);
        let head = self.tables.log(self.group).len() as u64;
        if self.chance(50) {
            self.wishes[number].send.seen = Seq(self.below(head + 2));
        }
        number
    }

    pub fn wish_direct(&mut self) {
        let (from, to) = (Uid(1 + self.below(USERS)), Uid(1 + self.below(USERS)));
        let Some(conversation) = ConversationId::direct(from, to) else { return };
        let client_msg_id = ClientMsgId::new(self.now.unix_ms, 1_000 + self.direct.len() as u128);
        let (device, kind, flags) = (DeviceId(1), RowKind::MESSAGE, 0);
        let body = vec![1].into();
        let (sender, seen) = (from, Seq(0));
        let send = Send { conversation, sender, device, client_msg_id, kind, flags, body, seen };
        self.direct.push(Wish { send, since: Seq(0), asked: None, answer: None });
    }
}
