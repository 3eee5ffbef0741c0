//! One client's task: it drives the machine over one connection after another. It decides nothing about messages.

use crate::command::{Command, Reply, ReplyTo, Request};
use crate::desk::Desk;
use crate::dial::{Dialed, dial, failed};
use crate::limits::{
    COMMAND_OUT_BYTES_MAX, LOGOUT_TIMEOUT_MS, OUT_BYTES_MAX, READ_BYTES_MAX, RESOLVED_ROWS,
    SENDS_PENDING_MAX,
};
use crate::machine::{Credentials, Machine, Turn};
use crate::{Ack, ClientError, Clock, Config, Received, Tls};
use std::io;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use wire::{Bytes, ClientMsgId, Generation, PAGE_ROWS_MAX, Scratch, Uid};

pub(crate) struct Task {
    addresses: Vec<String>,
    tls: Option<Tls>,
    /// The address to try first.
    address: usize,
    machine: Machine,
    clock: Clock,
    commands: mpsc::Receiver<Command>,
    desk: Desk,
    out: Vec<u8>,
    scratch: Scratch,
    /// Who waits for this task to go, and until when the logout is waited for.
    closing: Option<(oneshot::Sender<()>, u64)>,
}

impl Task {
    pub(crate) fn new(
        config: Config,
        commands: mpsc::Receiver<Command>,
        received: mpsc::Sender<Received>,
        started: oneshot::Sender<Result<Uid, ClientError>>,
    ) -> Self {
        let credentials = Credentials { token: Bytes::from(config.token), device: config.device };
        Self {
            addresses: config.addresses,
            tls: config.tls,
            address: 0,
            machine: Machine::new(credentials, config.position, rand::random()),
            clock: Clock::start(),
            commands,
            desk: Desk::new(received, started),
            out: Vec::new(),
            scratch: Scratch::default(),
            closing: None,
        }
    }

    /// Runs until the client is closed, or connecting again makes no sense. Tells everybody why.
    pub(crate) async fn run(mut self, end: &OnceLock<ClientError>) -> ClientError {
        let error = self.sessions().await;
        drop(end.set(error.clone()));
        self.desk.end(&error);
        error
    }

    async fn sessions(&mut self) -> ClientError {
        let way = (&self.addresses[..], self.tls.as_ref());
        let mut dialed = match dial(way, self.address, 0).await {
            Ok(dialed) => dialed,
            Err(error) => return error,
        };
        loop {
            let error = self.online(dialed).await;
            self.machine.on_disconnected();
            self.desk.resolves(None);
            self.out = Vec::new();
            if self.closing.is_some() {
                return ClientError::Closed;
            }
            if error.is_fatal() || self.desk.is_starting() {
                return error;
            }
            dialed = match self.offline(error).await {
                Ok(dialed) => dialed,
                Err(error) => return error,
            };
        }
    }

    /// Waits and dials until there is a connection. Fails only when the client is closed.
    async fn offline(&mut self, mut error: ClientError) -> Result<Dialed, ClientError> {
        loop {
            self.desk.waiting.end_requests(&ClientError::Disconnected);
            self.address = self.address.wrapping_add(1);
            let retry_after_ms = self.machine.reconnect_delay_ms();
            self.desk.status(Received::Disconnected { error, retry_after_ms });
            let (addresses, tls) = (self.addresses.clone(), self.tls.clone());
            let (way, address) = ((&addresses[..], tls.as_ref()), self.address);
            let mut dialing = std::pin::pin!(dial(way, address, retry_after_ms));
            error = loop {
                self.deliver();
                let waits_for_room = self.desk.waits_for_room();
                tokio::select! {
                    dialed = &mut dialing => match dialed {
                        Ok(dialed) => return Ok(dialed),
                        Err(error) => break error,
                    },
                    command = self.commands.recv(), if self.may_take_command() => {
                        self.on_command(command)?;
                    }
                    () = self.desk.room(), if waits_for_room => {}
                }
            };
        }
    }

    /// Drives one connection to its end.
    async fn online(&mut self, Dialed { stream, address }: Dialed) -> ClientError {
        let (mut reader, mut writer) = tokio::io::split(stream);
        // Written, and perhaps still in TLS's hands.
        let mut is_unflushed = false;
        let mut piece = vec![0; READ_BYTES_MAX];
        self.machine.on_connected(self.clock.now_ms(), &mut self.out);
        loop {
            self.deliver();
            if let Err(error) = self.check_end() {
                return error;
            }
            let waits_for_room = self.desk.waits_for_room();
            let may_take_command = self.may_take_command();
            let next_timer_ms = self.next_timer_ms();
            let turn = tokio::select! {
                read = reader.read(&mut piece) => match read {
                    Ok(0) => Err(failed("read from", &address, io::ErrorKind::UnexpectedEof.into())),
                    Ok(length) => self.on_bytes(&piece[..length]),
                    Err(source) => Err(failed("read from", &address, source)),
                },
                written = write(&mut writer, &self.out), if is_unflushed || !self.out.is_empty() => match written {
                    Ok(length) => {
                        self.out.drain(..length);
                        is_unflushed = length > 0;
                        Ok(())
                    }
                    Err(source) => Err(failed("write to", &address, source)),
                },
                command = self.commands.recv(), if may_take_command => {
                    self.on_command(command)
                }
                () = self.desk.room(), if waits_for_room => Ok(()),
                () = until(next_timer_ms, self.clock) => {
                    self.machine.on_timer(self.clock.now_ms(), &mut self.out)
                }
            };
            if let Err(error) = turn {
                return error;
            }
        }
    }

    fn on_bytes(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        let turn =
            Turn { now_ms: self.clock.now_ms(), out: &mut self.out, scratch: &mut self.scratch };
        let desk = &mut self.desk;
        self.machine.on_bytes(bytes, turn, &mut |event| desk.on_event(event))
    }

    /// Whether the connection has done what it was for.
    fn check_end(&self) -> Result<(), ClientError> {
        if self.out.len() > OUT_BYTES_MAX {
            return Err(ClientError::Unread);
        }
        if let Some((_, until_ms)) = self.closing {
            let is_over = self.desk.is_logged_out || self.clock.now_ms() >= until_ms;
            return if is_over { Err(ClientError::Closed) } else { Ok(()) };
        }
        let may_leave = self.machine.may_leave() && self.out.is_empty();
        if may_leave { Err(ClientError::GoingAway) } else { Ok(()) }
    }

    fn next_timer_ms(&self) -> Option<u64> {
        let closing_ms = self.closing.as_ref().map(|(_, until_ms)| *until_ms);
        self.machine.next_timer_ms().into_iter().chain(closing_ms).min()
    }

    fn may_take_command(&self) -> bool {
        self.closing.is_none()
            && self.machine.sends_pending() < SENDS_PENDING_MAX
            && self.out.len() < COMMAND_OUT_BYTES_MAX
    }

    /// `None`: all handles are gone.
    fn on_command(&mut self, command: Option<Command>) -> Result<(), ClientError> {
        match command {
            None => return Err(ClientError::Closed),
            Some(Command::Send(draft, reply_to)) => {
                let sent = self.machine.send(draft, self.clock.now_ms(), &mut self.out);
                self.on_sent(sent, reply_to);
            }
            Some(Command::ChangeGroup(change, reply_to)) => {
                let now_ms = self.clock.now_ms();
                let sent = self.machine.change_group(change, now_ms, &mut self.out);
                self.on_sent(sent, reply_to);
            }
            Some(Command::Request(request, reply_to)) => self.on_request(&request, reply_to),
            Some(Command::Renew(token, reply_to)) => self.on_renew(token, reply_to),
            Some(Command::Signal(conversation, kind)) => {
                let now_ms = self.clock.now_ms();
                self.machine.signal(conversation, kind, now_ms, &mut self.out);
            }
            Some(Command::Close(closed)) => {
                let until_ms = self.clock.now_ms() + LOGOUT_TIMEOUT_MS;
                let logout = self.machine.logout(&mut self.out);
                self.closing = Some((closed, until_ms));
                // Without a session there is nothing to log out of.
                logout.map_err(|_| ClientError::Closed)?;
            }
        }
        Ok(())
    }

    /// A row was taken, whose ack is waited for, or not.
    fn on_sent(&mut self, sent: Result<ClientMsgId, ClientError>, reply_to: ReplyTo<Ack>) {
        match sent {
            Ok(client_msg_id) => self.desk.waiting.add_send(client_msg_id, reply_to),
            Err(error) => drop(reply_to.send(Err(error))),
        }
    }

    fn on_request(&mut self, request: &Request, reply_to: ReplyTo<Reply>) {
        if !self.desk.waiting.has_room() {
            return drop(reply_to.send(Err(ClientError::RequestsPending)));
        }
        let (machine, out) = (&mut self.machine, &mut self.out);
        let asked = match *request {
            Request::History { conversation, before_seq, limit } => {
                machine.history(conversation, before_seq, limit, out)
            }
            Request::Chats { after, limit } => machine.chats(after, limit, out),
            Request::MarkRead { conversation, seq } => machine.mark_read(conversation, seq, out),
            Request::HideChat { conversation } => machine.hide_chat(conversation, out),
            Request::GroupMembers { group, after, limit } => {
                machine.group_members(group, after, limit, out)
            }
            Request::Devices => machine.devices(Generation(0), PAGE_ROWS_MAX, out),
            Request::EndDevice { device } => machine.end_device(device, out),
            Request::SetPushToken { provider, ref token } => {
                machine.set_push_token(provider, token.clone(), out)
            }
            Request::GroupInfo { group } => machine.group_info(group, out),
        };
        match asked {
            Ok(request_id) => self.desk.waiting.add_request(request_id, reply_to),
            Err(error) => drop(reply_to.send(Err(error))),
        }
    }

    /// Without a session there is nothing to ask: the token is for the next.
    fn on_renew(&mut self, token: Bytes, reply_to: ReplyTo<Reply>) {
        if !self.desk.waiting.has_room() {
            return drop(reply_to.send(Err(ClientError::RequestsPending)));
        }
        match self.machine.renew(token, &mut self.out) {
            Some(request_id) => self.desk.waiting.add_request(request_id, reply_to),
            None => drop(reply_to.send(Ok(Reply::Renewed))),
        }
    }

    /// Moves what is ready into the channel. While something does not fit, the machine is held.
    fn deliver(&mut self) {
        self.desk.deliver();
        if let Some((conversation, before_seq)) = self.desk.to_resolve() {
            let page = RESOLVED_ROWS;
            let asked = self.machine.history(conversation, before_seq, page, &mut self.out);
            self.desk.resolves(asked.ok());
        }
        let is_held = self.desk.has_ready();
        self.machine.hold(is_held, self.clock.now_ms(), &mut self.out);
    }
}

/// Writes some bytes, how many it says; none: sends on what was written.
async fn write(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() { writer.flush().await.map(|()| 0) } else { writer.write(bytes).await }
}

async fn until(ms: Option<u64>, clock: Clock) {
    match ms {
        Some(ms) => sleep(Duration::from_millis(ms.saturating_sub(clock.now_ms()))).await,
        None => std::future::pending().await,
    }
}
