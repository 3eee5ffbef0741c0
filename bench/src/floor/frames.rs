//! What each frame leads to: answers to the sender, a push to the recipient. It does not know the ring.

use wire::frames::{
    ArchivedLogin, Heartbeat, HeartbeatReply, Hello, HelloReply, Login, LoginReply, Logout,
    LogoutReply, Message, Push, PushAck, Send, SendAck, Sync, SyncPage,
};
use wire::{Bytes, FrameError, Kind, RawFrame, Uid, encode};

use super::connections::{Arrival, Relay, Session};
use super::token;
use super::users::Users;

/// As the gateway asks for.
const HEARTBEAT_MS: u32 = 60_000;
/// One epoch: a device that comes back goes on from its cursor.
const INBOX_EPOCH: u64 = 1;

/// Answers one frame.
///
/// # Errors
/// The frame is malformed, comes too early, or is none of those that the floor serves; the connection must end.
pub fn on_frame(
    session: &mut Session,
    frame: &RawFrame<'_>,
    relay: &mut Relay,
    arrival: Arrival,
) -> Result<(), FrameError> {
    let Relay { outboxes, users } = relay;
    let Arrival { slot, now_ms } = arrival;
    let request_id = frame.header.request_id;
    // It serves the clients of this release: what else comes ends the connection.
    let kind = frame.header.kind.ok_or(FrameError::Reserved)?;
    match (kind, session.uid) {
        (Kind::Send, Some(from)) => return on_send(from, frame, relay, arrival),
        (Kind::PushAck, Some(_)) => {
            frame.access::<PushAck>()?;
        }
        (Kind::HeartbeatReply, Some(_)) => {}
        (Kind::Heartbeat, Some(uid)) => {
            let time_ms = frame.access::<Heartbeat>()?.time_ms.to_native();
            let inbox_head = users.inbox_head(uid);
            let reply = HeartbeatReply { time_ms, inbox_epoch: INBOX_EPOCH, inbox_head };
            outboxes.append(slot, |out| encode(out, request_id, reply));
        }
        (Kind::Sync, Some(uid)) => {
            frame.access::<Sync>()?;
            let inbox_head = users.inbox_head(uid);
            let page = SyncPage { inbox_epoch: INBOX_EPOCH, inbox_head, messages: Vec::new() };
            outboxes.append(slot, |out| encode(out, request_id, page));
        }
        (Kind::Hello, None) => {
            frame.access::<Hello>()?;
            let reply = HelloReply::new(HEARTBEAT_MS, 0, now_ms);
            outboxes.append(slot, |out| encode(out, request_id, reply));
        }
        (Kind::Login, None) => {
            let reply = login(session, frame.access::<Login>()?, users, arrival)
                .ok_or(FrameError::Archive(kind))?;
            outboxes.append(slot, |out| encode(out, request_id, reply));
        }
        (Kind::Logout, Some(uid)) => {
            let generation = frame.access::<Logout>()?.generation.to_native();
            users.logout(uid, slot);
            outboxes.append(slot, |out| encode(out, request_id, LogoutReply { generation }));
        }
        _ => return Err(FrameError::Archive(kind)),
    }
    Ok(())
}

fn on_send(
    from: u64,
    frame: &RawFrame<'_>,
    Relay { outboxes, users }: &mut Relay,
    Arrival { slot, now_ms: time_ms }: Arrival,
) -> Result<(), FrameError> {
    let send = frame.access::<Send>()?;
    let conversation = send.conversation.id().ok_or(FrameError::Archive(Kind::Send))?;
    let placed = users.place(Uid(from), conversation);
    let (message_id, seq) = (placed.message_id, placed.seq);
    let ack = SendAck { message_id, seq, time_ms, inbox_seq: placed.sender_inbox_seq };
    outboxes.append(slot, |out| encode(out, frame.header.request_id, ack));
    if let Some(delivery) = placed.delivery {
        let message = Message {
            inbox_seq: delivery.inbox_seq,
            conversation: conversation.into(),
            seq,
            number: seq,
            sender: from,
            message_id,
            time_ms,
            client_msg_id: send.client_msg_id,
            kind: send.kind,
            row_flags: 0,
            flags: send.flags.to_native(),
            body: Bytes::copy_from_slice(&send.body),
        };
        let push = Push { previous: delivery.previous, message };
        outboxes.append(delivery.slot, |out| encode(out, 0, push));
    }
    Ok(())
}

/// None: the token names nobody.
fn login(
    session: &mut Session,
    login: &ArchivedLogin,
    users: &mut Users,
    Arrival { slot, now_ms: server_time_ms }: Arrival,
) -> Option<LoginReply> {
    let uid = token::uid(&login.token)?;
    let is_known = login.inbox_epoch == INBOX_EPOCH;
    users.login(uid, if is_known { login.cursor.to_native() } else { 0 }, slot);
    session.uid = Some(uid);
    // Nothing is above the cursor, so nothing is pushed that was missed.
    let (generation, inbox_epoch, inbox_head) = (1, INBOX_EPOCH, users.inbox_head(uid));
    let cursor = inbox_head;
    Some(LoginReply { uid, generation, inbox_epoch, inbox_head, cursor, server_time_ms })
}
