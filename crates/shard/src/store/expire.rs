//! What goes by itself: rows of inboxes by age and by number, and clients' ids. In slices of bounded work, user after user; when all
//! were looked at, the next round begins. It is told the time, and knows neither threads nor clocks.
//!
//! What is old is said by a time of its own ([`GoesBy`]): a wall clock that was set ahead for some hours takes nothing with it.
//!
//! Of an inbox the oldest rows go, never the newest that the stored chats tell of: its place and its chain are the inbox's end. The
//! tail is written with what goes: nothing below it is shown, whatever is there. A message that is the newest of its chat is
//! kept beside the chat. The conversations keep all messages.
//!
//! After a kill, what went since the index was last synced may be back, all of it or in part, and the log may bring rows back
//! below a tail. Where nobody sees them they would stay for ever, so the first round of a process looks there too.

use std::ops::Bound::{Excluded, Unbounded};

use fjall::{OwnedWriteBatch, Slice};
use wire::{InboxSeq, Uid};

use super::codec::{self, Key, take_chat, take_inbox, take_number, take_user};
use super::limits::EXPIRE_STEPS;
use super::read::{ReadError, decode, get, tail};
use super::tables::{Tables, WriteError};
use crate::command::Now;
use crate::limits::ID_KEPT_MS;
use crate::rows::{InboxRow, UserRow};

/// How much of an inbox is kept: what is older goes, and the oldest of what is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Age of a message in ms.
    pub inbox_age_ms: u64,
    /// Rows of a user.
    pub inbox_rows_max: u64,
}

impl Default for Retention {
    /// 30 days, as on CQL, and 1,000,000 rows.
    fn default() -> Self {
        Self { inbox_age_ms: 30 * 86_400_000, inbox_rows_max: 1_000_000 }
    }
}

/// The time by which things go: never ahead of the wall clock, and never faster than twice the monotonic clock; the index
/// keeps it. So an id stays for a day of the monotonic clock at the least, and that is how long a retry may come: no wall
/// clock that is set ahead takes it away, at once or by a restart.
///
/// It is not before the oldest id, for nothing older is left to be kept: it catches up in a directory that has no such time yet,
/// or whose clock was years behind.
struct GoesBy {
    unix_ms: u64,
    /// The monotonic clock then.
    mono_ms: u64,
}

impl GoesBy {
    fn pass(&mut self, now: Now, oldest_id_ms: Option<u64>) -> u64 {
        let passed_ms = now.mono_ms.saturating_sub(self.mono_ms);
        self.mono_ms = now.mono_ms;
        let from_ms = self.unix_ms.max(oldest_id_ms.unwrap_or(0));
        self.unix_ms = from_ms.saturating_add(2 * passed_ms).min(now.unix_ms);
        self.unix_ms
    }
}

/// How far a round has come.
pub struct Expiry {
    retention: Retention,
    /// None before the index was asked for it.
    goes_by: Option<GoesBy>,
    /// Nothing up to this id is there any more.
    ids_through: Vec<u8>,
    has_ids: bool,
    /// The last user that was looked at.
    user: Option<Uid>,
    /// Where to go on in the inbox of the user after that.
    next: Option<InboxSeq>,
    is_first: bool,
}

/// A slice of a round being done.
struct Work<'a> {
    tables: &'a Tables,
    batch: OwnedWriteBatch,
    now_ms: u64,
    /// Users and rows that may yet be looked at.
    steps: usize,
}

impl Work<'_> {
    /// A number, in the table of users.
    fn put_number(&mut self, key: Key, number: u64) {
        let mut value = Vec::new();
        codec::put_number(&mut value, number);
        self.batch.insert(&self.tables.users, Slice::from(key.as_ref()), Slice::from(value));
    }
}

impl Expiry {
    /// Of a store that was just opened.
    pub fn new(retention: Retention) -> Self {
        let (goes_by, ids_through, user, next) = (None, Vec::new(), None, None);
        Self { retention, goes_by, ids_through, has_ids: true, user, next, is_first: true }
    }

    /// Does one slice. Says whether the round goes on, and what could not be read: that is passed over until the next, or the round
    /// stands there until then.
    pub fn slice(
        &mut self,
        tables: &Tables,
        now: Now,
    ) -> Result<(bool, Option<ReadError>), WriteError> {
        let now_ms = match self.time(tables, now) {
            Ok(now_ms) => now_ms,
            Err(error) => return Ok((false, Some(error))),
        };
        let mut work = Work { tables, batch: tables.batch()?, now_ms, steps: EXPIRE_STEPS };
        let before = (self.user, self.next, self.has_ids);
        let done = self.work(&mut work);
        let is_over = matches!(done, Ok(true));
        let stands = done.is_err() && before == (self.user, self.next, self.has_ids);
        if is_over || !work.batch.is_empty() {
            work.put_number(Key::goes_by(), now_ms);
            work.batch.commit()?;
        }
        if is_over {
            (self.has_ids, self.user, self.is_first) = (true, None, false);
        }
        Ok((!is_over && !stands, done.err()))
    }

    /// The time by which this slice goes.
    fn time(&mut self, tables: &Tables, now: Now) -> Result<u64, ReadError> {
        let all = (Excluded(self.ids_through.as_slice()), Unbounded);
        let oldest = tables.ids.range::<&[u8], _>(all).next();
        // Where it cannot be read, those that go are not found either.
        let oldest_ms = oldest.and_then(|guard| codec::id_made_ms(&guard.key().ok()?));
        let goes_by = match &mut self.goes_by {
            Some(known) => known,
            none => {
                let kept = get(&tables.users, Key::goes_by().as_ref(), take_number)?;
                none.insert(GoesBy { unix_ms: kept.unwrap_or(0), mono_ms: now.mono_ms })
            }
        };
        Ok(goes_by.pass(now, oldest_ms))
    }

    /// Whether the round is over.
    fn work(&mut self, work: &mut Work<'_>) -> Result<bool, ReadError> {
        if self.has_ids {
            self.has_ids = false;
            self.has_ids = self.ids(work)?;
        }
        while work.steps > 0 {
            work.steps -= 1;
            let Some(row) = next_user(work.tables, self.user)? else { return Ok(true) };
            // Whoever cannot be read is passed over.
            let before = self.user.replace(row.uid);
            if !self.inbox(&row, work)? {
                self.user = before;
            }
        }
        Ok(false)
    }

    /// The oldest ids go. Whether there are more.
    fn ids(&mut self, work: &mut Work<'_>) -> Result<bool, ReadError> {
        let until = codec::ids_until(work.now_ms.saturating_sub(ID_KEPT_MS));
        if self.ids_through.as_slice() >= until.as_slice() {
            return Ok(false);
        }
        let table = &work.tables.ids;
        let keys = (self.ids_through.clone(), until.to_vec());
        let range = (Excluded(keys.0.as_slice()), Excluded(keys.1.as_slice()));
        for guard in table.range::<&[u8], _>(range) {
            if work.steps == 0 {
                return Ok(true);
            }
            work.steps -= 1;
            let key = guard.key().map_err(|source| {
                let (table, keys) = (table.clone(), keys.clone());
                ReadError::Database { table, keys, source }
            })?;
            self.ids_through = key.to_vec();
            work.batch.remove(table, key);
        }
        Ok(false)
    }

    /// The oldest rows of a user go. Whether no more of them are to go.
    fn inbox(&mut self, user: &UserRow, work: &mut Work<'_>) -> Result<bool, ReadError> {
        let (uid, last) = (user.uid, user.chats_through);
        let told = tail(work.tables, uid)?;
        let begin = if self.is_first { InboxSeq(0) } else { told };
        let from = self.next.take().unwrap_or(begin);
        let (mut new_tail, mut is_done) = (told, true);
        let keys = (Key::inbox(uid, from), Key::inbox(uid, last.max(from)));
        for guard in work.tables.inbox.range(keys.0..keys.1) {
            let row = decode((&work.tables.inbox, keys), guard, take_inbox)?;
            if row.inbox_seq >= told && !self.goes(&row, last, work.now_ms) {
                break;
            }
            if work.steps == 0 {
                (self.next, is_done) = (Some(row.inbox_seq), false);
                break;
            }
            work.steps -= 1;
            keep_newest(&row, work)?;
            work.batch
                .remove(&work.tables.inbox, Slice::from(Key::inbox(uid, row.inbox_seq).as_ref()));
            new_tail = new_tail.max(row.inbox_seq.next());
        }
        if new_tail > told {
            work.put_number(Key::tail(uid), new_tail.0);
        }
        Ok(is_done)
    }

    fn goes(&self, row: &InboxRow, last: InboxSeq, now_ms: u64) -> bool {
        let Retention { inbox_age_ms, inbox_rows_max } = self.retention;
        let is_old = row.message.time_ms.saturating_add(inbox_age_ms) <= now_ms;
        is_old || row.inbox_seq.0.saturating_add(inbox_rows_max) <= last.0
    }
}

/// The user after that one whose chats were ever stored: of others nothing can go.
fn next_user(tables: &Tables, after: Option<Uid>) -> Result<Option<UserRow>, ReadError> {
    let end = Key::users_end();
    let first = after.map(Key::user);
    let from = first.as_ref().map_or(Unbounded, |key| Excluded(key.as_ref()));
    let next = tables.users.range::<&[u8], _>((from, Excluded(end.as_ref()))).next();
    let keys = (first.unwrap_or(end), end);
    next.map(|guard| decode((&tables.users, keys), guard, take_user)).transpose()
}

/// A row is about to go. If it is the newest of its chat, the chat keeps it.
fn keep_newest(row: &InboxRow, work: &mut Work<'_>) -> Result<(), ReadError> {
    let (uid, conversation) = (row.uid, row.message.conversation);
    let chat = get(&work.tables.chats, Key::chat(uid, conversation).as_ref(), take_chat)?;
    if chat.is_some_and(|chat| chat.recent_inbox_seq == row.inbox_seq) {
        let mut value = Vec::new();
        codec::put_inbox(&mut value, row);
        let key = Key::recent(uid, conversation);
        work.batch.insert(&work.tables.chats, Slice::from(key.as_ref()), Slice::from(value));
    }
    Ok(())
}
