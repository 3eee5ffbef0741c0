//! The application's handles: one to send and ask, one to receive.

use crate::command::{Command, Reply, Request};
use crate::limits::{COMMANDS_MAX, RECEIVED_MAX, REQUEST_TIMEOUT_MS};
use crate::machine::Draft;
use crate::task::Task;
use crate::{
    Ack, ChatState, ChatsPage, ClientError, Config, Device, GroupChange, GroupInfo,
    GroupMembersPage, Message, Received,
};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use wire::{
    BODY_BYTES_MAX, Bytes, ConversationId, DeviceId, PAGE_ROWS_MAX, PUSH_TOKEN_BYTES_MAX, Seq,
    SignalKind, TOKEN_BYTES_MAX, Uid,
};

/// Sends and asks. Clones share one session; it ends when all of them are dropped, or one is closed.
#[derive(Clone)]
pub struct Client {
    uid: Uid,
    commands: mpsc::Sender<Command>,
    end: Arc<OnceLock<ClientError>>,
}

/// Receives. If nobody reads it only messages wait, in the server's inbox; sends and requests go
/// on.
pub struct Inbox {
    received: mpsc::Receiver<Received>,
    end: Arc<OnceLock<ClientError>>,
}

impl Client {
    /// Connects and logs in; from then on the session is kept up by itself. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// No address answers, or the login is refused.
    pub async fn connect(config: Config) -> Result<(Self, Inbox), ClientError> {
        check_token(&config.token)?;
        let (commands, taken) = mpsc::channel(COMMANDS_MAX);
        let (sender, received) = mpsc::channel(RECEIVED_MAX);
        let (started, is_started) = oneshot::channel();
        let end = Arc::new(OnceLock::new());
        let task = Task::new(config, taken, sender, started);
        let task_end = Arc::clone(&end);
        tokio::spawn(async move {
            let error = task.run(&task_end).await;
            tracing::debug!(%error, "the client has ended");
        });
        let uid = is_started.await.unwrap_or(Err(ClientError::Closed))?;
        Ok((Self { uid, commands, end: Arc::clone(&end) }, Inbox { received, end }))
    }

    /// Who the token is for.
    #[must_use]
    pub fn uid(&self) -> Uid {
        self.uid
    }

    /// Sends a message, and repeats it with the same id, over as many connections as it takes, until it is durable. It
    /// goes out at the first poll; dropping the future later does not take it back.
    ///
    /// # Errors
    /// It is too large, was refused for good, or the client has ended.
    pub async fn send(
        &self,
        conversation: ConversationId,
        body: impl Into<Bytes>,
    ) -> Result<Ack, ClientError> {
        self.send_draft((conversation, body.into()).into()).await
    }

    /// The same; the writer has seen the conversation up to `draft.seen`, and it is read up to there with the message.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_draft(&self, draft: Draft) -> Result<Ack, ClientError> {
        if draft.body.len() > BODY_BYTES_MAX {
            return Err(ClientError::BodyTooLarge(draft.body.len()));
        }
        let (reply_to, reply) = oneshot::channel();
        self.command(Command::Send(draft, reply_to)).await?;
        reply.await.unwrap_or_else(|_| Err(ended(&self.end)))
    }

    /// Makes a group of oneself and these users; returns which. Repeated as [`Client::send`] is.
    ///
    /// # Errors
    /// As [`Client::send`]; among them that a group has no room for so many.
    pub async fn create_group(&self, members: Vec<Uid>) -> Result<ConversationId, ClientError> {
        let ack = self.change_group(GroupChange::Create(members)).await?;
        Ok(ConversationId::made_by(self.uid, ack.client_msg_id))
    }

    /// Makes a group, changes who is in it and what they are, or leaves it. Repeated as [`Client::send`] is.
    ///
    /// # Errors
    /// As [`Client::send`]; among them that one is no member, that one is a member already, that one's role does not allow it.
    pub async fn change_group(&self, change: GroupChange) -> Result<Ack, ClientError> {
        let (reply_to, reply) = oneshot::channel();
        self.command(Command::ChangeGroup(change, reply_to)).await?;
        reply.await.unwrap_or_else(|_| Err(ended(&self.end)))
    }

    /// Members of a group that one is a member of, above `after` (0: from the first), ascending by uid.
    ///
    /// # Errors
    /// As [`Client::history`].
    pub async fn group_members(
        &self,
        group: ConversationId,
        after: Uid,
        limit: u32,
    ) -> Result<GroupMembersPage, ClientError> {
        check_limit(limit)?;
        let reply = self.request(Request::GroupMembers { group, after, limit }).await?;
        if let Reply::GroupMembers(page) = reply { Ok(page) } else { Err(reply.unexpected()) }
    }

    /// The user's devices that are logged in, by login, this one among them. A user has at most 64.
    ///
    /// # Errors
    /// As [`Client::history`].
    pub async fn devices(&self) -> Result<Vec<Device>, ClientError> {
        let reply = self.request(Request::Devices).await?;
        if let Reply::Devices(devices) = reply { Ok(devices) } else { Err(reply.unexpected()) }
    }

    /// Ends the session of a device of the user; whether there was one. Its token stays good: it may log in again, if its
    /// user says so.
    ///
    /// # Errors
    /// As [`Client::history`].
    pub async fn end_device(&self, device: DeviceId) -> Result<bool, ClientError> {
        let reply = self.request(Request::EndDevice { device }).await?;
        if let Reply::DeviceEnded(was) = reply { Ok(was) } else { Err(reply.unexpected()) }
    }

    /// Stores by what this device is reached while it is away: what the provider of that number (one that the app and its
    /// receiver agree on) knows it by. It holds for later sessions of the device too; apps say it again at each start.
    ///
    /// # Errors
    /// As [`Client::history`]; among them Unsupported, from a server that tells nobody. [`ClientError::Token`] if it is over
    /// [`PUSH_TOKEN_BYTES_MAX`].
    pub async fn set_push_token(&self, provider: u8, token: &str) -> Result<(), ClientError> {
        if token.len() > PUSH_TOKEN_BYTES_MAX {
            return Err(ClientError::Token(token.len()));
        }
        let token = Bytes::copy_from_slice(token.as_bytes());
        let reply = self.request(Request::SetPushToken { provider, token }).await?;
        if let Reply::PushTokenSet = reply { Ok(()) } else { Err(reply.unexpected()) }
    }

    /// This device is told nothing while it is away, from now on. To be said before the user logs out: who uses the device next
    /// is not to see what comes for this one.
    ///
    /// # Errors
    /// As [`Client::history`].
    pub async fn forget_push_token(&self) -> Result<(), ClientError> {
        self.set_push_token(0, "").await
    }

    /// What a group is that one is a member of.
    ///
    /// # Errors
    /// As [`Client::history`].
    pub async fn group_info(&self, group: ConversationId) -> Result<GroupInfo, ClientError> {
        let reply = self.request(Request::GroupInfo { group }).await?;
        if let Reply::GroupInfo(info) = reply { Ok(info) } else { Err(reply.unexpected()) }
    }

    /// Messages of a conversation before `before_seq` (0: the newest), ascending. Empty: no more.
    ///
    /// # Errors
    /// There is no session, it went meanwhile, the request was refused, or `limit` is not 1 to 256.
    pub async fn history(
        &self,
        conversation: ConversationId,
        before_seq: Seq,
        limit: u32,
    ) -> Result<Vec<Message>, ClientError> {
        check_limit(limit)?;
        let reply = self.request(Request::History { conversation, before_seq, limit }).await?;
        if let Reply::History(messages) = reply { Ok(messages) } else { Err(reply.unexpected()) }
    }

    /// Chats whose conversation is above `after` (`None`: from the first), ascending.
    ///
    /// # Errors
    /// As [`Client::history`].
    pub async fn chats(
        &self,
        after: Option<ConversationId>,
        limit: u32,
    ) -> Result<ChatsPage, ClientError> {
        check_limit(limit)?;
        let reply = self.request(Request::Chats { after, limit }).await?;
        if let Reply::Chats(page) = reply { Ok(page) } else { Err(reply.unexpected()) }
    }

    /// A conversation is read up to `seq`. The user's devices learn of it by a row of the inbox.
    ///
    /// # Errors
    /// As [`Client::history`].
    pub async fn mark_read(
        &self,
        conversation: ConversationId,
        seq: Seq,
    ) -> Result<ChatState, ClientError> {
        chat(self.request(Request::MarkRead { conversation, seq }).await?)
    }

    /// Hides a chat until its next message, and reads it. The user's devices learn of it by a row of the inbox.
    ///
    /// # Errors
    /// As [`Client::history`].
    pub async fn hide_chat(&self, conversation: ConversationId) -> Result<ChatState, ClientError> {
        chat(self.request(Request::HideChat { conversation }).await?)
    }

    /// The user is typing to the peer of a 1:1 chat: call it at each key. The peer is told at once, every three seconds, or not
    /// at all.
    pub fn typing(&self, conversation: ConversationId) {
        self.signal(conversation, SignalKind::TYPING);
    }

    /// The user is recording something for the peer of a 1:1 chat; as [`Client::typing`].
    pub fn recording(&self, conversation: ConversationId) {
        self.signal(conversation, SignalKind::RECORDING);
    }

    /// The user does neither any more, and sends nothing.
    pub fn stopped(&self, conversation: ConversationId) {
        self.signal(conversation, SignalKind::STOPPED);
    }

    fn signal(&self, conversation: ConversationId, kind: SignalKind) {
        // Where commands wait it would come too late.
        drop(self.commands.try_send(Command::Signal(conversation, kind)));
    }

    /// Uses a newer token of the same user from now on: the session that there is lasts as long as it does, and later ones
    /// begin with it.
    ///
    /// # Errors
    /// The token has no possible size, or the server does not believe it: the session goes on as long as before, and
    /// wants another token by then. The session went meanwhile: the next one begins with the token.
    pub async fn renew(&self, token: String) -> Result<(), ClientError> {
        check_token(&token)?;
        let (reply_to, reply) = oneshot::channel();
        self.command(Command::Renew(Bytes::from(token), reply_to)).await?;
        let reply = self.reply(reply).await?;
        if let Reply::Renewed = reply { Ok(()) } else { Err(reply.unexpected()) }
    }

    /// Logs out and ends the client. Sends that are not acked yet end with [`ClientError::Closed`]:
    /// they may be durable or not.
    pub async fn close(self) {
        let (closed, is_closed) = oneshot::channel();
        if self.command(Command::Close(closed)).await.is_ok() {
            // The task answers, or is gone: the client is closed either way.
            drop(is_closed.await);
        }
    }

    async fn request(&self, request: Request) -> Result<Reply, ClientError> {
        let (reply_to, reply) = oneshot::channel();
        self.command(Command::Request(request, reply_to)).await?;
        self.reply(reply).await
    }

    async fn reply(
        &self,
        reply: oneshot::Receiver<Result<Reply, ClientError>>,
    ) -> Result<Reply, ClientError> {
        match timeout(Duration::from_millis(REQUEST_TIMEOUT_MS), reply).await {
            Ok(reply) => reply.unwrap_or_else(|_| Err(ended(&self.end))),
            Err(_) => Err(ClientError::RequestTimeout),
        }
    }

    async fn command(&self, command: Command) -> Result<(), ClientError> {
        self.commands.send(command).await.map_err(|_| ended(&self.end))
    }
}

impl Inbox {
    /// The next message or change of state.
    ///
    /// # Errors
    /// The client has ended, and why; nothing comes any more.
    pub async fn recv(&mut self) -> Result<Received, ClientError> {
        self.received.recv().await.ok_or_else(|| ended(&self.end))
    }
}

fn ended(end: &OnceLock<ClientError>) -> ClientError {
    end.get().cloned().unwrap_or(ClientError::Closed)
}

fn chat(reply: Reply) -> Result<ChatState, ClientError> {
    if let Reply::Chat(state) = reply { Ok(state) } else { Err(reply.unexpected()) }
}

fn check_token(token: &str) -> Result<(), ClientError> {
    let is_possible = (1..=TOKEN_BYTES_MAX).contains(&token.len());
    if is_possible { Ok(()) } else { Err(ClientError::Token(token.len())) }
}

fn check_limit(limit: u32) -> Result<(), ClientError> {
    if (1..=PAGE_ROWS_MAX).contains(&limit) { Ok(()) } else { Err(ClientError::Limit(limit)) }
}
