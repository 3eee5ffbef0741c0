//! A receiver of offline push of any mood, over HTTP. It takes what it is asked for to the judge.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::judge::{Event, Judge};

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Takes what it is asked for.
    Takes,
    /// The same, after a while.
    Slow,
    /// Answers 500; sometimes it has taken it before.
    Fails,
    /// Closes each connection.
    Down,
}

const MOODS: [Mood; 4] = [Mood::Takes, Mood::Slow, Mood::Fails, Mood::Down];
/// How long a slow one takes.
const SLOW: Duration = Duration::from_millis(1_500);

pub struct Receiver {
    pub address: SocketAddr,
    mood: Arc<AtomicU8>,
}

impl Receiver {
    /// One that takes everything.
    pub async fn start(judge: Arc<Judge>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, mood) = (listener.local_addr()?, Arc::new(AtomicU8::new(0)));
        let shared = mood.clone();
        tokio::spawn(async move {
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let (judge, mood) = (judge.clone(), shared.clone());
                number += 1;
                tokio::spawn(async move { drop(serve(stream, &mood, &judge, number).await) });
            }
        });
        Ok(Self { address, mood })
    }

    /// From now on it is of this mood.
    pub fn set(&self, mood: Mood) {
        let at = MOODS.iter().position(|it| *it == mood).expect("one of them");
        self.mood.store(u8::try_from(at).expect("few"), Ordering::Relaxed);
    }
}

async fn serve(
    mut stream: TcpStream,
    mood: &AtomicU8,
    judge: &Judge,
    mut number: u64,
) -> Result<()> {
    let mut bytes = Vec::new();
    loop {
        let Some(body) = request(&mut stream, &mut bytes).await? else { return Ok(()) };
        number += 1;
        let mood = MOODS[usize::from(mood.load(Ordering::Relaxed))];
        let status = match mood {
            Mood::Down => return Ok(()),
            Mood::Takes => 200,
            Mood::Slow => {
                sleep(SLOW).await;
                200
            }
            Mood::Fails => 500,
        };
        // Whoever fails may have done it all the same.
        if status == 200 || number.is_multiple_of(3) {
            let said: Value = serde_json::from_slice(&body).context("no JSON")?;
            let events = said["events"].as_array().context("no events")?;
            judge.on_request(events.len());
            for event in events {
                judge.on_told(&Event::read(event).context("an event lacks something")?);
            }
        }
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\n\r\n{{}}");
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// The body of the next request.
async fn request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<Option<Vec<u8>>> {
    loop {
        let head = bytes.windows(4).position(|it| it == b"\r\n\r\n");
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.context("no length")?.trim().parse()?;
            anyhow::ensure!(text.contains("longline-signature: t="), "it is not signed");
            let end = head + 4 + length;
            if bytes.len() >= end {
                let body = bytes[head + 4..end].to_vec();
                bytes.drain(..end);
                return Ok(Some(body));
            }
        }
        if stream.read_buf(bytes).await? == 0 {
            return Ok(None);
        }
    }
}
