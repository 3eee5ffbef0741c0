//! What a gateway makes of a damaged directory, against what was acknowledged.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, anyhow};
use client::{Client, ClientError, Position, Received};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use wire::{PAGE_ROWS_MAX, Seq};

use super::history::{History, USERS, body, conversation, number};
use crate::drill::alone::{Alone, Started, connect};

/// An inbox comes, and a request is answered, within this time.
const READ_MAX: Duration = Duration::from_secs(8);
/// The device that reads; the writers' is another.
const READER: u64 = 77;
/// What a text that helps says one of.
const ADVICE: [&str; 8] = [
    "restore the directory from a backup",
    "put that file back",
    "into BOOT",
    "write the number into it",
    "take it away",
    "start with --shards",
    "start the version that made it",
    "give an empty one",
];

/// What became of it.
pub enum Verdict {
    /// With a text.
    Refused(String),
    /// Everything is there.
    Whole,
    /// What it names is refused.
    InPart(String),
    /// None of these.
    Broken(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(text) => write!(f, "refused: {text}"),
            Self::Whole => f.write_str("served whole"),
            Self::InPart(text) => write!(f, "served in part: {text}"),
            Self::Broken(text) => write!(f, "BROKEN: {text}"),
        }
    }
}

/// Starts a gateway on it, reads everything, and writes once in each conversation.
pub async fn judge(dir: &Path, history: &History, scratch: &Path) -> Result<Verdict> {
    let mut gateway = match Alone::try_start(dir, scratch)? {
        Started::Serves(gateway) => gateway,
        Started::Refused(code, text) => return Ok(refused(dir, code, &text)),
    };
    let seen = look(&gateway, history).await;
    let readiness = gateway.readiness().await;
    if gateway.process.ends_within(Duration::ZERO) {
        let status = gateway.process.wait_exit(READ_MAX)?;
        return Ok(refused(dir, status.code(), &gateway.told()?));
    }
    let readiness = readiness?;
    Ok(match seen {
        Ok(()) => Verdict::Whole,
        Err(Wrong::Unread(_)) if names(&readiness, dir) => Verdict::InPart(readiness),
        Err(Wrong::Unread(what)) => {
            Verdict::Broken(format!("{what}; readiness says {readiness:?}"))
        }
        Err(Wrong::Lost(what)) => Verdict::Broken(what),
    })
}

fn names(readiness: &str, dir: &Path) -> bool {
    readiness.contains("degraded") && readiness.contains(&dir.display().to_string())
}

/// A refusal helps if it names a file of the directory, and says what to do.
fn refused(dir: &Path, code: Option<i32>, text: &str) -> Verdict {
    let last = text.lines().next_back().unwrap_or_default().to_owned();
    let names = last.contains(&dir.display().to_string());
    let helps = ADVICE.iter().any(|advice| last.contains(advice));
    if matches!(code, Some(74 | 2)) && names && helps {
        Verdict::Refused(last)
    } else {
        Verdict::Broken(format!("it ended with {code:?} and said {last:?}"))
    }
}

/// What is wrong.
enum Wrong {
    /// It was not answered.
    Unread(anyhow::Error),
    /// It was answered with something else than what was acknowledged.
    Lost(String),
}

impl From<anyhow::Error> for Wrong {
    fn from(error: anyhow::Error) -> Self {
        Self::Unread(error)
    }
}

impl From<ClientError> for Wrong {
    fn from(error: ClientError) -> Self {
        Self::Unread(error.into())
    }
}

impl From<Elapsed> for Wrong {
    fn from(_: Elapsed) -> Self {
        Self::Unread(anyhow!("no answer in time"))
    }
}

async fn look(gateway: &Alone, history: &History) -> Result<(), Wrong> {
    let mut unread = None;
    for user in 1..=USERS {
        match look_at(gateway, history, user).await {
            Err(Wrong::Unread(error)) => unread = Some(error),
            seen => seen?,
        }
    }
    unread.map_or(Ok(()), |error| Err(Wrong::Unread(error)))
}

/// A user's inbox, and the conversation in which it writes.
async fn look_at(gateway: &Alone, history: &History, user: u64) -> Result<(), Wrong> {
    let token = &history.tokens[usize::try_from(user - 1).expect("few")];
    let mine: Vec<_> = history.sent.iter().filter(|sent| sent.from == user).collect();
    let (client, mut inbox) = connect(&gateway.listen, token, READER, Position::default()).await?;
    let (mut head, mut last) = (u64::MAX, 0);
    let mut written = HashSet::new();
    while last < head {
        match timeout(READ_MAX, inbox.recv()).await?? {
            Received::LoggedIn { inbox_head, .. } => head = inbox_head.0,
            Received::Message { message, .. } => {
                last = message.inbox_seq.0;
                let lost = || Wrong::Lost(format!("row {last} of {user} is no message"));
                let number = number(&message.body).ok_or_else(lost)?;
                written.insert((message.sender.0, message.seq.0, number));
            }
            Received::RowsMissing { after, before } => {
                return Err(Wrong::Lost(format!(
                    "rows of {user} from {after} to {before} are missing"
                )));
            }
            Received::InboxReset { .. } | Received::Disconnected { .. } => {}
            Received::Signal(_) => {}
        }
    }
    for sent in &history.sent {
        let is_for = sent.from == user || sent.from % USERS + 1 == user;
        if is_for && !written.contains(&(sent.from, sent.seq, sent.number)) {
            return Err(Wrong::Lost(format!("the inbox of {user} lacks {sent:?}")));
        }
    }
    let rows = read_history(&client, user).await?;
    for sent in &mine {
        if !rows.contains(&(sent.seq, sent.message_id, sent.number)) {
            return Err(Wrong::Lost(format!("the history lacks {sent:?}")));
        }
    }
    let newest = rows.iter().map(|row| row.0).max().unwrap_or(0);
    let sent = timeout(READ_MAX, client.send(conversation(user), body(u64::MAX, 100))).await??;
    if sent.seq.0 <= newest || rows.iter().any(|row| row.1 == sent.message_id.0) {
        return Err(Wrong::Lost(format!("{user} was given a place that was given: {sent:?}")));
    }
    client.close().await;
    Ok(())
}

/// Seq, id and number of each message in the conversation in which a user writes.
async fn read_history(client: &Client, user: u64) -> Result<HashSet<(u64, u64, u64)>, Wrong> {
    let (mut rows, mut before) = (HashSet::new(), Seq(0));
    loop {
        let page = client.history(conversation(user), before, PAGE_ROWS_MAX).await?;
        let Some(first) = page.first() else { return Ok(rows) };
        before = first.seq;
        for message in &page {
            let lost = || Wrong::Lost(format!("seq {} of {user} is no message", message.seq));
            let number = number(&message.body).ok_or_else(lost)?;
            rows.insert((message.seq.0, message.message_id.0, number));
        }
        if before == Seq(1) {
            return Ok(rows);
        }
    }
}
