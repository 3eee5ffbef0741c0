//! What was sent and acknowledged in the drill, against what is stored at its end.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;

use anyhow::Result;

use super::phone::Phone;
use crate::promises::reader;

/// The device that reads everything back.
const READER: u64 = 77;

/// Counts over the whole drill, and what went wrong.
#[derive(Default)]
pub struct Known {
    /// Times that a clock was set.
    pub sets: u64,
    /// Messages of phones that were acknowledged.
    acked: u64,
    /// Refusals of phones, and messages that got another id.
    refused: u64,
    renamed: u64,
    /// Acknowledged messages that were said again, and hints that were waited for.
    pub repeats: u64,
    pub hints: u64,
    faults: Vec<String>,
}

impl Known {
    /// Something went wrong.
    pub fn fault(&mut self, what: String) {
        println!("seen: {what}");
        self.faults.push(what);
    }

    /// Whether anything did.
    pub fn is_broken(&self) -> bool {
        !self.faults.is_empty()
    }

    /// What was refused for good and is not in its history is sent anew, as a client does.
    pub async fn send_anew(
        &mut self,
        phones: &mut [Phone],
        server: SocketAddr,
        token: impl Fn(u64) -> Result<String>,
    ) -> Result<()> {
        for phone in phones {
            let refused: Vec<_> = phone.told.sent.extract_if(.., |sent| sent.is_refused).collect();
            if refused.is_empty() {
                continue;
            }
            let (client, _inbox) = reader::connect(server, &token(phone.uid)?, READER).await?;
            for mut sent in refused {
                let history = reader::history(&client, sent.to).await?;
                if let Some(row) = history.iter().find(|row| row.body == sent.body) {
                    sent.acked = Some((row.message_id.0, row.seq.0));
                    phone.told.sent.push(sent);
                } else {
                    phone.say_again(sent.to, sent.body)?;
                }
            }
            client.close().await;
        }
        Ok(())
    }

    /// Every message is in both inboxes once, as it was acknowledged, and nothing else is.
    pub async fn check(
        &mut self,
        phones: &[Phone],
        server: SocketAddr,
        token: impl Fn(u64) -> Result<String>,
    ) -> Result<()> {
        for reader_of in phones {
            let uid = reader_of.uid;
            let inbox = reader::inbox(server, &token(uid)?, READER).await?;
            let mut rows = HashMap::<&[u8], Vec<(u64, u64)>>::new();
            for row in &inbox {
                rows.entry(&row.body).or_default().push((row.message_id.0, row.seq.0));
            }
            for phone in phones {
                for sent in phone.told.sent.iter().filter(|it| it.to == uid || phone.uid == uid) {
                    let found = rows.remove(&sent.body[..]).unwrap_or_default();
                    if found.len() != 1 || sent.acked != found.first().copied() {
                        self.fault(format!("the inbox of {uid} has {found:?} of {sent:?}"));
                    }
                }
            }
            if !rows.is_empty() {
                self.fault(format!("the inbox of {uid} has {} rows that nobody sent", rows.len()));
            }
        }
        for phone in phones {
            self.acked += phone.told.sent.iter().filter(|sent| sent.acked.is_some()).count() as u64;
            self.refused += phone.told.refused;
            self.renamed += phone.told.renamed;
        }
        Ok(())
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sets, acked, refused, renamed, repeats, hints, faults } = self;
        write!(
            f,
            "clocks set {sets} times, {acked} messages acknowledged, {refused} refusals, {renamed} new ids, \
             {repeats} repetitions, {hints} hints kept, faults {}",
            faults.len()
        )
    }
}
