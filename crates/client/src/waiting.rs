//! Who waits for what: sends until they are acked, requests until they are answered or the connection goes.

use crate::command::{Reply, ReplyTo};
use crate::limits::REQUESTS_PENDING_MAX;
use crate::{Ack, ClientError};
use std::collections::HashMap;
use wire::ClientMsgId;

#[derive(Default)]
pub(crate) struct Waiting {
    /// As many as the machine keeps sends.
    sends: HashMap<ClientMsgId, ReplyTo<Ack>>,
    requests: HashMap<u64, ReplyTo<Reply>>,
}

impl Waiting {
    pub(crate) fn add_send(&mut self, client_msg_id: ClientMsgId, reply_to: ReplyTo<Ack>) {
        self.sends.insert(client_msg_id, reply_to);
    }

    pub(crate) fn rename_send(&mut self, former: ClientMsgId, client_msg_id: ClientMsgId) {
        if let Some(reply_to) = self.sends.remove(&former) {
            self.sends.insert(client_msg_id, reply_to);
        }
    }

    pub(crate) fn add_request(&mut self, request_id: u64, reply_to: ReplyTo<Reply>) {
        self.requests.insert(request_id, reply_to);
    }

    /// Whether another request may be made. Forgets those that nobody waits for.
    pub(crate) fn has_room(&mut self) -> bool {
        if self.requests.len() >= REQUESTS_PENDING_MAX {
            self.requests.retain(|_, reply_to| !reply_to.is_closed());
        }
        self.requests.len() < REQUESTS_PENDING_MAX
    }

    pub(crate) fn end_send(&mut self, id: ClientMsgId, result: Result<Ack, ClientError>) {
        if let Some(reply_to) = self.sends.remove(&id) {
            // A send goes on though nobody waits for it any more.
            drop(reply_to.send(result));
        }
    }

    pub(crate) fn end_request(&mut self, request_id: u64, result: Result<Reply, ClientError>) {
        if let Some(reply_to) = self.requests.remove(&request_id) {
            drop(reply_to.send(result));
        }
    }

    /// The connection is gone, and its requests with it.
    pub(crate) fn end_requests(&mut self, error: &ClientError) {
        for (_, reply_to) in self.requests.drain() {
            drop(reply_to.send(Err(error.clone())));
        }
    }

    /// The client is at its end.
    pub(crate) fn end_all(&mut self, error: &ClientError) {
        self.end_requests(error);
        for (_, reply_to) in self.sends.drain() {
            drop(reply_to.send(Err(error.clone())));
        }
    }
}
