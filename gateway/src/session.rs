//! What a frame of a client means, by what the client was told before. Pure.
//!
//! It knows no socket, no token's worth, no shard's place.

use crate::canary::is_reserved;
use logic::command::{Begin, ChatChange, Command, Login, Send};
use wire::{BODY_BYTES_MAX, Bytes, ClientMsgId, ConversationId, ConversationKind, DeviceId};
use wire::{
    FRAME_BYTES_MAX, FrameError, InboxSeq, Kind, PAGE_ROWS_MAX, RawFrame, RefusalCode, RowKind,
    Seq, Uid, VERSION, frames,
};

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// Nothing was said.
    New,
    /// It said hello.
    Greeted,
    /// Its login is with the shard.
    LoggingIn,
    /// It is logged in.
    Active(Login),
    /// It is being closed; what it says is not heard.
    Closing,
}

/// What to do about a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Ignore,
    /// Answer hello.
    Greet,
    /// Verify the token, then ask the shard.
    Login {
        /// Which device.
        device: DeviceId,
        /// Where its pushes begin.
        from: Begin,
        /// The token.
        token: Bytes,
    },
    /// Ask the shard that this belongs to.
    Submit(Command),
    /// Refuse the request, and go on.
    Refuse(RefusalCode),
    /// Refuse, and close.
    Close(RefusalCode),
}

impl Session {
    /// Decides about a frame.
    #[must_use]
    pub fn on_frame(&self, frame: &RawFrame<'_>) -> Action {
        let action = match (self, frame.header.kind) {
            (Self::Closing, _) => Ok(Action::Ignore),
            (_, None) if frame.header.is_note => Ok(Action::Ignore),
            (Self::New, Some(Kind::Hello)) => hello(frame),
            (Self::Greeted, Some(Kind::Login)) => login(frame),
            (Self::New | Self::Greeted | Self::LoggingIn, _) => {
                Ok(Action::Close(RefusalCode::NotLoggedIn))
            }
            (Self::Active(_), None) => Ok(Action::Refuse(RefusalCode::Unsupported)),
            (Self::Active(login), Some(kind)) => request(*login, kind, frame),
        };
        action.unwrap_or_else(Self::on_error)
    }

    /// Decides about bytes that are no frame.
    #[must_use]
    pub fn on_error(error: FrameError) -> Action {
        match error {
            FrameError::Version(_) => Action::Close(RefusalCode::UnsupportedVersion),
            FrameError::Length(..)
            | FrameError::Extension(_)
            | FrameError::Reserved
            | FrameError::Checksum
            | FrameError::Archive(_) => Action::Close(RefusalCode::Malformed),
        }
    }
}

fn hello(frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let hello = frame.access::<frames::Hello>()?;
    let serves = (hello.version_min..=hello.version_max).contains(&VERSION);
    let takes = hello.frame_bytes_max.to_native() as usize >= FRAME_BYTES_MAX;
    Ok(match (serves, takes) {
        (true, true) => Action::Greet,
        (true, false) => Action::Close(RefusalCode::OutOfRange),
        (false, _) => Action::Close(RefusalCode::UnsupportedVersion),
    })
}

fn login(frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let frames::Login { device, cursor, inbox_epoch, from_head, token } = frame.read()?;
    let from = match from_head {
        0 => Begin::After(InboxSeq(cursor), inbox_epoch),
        1 => Begin::Head,
        _ => return Ok(Action::Close(RefusalCode::OutOfRange)),
    };
    Ok(Action::Login { device: DeviceId(device), from, token })
}

fn request(login: Login, kind: Kind, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let uid = login.uid;
    Ok(match kind {
        Kind::Send => return send(login, frame),
        Kind::PushAck => {
            let row = frame.access::<frames::PushAck>()?.inbox_seq.to_native();
            Action::Submit(Command::PushAck(login, InboxSeq(row)))
        }
        Kind::Heartbeat => {
            let time_ms = frame.access::<frames::Heartbeat>()?.time_ms.to_native();
            Action::Submit(Command::Heartbeat { uid, time_ms })
        }
        Kind::HeartbeatReply => {
            frame.access::<frames::HeartbeatReply>()?;
            Action::Ignore
        }
        Kind::Sync => {
            let sync = frame.access::<frames::Sync>()?;
            let after = InboxSeq(sync.cursor.to_native());
            page(sync.limit.to_native(), |limit| Command::Sync { uid, after, limit })
        }
        Kind::History => {
            let history = frame.access::<frames::History>()?;
            let before = Some(Seq(history.before_seq.to_native())).filter(|seq| seq.0 != 0);
            let limit = history.limit.to_native();
            match of_user(uid, history.conversation.id()) {
                Ok(conversation) => {
                    page(limit, |limit| Command::History { conversation, before, limit })
                }
                Err(code) => Action::Refuse(code),
            }
        }
        Kind::Chats => {
            let chats = frame.access::<frames::Chats>()?;
            let limit = chats.limit.to_native();
            let after = chats.after.id();
            if after.is_none() && !chats.after.is_none() {
                return Ok(Action::Refuse(RefusalCode::OutOfRange));
            }
            page(limit, |limit| Command::Chats { uid, after, limit })
        }
        Kind::MarkRead => {
            let read = frame.access::<frames::MarkRead>()?;
            let change = ChatChange::Read(Seq(read.seq.to_native()));
            change_chat(uid, read.conversation.id(), change)
        }
        Kind::HideChat => {
            let hide = frame.access::<frames::HideChat>()?;
            change_chat(uid, hide.conversation.id(), ChatChange::Hide)
        }
        Kind::Logout => {
            frame.access::<frames::Logout>()?;
            Action::Submit(Command::Logout(login))
        }
        // What only a server says, and what is said once.
        Kind::Hello | Kind::HelloReply | Kind::Login | Kind::LoginReply | Kind::LogoutReply => {
            closed()
        }
        Kind::SendAck | Kind::Push | Kind::SyncPage | Kind::HistoryPage | Kind::ChatsPage => {
            closed()
        }
        Kind::ChatReply | Kind::Refusal | Kind::GoingAway | Kind::InboxHead => closed(),
    })
}

fn closed() -> Action {
    Action::Close(RefusalCode::Malformed)
}

fn send(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let send = frame.access::<frames::Send>()?;
    if send.body.len() > BODY_BYTES_MAX {
        return Ok(Action::Refuse(RefusalCode::BodyTooLarge));
    }
    let (kind, flags) = (RowKind(send.kind), send.flags.to_native());
    if kind != RowKind::MESSAGE || flags != 0 {
        return Ok(Action::Refuse(RefusalCode::Unsupported));
    }
    let conversation = match of_user(login.uid, send.conversation.id()) {
        Ok(conversation) if conversation.kind() == ConversationKind::Direct => conversation,
        // A user reads what the system tells it, and says nothing there.
        Ok(_) => return Ok(Action::Refuse(RefusalCode::BadRecipient)),
        Err(code) => return Ok(Action::Refuse(code)),
    };
    Ok(Action::Submit(Command::Send(Send {
        conversation,
        sender: login.uid,
        device: login.device,
        client_msg_id: ClientMsgId(send.client_msg_id),
        kind,
        flags,
        // The first of two copies of a body in user space; the other is into the outbox.
        body: Bytes::copy_from_slice(&send.body),
    })))
}

/// A conversation that is a user's by its id, and not the canary's; or why not.
fn of_user(uid: Uid, conversation: Option<ConversationId>) -> Result<ConversationId, RefusalCode> {
    let conversation = conversation.ok_or(RefusalCode::BadRecipient)?;
    match conversation.kind() {
        ConversationKind::Direct | ConversationKind::System => {
            let is_reserved = conversation.peer_of(uid).is_some_and(is_reserved);
            let is_of = conversation.names(uid) && !is_reserved;
            if is_of { Ok(conversation) } else { Err(RefusalCode::BadRecipient) }
        }
        ConversationKind::Group | ConversationKind::Broadcast => Err(RefusalCode::Unsupported),
    }
}

fn page(limit: u32, command: impl FnOnce(usize) -> Command) -> Action {
    match usize::try_from(limit) {
        Ok(rows) if (1..=PAGE_ROWS_MAX).contains(&limit) => Action::Submit(command(rows)),
        _ => Action::Refuse(RefusalCode::OutOfRange),
    }
}

fn change_chat(uid: Uid, conversation: Option<ConversationId>, change: ChatChange) -> Action {
    match of_user(uid, conversation) {
        Ok(conversation) => Action::Submit(Command::ChangeChat { uid, conversation, change }),
        Err(code) => Action::Refuse(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logic::command::Login as LoggedIn;
    use wire::{FrameBuffer, Generation, Scratch, encode};

    fn active() -> Session {
        Session::Active(LoggedIn { uid: Uid(7), device: DeviceId(1), generation: Generation(1) })
    }

    fn check(session: Session, bytes: &[u8], expect: impl Fn(&Action) -> bool) {
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        let mut frames = buffer.read(bytes, FRAME_BYTES_MAX);
        let frame = frames.next(&mut scratch).unwrap().unwrap();
        let action = session.on_frame(&frame);
        assert!(expect(&action), "{session:?} {:?} gave {action:?}", frame.header.kind);
    }

    fn send(to: u64, body: usize) -> Vec<u8> {
        let mut out = vec![];
        let body = Bytes::from(vec![1; body]);
        let conversation = frames::Conversation { kind: 1, a: to.max(7), b: to.min(7) };
        let send = frames::Send { conversation, client_msg_id: [0; 16], kind: 1, flags: 0, body };
        encode(&mut out, 1, send);
        out
    }

    #[test]
    fn nothing_but_hello_and_login_before_login() {
        let closes = |action: &Action| *action == Action::Close(RefusalCode::NotLoggedIn);
        for session in [Session::New, Session::Greeted, Session::LoggingIn] {
            check(session, &send(8, 1), closes);
        }
        check(Session::Closing, &send(8, 1), |action| *action == Action::Ignore);
    }

    #[test]
    fn sends_are_checked() {
        check(active(), &send(8, 1), |action| matches!(action, Action::Submit(Command::Send(_))));
        let refused = |code| move |action: &Action| *action == Action::Refuse(code);
        check(active(), &send(7, 1), refused(RefusalCode::BadRecipient));
        check(active(), &send(0, 1), refused(RefusalCode::BadRecipient));
        check(active(), &send(u64::MAX, 1), refused(RefusalCode::BadRecipient));
        check(active(), &send(8, BODY_BYTES_MAX + 1), refused(RefusalCode::BodyTooLarge));
    }

    #[test]
    fn what_a_later_release_may_mean_is_refused_as_unsupported() {
        let unsupported = |action: &Action| *action == Action::Refuse(RefusalCode::Unsupported);
        let conversation = frames::Conversation { kind: 1, a: 8, b: 7 };
        let group = frames::Conversation { kind: 2, a: 8, b: 0 };
        for (conversation, kind, flags) in
            [(group, 1, 0), (conversation.clone(), 2, 0), (conversation, 1, 1)]
        {
            let (mut out, body) = (vec![], Bytes::new());
            let send = frames::Send { conversation, client_msg_id: [0; 16], kind, flags, body };
            encode(&mut out, 1, send);
            check(active(), &out, unsupported);
        }
        check(active(), &of_kind(0x7f), unsupported);
        check(active(), &of_kind(0xff), |action| *action == Action::Ignore);
        check(Session::New, &of_kind(0xff), |action| *action == Action::Ignore);
    }

    /// A frame of a kind that this release does not have.
    fn of_kind(kind: u8) -> Vec<u8> {
        let mut out = vec![];
        encode(&mut out, 9, frames::PushAck { inbox_seq: 1 });
        out[4] = kind;
        let checksum = crc32fast::hash(&[&out[..16], &out[20..]].concat());
        out[16..20].copy_from_slice(&checksum.to_le_bytes());
        out
    }

    #[test]
    fn what_a_server_says_closes() {
        let mut out = vec![];
        encode(&mut out, 0, frames::LogoutReply { generation: 1 });
        check(active(), &out, |action| *action == Action::Close(RefusalCode::Malformed));
    }

    #[test]
    fn pages_have_limits() {
        for (limit, fits) in [(0, false), (1, true), (256, true), (257, false), (u32::MAX, false)] {
            let mut out = vec![];
            encode(&mut out, 0, frames::Sync { cursor: 0, limit });
            check(active(), &out, |action| matches!(action, Action::Submit(_)) == fits);
        }
    }

    #[test]
    fn versions_must_overlap() {
        for (version_min, version_max, fits) in
            [(2, 2, true), (0, 9, true), (3, 4, false), (1, 1, false), (2, 1, false)]
        {
            let mut out = vec![];
            let frame_bytes_max = FRAME_BYTES_MAX as u32;
            let hello = frames::Hello { version_min, version_max, frame_bytes_max, features: 1 };
            encode(&mut out, 0, hello);
            check(Session::New, &out, |action| (*action == Action::Greet) == fits);
        }
    }
}
