//! One session with the server, as a pure machine: bytes and times in, bytes and [`Event`]s out.
//!
//! It knows the protocol and nothing of sockets, clocks, tasks or the application. `now_ms` is everywhere the caller's
//! clock: one that was set to Unix time when the program started and has not gone back since ([`crate::Clock`]).
//! Message ids are made on the server's clock, which hello, login, heartbeats and refusals tell.

mod acks;
mod draft;
mod event;
mod reconnect;
mod inbox;
mod outbox;
mod requests;
mod replies;
mod receive;
mod signaled;
mod signals;

pub use draft::Draft;
pub use event::Event;
pub use receive::Turn;

use crate::limits::{LOGIN_TIMEOUT_MS, SENDS_PENDING_MAX, SYNC_TIMEOUT_MS};
use crate::{ClientError, GroupChange, Position};
use acks::Acks;
use inbox::Inbox;
use outbox::{Outbox, Pending};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use reconnect::Reconnect;
use wire::{
    BODY_BYTES_MAX, Bytes, ClientMsgId, DeviceId, FEATURES, FRAME_BYTES_MAX, FrameBuffer,
    Generation, InboxSeq, PAGE_ROWS_MAX, Platform, RowKind, Seq, TOKEN_BYTES_MAX, Uid, VERSION,
    encode, encode_extended, frames,
};

/// Who logs in. Cheap to clone.
#[derive(Clone)]
pub struct Credentials {
    /// A JWT whose `sub` is the uid in decimal.
    pub token: Bytes,
    /// Chosen once a device and kept by it.
    pub device: DeviceId,
}

/// What the device is: what this was built for.
const PLATFORM: Platform = if cfg!(target_os = "ios") {
    Platform::IOS
} else if cfg!(target_os = "android") {
    Platform::ANDROID
} else if cfg!(target_os = "windows") {
    Platform::WINDOWS
} else if cfg!(target_os = "macos") {
    Platform::MAC
} else if cfg!(target_os = "linux") {
    Platform::LINUX
} else {
    Platform::UNKNOWN
};

/// A session: it outlives its connections.
pub struct Machine {
    credentials: Credentials,
    uid: Uid,
    generation: Generation,
    inbox: Inbox,
    acks: Acks,
    outbox: Outbox,
    frame_buffer: FrameBuffer,
    reconnect: Reconnect,
    random: Xoshiro256PlusPlus,
    request_id_last: u64,
    /// The request that gave a newer token: its refusal does not end the session. 0: none.
    renewal: u64,
    /// The server's clock minus the caller's.
    clock_offset_ms: i64,
    /// When the login is over time, or the next heartbeat is due.
    watch_ms: u64,
    heartbeat_ms: u32,
    heartbeats: Heartbeats,
    phase: Phase,
    /// Nothing came since the last heartbeat was sent.
    is_silent: bool,
    /// The server passes signals on.
    has_signals: bool,
    /// What the peer was told last.
    signaled: Option<Box<signaled::Signaled>>,
}

/// Heartbeats of a session, over all its connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heartbeats {
    /// How many were sent.
    pub sent: u32,
    /// How many were answered.
    pub answered: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Disconnected,
    /// Hello and login were written; the hello is not answered.
    Greeting,
    /// The login is not answered.
    LoggingIn,
    LoggedIn,
    /// The server or the user ends the session: what is in flight is finished, new sends are queued.
    Leaving,
}

impl Machine {
    /// A session that is not connected. `seed` feeds jitter and message ids: a new one each time, but for repeatable tests.
    ///
    /// # Panics
    /// The token is over [`TOKEN_BYTES_MAX`].
    #[must_use]
    pub fn new(credentials: Credentials, position: Position, seed: u64) -> Self {
        assert!(credentials.token.len() <= TOKEN_BYTES_MAX, "the caller bounds its token");
        Self {
            credentials,
            uid: Uid(0),
            generation: Generation(0),
            inbox: Inbox::new(position),
            acks: Acks::new(),
            outbox: Outbox::new(),
            frame_buffer: FrameBuffer::default(),
            reconnect: Reconnect::default(),
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            request_id_last: 0,
            renewal: 0,
            clock_offset_ms: 0,
            watch_ms: u64::MAX,
            heartbeat_ms: 0,
            heartbeats: Heartbeats::default(),
            phase: Phase::Disconnected,
            is_silent: false,
            has_signals: false,
            signaled: None,
        }
    }

    /// Acknowledges pushes at the end of each piece from here on, as clients do that gather nothing.
    pub fn ack_each(&mut self) {
        self.acks.set_each();
    }

    /// There is a connection: writes hello and login, back to back.
    pub fn on_connected(&mut self, now_ms: u64, out: &mut Vec<u8>) {
        assert_eq!(self.phase, Phase::Disconnected, "one connection at a time");
        self.phase = Phase::Greeting;
        self.watch_ms = now_ms + LOGIN_TIMEOUT_MS;
        let hello = frames::Hello {
            version_min: VERSION,
            version_max: VERSION,
            frame_bytes_max: u32::try_from(FRAME_BYTES_MAX).expect("small"),
            features: FEATURES,
        };
        encode(out, self.next_request_id(), hello);
        let login = frames::Login {
            device: self.credentials.device.0,
            cursor: self.inbox.cursor.0,
            inbox_epoch: self.inbox.epoch,
            from_head: 0,
            token: self.credentials.token.clone(),
        };
        // A server of an earlier release passes over what it does not know.
        let extension = [self.inbox.message_id.0, PLATFORM.0.into()];
        encode_extended(out, self.next_request_id(), login, &extension);
    }

    /// The connection is gone. Unacked sends wait for the next; requests are forgotten.
    pub fn on_disconnected(&mut self) {
        self.phase = Phase::Disconnected;
        self.frame_buffer = FrameBuffer::default();
        self.acks.forget();
        (self.watch_ms, self.is_silent) = (u64::MAX, false);
        (self.has_signals, self.signaled) = (false, None);
    }

    /// How long to wait before connecting again: call it once for each connection that ended or failed.
    pub fn reconnect_delay_ms(&mut self) -> u64 {
        self.reconnect.delay_ms(&mut self.random)
    }

    /// When to call [`Machine::on_timer`], at the latest. `None`: not before the next connection.
    #[must_use]
    pub fn next_timer_ms(&self) -> Option<u64> {
        let work_ms = match self.phase {
            Phase::LoggedIn => self.outbox.due_ms().min(self.inbox.sync_due_ms),
            Phase::Disconnected | Phase::Greeting | Phase::LoggingIn | Phase::Leaving => u64::MAX,
        };
        let due_ms = self.watch_ms.min(work_ms).min(self.acks.due_ms);
        Some(due_ms).filter(|&ms| ms != u64::MAX)
    }

    /// Does what is due. Calling it too early does nothing.
    ///
    /// # Errors
    /// The connection is dead: close it, and say [`Machine::on_disconnected`].
    pub fn on_timer(&mut self, now_ms: u64, out: &mut Vec<u8>) -> Result<(), ClientError> {
        self.acks.write_due(self.inbox.cursor, now_ms, out);
        if self.phase == Phase::LoggedIn {
            self.outbox.write_due(now_ms, out);
            if self.inbox.sync_due_ms <= now_ms {
                self.inbox.forget_sync();
                self.sync_if_behind(now_ms, out);
            }
        }
        if now_ms < self.watch_ms {
            return Ok(());
        }
        match self.phase {
            Phase::Disconnected => {}
            Phase::Greeting | Phase::LoggingIn => return Err(ClientError::LoginTimeout),
            Phase::LoggedIn | Phase::Leaving => {
                if self.is_silent {
                    return Err(ClientError::Silent);
                }
                self.heartbeat(now_ms, out);
            }
        }
        Ok(())
    }

    /// Sends a message once there is a session; keeps it until it is acked. Ends with [`Event::Acked`], or
    /// [`Event::Refused`] that says no retry. Before the first login its id is made on the caller's clock; if that is too far
    /// from the server's, [`Event::NewId`] tells another.
    ///
    /// # Errors
    /// The body is over [`BODY_BYTES_MAX`], or [`SENDS_PENDING_MAX`] sends wait for their acks.
    pub fn send(
        &mut self,
        draft: impl Into<Draft>,
        now_ms: u64,
        out: &mut Vec<u8>,
    ) -> Result<ClientMsgId, ClientError> {
        let draft = draft.into();
        if draft.body.len() > BODY_BYTES_MAX {
            return Err(ClientError::BodyTooLarge(draft.body.len()));
        }
        self.send_as(|_| (draft, RowKind::MESSAGE), now_ms, out)
    }

    /// Makes a group, changes who is in it, or leaves it; as [`Machine::send`].
    ///
    /// # Errors
    /// More than [`SENDS_PENDING_MAX`] sends wait for their acks.
    pub fn change_group(
        &mut self,
        change: GroupChange,
        now_ms: u64,
        out: &mut Vec<u8>,
    ) -> Result<ClientMsgId, ClientError> {
        let uid = self.uid;
        let (kind, body) = change.parts();
        let draft = |id| Draft { conversation: change.group(uid, id), body, seen: Seq(0) };
        self.send_as(|id| (draft(id), kind), now_ms, out)
    }

    /// Sends a row to a place that its id may name.
    fn send_as(
        &mut self,
        make: impl FnOnce(ClientMsgId) -> (Draft, RowKind),
        now_ms: u64,
        out: &mut Vec<u8>,
    ) -> Result<ClientMsgId, ClientError> {
        if self.outbox.len() >= SENDS_PENDING_MAX {
            return Err(ClientError::SendsPending);
        }
        let client_msg_id = ClientMsgId::new(self.server_ms(now_ms), self.random.random());
        let request_id = self.next_request_id();
        let (draft, kind) = make(client_msg_id);
        self.outbox.push(Pending::new(request_id, client_msg_id, draft, kind));
        if self.phase == Phase::LoggedIn {
            self.outbox.write_last(now_ms, out);
            self.acks.write(self.inbox.cursor, out);
        }
        Ok(client_msg_id)
    }

    /// While held, no messages are delivered: the inbox keeps them, and they come by sync after the hold.
    /// Sends go on. A server may end the connection of a device that takes nothing for long.
    pub fn hold(&mut self, is_held: bool, now_ms: u64, out: &mut Vec<u8>) {
        self.inbox.is_held = is_held;
        self.sync_if_behind(now_ms, out);
    }

    /// Whether there is a session that takes requests.
    #[must_use]
    pub fn is_logged_in(&self) -> bool {
        self.phase == Phase::LoggedIn
    }

    /// How many heartbeats it has sent, and had answered.
    #[must_use]
    pub fn heartbeats(&self) -> Heartbeats {
        self.heartbeats
    }

    /// Whether the server asked to leave, and nothing is in flight any more: close the connection now.
    #[must_use]
    pub fn may_leave(&self) -> bool {
        self.phase == Phase::Leaving && !self.outbox.is_in_flight()
    }

    /// The user; 0 before the first login.
    #[must_use]
    pub fn uid(&self) -> Uid {
        self.uid
    }

    /// The last inbox row that was delivered.
    #[must_use]
    pub fn cursor(&self) -> InboxSeq {
        self.inbox.cursor
    }

    /// What of the inbox was delivered.
    #[must_use]
    pub fn position(&self) -> Position {
        let Inbox { cursor, message_id, epoch, .. } = self.inbox;
        Position { cursor, message_id, inbox_epoch: epoch }
    }

    /// Sends that are not acked.
    #[must_use]
    pub fn sends_pending(&self) -> usize {
        self.outbox.len()
    }

    /// What the server's clock shows, as far as it was told.
    fn server_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_add_signed(self.clock_offset_ms)
    }

    fn next_request_id(&mut self) -> u64 {
        self.request_id_last += 1;
        self.request_id_last
    }

    fn heartbeat(&mut self, now_ms: u64, out: &mut Vec<u8>) {
        // A connection that lived for a heartbeat is a good one.
        self.reconnect.proved_good();
        self.outbox.shrink();
        self.is_silent = true;
        self.heartbeats.sent += 1;
        self.watch_ms = now_ms + u64::from(self.heartbeat_ms);
        let request_id = self.next_request_id();
        encode(out, request_id, frames::Heartbeat { time_ms: now_ms });
        self.acks.write(self.inbox.cursor, out);
        if self.phase == Phase::LoggedIn {
            self.sync_if_behind(now_ms, out);
        }
    }

    fn sync_if_behind(&mut self, now_ms: u64, out: &mut Vec<u8>) {
        if self.phase != Phase::LoggedIn || !self.inbox.wants_sync() {
            return;
        }
        let request_id = self.next_request_id();
        self.inbox.on_sync_asked(request_id, now_ms + SYNC_TIMEOUT_MS);
        let cursor = self.inbox.cursor.0;
        encode(out, request_id, frames::Sync { cursor, limit: PAGE_ROWS_MAX });
    }

    fn invariants(&self) {
        self.inbox.invariants();
        assert!(self.outbox.len() <= SENDS_PENDING_MAX, "sends are bounded");
    }
}

// An idle session is this and its token: nothing else is on the heap.
const _: () = assert!(size_of::<Machine>() <= 288);
