//! One call, by plain HTTP on a connection of its own, and what all of them came to.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

/// An answer that takes longer does not come: the gateway gives a question 15 s.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    pub method: String,
    pub path: String,
    pub key: Option<String>,
    pub idempotency_key: Option<&'static str>,
    pub body: Option<String>,
    /// Says that more will come, which does not.
    pub is_slow: bool,
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

impl Ask {
    /// Asks at an address.
    pub fn at(&self, address: &str) -> Result<Answer> {
        let mut stream = TcpStream::connect(address).context("could not connect")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut head =
            format!("{} {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n", self.method, self.path);
        if let Some(key) = &self.key {
            head += &format!("authorization: Bearer {key}\r\n");
        }
        if let Some(key) = self.idempotency_key {
            head += &format!("idempotency-key: {key}\r\n");
        }
        let body = self.body.as_deref().unwrap_or_default();
        if self.body.is_some() {
            let length = body.len() + usize::from(self.is_slow);
            head += &format!("content-type: application/json\r\ncontent-length: {length}\r\n");
        }
        // One that refuses early may close before it has read all of a large body.
        let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes());
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).context("the answer is no text")?;
        let (head, body) =
            answer.split_once("\r\n\r\n").with_context(|| format!("no answer: {read:?}"))?;
        let status = head.get(9..12).and_then(|status| status.parse().ok()).context("no status")?;
        let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body)? };
        Ok(Answer { status, head: head.to_lowercase(), body })
    }
}

/// What came of all calls.
#[derive(Debug, Default)]
pub struct Tally {
    asked: u32,
    failed: u32,
    /// Each call with each status that it was answered with.
    pub seen: BTreeSet<(String, u16)>,
}

impl Tally {
    /// Counts what was asked, and prints what is wrong with it.
    pub fn count(&mut self, what: &str, judged: Result<()>) {
        self.asked += 1;
        if let Err(error) = judged {
            self.failed += 1;
            println!("failed: {what}: {error:#}");
        }
    }

    pub fn is_sound(&self) -> bool {
        self.failed == 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, failed, seen } = self;
        write!(
            f,
            "{} of {asked} answers are as documented; {} calls and statuses",
            asked - failed,
            seen.len()
        )
    }
}
