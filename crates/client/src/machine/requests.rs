//! What an application can ask for besides sending. A request is written once; it ends with its reply, a refusal, or
//! the connection. Keeping them across connections is the caller's business.

use super::{Machine, Phase};
use crate::ClientError;
use wire::{Seq, Uid, encode, frames};

impl Machine {
    /// Messages of the conversation with `peer` before `before_seq` (0: the newest), at most `limit` (1 to 256).
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`].
    pub fn history(
        &mut self,
        peer: Uid,
        before_seq: Seq,
        limit: u32,
        out: &mut Vec<u8>,
    ) -> Result<u64, ClientError> {
        let request_id = self.request()?;
        let before_seq = before_seq.0;
        encode(out, request_id, frames::History { peer: peer.0, before_seq, limit });
        Ok(request_id)
    }

    /// Contacts above `after_peer` (0: from the first), at most `limit` (1 to 256).
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`].
    pub fn contacts(
        &mut self,
        after_peer: Uid,
        limit: u32,
        out: &mut Vec<u8>,
    ) -> Result<u64, ClientError> {
        let request_id = self.request()?;
        encode(out, request_id, frames::Contacts { after_peer: after_peer.0, limit });
        Ok(request_id)
    }

    /// The conversation with `peer` is read up to `seq`.
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`].
    pub fn mark_read(
        &mut self,
        peer: Uid,
        seq: Seq,
        out: &mut Vec<u8>,
    ) -> Result<u64, ClientError> {
        let request_id = self.request()?;
        encode(out, request_id, frames::MarkRead { peer: peer.0, seq: seq.0 });
        Ok(request_id)
    }

    /// Hides the contact until its next message.
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`].
    pub fn delete_contact(&mut self, peer: Uid, out: &mut Vec<u8>) -> Result<u64, ClientError> {
        let request_id = self.request()?;
        encode(out, request_id, frames::DeleteContact { peer: peer.0 });
        Ok(request_id)
    }

    /// Ends the session; [`super::Event::LoggedOut`] confirms it. Sends from here on wait for another login.
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`].
    pub fn logout(&mut self, out: &mut Vec<u8>) -> Result<u64, ClientError> {
        let request_id = self.request()?;
        encode(out, request_id, frames::Logout { generation: self.generation.0 });
        self.phase = Phase::Leaving;
        Ok(request_id)
    }

    fn request(&mut self) -> Result<u64, ClientError> {
        match self.phase {
            Phase::LoggedIn => Ok(self.next_request_id()),
            Phase::Disconnected | Phase::Greeting | Phase::LoggingIn | Phase::Leaving => {
                Err(ClientError::NotLoggedIn)
            }
        }
    }
}
