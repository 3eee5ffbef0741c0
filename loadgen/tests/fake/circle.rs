//! The groups that the fake server keeps, and what is wrong with them.

use super::InGroup;
use std::collections::{BTreeMap, BTreeSet};
use wire::frames::{ArchivedHistory, Chat, ChatsPage, HistoryPage, Message};
use wire::{ConversationId, RefusalCode, RowKind, Uid, take_uids};

/// A group.
#[derive(Default)]
pub struct Circle {
    /// When each became a member last, and when it ended; 0: it has not.
    members: BTreeMap<u64, (u64, u64)>,
    owner: u64,
    log: Vec<Message>,
    pub seq: u64,
    pub number: u64,
}

/// A row, and whom it goes to.
pub struct Told {
    pub row: Message,
    pub uids: Vec<u64>,
    /// The connection that it came from, which is not told.
    pub number: u64,
}

impl Circle {
    /// Why this may not come next.
    pub fn refusal(&self, from: u64, kind: RowKind, body: &[u8]) -> Option<RefusalCode> {
        let named = take_uids(body).unwrap_or_default();
        let is_member = |uid: u64| self.members.get(&uid).is_some_and(|(_, until)| *until == 0);
        if kind == RowKind::GROUP_CREATED {
            return None;
        }
        if !is_member(from) {
            return Some(RefusalCode::NotMember);
        }
        match kind {
            RowKind::MEMBERS_REMOVED if from != self.owner => Some(RefusalCode::NotAllowed),
            RowKind::MEMBERS_REMOVED if !named.iter().all(|uid| is_member(uid.0)) => {
                Some(RefusalCode::NotMember)
            }
            RowKind::MEMBERS_ADDED if named.iter().any(|uid| is_member(uid.0)) => {
                Some(RefusalCode::AlreadyMember)
            }
            _ => None,
        }
    }

    /// Takes a row with its place; whom it goes to.
    pub fn take(&mut self, row: &Message) -> Vec<u64> {
        let before = self.present();
        let (seq, named) = (row.seq, take_uids(&row.body).unwrap_or_default());
        match RowKind(row.kind) {
            RowKind::GROUP_CREATED => {
                self.owner = row.sender;
                let all = named.iter().map(|uid| uid.0).chain([row.sender]);
                self.members.extend(all.map(|uid| (uid, (seq, 0))));
            }
            RowKind::MEMBERS_ADDED => {
                self.members.extend(named.iter().map(|uid| (uid.0, (seq, 0))));
            }
            RowKind::MEMBERS_REMOVED => named.iter().for_each(|uid| self.end(uid.0, seq)),
            RowKind::MEMBER_LEFT => self.end(row.sender, seq),
            _ => {}
        }
        self.log.push(row.clone());
        let all: BTreeSet<u64> = before.into_iter().chain(self.present()).collect();
        all.into_iter().collect()
    }

    fn end(&mut self, uid: u64, seq: u64) {
        self.members.get_mut(&uid).unwrap().1 = seq;
        let present = self.members.iter().filter(|(_, (_, until))| *until == 0);
        let oldest = present.min_by_key(|(uid, (since, _))| (*since, **uid)).map(|(uid, _)| *uid);
        if uid == self.owner {
            self.owner = oldest.unwrap_or(0);
        }
    }

    fn present(&self) -> Vec<u64> {
        let present = self.members.iter().filter(|(_, (_, until))| *until == 0);
        present.map(|(uid, _)| *uid).collect()
    }

    /// One who is no member any more.
    pub fn former(&self) -> Option<u64> {
        self.members.iter().find(|(_, (_, until))| *until > 0).map(|(uid, _)| *uid)
    }

    /// Whether it ever was one.
    pub fn knows(&self, uid: u64) -> bool {
        self.members.contains_key(&uid)
    }

    /// What one who is or was a member may read.
    pub fn history(&self, uid: u64, asked: &ArchivedHistory) -> HistoryPage {
        let (since, until) = self.members[&uid];
        let until = if until == 0 { u64::MAX } else { until };
        let before = match asked.before_seq.to_native() {
            0 => u64::MAX,
            before => before,
        };
        let may = |row: &&Message| (since..=until).contains(&row.seq) && row.seq < before;
        let mut rows: Vec<Message> = self.log.iter().filter(may).cloned().collect();
        rows.sort_by_key(|row| row.seq);
        let limit = asked.limit.to_native() as usize;
        let messages = rows.split_off(rows.len().saturating_sub(limit));
        HistoryPage { conversation: asked.conversation.id().unwrap().into(), messages }
    }
}

/// Bends what is about to be told.
pub fn bend(told: &mut [Told], how: InGroup, from: u64, stranger: Option<u64>) {
    let Told { row, uids, .. } = &mut told[0];
    let other = uids.iter().position(|uid| *uid != from).unwrap();
    match how {
        InGroup::LoseForOne => {
            uids.remove(other);
        }
        InGroup::TwiceForOne => uids.push(uids[other]),
        InGroup::LeakToFormer | InGroup::LeakToStranger => uids.extend(stranger),
        InGroup::Corrupt => {
            let mut body = row.body.to_vec();
            *body.last_mut().unwrap() ^= 1;
            row.body = body.into();
        }
        InGroup::Duplicate | InGroup::Swap | InGroup::Gap | InGroup::Refuse => {}
    }
}

/// The chats that an inbox has.
pub fn chats(uid: u64, inbox: &[Message]) -> ChatsPage {
    let mut rows: BTreeMap<ConversationId, BTreeMap<u64, &Message>> = BTreeMap::new();
    for row in inbox {
        let conversation = row.conversation.id();
        rows.entry(conversation.unwrap()).or_default().insert(row.seq, row);
    }
    let chat = |(conversation, rows): (ConversationId, BTreeMap<u64, &Message>)| {
        let names = |row: &&Message| {
            let joins = [RowKind::GROUP_CREATED, RowKind::MEMBERS_ADDED];
            let named = take_uids(&row.body).unwrap_or_default();
            joins.contains(&RowKind(row.kind)) && named.contains(&Uid(uid))
        };
        let read_seq = rows.values().copied().filter(names).map(|row| row.seq).max();
        let read_seq = read_seq.unwrap_or(0);
        let is_unread = |row: &&&Message| {
            row.seq > read_seq && row.sender != uid && RowKind(row.kind) == RowKind::MESSAGE
        };
        let unread = rows.values().filter(is_unread).count() as u64;
        let recent = (*rows.last_key_value().unwrap().1).clone();
        let (version, is_hidden, read_time_ms) = (1, 0, 0);
        let conversation = conversation.into();
        Chat { conversation, recent, read_time_ms, read_seq, unread, version, is_hidden }
    };
    let chats = rows.into_iter().map(chat).collect();
    ChatsPage { next_after: wire::frames::Conversation::NONE, version: 1, chats }
}
