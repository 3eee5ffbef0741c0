//! What an application can ask for besides sending. A request is written once; it ends with its reply, a refusal, or
//! the connection. Keeping them across connections is the caller's business.

use super::{Machine, Phase};
use crate::ClientError;
use wire::frames;
use wire::{
    Bytes, ConversationId, DeviceId, Generation, PUSH_TOKEN_BYTES_MAX, Seq, TOKEN_BYTES_MAX, Uid,
    encode,
};

impl Machine {
    /// Messages of a conversation before `before_seq` (0: the newest), at most `limit` (1 to 256).
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`].
    pub fn history(
        &mut self,
        conversation: ConversationId,
        before_seq: Seq,
        limit: u32,
        out: &mut Vec<u8>,
    ) -> Result<u64, ClientError> {
        let request_id = self.request()?;
        let (conversation, before_seq) = (conversation.into(), before_seq.0);
        encode(out, request_id, frames::History { conversation, before_seq, limit });
        Ok(request_id)
    }

    /// Chats whose conversation is above `after` (`None`: from the first), at most `limit` (1 to 256).
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`].
    pub fn chats(
        &mut self,
        after: Option<ConversationId>,
        limit: u32,
        out: &mut Vec<u8>,
    ) -> Result<u64, ClientError> {
        let request_id = self.request()?;
        let after = after.map_or(frames::Conversation::NONE, Into::into);
        encode(out, request_id, frames::Chats { after, limit });
        Ok(request_id)
    }

    /// A conversation is read up to `seq`.
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`].
    pub fn mark_read(
        &mut self,
        conversation: ConversationId,
        seq: Seq,
        out: &mut Vec<u8>,
    ) -> Result<u64, ClientError> {
        let request_id = self.request()?;
        let conversation = conversation.into();
        encode(out, request_id, frames::MarkRead { conversation, seq: seq.0 });
        Ok(request_id)
    }

    /// Hides a chat until its next message.
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`].
    pub fn hide_chat(
        &mut self,
        conversation: ConversationId,
        out: &mut Vec<u8>,
    ) -> Result<u64, ClientError> {
        let request_id = self.request()?;
        encode(out, request_id, frames::HideChat { conversation: conversation.into() });
        Ok(request_id)
    }

    /// Logs in with this token from now on, and the session that there is lasts as long as it does. Returns the request, if
    /// there is a session.
    ///
    /// # Panics
    /// The token is over [`TOKEN_BYTES_MAX`].
    pub fn renew(&mut self, token: Bytes, out: &mut Vec<u8>) -> Option<u64> {
        assert!(token.len() <= TOKEN_BYTES_MAX, "the caller bounds its token");
        self.credentials.token = token.clone();
        let request_id = self.request().ok()?;
        encode(out, request_id, frames::Renew { token });
        self.renewal = request_id;
        Some(request_id)
    }

    /// Members of a group above `after` (0: from the first), at most `limit` (1 to 256).
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`].
    pub fn group_members(
        &mut self,
        group: ConversationId,
        after: Uid,
        limit: u32,
        out: &mut Vec<u8>,
    ) -> Result<u64, ClientError> {
        let request_id = self.request()?;
        let (conversation, after_uid) = (group.into(), after.0);
        encode(out, request_id, frames::GroupMembers { conversation, after_uid, limit });
        Ok(request_id)
    }

    /// The user's devices that are logged in, of logins above `after` (0: from the first), at most `limit` (1 to 256).
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`].
    pub fn devices(
        &mut self,
        after: Generation,
        limit: u32,
        out: &mut Vec<u8>,
    ) -> Result<u64, ClientError> {
        let request_id = self.request()?;
        encode(out, request_id, frames::Devices { after_generation: after.0, limit });
        Ok(request_id)
    }

    /// Ends the session of a device of the user.
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`].
    pub fn end_device(&mut self, device: DeviceId, out: &mut Vec<u8>) -> Result<u64, ClientError> {
        let request_id = self.request()?;
        encode(out, request_id, frames::EndDevice { device: device.0 });
        Ok(request_id)
    }

    /// Stores by what the device is reached while it is away; by nothing, if the token is empty.
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`].
    ///
    /// # Panics
    /// The token is over [`PUSH_TOKEN_BYTES_MAX`].
    pub fn set_push_token(
        &mut self,
        provider: u8,
        token: Bytes,
        out: &mut Vec<u8>,
    ) -> Result<u64, ClientError> {
        assert!(token.len() <= PUSH_TOKEN_BYTES_MAX, "the caller bounds its token");
        let request_id = self.request()?;
        encode(out, request_id, frames::PushToken { token, provider });
        Ok(request_id)
    }

    /// What a group is.
    ///
    /// # Errors
    /// [`ClientError::NotLoggedIn`].
    pub fn group_info(
        &mut self,
        group: ConversationId,
        out: &mut Vec<u8>,
    ) -> Result<u64, ClientError> {
        let request_id = self.request()?;
        encode(out, request_id, frames::GroupInfo { conversation: group.into() });
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
