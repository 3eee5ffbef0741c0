//! What a frame of a client means, by what the client was told before. Pure.
//!
//! It knows no socket, no token's worth, no shard's place.

use crate::canary::is_reserved;
use logic::command::{Command, ContactChange, Login, Send};
use wire::{BODY_BYTES_MAX, Bytes, ClientMsgId, Conversation, DeviceId, FrameError, InboxSeq};
use wire::{
    Kind, PAGE_CONTACTS_MAX, PAGE_MESSAGES_MAX, RawFrame, RefusalCode, Seq, Uid, VERSION, frames,
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
            (Self::New, Kind::Hello) => hello(frame),
            (Self::Greeted, Kind::Login) => login(frame),
            (Self::New | Self::Greeted | Self::LoggingIn, _) => {
                Ok(Action::Close(RefusalCode::NotLoggedIn))
            }
            (Self::Active(login), _) => request(*login, frame),
        };
        action.unwrap_or_else(Self::on_error)
    }

    /// Decides about bytes that are no frame.
    #[must_use]
    pub fn on_error(error: FrameError) -> Action {
        match error {
            FrameError::Version(_) => Action::Close(RefusalCode::UnsupportedVersion),
            FrameError::Length(..)
            | FrameError::Kind(_)
            | FrameError::Reserved
            | FrameError::Checksum
            | FrameError::Archive(_) => Action::Close(RefusalCode::Malformed),
        }
    }
}

fn hello(frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let hello = frame.access::<frames::Hello>()?;
    let serves = (hello.version_min..=hello.version_max).contains(&VERSION);
    Ok(if serves { Action::Greet } else { Action::Close(RefusalCode::UnsupportedVersion) })
}

fn login(frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let frames::Login { device, token, .. } = frame.read()?;
    Ok(Action::Login { device: DeviceId(device), token })
}

fn request(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let uid = login.uid;
    Ok(match frame.header.kind {
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
            page(sync.limit.to_native(), PAGE_MESSAGES_MAX, |limit| Command::Sync {
                uid,
                after,
                limit,
            })
        }
        Kind::History => {
            let history = frame.access::<frames::History>()?;
            let before = Some(Seq(history.before_seq.to_native())).filter(|seq| seq.0 != 0);
            let Some(conversation) = conversation(uid, Uid(history.peer.to_native())) else {
                return Ok(Action::Refuse(RefusalCode::BadRecipient));
            };
            page(history.limit.to_native(), PAGE_MESSAGES_MAX, |limit| Command::History {
                conversation,
                before,
                limit,
            })
        }
        Kind::Contacts => {
            let contacts = frame.access::<frames::Contacts>()?;
            let after = Uid(contacts.after_peer.to_native());
            page(contacts.limit.to_native(), PAGE_CONTACTS_MAX, |limit| Command::Contacts {
                uid,
                after,
                limit,
            })
        }
        Kind::MarkRead => {
            let read = frame.access::<frames::MarkRead>()?;
            let change = ContactChange::Read(Seq(read.seq.to_native()));
            change_contact(uid, Uid(read.peer.to_native()), change)
        }
        Kind::DeleteContact => {
            let peer = Uid(frame.access::<frames::DeleteContact>()?.peer.to_native());
            change_contact(uid, peer, ContactChange::Delete)
        }
        Kind::Logout => {
            frame.access::<frames::Logout>()?;
            Action::Submit(Command::Logout(login))
        }
        // What only a server says, and what is said once.
        Kind::Hello | Kind::HelloReply | Kind::Login | Kind::LoginReply | Kind::LogoutReply => {
            closed()
        }
        Kind::SendAck | Kind::Push | Kind::SyncPage | Kind::HistoryPage | Kind::ContactsPage => {
            closed()
        }
        Kind::ContactReply | Kind::Refusal | Kind::GoingAway => closed(),
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
    let Some(conversation) = conversation(login.uid, Uid(send.to.to_native())) else {
        return Ok(Action::Refuse(RefusalCode::BadRecipient));
    };
    Ok(Action::Submit(Command::Send(Send {
        conversation,
        from: login.uid,
        device: login.device,
        client_msg_id: ClientMsgId(send.client_msg_id),
        // The first of two copies of a body in user space; the other is into the outbox.
        body: Bytes::copy_from_slice(&send.body),
    })))
}

/// The conversation of a user with another, who is not the canary's.
fn conversation(uid: Uid, peer: Uid) -> Option<Conversation> {
    Conversation::between(uid, peer).filter(|_| !is_reserved(peer))
}

fn page(limit: u32, limit_max: u32, command: impl FnOnce(usize) -> Command) -> Action {
    match usize::try_from(limit) {
        Ok(rows) if (1..=limit_max).contains(&limit) => Action::Submit(command(rows)),
        _ => Action::Refuse(RefusalCode::OutOfRange),
    }
}

fn change_contact(uid: Uid, peer: Uid, change: ContactChange) -> Action {
    if conversation(uid, peer).is_none() {
        return Action::Refuse(RefusalCode::BadRecipient);
    }
    Action::Submit(Command::ChangeContact { uid, peer, change })
}

#[cfg(test)]
mod tests {
    use super::*;
    use logic::command::Login as LoggedIn;
    use wire::{FRAME_BYTES_MAX, FrameBuffer, Generation, Scratch, encode};

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
        encode(&mut out, 1, frames::Send { to, client_msg_id: [0; 16], body });
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
            [(1, 1, true), (0, 9, true), (2, 3, false), (1, 0, false)]
        {
            let mut out = vec![];
            encode(&mut out, 0, frames::Hello { version_min, version_max });
            check(Session::New, &out, |action| (*action == Action::Greet) == fits);
        }
    }
}
