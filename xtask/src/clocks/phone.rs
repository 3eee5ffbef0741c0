//! A client whose clock shows anything: the session of the client library, over one connection after the other.
//!
//! It knows what it sent and what it was told, not what the clocks of servers show.

use std::time::Duration;

use anyhow::{Result, bail};
use client::Position;
use client::machine::{Credentials, Event, Machine, Turn};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use wire::{Bytes, ClientMsgId, ConversationId, DeviceId, Scratch, Uid};

/// Bytes read at once.
const PIECE_BYTES: usize = 16 * 1024;
/// Before a lost connection is dialed again.
const AGAIN: Duration = Duration::from_millis(100);

/// A client.
pub struct Phone {
    pub uid: u64,
    /// Where it connects next.
    pub server: String,
    machine: Machine,
    /// What its clock showed at first, Unix ms.
    begun_ms: u64,
    started: Instant,
    stream: Option<TcpStream>,
    out: Vec<u8>,
    scratch: Scratch,
    pub told: Told,
}

/// What it sent, and what it was told.
#[derive(Default)]
pub struct Told {
    pub sent: Vec<Sent>,
    /// Refusals, and how often a message got another id.
    pub refused: u64,
    pub renamed: u64,
    pub wrong: Option<String>,
}

/// A message of its own.
#[derive(Clone, Debug)]
pub struct Sent {
    pub to: u64,
    /// Unlike that of every other message.
    pub body: Vec<u8>,
    pub id: ClientMsgId,
    /// Its id and place.
    pub acked: Option<(u64, u64)>,
    /// It was refused for good.
    pub is_refused: bool,
}

impl Phone {
    /// One whose clock shows this now, Unix ms.
    pub fn new(uid: u64, token: String, server: String, begun_ms: u64) -> Self {
        let credentials = Credentials { token: Bytes::from(token), device: DeviceId(1) };
        Self {
            uid,
            server,
            machine: Machine::new(credentials, Position::default(), rand::random()),
            begun_ms,
            started: Instant::now(),
            stream: None,
            out: Vec::new(),
            scratch: Scratch::default(),
            told: Told::default(),
        }
    }

    fn now_ms(&self) -> u64 {
        self.begun_ms + u64::try_from(self.started.elapsed().as_millis()).unwrap_or(0)
    }

    /// Its user writes to another.
    pub fn say(&mut self, to: u64) -> Result<()> {
        let body = format!("{} of {} to {to}", self.told.sent.len(), self.uid).into_bytes();
        self.say_again(to, body)
    }

    /// The same with that body: of a message that is stored nowhere, as its user has found.
    pub fn say_again(&mut self, to: u64, body: Vec<u8>) -> Result<()> {
        let Some(conversation) = ConversationId::direct(Uid(self.uid), Uid(to)) else {
            bail!("{to} is no other user");
        };
        let (now_ms, bytes) = (self.now_ms(), Bytes::from(body.clone()));
        let id = self.machine.send((conversation, bytes), now_ms, &mut self.out)?;
        self.told.sent.push(Sent { to, body, id, acked: None, is_refused: false });
        Ok(())
    }

    /// Messages without an answer.
    pub fn pending(&self) -> usize {
        self.told.sent.iter().filter(|sent| sent.acked.is_none() && !sent.is_refused).count()
    }

    /// Goes on until a moment, or until every message has its answer.
    async fn go_on(&mut self, until: Instant, is_patient: bool) -> Result<()> {
        while Instant::now() < until && (is_patient || self.pending() > 0) {
            self.turn(until).await?;
        }
        Ok(())
    }

    async fn turn(&mut self, until: Instant) -> Result<()> {
        let now_ms = self.now_ms();
        let Some(mut stream) = self.stream.take() else {
            self.out.clear();
            match TcpStream::connect(&self.server).await {
                Ok(stream) => {
                    self.machine.on_connected(now_ms, &mut self.out);
                    self.stream = Some(stream);
                }
                Err(_) => sleep(AGAIN).await,
            }
            return Ok(());
        };
        let out = std::mem::take(&mut self.out);
        let mut piece = vec![0; PIECE_BYTES];
        let wake_ms = self.machine.next_timer_ms().map_or(1_000, |at| at.saturating_sub(now_ms));
        let wake = until.min(Instant::now() + Duration::from_millis(wake_ms));
        let is_written = stream.write_all(&out).await.is_ok();
        let read = tokio::select! {
            read = stream.read(&mut piece), if is_written => Some(read.unwrap_or(0)),
            () = sleep_until(wake), if is_written => None,
            else => Some(0),
        };
        let lives = self.take(read.map(|length| &piece[..length]));
        if lives && !self.machine.may_leave() {
            self.stream = Some(stream);
            return Ok(());
        }
        self.machine.on_disconnected();
        sleep(AGAIN).await;
        self.told.wrong.take().map_or(Ok(()), |wrong| bail!("user {}: {wrong}", self.uid))
    }

    /// Takes what came (nothing: the connection is gone), or what time asks. Whether the connection is good.
    fn take(&mut self, read: Option<&[u8]>) -> bool {
        let now_ms = self.now_ms();
        let Self { machine, out, scratch, told, .. } = self;
        let done = match read {
            Some([]) => return false,
            Some(bytes) => machine
                .on_bytes(bytes, Turn { now_ms, out, scratch }, &mut |event| told.hear(&event)),
            None => machine.on_timer(now_ms, out),
        };
        if let Err(error) = &done
            && error.is_fatal()
        {
            self.told.wrong = Some(error.to_string());
        }
        done.is_ok()
    }
}

impl Told {
    fn find(&mut self, id: ClientMsgId) -> Option<&mut Sent> {
        self.sent.iter_mut().find(|sent| sent.id == id)
    }

    fn hear(&mut self, event: &Event<'_>) {
        if let Event::NewId { former, client_msg_id } = event {
            self.renamed += 1;
            if let Some(sent) = self.find(*former) {
                sent.id = *client_msg_id;
            }
        } else if let Event::Acked { client_msg_id, message_id, seq, .. } = event {
            if let Some(sent) = self.find(*client_msg_id) {
                sent.acked = Some((message_id.0, seq.0));
            }
        } else if let Event::Refused { client_msg_id: Some(id), will_retry, .. } = event {
            self.refused += 1;
            if let Some(sent) = self.find(*id) {
                sent.is_refused = !will_retry;
            }
        }
    }
}

/// All go on until every message has its answer; `false`: not within this time.
pub async fn settle(phones: &mut Vec<Phone>, within: Duration) -> Result<bool> {
    together(phones, within, false).await?;
    Ok(phones.iter().all(|phone| phone.pending() == 0))
}

/// All go on for so long.
pub async fn pass(phones: &mut Vec<Phone>, time: Duration) -> Result<()> {
    together(phones, time, true).await
}

async fn together(phones: &mut Vec<Phone>, time: Duration, is_patient: bool) -> Result<()> {
    let until = Instant::now() + time;
    let mut all = JoinSet::new();
    for mut phone in phones.drain(..) {
        all.spawn(async move {
            let done = phone.go_on(until, is_patient).await;
            (phone, done)
        });
    }
    let mut ends = Vec::new();
    while let Some(joined) = all.join_next().await {
        let (phone, done) = joined?;
        phones.push(phone);
        ends.push(done);
    }
    phones.sort_by_key(|phone| phone.uid);
    ends.into_iter().collect()
}
