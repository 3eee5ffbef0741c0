//! Messages that are said by hand: the same again, and with ids of any time.

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use tokio::time::{Duration, timeout};
use wire::{Bytes, ClientMsgId, RefusalCode, encode};

use super::known::Known;
use crate::promises::peer::{self, Heard, Peer, Place};

/// An answer takes no longer.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// The device that says them.
const DEVICE: u64 = 99;
/// How far an id may be ahead, in ms.
const AHEAD_MS_MAX: u64 = wire::CLOCK_SKEW_MS_MAX;
/// A hint may be off by what the way takes, in ms.
const HINT_OFF_MS_MAX: u64 = 2_000;

/// A sender, and what it has said that was acknowledged.
pub struct Raw {
    pub from: u64,
    pub to: u64,
    token: String,
    acked: Vec<(ClientMsgId, Place)>,
    said: u128,
}

/// What became of a message: its place, or why not and when to say it again.
#[derive(Debug)]
enum Answer {
    Acked(Place),
    Refused(Option<RefusalCode>, u32),
}

/// This machine's clock, set by so many ms.
pub fn unix_ms(set_ms: i64) -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    Ok(u64::try_from(now)?.saturating_add_signed(set_ms))
}

impl Raw {
    pub fn new(from: u64, to: u64, token: String) -> Self {
        Self { from, to, token, acked: Vec::new(), said: 0 }
    }

    fn id(&mut self, made_ms: u64) -> ClientMsgId {
        self.said += 1;
        ClientMsgId::new(made_ms, self.said)
    }

    async fn say(&self, peer: &mut Peer, id: ClientMsgId) -> Result<Answer> {
        let send = peer::message(self.from, self.to, id, Bytes::copy_from_slice(&id.0));
        let asked = peer.say(|out, request_id| encode(out, request_id, send)).await?;
        let answer = async {
            loop {
                let heard = peer.next().await?.context("the connection ended")?;
                if let Heard::Acked { request_id, place } = heard
                    && request_id == asked
                {
                    return anyhow::Ok(Answer::Acked(place));
                } else if let Heard::Refused { request_id, code, retry_after_ms } = heard
                    && request_id == asked
                {
                    return anyhow::Ok(Answer::Refused(code, retry_after_ms));
                }
            }
        };
        timeout(ANSWER_MAX, answer).await.context("no answer")?
    }

    /// A new message by the server's clock is taken; all before it, said again, get their first answers.
    pub async fn repeat(
        &mut self,
        server: SocketAddr,
        set_ms: i64,
        known: &mut Known,
    ) -> Result<()> {
        let mut peer = Peer::login(server, &self.token, DEVICE).await?;
        let id = self.id(unix_ms(set_ms)?);
        match self.say(&mut peer, id).await? {
            Answer::Acked(place) => self.acked.push((id, place)),
            Answer::Refused(code, _) => {
                known.fault(format!("with the clock set by {set_ms} ms: {code:?}"));
            }
        }
        for (id, place) in self.acked.clone() {
            known.repeats += 1;
            match self.say(&mut peer, id).await? {
                Answer::Acked(again) if again == place => {}
                answer @ (Answer::Acked(_) | Answer::Refused(..)) => {
                    known.fault(format!("{place:?}, said again, is {answer:?}"));
                }
            }
        }
        Ok(())
    }

    /// An id that is so far ahead is refused with a hint that is true: the clock is set on by it, and the same is taken.
    pub async fn wait_for_hint(
        &mut self,
        server: SocketAddr,
        (set_ms, ahead_ms): (i64, u64),
        set: impl Fn(i64) -> Result<()>,
        known: &mut Known,
    ) -> Result<()> {
        let mut peer = Peer::login(server, &self.token, DEVICE).await?;
        let id = self.id(unix_ms(set_ms)? + ahead_ms);
        let hint_ms = match self.say(&mut peer, id).await? {
            Answer::Refused(Some(RefusalCode::IdInFuture), hint_ms) => u64::from(hint_ms),
            answer @ (Answer::Acked(_) | Answer::Refused(..)) => {
                bail!("an id that is {ahead_ms} ms ahead: {answer:?}")
            }
        };
        if hint_ms.abs_diff(ahead_ms - AHEAD_MS_MAX) > HINT_OFF_MS_MAX {
            known.fault(format!("the hint for an id {ahead_ms} ms ahead is {hint_ms} ms"));
        }
        known.hints += 1;
        set(set_ms + i64::try_from(hint_ms)?)?;
        match self.say(&mut peer, id).await? {
            Answer::Acked(place) => self.acked.push((id, place)),
            Answer::Refused(code, _) => {
                known.fault(format!("after its hint of {hint_ms} ms: {code:?}"));
            }
        }
        set(set_ms)
    }
}
