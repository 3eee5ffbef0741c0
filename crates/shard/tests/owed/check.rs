//! What must hold in the end, by brute force over the log that every later owner finds.

use super::roles::Roles;
use super::{NEVER_MS, USERS, World};
use shard::command::{Answer, Command};
use shard::group::{Change, GroupInfo, Member, Members};
use shard::limits::PREVIEW_BYTES_MAX;
use shard::rows::{InboxRow, MessageRow};
use std::collections::{BTreeMap, BTreeSet};
use wire::{RefusalCode, Role, RowKind, Seq, Uid};

/// Who is a member after each entry, and since when, counted without the code under test.
struct Counted {
    log: Vec<MessageRow>,
    /// Members after each entry, the first before all.
    members: Vec<BTreeSet<u64>>,
    /// For each user: the last time it became a member, and the entry that ended it.
    since: BTreeMap<u64, (u64, Option<u64>)>,
    /// What the members are after the last.
    roles: Roles,
}

pub fn named(row: &MessageRow) -> BTreeSet<u64> {
    let words = row.body.as_chunks::<8>().0;
    let skipped = usize::from(matches!(row.kind, RowKind::ROLE_SET | RowKind::MUTED));
    words[skipped..].iter().map(|word| u64::from_le_bytes(*word)).collect()
}

/// What the members are after the last entry of a log.
pub fn roles_of(log: &[MessageRow]) -> Roles {
    Counted::new(log.to_vec()).roles
}

impl Counted {
    fn new(log: Vec<MessageRow>) -> Self {
        let (mut members, mut since) = (vec![BTreeSet::new()], BTreeMap::new());
        let mut roles = Roles::default();
        let mut number = 0;
        for (at, row) in (1..).zip(&log) {
            let before = members.last().unwrap().clone();
            let mut after = before.clone();
            let by = row.sender.0;
            match row.kind {
                RowKind::GROUP_CREATED => after.extend(named(row).into_iter().chain([by])),
                RowKind::MEMBERS_ADDED => {
                    assert!(before.is_disjoint(&named(row)), "{at} adds members");
                    after.extend(named(row));
                }
                RowKind::MEMBERS_REMOVED => after.retain(|uid| !named(row).contains(uid)),
                RowKind::MEMBER_LEFT => _ = after.remove(&by),
                RowKind::DISSOLVED => after.clear(),
                _ => {}
            }
            let is_first = row.kind == RowKind::GROUP_CREATED || row.kind == RowKind::NOTHING;
            assert!(is_first || before.contains(&by), "{by} was no member at {at}");
            assert!(row.kind != RowKind::MEMBERS_REMOVED || named(row).is_subset(&before));
            number += u64::from(row.kind == RowKind::MESSAGE);
            assert_eq!((row.seq.0, row.number), (at, number));
            for uid in after.difference(&before) {
                since.insert(*uid, (at, None));
            }
            for uid in before.difference(&after) {
                since.get_mut(uid).unwrap().1 = Some(at);
            }
            roles.next(row, &after);
            members.push(after);
        }
        Self { log, members, since, roles }
    }

    /// The entries that a user's inbox is to have.
    fn owed(&self, uid: u64) -> Vec<Seq> {
        let is_owed = |at: &usize| {
            let is_any = self.members[at - 1].contains(&uid) || self.members[*at].contains(&uid);
            is_any && self.log[at - 1].kind != RowKind::NOTHING
        };
        (1..=self.log.len()).filter(is_owed).map(|at| Seq(at as u64)).collect()
    }
}

impl World {
    fn has(&self, uid: u64) -> Vec<InboxRow> {
        let rows = self.tables.inbox(Uid(uid)).into_iter();
        rows.filter(|row| row.message.conversation == self.group && !row.is_mark()).collect()
    }

    /// Up to where a user has read the group, as its inbox says.
    fn marked(&self, uid: u64) -> Seq {
        let rows = self.tables.inbox(Uid(uid)).into_iter();
        let marks = rows.filter(|row| row.message.conversation == self.group && row.is_mark());
        marks.map(|row| row.message.seq).max().unwrap_or(Seq(0))
    }

    /// Everybody has everything.
    pub fn is_told(&self) -> bool {
        let counted = Counted::new(self.tables.log(self.group));
        (1..=USERS).all(|uid| {
            let seqs: Vec<_> = self.has(uid).iter().map(|row| row.message.seq).collect();
            seqs == counted.owed(uid)
        })
    }

    /// Who lacks what.
    pub fn untold(&self) -> String {
        let counted = Counted::new(self.tables.log(self.group));
        let of = |uid| {
            let seqs: Vec<_> = self.has(uid).iter().map(|row| row.message.seq.0).collect();
            format!("{uid} has {seqs:?} of {:?}", counted.owed(uid))
        };
        let direct = self.direct.iter().filter(|wish| wish.answer.is_none()).count();
        let told = (1..=USERS).map(of).collect::<Vec<_>>().join("; ");
        format!("{direct} 1:1 messages not answered; {told}")
    }

    /// What is in the stores, and what was said.
    pub fn check(&mut self) {
        let counted = Counted::new(self.tables.log(self.group));
        self.check_answers(&counted);
        for uid in 1..=USERS {
            let has = self.has(uid);
            let seqs: Vec<_> = has.iter().map(|row| row.message.seq).collect();
            assert_eq!(seqs, counted.owed(uid), "the inbox of {uid}");
            for row in has {
                let entry = &counted.log[usize::try_from(row.message.seq.0).unwrap() - 1];
                let is_cut = matches!(entry.kind, RowKind::MESSAGE | RowKind::ANNOUNCED);
                let is_long = is_cut && entry.body.len() > PREVIEW_BYTES_MAX;
                let len = if is_long { PREVIEW_BYTES_MAX } else { entry.body.len() };
                let body = entry.body.slice(..len);
                assert_eq!(row.message, MessageRow { body, ..entry.clone() });
                assert_eq!(row.flags & InboxRow::POINTS != 0, is_long);
            }
        }
        (1..=USERS).for_each(|uid| self.check_history(uid, &counted));
        self.check_members(&counted);
        self.check_unread(&counted);
    }

    fn check_answers(&self, counted: &Counted) {
        for wish in &self.wishes {
            let (send, answer) = (&wish.send, wish.answer.expect("answered"));
            let is_it = |row: &&MessageRow| row.client_msg_id == send.client_msg_id;
            let mut places = counted.log.iter().filter(is_it).map(|row| row.seq);
            let (place, again) = (places.next(), places.next());
            assert_eq!(again, None, "stored twice: {send:?}");
            match answer {
                Ok(seq) => assert_eq!(place, Some(seq), "acknowledged, and not there: {send:?}"),
                Err(code) => {
                    assert_eq!(place, None, "refused, and stored: {send:?}");
                    assert!(
                        was_so(counted, wish.since, send, code),
                        "{code:?} was never so: {send:?}"
                    );
                }
            }
        }
        for wish in &self.direct {
            assert!(wish.answer.unwrap().is_ok());
        }
    }

    fn check_history(&mut self, uid: u64, counted: &Counted) {
        let command =
            Command::GroupHistory { group: self.group, uid: Uid(uid), before: None, limit: 256 };
        match (self.ask(command), counted.since.get(&uid)) {
            (Answer::Refused { code, .. }, None) => assert_eq!(code, RefusalCode::NotMember),
            (Answer::History { rows, .. }, Some((since, until))) => {
                let all = &counted.log[usize::try_from(*since).unwrap() - 1..];
                let all = all.iter().take_while(|row| until.is_none_or(|until| row.seq.0 <= until));
                assert!(rows.iter().eq(all), "what {uid} may read");
            }
            (answer, since) => panic!("{uid} since {since:?}: {answer:?}"),
        }
    }

    fn check_members(&mut self, counted: &Counted) {
        let expect: Vec<_> = counted.members.last().unwrap().iter().copied().collect();
        let Some(uid) = expect.first().copied().map(Uid) else { return };
        let command = Command::GroupMembers { group: self.group, uid, after: Uid(0), limit: 256 };
        let answer = self.ask(command);
        let Answer::GroupMembers { members, count, .. } = answer else { panic!("{answer:?}") };
        assert_eq!(members.iter().map(|member| member.uid.0).collect::<Vec<_>>(), expect);
        assert_eq!(count, expect.len() as u64);
        assert_eq!(members.iter().filter(|member| member.is_owner).count(), 1);
        let answer = self.ask(Command::GroupInfo { group: self.group, uid });
        let Answer::GroupInfo { info, .. } = answer else { panic!("{answer:?}") };
        assert_eq!((info.seq.0, info.count), (counted.log.len() as u64, expect.len() as u64));
        let told = |it: &&Member| it.role() != Role::Member || it.muted_until_ms == NEVER_MS;
        let roles = info.members.iter().filter(told);
        let roles: Vec<_> = roles.map(|it| (it.uid.0, it.role(), it.muted_until_ms)).collect();
        assert_eq!(roles, counted.roles.list());
        let GroupInfo { muted_until_ms, title, notice, .. } = *info;
        assert_eq!((muted_until_ms, title, notice), counted.roles.set_to());
    }

    /// What a message's sender has seen is read, and who joins has read what was before.
    fn check_unread(&mut self, counted: &Counted) {
        for uid in 1..=USERS {
            let owed = counted.owed(uid);
            let rows = owed.iter().map(|seq| &counted.log[usize::try_from(seq.0).unwrap() - 1]);
            let read = rows.clone().rev().find(|row| {
                let makes = row.kind == RowKind::GROUP_CREATED && row.sender.0 == uid;
                let is_joining =
                    matches!(row.kind, RowKind::GROUP_CREATED | RowKind::MEMBERS_ADDED);
                makes || (is_joining && named(row).contains(&uid))
            });
            let Some(read) = read else { continue };
            let marked = self.marked(uid);
            for own in rows.clone().filter(|row| row.sender.0 == uid) {
                let before = owed.iter().copied().take_while(|seq| *seq < own.seq).last();
                let seen = own.seen.min(before.unwrap_or(Seq(0)));
                assert!(seen <= marked.max(read.seq), "seen by {uid}, and not read: {own:?}");
            }
            let read = marked.max(read.seq);
            let is_unread = |row: &&MessageRow| {
                row.seq > read && row.kind == RowKind::MESSAGE && row.sender.0 != uid
            };
            let unread = rows.filter(is_unread).count() as u64;
            let command = Command::Chats { uid: Uid(uid), after: None, limit: 256 };
            let Answer::Chats { chats, .. } = self.ask(command) else { panic!("no chats") };
            let chat = chats.iter().find(|(row, _)| row.conversation == self.group);
            assert_eq!(chat.expect("it has rows").0.unread(), unread, "unread of {uid}");
        }
    }
}

/// Whether a refusal was true at some place that is not before what the user may have known.
fn was_so(counted: &Counted, since: Seq, send: &shard::command::Send, code: RefusalCode) -> bool {
    let mut members = Members::default();
    let change = Change::of(send.kind, &send.body).unwrap();
    let made_ms = send.client_msg_id.unix_ms().unwrap();
    let mut judge = |row: Option<&MessageRow>| {
        if let Some(row) = row {
            members = members.after(row.entry()).members;
        }
        let at = row.map_or(Seq(0), |row| row.seq);
        at >= since && members.may(send.sender, &change, made_ms) == Err(code)
    };
    judge(None) || counted.log.iter().any(|row| judge(Some(row)))
}
