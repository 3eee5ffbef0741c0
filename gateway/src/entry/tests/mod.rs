//! An entry driven by hand: clients that say frames, shards that answer, and time that passes when
//! a test says so. No ring, no clock, no shard.

mod logins;
mod numbers;
mod ends;
mod limits;
mod drains;
mod outboxes;
mod own;
mod clocks;
mod carriers;
mod calls;

use super::rate::UserRates;
use super::*;
use crate::auth::sign;
use crate::config::Config;
use crate::hear::{Site, hear};
use crate::metrics::Metrics;
use crate::transport::tcp::Tcp;
use crate::transport::{ChannelId, Outbox};
use netring::ConnId;
use shard::command::{Begin, Delivery, Login};
use std::collections::HashMap;
use wire::frames::{self, GoingAway, Refusal, SessionEnd};
use wire::{
    Bytes, DeviceId, FrameBuffer, Generation, InboxSeq, Kind, Platform, RawFrame, Scratch, Uid,
    encode,
};

/// Unix ms at 0 ms of the core's clock.
const START_MS: u64 = 1_700_000_000_000;

const SETTINGS: Settings = Settings {
    id: 3,
    entries: 1,
    clients_max: 100,
    login_timeout_ms: 5_000,
    heartbeat_ms: 60_000,
    connection_rate: 0,
    drain_rate: 1_000,
};

/// One connection's output.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    /// Appended earlier, and not taken by the kernel.
    waiting: usize,
    is_closed: bool,
}

#[derive(Default)]
struct Outputs(HashMap<ChannelId, Output>);

impl Outboxes for Outputs {
    fn outbox(&mut self, channel: Channel) -> Option<Outbox<'_>> {
        let output = self.0.entry(channel.id).or_default();
        let (bytes, waiting) = (&mut output.bytes, output.waiting);
        let carrier = channel.carrier;
        (!output.is_closed).then_some(Outbox { bytes, waiting, carrier })
    }
}

/// A client as the entry has it.
#[derive(Clone, Copy, Debug)]
struct Client {
    conn: ConnId,
    key: SessionKey,
    login: Login,
}

/// What a client is told: the kind, the request's number, and the code of a refusal or a good-bye.
type Told = (Kind, u64, Option<RefusalCode>);

struct Scene {
    entry: Entry,
    metrics: Arc<CoreMetrics>,
    tcp: Tcp<SessionKey>,
    outputs: Outputs,
    effects: Effects,
    now_ms: u64,
    config: Config,
    conns: u32,
    _dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Self::with(SETTINGS)
    }

    fn with(settings: Settings) -> Self {
        Self::sharing(settings, Arc::new(Shared::new(100, UserRates::new(0, 1))))
    }

    /// An entry beside others.
    fn sharing(settings: Settings, shared: Arc<Shared>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.data_dir = dir.path().to_owned();
        let metrics = Metrics::new(1).core(0);
        let auth = Arc::new(Auth::open(&config).unwrap());
        let mut entry = Entry::new(settings, auth, shared, metrics.clone());
        entry.set_inbox_epoch(9);
        Self {
            entry,
            metrics,
            tcp: Tcp::default(),
            outputs: Outputs::default(),
            effects: Effects::default(),
            now_ms: 0,
            config,
            conns: 0,
            _dir: dir,
        }
    }

    fn call<T>(&mut self, call: impl FnOnce(&mut Entry, &mut Turn<'_, Outputs>) -> T) -> T {
        let now = Now { unix_ms: START_MS + self.now_ms, mono_ms: self.now_ms };
        let (outboxes, effects) = (&mut self.outputs, &mut self.effects);
        let mut turn = Turn { now, now_us: self.now_ms * 1_000, outboxes, effects };
        call(&mut self.entry, &mut turn)
    }

    fn try_connect(&mut self) -> Option<Client> {
        self.conns += 1;
        let conn = ConnId::new(0, self.conns, 1);
        let key = self.call(|entry, turn| entry.on_accepted(Channel::of(conn), turn))?;
        self.tcp.insert(conn, key);
        let (uid, device, generation) = (Uid(0), DeviceId(0), Generation(0));
        Some(Client { conn, key, login: Login { uid, device, generation } })
    }

    fn connect(&mut self) -> Client {
        self.try_connect().expect("there is room")
    }

    /// A client says bytes, which may be several frames.
    fn hear(&mut self, client: Client, bytes: &[u8]) {
        let now = Now { unix_ms: START_MS + self.now_ms, mono_ms: self.now_ms };
        let Self { entry, tcp, outputs, effects, now_ms, .. } = self;
        let mut turn = Turn { now, now_us: *now_ms * 1_000, outboxes: outputs, effects };
        hear((tcp, entry), (client.conn, &mut bytes.to_vec()), Site::default(), &mut turn);
    }

    fn token(&self, uid: u64) -> String {
        sign(&self.config, Uid(uid), (START_MS + self.now_ms) / 1_000, 3_600).unwrap()
    }

    /// Connects a client and logs it in; what it was told on the way is forgotten.
    fn log_in(&mut self, uid: u64) -> Client {
        self.log_in_knowing(uid, 0)
    }

    /// The same of a client that knows of these features.
    fn log_in_knowing(&mut self, uid: u64, features: u64) -> Client {
        let client = self.connect();
        self.hear(client, &hello_knowing(features));
        let token = self.token(uid);
        self.hear(client, &login(&token));
        let (command, reply) = self.asked();
        assert_eq!(command, log_in_at(uid, self.now_ms));
        let login = Login { uid: Uid(uid), device: DeviceId(1), generation: Generation(uid) };
        self.answer(reply, logged_in(login));
        self.told(client);
        Client { login, ..client }
    }

    fn answer(&mut self, to: ReplyTo, answer: Answer) {
        self.call(|entry, turn| entry.on_answer(Delivery { to, answer }, turn));
    }

    /// News for a session, which it has not asked for.
    fn push(&mut self, client: Client, answer: Answer) {
        let session = SessionId { entry: SETTINGS.id, key: client.key.to_bits() };
        self.answer(ReplyTo { session, ticket: 0 }, answer);
    }

    fn lose(&mut self, client: Client) {
        self.tcp.remove(client.conn);
        self.call(|entry, turn| entry.on_closed(client.key, Lost::Peer, turn));
    }

    /// Time passes, in steps of a tick.
    fn pass(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        while self.now_ms < until {
            self.now_ms = (self.now_ms + 250).min(until);
            self.call(|entry, turn| entry.tick(turn));
        }
    }

    /// The only command that was asked since.
    #[track_caller]
    fn asked(&mut self) -> (Command, ReplyTo) {
        let (command, reply) = self.effects.commands.pop().expect("a command");
        assert_eq!(self.effects.commands, []);
        assert_eq!(reply.session.entry, SETTINGS.id);
        (command, reply)
    }

    /// What was written to a client since, byte for byte.
    fn output(&mut self, client: Client) -> Vec<u8> {
        let output = self.outputs.0.entry(Channel::of(client.conn).id).or_default();
        std::mem::take(&mut output.bytes)
    }

    /// What a client was told since.
    fn told(&mut self, client: Client) -> Vec<Told> {
        told_in(&self.output(client))
    }

    /// Which requests of a client were refused since, and after how many ms each may come again.
    fn hints(&mut self, client: Client) -> Vec<(u64, u32)> {
        each_in(&self.output(client), |frame| {
            let refusal = frame.read::<Refusal>().expect("only refusals");
            (frame.header.request_id, refusal.retry_after_ms)
        })
    }

    /// What a client was told of the server's clock since, by the kind of frame; 0: nothing.
    fn clocks(&mut self, client: Client) -> Vec<(Kind, u64)> {
        each_in(&self.output(client), |frame| {
            let login = frame.read::<frames::LoginReply>().map(|reply| reply.server_time_ms);
            let hello = frame.read::<frames::HelloReply>().map(|reply| reply.server_time_ms);
            let added = frame.extended(wire::SERVER_TIME);
            (frame.header.kind.unwrap(), login.or(hello).unwrap_or(added))
        })
    }

    /// What was to be done to a client's channel since.
    fn done(&mut self, client: Client) -> Vec<Do> {
        let id = Channel::of(client.conn).id;
        let of_client = self.effects.channels.extract_if(.., |(of, _)| of.id == id);
        of_client.map(|(_, what)| what).collect()
    }

    fn closes(&self, reason: CloseReason) -> u64 {
        self.metrics.closes.of(reason).get()
    }
}

/// What is read of each of the frames in these bytes.
fn each_in<T>(bytes: &[u8], mut read: impl FnMut(&RawFrame<'_>) -> T) -> Vec<T> {
    let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
    let mut frames = buffer.read(bytes, FRAME_BYTES_MAX);
    let mut all = Vec::new();
    while let Some(frame) = frames.next(&mut scratch) {
        all.push(read(&frame.expect("an entry's frames are sound")));
    }
    all
}

/// What the frames in these bytes tell.
fn told_in(bytes: &[u8]) -> Vec<Told> {
    each_in(bytes, |frame| {
        let refusal = frame.read::<Refusal>().map(|refusal| refusal.code);
        let code = refusal.or_else(|_| frame.read::<GoingAway>().map(|going| going.code));
        let code = code.or_else(|_| frame.read::<SessionEnd>().map(|end| end.code)).ok();
        let named = |code| *RefusalCode::ALL.iter().find(|it| **it as u16 == code).unwrap();
        (frame.header.kind.unwrap(), frame.header.request_id, code.map(named))
    })
}

/// What a login that [`login`] encodes asks of a shard, with a token of the first moment.
fn log_in(uid: u64) -> Command {
    log_in_at(uid, 0)
}

/// The same with a token that was made after so many ms.
fn log_in_at(uid: u64, now_ms: u64) -> Command {
    let (uid, device, from) = (Uid(uid), DeviceId(1), Begin::after(InboxSeq(3), 9));
    let (platform, issued_s) = (Platform::UNKNOWN, (START_MS + now_ms) / 1_000);
    Command::Login { uid, device, from, platform, issued_s }
}

fn hello() -> Vec<u8> {
    hello_knowing(0)
}

fn hello_knowing(features: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let frame_bytes_max = u32::try_from(FRAME_BYTES_MAX).unwrap();
    let hello = frames::Hello { version_min: 1, version_max: 2, frame_bytes_max, features };
    encode(&mut bytes, 1, hello);
    bytes
}

fn login(token: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let token = Bytes::copy_from_slice(token.as_bytes());
    let login = frames::Login { device: 1, cursor: 3, inbox_epoch: 9, from_head: 0, token };
    encode(&mut bytes, 2, login);
    bytes
}

fn renew(request_id: u64, token: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let token = Bytes::copy_from_slice(token.as_bytes());
    encode(&mut bytes, request_id, frames::Renew { token });
    bytes
}

fn heartbeat(request_id: u64, time_ms: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes, request_id, frames::Heartbeat { time_ms });
    bytes
}

fn send(request_id: u64, to: u64) -> Vec<u8> {
    send_as(request_id, to, 1)
}

/// A message with an id of its own.
fn send_as(request_id: u64, to: u64, id: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let body = Bytes::from_static(b"a body");
    let conversation = frames::Conversation { kind: 1, a: to.max(7), b: to.min(7) };
    let send = frames::Send { conversation, client_msg_id: [id; 16], kind: 1, flags: 0, body };
    encode(&mut bytes, request_id, send);
    bytes
}

fn push_ack(inbox_seq: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes, 0, frames::PushAck { inbox_seq });
    bytes
}

fn logged_in(login: Login) -> Answer {
    let (inbox_head, cursor, inbox_tail) = (InboxSeq(4), InboxSeq(3), InboxSeq(1));
    Answer::LoggedIn { login, inbox_head, cursor, inbox_tail }
}

fn head(time_ms: u64) -> Answer {
    Answer::Head { head: InboxSeq(0), time_ms }
}

fn refused(code: RefusalCode) -> Answer {
    Answer::Refused { code, retry_after_ms: 100 }
}
