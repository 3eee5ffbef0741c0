//! The application's side of a client: who waits for what, and what the application has not taken yet.

use crate::command::Reply;
use crate::limits::{RECEIVED_MAX, RESOLVED_ROWS};
use crate::machine::Event;
use crate::message::{devices, history};
use crate::waiting::Waiting;
use crate::{Ack, ChatsPage, ClientError, Message, Received};
use std::collections::VecDeque;
use tokio::sync::{mpsc, oneshot};
use wire::{ConversationId, MessageId, Seq, Uid};

/// The application's side of one client.
pub(crate) struct Desk {
    pub(crate) waiting: Waiting,
    received: mpsc::Sender<Received>,
    /// What the channel had no room for. While there is any, the machine takes no more messages, so
    /// it is at most what one read from the socket brings: [`crate::limits::READ_BYTES_MAX`] and a
    /// frame, in the smallest messages.
    ready: VecDeque<Received>,
    /// The last message whose rest cannot be had.
    given_up: Option<MessageId>,
    /// The request for the whole of the first in `ready`, of which only the beginning came.
    resolving: Option<u64>,
    /// Waits for the first login.
    started: Option<oneshot::Sender<Result<Uid, ClientError>>>,
    pub(crate) is_logged_out: bool,
}

impl Desk {
    pub(crate) fn new(
        received: mpsc::Sender<Received>,
        started: oneshot::Sender<Result<Uid, ClientError>>,
    ) -> Self {
        Self {
            waiting: Waiting::default(),
            received,
            ready: VecDeque::new(),
            resolving: None,
            given_up: None,
            started: Some(started),
            is_logged_out: false,
        }
    }

    /// Whether there was no login yet.
    pub(crate) fn is_starting(&self) -> bool {
        self.started.is_some()
    }

    /// Whether something waits for room in the channel.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether the next to be received waits for nothing but room in the channel.
    pub(crate) fn waits_for_room(&self) -> bool {
        self.ready.front().is_some_and(|next| !self.lacks_rest(next))
    }

    /// Until the channel has room, or nobody receives.
    pub(crate) async fn room(&self) {
        drop(self.received.reserve().await);
    }

    /// The client is at its end: tells everybody who waits.
    pub(crate) fn end(&mut self, error: &ClientError) {
        if let Some(started) = self.started.take() {
            drop(started.send(Err(error.clone())));
        }
        self.waiting.end_all(error);
    }

    pub(crate) fn deliver(&mut self) {
        while let Some(next) = self.ready.pop_front() {
            if self.lacks_rest(&next) {
                return self.ready.push_front(next);
            }
            match self.received.try_send(next) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(next)) => return self.ready.push_front(next),
                // Nobody receives: messages are taken and dropped.
                Err(mpsc::error::TrySendError::Closed(_)) => self.ready.clear(),
            }
        }
    }

    /// Whether only the beginning came of a message, and the rest may be had.
    fn lacks_rest(&self, next: &Received) -> bool {
        let Received::Message { message, .. } = next else { return false };
        let may_be_had =
            message.conversation.is_some() && self.given_up != Some(message.message_id);
        message.is_beginning && may_be_had
    }

    /// The page that has the whole of the next message, if only its beginning came and it was not asked for: a conversation,
    /// and the place before which the page lies.
    pub(crate) fn to_resolve(&self) -> Option<(ConversationId, Seq)> {
        let first =
            self.ready.front().filter(|next| self.resolving.is_none() && self.lacks_rest(next));
        let Some(Received::Message { message, .. }) = first else { return None };
        let conversation = message.conversation?;
        let seqs = self.ready.iter().filter_map(|next| {
            let Received::Message { message, .. } = next else { return None };
            (message.conversation == Some(conversation)).then_some(message.seq)
        });
        let near = |seq: &Seq| seq.0 < message.seq.0 + u64::from(RESOLVED_ROWS);
        Some((conversation, seqs.filter(near).max()?.next()))
    }

    /// It was asked for by this request; `None`: it is not asked for.
    pub(crate) fn resolves(&mut self, request_id: Option<u64>) {
        self.resolving = request_id;
    }

    /// Rows of a conversation, or none: then the beginning is all that can be had.
    fn on_resolved(&mut self, rows: &[Message]) {
        self.resolving = None;
        for next in &mut self.ready {
            let Received::Message { message, .. } = next else { continue };
            let is_it = |row: &&Message| row.message_id == message.message_id;
            if let Some(row) = rows.iter().find(is_it).filter(|_| message.is_beginning) {
                (message.body, message.is_beginning) = (row.body.clone(), false);
            }
        }
        if let Some(Received::Message { message, .. }) = self.ready.front_mut()
            && message.is_beginning
        {
            tracing::debug!(seq = message.seq.0, "the rest of a message cannot be had");
            self.given_up = Some(message.message_id);
        }
    }

    /// Tells of a change of state, unless the channel is full.
    pub(crate) fn status(&mut self, status: Received) {
        if self.ready.len() < RECEIVED_MAX {
            self.ready.push_back(status);
        }
    }

    /// A request is answered.
    fn answer(&mut self, request_id: u64, reply: Reply) {
        self.waiting.end_request(request_id, Ok(reply));
    }

    pub(crate) fn on_event(&mut self, event: Event<'_>) {
        match event {
            Event::Message { message, via_sync } => {
                self.ready.push_back(Received::Message { message: message.into(), via_sync });
            }
            Event::InboxReset { inbox_epoch } => {
                self.ready.push_back(Received::InboxReset { inbox_epoch });
            }
            Event::RowsMissing { after, before } => {
                self.ready.push_back(Received::RowsMissing { after, before });
            }
            Event::LoggedIn { uid, inbox_epoch, inbox_head, .. } => {
                if let Some(started) = self.started.take() {
                    drop(started.send(Ok(uid)));
                }
                self.status(Received::LoggedIn { uid, inbox_epoch, inbox_head });
            }
            Event::NewId { former, client_msg_id } => {
                self.waiting.rename_send(former, client_msg_id)
            }
            Event::Acked { client_msg_id: id, message_id, seq, time_ms, .. } => {
                self.waiting.end_send(id, Ok(Ack { client_msg_id: id, message_id, seq, time_ms }));
            }
            Event::Refused { will_retry: true, request_id, code, .. } => {
                tracing::debug!(request_id, ?code, "refused for now; will retry");
            }
            Event::Refused { request_id, .. } if self.resolving == Some(request_id) => {
                self.on_resolved(&[]);
            }
            Event::Refused { client_msg_id, request_id, code, retry_after_ms, text, .. } => {
                let text = text.to_owned();
                let error = ClientError::Refused { code, retry_after_ms, text };
                match client_msg_id {
                    Some(id) => self.waiting.end_send(id, Err(error)),
                    None => self.waiting.end_request(request_id, Err(error)),
                }
            }
            Event::HistoryPage { request_id, page } if self.resolving == Some(request_id) => {
                self.on_resolved(&history(page));
            }
            Event::HistoryPage { request_id, page } => {
                self.answer(request_id, Reply::History(history(page)))
            }
            Event::ChatsPage { request_id, page, peer_read } => {
                self.answer(request_id, Reply::Chats(ChatsPage::new(page, peer_read)));
            }
            Event::Signal(signal) => self.status(Received::Signal(signal)),
            Event::Renewed { request_id, .. } => self.answer(request_id, Reply::Renewed),
            Event::ChatReply { request_id, reply } => {
                self.answer(request_id, Reply::Chat(reply.into()))
            }
            Event::GroupMembersPage { request_id, page } => {
                self.answer(request_id, Reply::GroupMembers(page.into()))
            }
            Event::DevicesPage { request_id, page } => {
                self.answer(request_id, Reply::Devices(devices(page)))
            }
            Event::PushTokenSet { request_id, .. } => self.answer(request_id, Reply::PushTokenSet),
            Event::DeviceEnded { request_id, was_logged_in } => {
                self.answer(request_id, Reply::DeviceEnded(was_logged_in))
            }
            Event::GroupInfo { request_id, reply } => {
                self.answer(request_id, Reply::GroupInfo(reply.into()))
            }
            Event::LoggedOut => self.is_logged_out = true,
            Event::WireDuplicate { .. }
            | Event::GapDetected { .. }
            | Event::Synced { .. }
            | Event::HeartbeatReply { .. }
            | Event::GoingAway { .. } => {}
        }
    }
}
