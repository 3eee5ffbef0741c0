//! A user in memory: the end of its inbox, its list of chats, and its devices, which are another room's.

use crate::limits::{INBOX_WINDOW_MAX, USER_BYTES_MAX};
use crate::offline::PushPlace;
use crate::rows::{Chain, InboxRow, MessageRow, Revoked, UserRow};
use crate::shard::devices::DeviceList;
use wire::{ConversationId, InboxSeq, Uid};

/// A user with a device, or with traffic.
pub(super) struct User {
    /// The last place given.
    head: InboxSeq,
    /// The last place that is durable; nothing above it is shown.
    committed: InboxSeq,
    /// Nothing below this place is there any more; what is there may begin above it. At most one above `committed`.
    tail: InboxSeq,
    /// Of the row after the last place given.
    chain: Chain,
    /// The stored chats tell of every row up to here.
    chats_through: InboxSeq,
    /// Grows with each change of a chat.
    chats_version: u64,
    pub devices: DeviceList,
    /// What only a user with traffic has. Idle ones are the many.
    traffic: Option<Box<Traffic>>,
}

/// What a user's messages left to be done.
#[derive(Default)]
struct Traffic {
    /// Conversations whose chat changed since it was stored.
    dirty: Vec<ConversationId>,
    /// The commit round that last wrote a row.
    touched: u64,
    /// What of the user is believed no more; of hardly any there is something.
    revoked: Revoked,
    /// How far it was judged for offline push, if it has a token.
    push: Option<PushPlace>,
}

const _: () = assert!(size_of::<User>() <= USER_BYTES_MAX);

/// A user whose chats are being brought up to its inbox, before it is in memory.
pub(super) struct Load {
    pub user: User,
    /// Inbox rows that the stored chats do not tell of.
    pub tail: Vec<InboxRow>,
    /// What is still to come.
    pub missing: usize,
}

impl User {
    /// As it is stored, with the last place of its inbox and the chain of the row after it.
    pub fn new(row: UserRow, head: InboxSeq, chain: Chain) -> Self {
        let UserRow { chats_through, chats_version, revoked, push, .. } = row;
        assert!(chats_through <= head, "chats tell of rows that exist");
        let is_kept = revoked != Revoked::default() || push.is_some();
        let traffic = is_kept.then(|| Box::new(Traffic { revoked, push, ..Traffic::default() }));
        Self {
            head,
            committed: head,
            tail: InboxSeq(1),
            chain,
            chats_through,
            chats_version,
            devices: DeviceList::default(),
            traffic,
        }
    }

    #[inline]
    pub fn committed(&self) -> InboxSeq {
        self.committed
    }

    #[inline]
    pub fn tail(&self) -> InboxSeq {
        self.tail
    }

    /// Nothing below this place is there any more.
    pub fn raise_tail(&mut self, tail: InboxSeq) {
        self.tail = self.tail.max(tail.min(self.committed.next()));
    }

    pub fn chats_version(&self) -> u64 {
        self.chats_version
    }

    /// What is stored of it, as it should be.
    pub fn row(&self, uid: Uid) -> UserRow {
        let (chats_through, chats_version) = (self.chats_through, self.chats_version);
        UserRow { uid, chats_through, chats_version, revoked: self.revoked(), push: self.push() }
    }

    /// What of it is believed no more.
    #[inline]
    pub fn revoked(&self) -> Revoked {
        self.traffic.as_ref().map_or_else(Revoked::default, |traffic| traffic.revoked)
    }

    /// From now on so much is believed no more; how much it was.
    pub fn revoke(&mut self, revoked: Revoked) -> Revoked {
        std::mem::replace(&mut self.traffic.get_or_insert_default().revoked, revoked)
    }

    /// How far it was judged for offline push; `None`: it has no token.
    #[inline]
    pub fn push(&self) -> Option<PushPlace> {
        self.traffic.as_ref().and_then(|traffic| traffic.push)
    }

    /// The same, to change.
    pub fn push_mut(&mut self) -> Option<&mut PushPlace> {
        self.traffic.as_mut().and_then(|traffic| traffic.push.as_mut())
    }

    /// From now on it was judged so far; what that was before.
    pub fn set_push(&mut self, place: Option<PushPlace>) -> Option<PushPlace> {
        std::mem::replace(&mut self.traffic.get_or_insert_default().push, place)
    }

    /// The last place given.
    pub fn head(&self) -> InboxSeq {
        self.head
    }

    pub fn is_needed(&self) -> bool {
        let is_dirty = self.traffic.as_ref().is_some_and(|traffic| !traffic.dirty.is_empty());
        !self.devices.is_empty() || is_dirty || self.head != self.committed
    }

    /// A row of it is in the batch of this round.
    #[inline]
    pub fn touch(&mut self, round: u64) {
        self.traffic.get_or_insert_default().touched = round;
    }

    /// The commit round that last wrote a row; 0: none did.
    pub fn touched(&self) -> u64 {
        self.traffic.as_ref().map_or(0, |traffic| traffic.touched)
    }

    /// A chat changed; says whether it is the first since the last flush.
    #[inline]
    pub fn add_dirty(&mut self, conversation: ConversationId) -> bool {
        let dirty = &mut self.traffic.get_or_insert_default().dirty;
        dirty.push(conversation);
        dirty.len() == 1
    }

    /// The conversations whose chats changed since the last call.
    pub fn take_dirty(&mut self) -> Vec<ConversationId> {
        self.traffic.as_mut().map_or_else(Vec::new, |traffic| std::mem::take(&mut traffic.dirty))
    }

    /// Whether so many more may be given and not durable.
    #[inline]
    pub fn has_room(&self, rows: u64) -> bool {
        self.head.0 - self.committed.0 + rows <= INBOX_WINDOW_MAX
    }

    #[inline]
    pub fn next_place(&self) -> InboxSeq {
        self.head.next()
    }

    /// Gives a row the next place.
    #[inline]
    pub fn append(&mut self, uid: Uid, message: MessageRow) -> InboxRow {
        self.head = self.head.next();
        let row = InboxRow { uid, inbox_seq: self.head, flags: 0, chain: self.chain, message };
        self.chain = row.next_chain();
        row
    }

    /// The next place is durable.
    #[inline]
    pub fn commit(&mut self, inbox_seq: InboxSeq) {
        assert_eq!(self.committed.next(), inbox_seq, "an inbox becomes durable in order");
        self.committed = inbox_seq;
    }

    /// The newest row was not written: its place is free again.
    pub fn take_back(&mut self, row: &InboxRow) {
        assert_eq!(self.head, row.inbox_seq, "rows are taken back last first");
        self.head = InboxSeq(row.inbox_seq.0 - 1);
        self.chain = row.chain;
    }

    /// Rows that the stored chats do not tell of.
    #[inline]
    pub fn lag(&self) -> u64 {
        self.head.0 - self.chats_through.0
    }

    /// The stored chats will tell of every row; up to where they did.
    pub fn catch_up(&mut self) -> InboxSeq {
        std::mem::replace(&mut self.chats_through, self.head)
    }

    /// They do not.
    pub fn fall_back(&mut self, through: InboxSeq) {
        self.chats_through = through;
    }

    /// A chat changes: the version of the list in which it does.
    #[inline]
    pub fn next_version(&mut self) -> u64 {
        self.chats_version += 1;
        self.chats_version
    }

    /// Gives none of the versions up to this one.
    pub fn skip_versions(&mut self, through: u64) {
        self.chats_version = self.chats_version.max(through);
    }
}
