//! A FAKE server: threads, blocking sockets, one lock, everything in memory. It speaks the protocol and keeps the
//! promises, but for one fault that a test plants. It exists to be found out.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![allow(dead_code, reason = "each test plants some of the faults")]

mod circle;
pub mod judged;
mod shop;

use shop::{Device, Shop};
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use wire::frames::{
    Heartbeat, HeartbeatReply, Hello, HelloReply, History, Login, LoginReply, Push, Send, Sync,
    SyncPage,
};
use wire::{FRAME_BYTES_MAX, FrameBuffer, Kind, RawFrame, Scratch};

/// What is wrong with it, at its nth message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    Nothing,
    /// Does nothing at all for a while.
    Stall(u64, Duration),
    /// Acks and forgets.
    Lose(u64),
    /// Puts the next message of the conversation before it.
    Swap(u64),
    /// Stores it twice.
    Duplicate(u64),
    /// Changes a bit of it.
    Corrupt(u64),
    /// Stores it, then closes every connection: no fault, if what was not acked is sent again.
    HangUp(u64),
    /// Closes every connection, and every later one at once.
    Die(u64),
    /// The same for a while.
    Outage(u64, Duration),
    /// Does not see its first copy.
    IgnoreOnce(u64),
    /// Stores every nth and never acks it.
    EatAcks(u64),
    /// Sees no message at all.
    EatSends,
    /// Refuses the first copy of every nth for now.
    Busy(u64),
    /// Takes so many messages a second, and refuses the others for now.
    Limit(u32),
    /// Answers every message so much later.
    Late(Duration),
    /// Changes a bit of a pushed frame: no message is lost, for it comes again.
    Damage(u64),
    /// Refuses the first history that a user asks for, for now; one that is asked for before the hint is over is empty.
    BusyHistory,
    /// What is wrong with the nth message to groups.
    InGroup(InGroup, u64),
}

/// What is wrong with a message to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InGroup {
    /// One member does not get it.
    LoseForOne,
    /// One member gets it twice.
    TwiceForOne,
    /// The group has it twice.
    Duplicate,
    /// One who was a member gets it too.
    LeakToFormer,
    /// One who never was gets it too.
    LeakToStranger,
    /// The next of its group comes before it.
    Swap,
    /// Its group leaves out a place before it.
    Gap,
    /// Its sender is refused, and is a member.
    Refuse,
    /// A bit of it is changed.
    Corrupt,
}

/// How far away it is: a generator in a debug build, on a machine that does other things too, is late
/// by a small part of this.
const DISTANCE: Duration = Duration::from_millis(10);

/// Serves until the process ends.
pub fn start(planted: Planted) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let shop = Arc::new(Mutex::new(Shop::new(planted)));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, shop) = (stream.unwrap(), Arc::clone(&shop));
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || serve(&stream, &shop));
        }
    });
    address
}

/// A key that it takes, in a directory; it takes any.
pub fn key_file(directory: &Path) -> PathBuf {
    let key = directory.join("key");
    std::fs::write(&key, "a secret of enough bytes for a fake server\n").unwrap();
    key
}

fn serve(stream: &TcpStream, shop: &Mutex<Shop>) {
    if shop.lock().unwrap().is_dead() {
        return;
    }
    let mut session = None;
    let (mut frames, mut scratch) = (FrameBuffer::default(), Scratch::default());
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = (&mut &*stream).read(&mut piece) {
        shop::stall(DISTANCE);
        let mut pieces = frames.read(&piece[..length], FRAME_BYTES_MAX);
        while let Some(frame) = pieces.next(&mut scratch) {
            let mut shop = shop.lock().unwrap();
            on_frame(&frame.unwrap(), stream, &mut shop, &mut session);
        }
    }
    if let Some((uid, number)) = session {
        shop.lock().unwrap().leave(uid, number);
    }
}

/// A session is a user and the number of its device's connection.
#[allow(clippy::wildcard_enum_match_arm, reason = "the last arm asserts what is left")]
fn on_frame(
    frame: &RawFrame<'_>,
    stream: &TcpStream,
    shop: &mut Shop,
    session: &mut Option<(u64, u64)>,
) {
    let (id, mut out) = (frame.header.request_id, Vec::new());
    match frame.header.kind.unwrap() {
        Kind::Hello => {
            frame.access::<Hello>().unwrap();
            wire::encode(&mut out, id, HelloReply::new(60_000, 0, now_ms()));
        }
        Kind::Login => {
            let login = frame.access::<Login>().unwrap();
            let uid = uid_of(login.token.as_slice());
            let inbox_head = shop.head(uid);
            let device = Device { stream: stream.try_clone().unwrap(), pushed: inbox_head };
            *session = Some((uid, shop.enter(uid, device)));
            let cursor = login.cursor.to_native();
            let reply = LoginReply {
                uid,
                generation: 1,
                inbox_epoch: 1,
                inbox_head,
                cursor,
                server_time_ms: now_ms(),
            };
            wire::encode(&mut out, id, reply);
            for message in shop.rows(uid, cursor, u32::MAX) {
                wire::encode(&mut out, 0, Push { previous: message.inbox_seq - 1, message });
            }
        }
        Kind::Send => {
            let (from, number) = session.unwrap();
            let send = frame.access::<Send>().unwrap();
            shop.take((from, number), id, send);
        }
        Kind::Sync => {
            let (uid, _) = session.unwrap();
            let sync = frame.access::<Sync>().unwrap();
            let messages = shop.rows(uid, sync.cursor.to_native(), sync.limit.to_native());
            let inbox_head = shop.head(uid);
            wire::encode(&mut out, id, SyncPage { inbox_epoch: 1, inbox_head, messages });
        }
        Kind::Heartbeat => {
            let time_ms = frame.access::<Heartbeat>().unwrap().time_ms.to_native();
            let inbox_head = shop.head(session.unwrap().0);
            wire::encode(&mut out, id, HeartbeatReply { time_ms, inbox_epoch: 1, inbox_head });
        }
        Kind::Chats => wire::encode(&mut out, id, shop.chats(session.unwrap().0)),
        Kind::History => {
            let history = frame.access::<History>().unwrap();
            match shop.history(session.unwrap().0, history) {
                Ok(page) => wire::encode(&mut out, id, page),
                Err(refusal) => wire::encode(&mut out, id, refusal),
            };
        }
        kind => assert_eq!(kind, Kind::PushAck, "loadgen sends nothing else"),
    }
    shop::write(stream, &out);
}

fn uid_of(token: &[u8]) -> u64 {
    #[derive(serde::Deserialize)]
    struct Claims {
        sub: String,
    }
    let token = jsonwebtoken::dangerous::insecure_decode::<Claims>(token).unwrap();
    token.claims.sub.parse().unwrap()
}

pub fn now_ms() -> u64 {
    u64::try_from(loadgen::clock::unix().as_millis()).unwrap()
}
