//! A fake server on a real TCP socket: it reads the client's frames and answers what the test tells it to.

use crate::common::{Encode, hello_reply, login_reply};
use client::{Client, ClientError, Config, Inbox, Position};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wire::frames::LoginReply;
use wire::{DeviceId, FrameBuffer, Kind, RawFrame, Scratch};

pub const EPOCH: u64 = 9;

pub struct Fake {
    listener: TcpListener,
}

/// A connection that the fake has accepted.
pub struct Accepted {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Fake {
    pub async fn listen() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    /// Starts a client of this server.
    pub fn client(&self) -> tokio::task::JoinHandle<Result<(Client, Inbox), ClientError>> {
        let config = Config {
            addresses: vec![self.listener.local_addr().unwrap().to_string()],
            token: "token".to_owned(),
            device: DeviceId(1),
            position: Position::default(),
            tls: None,
        };
        tokio::spawn(Client::connect(config))
    }

    /// Accepts a connection and reads its hello and login.
    pub async fn accept(&self) -> Accepted {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut accepted = Accepted { stream, buffer: vec![] };
        accepted.hear(Kind::Hello).await;
        accepted.hear(Kind::Login).await;
        accepted
    }

    /// Accepts a connection and logs it in.
    pub async fn log_in(&self, inbox_head: u64) -> Accepted {
        let mut accepted = self.accept().await;
        accepted.say(1, hello_reply()).await;
        accepted.say(2, LoginReply { generation: 1, ..login_reply(EPOCH, inbox_head, 0) }).await;
        accepted
    }

    /// A client that is logged in, and its connection.
    pub async fn start(&self) -> (Client, Inbox, Accepted) {
        let client = self.client();
        let accepted = self.log_in(0).await;
        let (client, inbox) = client.await.unwrap().unwrap();
        (client, inbox, accepted)
    }
}

impl Accepted {
    pub async fn say<F: Encode>(&mut self, request_id: u64, reply: F) {
        let bytes = crate::common::frame(request_id, reply);
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// The next frame of this kind and its request id; others are passed over.
    pub async fn hear(&mut self, kind: Kind) -> Heard {
        loop {
            let bytes = self.next().await.expect("the client says something more");
            let heard = Heard(bytes);
            if heard.with(|frame| frame.header.kind) == Some(kind) {
                return heard;
            }
        }
    }

    /// Waits until the client closes the connection.
    pub async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }

    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(length) = self.buffer.first_chunk::<4>() {
                let length = u32::from_le_bytes(*length) as usize;
                if self.buffer.len() >= length {
                    return Some(self.buffer.drain(..length).collect());
                }
            }
            let read = self.stream.read_buf(&mut self.buffer).await;
            if read.unwrap_or(0) == 0 {
                return None;
            }
        }
    }
}

pub struct Heard(Vec<u8>);

impl Heard {
    pub fn request_id(&self) -> u64 {
        self.with(|frame| frame.header.request_id)
    }

    pub fn with<T>(&self, read: impl FnOnce(RawFrame<'_>) -> T) -> T {
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        let mut frames = buffer.read(&self.0, wire::FRAME_BYTES_MAX);
        read(frames.next(&mut scratch).unwrap().unwrap())
    }
}
