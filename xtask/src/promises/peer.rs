//! A client that says what it is told to and keeps what it hears: for what a well-behaved client would not do, such as
//! saying one send many times.

use std::collections::VecDeque;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wire::{
    Bytes, ClientMsgId, ConversationId, FRAME_BYTES_MAX, FrameBuffer, Kind, RawFrame, RefusalCode,
    RowKind, Scratch, Uid, encode, frames,
};

use crate::drill::peers::hello;

/// Bytes read at once.
const PIECE_BYTES: usize = 16 * 1024;

/// One connection of such a client.
pub struct Peer {
    stream: TcpStream,
    buffer: FrameBuffer,
    scratch: Scratch,
    heard: VecDeque<Heard>,
    request_id: u64,
    /// Of its login.
    pub generation: u64,
}

/// What the server says of a message that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub message_id: u64,
    pub seq: u64,
    pub time_ms: u64,
}

/// What matters of what the server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    LoggedIn {
        generation: u64,
    },
    Acked {
        request_id: u64,
        place: Place,
    },
    Refused {
        request_id: u64,
        code: Option<RefusalCode>,
        retry_after_ms: u32,
    },
    /// The server will close the connection.
    Ended {
        code: Option<RefusalCode>,
    },
    Pushed {
        inbox_seq: u64,
        client_msg_id: ClientMsgId,
    },
    Other,
}

impl Peer {
    /// Connects and logs in; begins at the inbox's head.
    pub async fn login(server: SocketAddr, token: &str, device: u64) -> Result<Self> {
        let stream = TcpStream::connect(server).await.context("could not connect")?;
        stream.set_nodelay(true)?;
        let (buffer, scratch) = (FrameBuffer::default(), Scratch::default());
        let heard = VecDeque::new();
        let mut peer = Self { stream, buffer, scratch, heard, request_id: 0, generation: 0 };
        peer.say(|out, id| encode(out, id, hello())).await?;
        let token = Bytes::copy_from_slice(token.as_bytes());
        let (cursor, inbox_epoch, from_head) = (0, 0, 1);
        let login = frames::Login { device, cursor, inbox_epoch, from_head, token };
        peer.say(|out, id| encode(out, id, login)).await?;
        loop {
            match peer.next().await? {
                Some(Heard::LoggedIn { generation }) => peer.generation = generation,
                Some(Heard::Refused { code, .. }) => bail!("the login was refused: {code:?}"),
                Some(_) => continue,
                None => bail!("closed before the login"),
            }
            return Ok(peer);
        }
    }

    /// Says the frame that is written for a request id; the id.
    pub async fn say(&mut self, write: impl FnOnce(&mut Vec<u8>, u64)) -> Result<u64> {
        self.request_id += 1;
        let mut out = Vec::new();
        write(&mut out, self.request_id);
        self.stream.write_all(&out).await.context("could not write")?;
        Ok(self.request_id)
    }

    /// The next that is heard; `None` when the server has closed the connection.
    pub async fn next(&mut self) -> Result<Option<Heard>> {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return Ok(Some(heard));
            }
            let Ok(length @ 1..) = self.stream.read(&mut piece).await else { return Ok(None) };
            let mut frames = self.buffer.read(&piece[..length], FRAME_BYTES_MAX);
            while let Some(frame) = frames.next(&mut self.scratch) {
                self.heard.push_back(read(&frame?)?);
            }
        }
    }
}

/// A message from one user to another.
pub fn message(from: u64, to: u64, client_msg_id: ClientMsgId, body: Bytes) -> frames::Send {
    let conversation = ConversationId::direct(Uid(from), Uid(to)).expect("two users").into();
    let (client_msg_id, kind) = (client_msg_id.0, RowKind::MESSAGE.0);
    frames::Send { conversation, client_msg_id, kind, flags: 0, body }
}

fn read(frame: &RawFrame<'_>) -> Result<Heard> {
    let request_id = frame.header.request_id;
    let Some(kind) = frame.header.kind else { return Ok(Heard::Other) };
    Ok(match kind {
        Kind::LoginReply => {
            let generation = frame.access::<frames::LoginReply>()?.generation.to_native();
            Heard::LoggedIn { generation }
        }
        Kind::SendAck => {
            let ack = frame.read::<frames::SendAck>()?;
            let (message_id, seq, time_ms) = (ack.message_id, ack.seq, ack.time_ms);
            Heard::Acked { request_id, place: Place { message_id, seq, time_ms } }
        }
        Kind::Refusal => {
            let refusal = frame.access::<frames::Refusal>()?;
            let code = RefusalCode::from_wire(refusal.code.to_native());
            let retry_after_ms = refusal.retry_after_ms.to_native();
            Heard::Refused { request_id, code, retry_after_ms }
        }
        Kind::Push => {
            let push = frame.access::<frames::Push>()?;
            let client_msg_id = ClientMsgId(push.message.client_msg_id);
            Heard::Pushed { inbox_seq: push.message.inbox_seq.to_native(), client_msg_id }
        }
        Kind::HelloReply | Kind::LogoutReply | Kind::RenewReply => Heard::Other,
        Kind::Heartbeat | Kind::HeartbeatReply => Heard::Other,
        Kind::SyncPage | Kind::HistoryPage | Kind::ChatsPage | Kind::InboxHead => Heard::Other,
        Kind::GoingAway => {
            let code = frame.access::<frames::GoingAway>()?.code.to_native();
            Heard::Ended { code: RefusalCode::from_wire(code) }
        }
        Kind::SessionEnd => {
            let code = frame.access::<frames::SessionEnd>()?.code.to_native();
            Heard::Ended { code: RefusalCode::from_wire(code) }
        }
        Kind::ChatReply | Kind::GroupMembersPage | Kind::GroupInfoReply => Heard::Other,
        Kind::DevicesPage | Kind::EndDeviceReply | Kind::Signal => Heard::Other,
        Kind::PushTokenReply => Heard::Other,
        Kind::Hello | Kind::Login | Kind::Logout | Kind::Send | Kind::PushAck => said(kind)?,
        Kind::Sync | Kind::History | Kind::Chats => said(kind)?,
        Kind::MarkRead | Kind::HideChat | Kind::Renew => said(kind)?,
        Kind::GroupMembers | Kind::GroupInfo => said(kind)?,
        Kind::Devices | Kind::EndDevice | Kind::PushToken => said(kind)?,
    })
}

fn said(kind: Kind) -> Result<Heard> {
    bail!("a server does not say {kind:?}")
}
