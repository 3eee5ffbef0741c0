//! The relay floor answers as a gateway would, so that loadgen's machines accept it: a blocking client with nothing
//! but `wire` logs in, sends both ways, and checks every number.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use wire::frames::{
    Heartbeat, HeartbeatReply, Hello, HelloReply, Login, LoginReply, Push, PushAck, Send, SendAck,
    Sync, SyncPage,
};
use wire::{
    Bytes, ConversationId, FEATURES, FRAME_BYTES_MAX, FrameBuffer, HEADER_BYTES, Kind, RawFrame,
    RowKind, Scratch, Uid, VERSION,
};

struct Client {
    uid: u64,
    stream: TcpStream,
    out: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr, uid: u64) -> Self {
        Self { uid, stream: TcpStream::connect(address).unwrap(), out: Vec::new() }
    }

    /// Writes what `encode` appended.
    fn flush(&mut self) {
        self.stream.write_all(&self.out).unwrap();
        self.out.clear();
    }

    /// Reads one frame and gives it to `check`.
    fn read<T>(&mut self, kind: Kind, check: impl FnOnce(RawFrame<'_>) -> T) -> T {
        let mut frame = vec![0; HEADER_BYTES];
        self.stream.read_exact(&mut frame).unwrap();
        let length = u32::from_le_bytes(*frame.first_chunk().unwrap()) as usize;
        frame.resize(length, 0);
        self.stream.read_exact(&mut frame[HEADER_BYTES..]).unwrap();
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        let mut frames = buffer.read(&frame, FRAME_BYTES_MAX);
        let frame = frames.next(&mut scratch).unwrap().unwrap();
        assert_eq!(frame.header.kind, Some(kind));
        check(frame)
    }

    fn login(address: SocketAddr, uid: u64, cursor: u64) -> Self {
        let mut client = Self::connect(address, uid);
        let hello = Hello {
            version_min: VERSION,
            version_max: VERSION,
            frame_bytes_max: u32::try_from(FRAME_BYTES_MAX).unwrap(),
            features: FEATURES,
        };
        wire::encode(&mut client.out, 1, hello);
        let claims = BASE64_URL_SAFE_NO_PAD.encode(format!("{{\"sub\":\"{uid}\"}}"));
        let token = Bytes::from(format!("h.{claims}.s"));
        let inbox_epoch = u64::from(cursor > 0);
        let login = Login { device: 1, cursor, inbox_epoch, from_head: 0, token };
        wire::encode(&mut client.out, 2, login);
        client.flush();
        client.read(Kind::HelloReply, |frame| {
            assert_eq!(frame.access::<HelloReply>().unwrap().version, VERSION);
        });
        client.read(Kind::LoginReply, |frame| {
            let reply = frame.access::<LoginReply>().unwrap();
            assert_eq!((reply.uid.to_native(), frame.header.request_id), (uid, 2));
            assert_eq!((reply.inbox_head.to_native(), reply.cursor.to_native()), (cursor, cursor));
        });
        client
    }

    fn send(&mut self, to: u64, body: &[u8]) {
        let send = Send {
            conversation: ConversationId::direct(Uid(self.uid), Uid(to)).unwrap().into(),
            client_msg_id: [9; 16],
            kind: RowKind::MESSAGE.0,
            flags: 0,
            body: Bytes::copy_from_slice(body),
        };
        wire::encode(&mut self.out, 5, send);
        self.flush();
    }

    /// The seq and the sender's inbox row.
    fn read_ack(&mut self) -> (u64, u64) {
        self.read(Kind::SendAck, |frame| {
            assert_eq!(frame.header.request_id, 5);
            let ack = frame.access::<SendAck>().unwrap();
            (ack.seq.to_native(), ack.inbox_seq.to_native())
        })
    }

    /// The seq, the row pushed before, the row, the body.
    fn read_push(&mut self) -> (u64, u64, u64, Vec<u8>) {
        self.read(Kind::Push, |frame| {
            let push = frame.access::<Push>().unwrap();
            let message = &push.message;
            let (seq, inbox_seq) = (message.seq.to_native(), message.inbox_seq.to_native());
            (seq, push.previous.to_native(), inbox_seq, message.body.to_vec())
        })
    }
}

fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || bench::floor::serve(listener));
    address
}

#[test]
fn messages_go_both_ways_with_dense_numbers() {
    let address = start();
    let (mut a, mut b) = (Client::login(address, 3, 0), Client::login(address, 7, 0));
    for seq in 1..=3 {
        a.send(7, b"there");
        assert_eq!(a.read_ack(), (seq, seq));
        assert_eq!(b.read_push(), (seq, seq - 1, seq, b"there".to_vec()));
    }
    wire::encode(&mut b.out, 0, PushAck { inbox_seq: 3 });
    b.send(3, b"back");
    assert_eq!(b.read_ack(), (4, 4));
    // Rows 1 to 3 are its own.
    assert_eq!(a.read_push(), (4, 0, 4, b"back".to_vec()));
    a.send(7, b"there");
    assert_eq!(b.read_push(), (5, 3, 5, b"there".to_vec()));
}

#[test]
fn head_and_empty_page_agree_with_the_cursor() {
    let address = start();
    let mut client = Client::login(address, 3, 12);
    wire::encode(&mut client.out, 6, Heartbeat { time_ms: 77 });
    wire::encode(&mut client.out, 7, Sync { cursor: 12, limit: 9 });
    client.flush();
    client.read(Kind::HeartbeatReply, |frame| {
        let reply = frame.access::<HeartbeatReply>().unwrap();
        assert_eq!((reply.time_ms.to_native(), reply.inbox_head.to_native()), (77, 12));
    });
    client.read(Kind::SyncPage, |frame| {
        let page = frame.access::<SyncPage>().unwrap();
        assert_eq!((page.inbox_head.to_native(), page.messages.len()), (12, 0));
    });
}

#[test]
fn nobody_is_there_and_the_sender_still_gets_its_ack() {
    let mut client = Client::login(start(), 3, 0);
    for seq in 1..=2 {
        client.send(8, b"");
        assert_eq!(client.read_ack(), (seq, seq));
    }
}

#[test]
fn large_bodies_in_pieces_arrive_whole() {
    let address = start();
    let (mut a, mut b) = (Client::login(address, 3, 0), Client::login(address, 7, 0));
    let body: Vec<u8> = (0..=250).cycle().take(30_000).collect();
    for seq in 1..=20 {
        a.send(7, &body);
        assert_eq!(b.read_push(), (seq, seq - 1, seq, body.clone()));
        assert_eq!(a.read_ack(), (seq, seq));
    }
}

#[test]
fn a_bad_peer_ends_its_own_connection_only() {
    let address = start();
    let mut good = Client::login(address, 3, 0);
    for _ in 0..50 {
        let mut bad = Client::connect(address, 0);
        bad.out = vec![0xff; 64];
        bad.flush();
        let mut rest = Vec::new();
        // The end may be orderly or a reset: either way it ends, with nothing said.
        let _ = bad.stream.read_to_end(&mut rest);
        assert!(rest.is_empty());
    }
    good.send(8, b"");
    assert_eq!(good.read_ack(), (1, 1));
}
