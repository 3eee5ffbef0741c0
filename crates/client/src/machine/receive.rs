//! Frames from the server, one by one.

use super::inbox::Pushed;
use super::signals::on_chats_page;
use super::{Event, Heartbeats, Machine, Phase, replies};
use crate::ClientError;
use crate::error::ends_connection;
use crate::limits::{ACK_TIMEOUT_MS_MAX, HEARTBEAT_MS_MIN, PUSHES_TIMEOUT_MS, REFUSED_WAIT_MS};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use wire::frames::{
    ArchivedLoginReply, ArchivedPush, ArchivedSessionEnd, ArchivedSyncPage, GoingAway, Heartbeat,
    HeartbeatReply, HelloReply, InboxHead, LoginReply, LogoutReply, Push, Refusal, SendAck,
    SessionEnd, SyncPage,
};
use wire::{
    ClientMsgId, FEATURE_SIGNALS, FRAME_BYTES_MAX, Generation, INBOX_TAIL, InboxSeq, Kind,
    MessageId, Next, RawFrame, RefusalCode, SERVER_TIME, Scratch, Seq, Uid, VERSION, encode,
};

/// What a machine needs to read a piece: the time, where to write, and memory that all machines of a core share.
pub struct Turn<'a> {
    /// The caller's clock.
    pub now_ms: u64,
    /// Frames for the server are appended.
    pub out: &'a mut Vec<u8>,
    /// For frames that do not lie aligned.
    pub scratch: &'a mut Scratch,
}

impl Machine {
    /// Reads a piece from the server. Pushes in it are acknowledged together, at its end or later.
    ///
    /// # Errors
    /// The connection is over: close it, and say [`Machine::on_disconnected`].
    pub fn on_bytes(
        &mut self,
        bytes: &[u8],
        turn: Turn<'_>,
        events: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ClientError> {
        assert_ne!(self.phase, Phase::Disconnected, "bytes come from a connection");
        let Turn { now_ms, out, scratch } = turn;
        self.is_silent = false;
        let mut buffer = std::mem::take(&mut self.frame_buffer);
        let mut pieces = buffer.read(bytes, FRAME_BYTES_MAX);
        while let Some(frame) = pieces.next(scratch) {
            self.on_frame(frame?, now_ms, out, events)?;
        }
        self.frame_buffer = buffer;
        self.acks.write_due(self.inbox.cursor, now_ms, out);
        self.invariants();
        Ok(())
    }

    fn on_frame(
        &mut self,
        frame: RawFrame<'_>,
        now_ms: u64,
        out: &mut Vec<u8>,
        events: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ClientError> {
        let request_id = frame.header.request_id;
        // What a later release says, and this one does not know.
        let Some(kind) = frame.header.kind else { return Ok(()) };
        self.check_phase(kind)?;
        match kind {
            Kind::HelloReply => self.on_hello_reply(&frame, now_ms)?,
            Kind::LoginReply => {
                let tail = InboxSeq(frame.extended(INBOX_TAIL));
                self.on_login_reply((frame.access::<LoginReply>()?, tail), now_ms, out, events);
            }
            Kind::LogoutReply => {
                frame.access::<LogoutReply>()?;
                events(Event::LoggedOut);
            }
            Kind::Heartbeat => {
                let time_ms = frame.access::<Heartbeat>()?.time_ms.to_native();
                encode(out, request_id, HeartbeatReply { time_ms, inbox_epoch: 0, inbox_head: 0 });
            }
            Kind::HeartbeatReply => self.on_heartbeat_reply(&frame, now_ms, out, events)?,
            Kind::RenewReply => events(replies::renewed(&frame)?),
            Kind::SendAck => self.on_send_ack(&frame, now_ms, events)?,
            Kind::Push => self.on_push(frame.access::<Push>()?, now_ms, out, events),
            Kind::SyncPage if self.inbox.is_sync(request_id) => {
                let tail = InboxSeq(frame.extended(INBOX_TAIL));
                self.on_sync_page((frame.access::<SyncPage>()?, tail), now_ms, out, events);
            }
            // Of a sync that was given up.
            Kind::SyncPage => {}
            Kind::HistoryPage => events(replies::history(&frame)?),
            Kind::ChatsPage => on_chats_page(&frame, events)?,
            Kind::ChatReply => events(replies::chat(&frame)?),
            Kind::GroupMembersPage => events(replies::group_members(&frame)?),
            Kind::GroupInfoReply => events(replies::group_info(&frame)?),
            Kind::DevicesPage => events(replies::devices(&frame)?),
            Kind::EndDeviceReply => events(replies::device_ended(&frame)?),
            Kind::PushTokenReply => events(replies::push_token(&frame)?),
            Kind::InboxHead => {
                let news = frame.access::<InboxHead>()?;
                let (epoch, head) = (news.inbox_epoch.to_native(), news.inbox_head.to_native());
                self.on_head((epoch, InboxSeq(head)), now_ms, out, events);
            }
            Kind::Signal => self.on_signal(&frame, events)?,
            Kind::Refusal => {
                return self.on_refusal(&frame, now_ms, events);
            }
            Kind::GoingAway => self.on_going_away(&frame, events)?,
            Kind::SessionEnd => return self.on_session_end(frame.access::<SessionEnd>()?),
            // What only a client sends; `check_phase` refused it.
            Kind::Hello
            | Kind::Login
            | Kind::Logout
            | Kind::Send
            | Kind::PushAck
            | Kind::Sync
            | Kind::History
            | Kind::Chats
            | Kind::MarkRead
            | Kind::HideChat
            | Kind::GroupMembers
            | Kind::Devices
            | Kind::EndDevice
            | Kind::PushToken
            | Kind::GroupInfo
            | Kind::Renew => {}
        }
        Ok(())
    }

    /// What may come when. Kinds that only a client sends come never.
    fn check_phase(&self, kind: Kind) -> Result<(), ClientError> {
        let is_due = match kind {
            Kind::HelloReply => self.phase == Phase::Greeting,
            Kind::LoginReply => self.phase == Phase::LoggingIn,
            Kind::Refusal | Kind::GoingAway | Kind::SessionEnd | Kind::Heartbeat => true,
            Kind::LogoutReply
            | Kind::HeartbeatReply
            | Kind::RenewReply
            | Kind::SendAck
            | Kind::Push
            | Kind::SyncPage
            | Kind::HistoryPage
            | Kind::ChatsPage
            | Kind::ChatReply
            | Kind::GroupMembersPage
            | Kind::DevicesPage
            | Kind::EndDeviceReply
            | Kind::PushTokenReply
            | Kind::Signal
            | Kind::GroupInfoReply
            | Kind::InboxHead => matches!(self.phase, Phase::LoggedIn | Phase::Leaving),
            Kind::Hello
            | Kind::Login
            | Kind::Logout
            | Kind::Send
            | Kind::PushAck
            | Kind::Sync
            | Kind::History
            | Kind::Chats
            | Kind::MarkRead
            | Kind::HideChat
            | Kind::GroupMembers
            | Kind::Devices
            | Kind::EndDevice
            | Kind::PushToken
            | Kind::GroupInfo
            | Kind::Renew => false,
        };
        if is_due { Ok(()) } else { Err(ClientError::Unexpected(kind)) }
    }

    fn on_hello_reply(&mut self, frame: &RawFrame<'_>, now_ms: u64) -> Result<(), ClientError> {
        let reply = frame.access::<HelloReply>()?;
        if reply.version != VERSION {
            return Err(ClientError::Version(reply.version));
        }
        self.phase = Phase::LoggingIn;
        self.has_signals = reply.features.to_native() & FEATURE_SIGNALS != 0;
        self.heartbeat_ms = reply.heartbeat_ms.to_native().max(HEARTBEAT_MS_MIN);
        self.set_clock(reply.server_time_ms.to_native(), now_ms);
        Ok(())
    }

    fn on_login_reply(
        &mut self,
        (reply, tail): (&ArchivedLoginReply, InboxSeq),
        now_ms: u64,
        out: &mut Vec<u8>,
        events: &mut impl FnMut(Event<'_>),
    ) {
        self.phase = Phase::LoggedIn;
        self.uid = Uid(reply.uid.to_native());
        self.generation = Generation(reply.generation.to_native());
        self.set_clock(reply.server_time_ms.to_native(), now_ms);
        // Clients that came back together do not stay together.
        let heartbeat_ms = u64::from(self.heartbeat_ms);
        self.watch_ms = now_ms + heartbeat_ms / 2 + self.random.random_range(0..=heartbeat_ms / 2);
        let inbox_epoch = reply.inbox_epoch.to_native();
        let inbox_head = InboxSeq(reply.inbox_head.to_native());
        let cursor = InboxSeq(reply.cursor.to_native());
        if self.inbox.on_login(inbox_epoch, inbox_head, cursor) {
            events(Event::InboxReset { inbox_epoch });
        }
        let (uid, generation) = (self.uid, self.generation);
        events(Event::LoggedIn { uid, generation, inbox_epoch, inbox_head });
        self.hear_tail(tail, events);
        let server_ms = self.server_ms(now_ms);
        let Self { outbox, random, .. } = self;
        outbox.rename_unwritten(server_ms, |id| rename(id, server_ms, random, events));
        self.outbox.write_all(now_ms, out);
        self.inbox.expect_pushes(now_ms + PUSHES_TIMEOUT_MS);
        if self.inbox.is_synced() {
            events(Event::Synced { head: self.inbox.cursor });
        }
    }

    fn on_heartbeat_reply(
        &mut self,
        frame: &RawFrame<'_>,
        now_ms: u64,
        out: &mut Vec<u8>,
        events: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ClientError> {
        let reply = frame.access::<HeartbeatReply>()?;
        self.hear_clock(frame, now_ms);
        let (epoch, head) = (reply.inbox_epoch.to_native(), reply.inbox_head.to_native());
        self.on_head((epoch, InboxSeq(head)), now_ms, out, events);
        // A server may say more than it was asked.
        let Heartbeats { sent, answered } = self.heartbeats;
        self.heartbeats.answered = sent.min(answered.saturating_add(1));
        let round_trip_ms = now_ms.saturating_sub(reply.time_ms.to_native());
        events(Event::HeartbeatReply { round_trip_ms });
        Ok(())
    }

    /// The server says how far the inbox reaches.
    fn on_head(
        &mut self,
        (inbox_epoch, head): (u64, InboxSeq),
        now_ms: u64,
        out: &mut Vec<u8>,
        events: &mut impl FnMut(Event<'_>),
    ) {
        if inbox_epoch != self.inbox.epoch {
            self.inbox.reset(inbox_epoch);
            events(Event::InboxReset { inbox_epoch });
        }
        self.inbox.saw_head(head);
        self.sync_if_behind(now_ms, out);
    }

    fn on_send_ack(
        &mut self,
        frame: &RawFrame<'_>,
        now_ms: u64,
        events: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ClientError> {
        let ack = frame.access::<SendAck>()?;
        let message_id = MessageId(ack.message_id.to_native());
        let is_next = self.inbox.on_own_row(InboxSeq(ack.inbox_seq.to_native()));
        if is_next {
            self.inbox.took(message_id);
        }
        // A send that was repeated is acked twice.
        if let Some(send) = self.outbox.take(frame.header.request_id) {
            events(Event::Acked {
                client_msg_id: send.client_msg_id,
                conversation: send.conversation,
                message_id,
                seq: Seq(ack.seq.to_native()),
                time_ms: ack.time_ms.to_native(),
            });
        }
        if is_next && self.inbox.expects_pushes() {
            self.on_missed_row(now_ms, events);
        }
        Ok(())
    }

    fn on_push(
        &mut self,
        push: &ArchivedPush,
        now_ms: u64,
        out: &mut Vec<u8>,
        events: &mut impl FnMut(Event<'_>),
    ) {
        let message = &push.message;
        let inbox_seq = InboxSeq(message.inbox_seq.to_native());
        match self.inbox.on_push(InboxSeq(push.previous.to_native()), inbox_seq) {
            Pushed::Next => {
                self.inbox.took(MessageId(message.message_id.to_native()));
                let via_sync = self.inbox.expects_pushes();
                if self.inbox.is_synced() {
                    self.acks.owe(now_ms);
                } else {
                    self.acks.owe_now(now_ms);
                }
                events(Event::Message { message, via_sync });
                if via_sync {
                    self.on_missed_row(now_ms, events);
                }
            }
            Pushed::Duplicate => {
                self.acks.owe_now(now_ms);
                events(Event::WireDuplicate { inbox_seq });
            }
            Pushed::Gap => {
                events(Event::GapDetected { cursor: self.inbox.cursor, inbox_seq });
                self.sync_if_behind(now_ms, out);
            }
            Pushed::Dropped => {}
        }
    }

    /// One of the rows that were missed while this device was away is here.
    fn on_missed_row(&mut self, now_ms: u64, events: &mut impl FnMut(Event<'_>)) {
        self.inbox.forget_sync();
        self.inbox.expect_pushes(now_ms + PUSHES_TIMEOUT_MS);
        if self.inbox.is_synced() {
            events(Event::Synced { head: self.inbox.cursor });
        }
    }

    fn on_sync_page(
        &mut self,
        (page, tail): (&ArchivedSyncPage, InboxSeq),
        now_ms: u64,
        out: &mut Vec<u8>,
        events: &mut impl FnMut(Event<'_>),
    ) {
        let inbox_epoch = page.inbox_epoch.to_native();
        let head = InboxSeq(page.inbox_head.to_native());
        if inbox_epoch != self.inbox.epoch {
            self.inbox.reset(inbox_epoch);
            self.inbox.saw_head(head);
            events(Event::InboxReset { inbox_epoch });
            return self.sync_if_behind(now_ms, out);
        }
        let rows = if self.inbox.is_held { &[] } else { page.messages.as_slice() };
        if !self.inbox.is_held {
            self.inbox.saw_head(head);
            self.hear_tail(tail, events);
        }
        for message in rows {
            let row = InboxSeq(message.inbox_seq.to_native());
            let Some(cursor) = self.inbox.on_sync_row(row) else { continue };
            self.inbox.took(MessageId(message.message_id.to_native()));
            if row.0 - cursor.0 > 1 {
                events(Event::RowsMissing { after: cursor, before: row });
            }
            events(Event::Message { message, via_sync: true });
        }
        let last = rows.last().map_or(InboxSeq(0), |row| InboxSeq(row.inbox_seq.to_native()));
        if let Some((after, head)) = self.inbox.on_sync_end(last, head) {
            events(Event::RowsMissing { after, before: InboxSeq(head.0.saturating_add(1)) });
        }
        self.acks.owe_now(now_ms);
        self.sync_if_behind(now_ms, out);
        if self.inbox.is_synced() {
            events(Event::Synced { head: self.inbox.cursor });
        }
    }

    fn on_refusal(
        &mut self,
        frame: &RawFrame<'_>,
        now_ms: u64,
        events: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ClientError> {
        let (request_id, refusal) = (frame.header.request_id, frame.access::<Refusal>()?);
        let code = RefusalCode::from_wire(refusal.code.to_native());
        let retry_after_ms = refusal.retry_after_ms.to_native();
        let text = String::from_utf8_lossy(refusal.text.as_slice());
        let is_before_login = matches!(self.phase, Phase::Greeting | Phase::LoggingIn);
        let is_renewal = request_id != 0 && request_id == self.renewal;
        if is_before_login || (!is_renewal && code.is_some_and(ends_connection)) {
            self.reconnect.hint(retry_after_ms, 0);
            return Err(ClientError::Refused { code, retry_after_ms, text: text.into_owned() });
        }
        // A code of a newer server says by its hint whether a retry makes sense.
        let has_new_id = self.has_new_id((request_id, code), frame, now_ms, events);
        let is_retryable = has_new_id || code.map_or(retry_after_ms > 0, RefusalCode::is_retryable);
        let (client_msg_id, mut will_retry) = if is_retryable {
            let is_early = code == Some(RefusalCode::IdInFuture);
            let wait = if has_new_id { (0, false) } else { (retry_after_ms, is_early) };
            let postponed = self.outbox.postpone(request_id, now_ms, wait);
            (postponed, postponed.is_some())
        } else {
            let refused = self.outbox.refuse(request_id);
            (refused.map(|(id, _)| id), refused.is_some_and(|(_, is_over)| !is_over))
        };
        if self.inbox.is_sync(request_id) {
            // Whatever the reason: rows are missing, so it is asked again.
            let wait_ms = u64::from(retry_after_ms).clamp(REFUSED_WAIT_MS, ACK_TIMEOUT_MS_MAX);
            self.inbox.sync_due_ms = now_ms + wait_ms;
            will_retry = true;
        }
        let text = &text;
        let refused =
            Event::Refused { client_msg_id, request_id, code, retry_after_ms, text, will_retry };
        events(refused);
        Ok(())
    }

    fn on_going_away(
        &mut self,
        frame: &RawFrame<'_>,
        events: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ClientError> {
        let going = frame.access::<GoingAway>()?;
        let code = RefusalCode::from_wire(going.code.to_native());
        // What a server of an earlier release says at a session's end.
        if let Some(next) = code.map(RefusalCode::next).filter(|next| *next != Next::Again) {
            return Err(ClientError::SessionEnd { code, next, text: String::new() });
        }
        let reconnect_after_ms = going.reconnect_after_ms.to_native();
        let jitter_ms = going.jitter_ms.to_native();
        self.reconnect.hint(reconnect_after_ms, jitter_ms);
        if self.phase == Phase::LoggedIn {
            self.phase = Phase::Leaving;
        }
        events(Event::GoingAway { reconnect_after_ms, jitter_ms });
        Ok(())
    }

    /// The connection ends now. Unacked sends wait for the next, if there is to be one.
    fn on_session_end(&mut self, end: &ArchivedSessionEnd) -> Result<(), ClientError> {
        let code = RefusalCode::from_wire(end.code.to_native());
        let text = String::from_utf8_lossy(end.text.as_slice()).into_owned();
        self.reconnect.hint(end.wait_ms.to_native(), end.jitter_ms.to_native());
        Err(ClientError::SessionEnd { code, next: Next::from_wire(end.next), text })
    }

    /// A send that was refused for its time, and cannot be stored, gets an id of the time that the refusal tells. Whether this
    /// is one.
    fn has_new_id(
        &mut self,
        (request_id, code): (u64, Option<RefusalCode>),
        frame: &RawFrame<'_>,
        now_ms: u64,
        events: &mut impl FnMut(Event<'_>),
    ) -> bool {
        if !self.hear_clock(frame, now_ms) || !code.is_some_and(RefusalCode::is_of_time) {
            return false;
        }
        let server_ms = self.server_ms(now_ms);
        let Self { outbox, random, .. } = self;
        let rename = |id: &mut ClientMsgId| rename(id, server_ms, random, events);
        outbox.rename_refused(request_id, rename)
    }

    /// The server tells where the inbox begins, if it does.
    fn hear_tail(&mut self, tail: InboxSeq, events: &mut impl FnMut(Event<'_>)) {
        if let Some((after, before)) = self.inbox.on_tail(tail) {
            events(Event::RowsMissing { after, before });
        }
    }

    /// The server tells its clock, if it does.
    fn hear_clock(&mut self, frame: &RawFrame<'_>, now_ms: u64) -> bool {
        let server_ms = frame.extended(SERVER_TIME);
        if server_ms != 0 {
            self.set_clock(server_ms, now_ms);
        }
        server_ms != 0
    }

    fn set_clock(&mut self, server_ms: u64, now_ms: u64) {
        // Times beyond the 48 bits of a message id are nobody's clock.
        let offset = i128::from(server_ms.min(1 << 48)) - i128::from(now_ms.min(1 << 48));
        self.clock_offset_ms = i64::try_from(offset).expect("49 bits");
        self.outbox.on_clock(self.server_ms(now_ms), now_ms);
    }
}

/// Another id, of the server's time.
fn rename(
    id: &mut ClientMsgId,
    server_ms: u64,
    random: &mut Xoshiro256PlusPlus,
    events: &mut impl FnMut(Event<'_>),
) {
    let former = std::mem::replace(id, ClientMsgId::new(server_ms, random.random()));
    events(Event::NewId { former, client_msg_id: *id });
}
