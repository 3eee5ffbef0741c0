//! What is said over a link, field by field: the one place that says what is on the wire. It does not know frames, nor
//! whether an item can be meant.
//!
//! The numbers of kinds and the order of fields are for ever. A field is added at the end of a record or a kind; a kind
//! gets a number that was never used. By hand and not as archives: an archive's root is of one size, so it cannot get a
//! field at its end, and it is judged in a pass of its own before it is read.
//!
//! What is of a later release does not end a link. A command is refused, an answer becomes a refusal, and everything else
//! is skipped: mail and pushes may be lost, and are said again or found later.

use super::fields::{Fault, Field, Fixed, Reader, Run};
use super::fields::{begin, end, fields, fixed, kinds, later, records};
use super::handshake::{Challenge, Hello, Peer, PeerId, Refused, Welcome};
use super::item::{Item, NodeAddress, Reach};
use super::next;
use super::versions::Versions;
use shard::command::{
    Answer, Begin, ChatChange, Command, Delivery, DeviceState, Login, Mail, ReplyTo, Send, Session,
    Signal,
};
use shard::group::{GroupInfo, Member};
use shard::offline::DeadRow;
use shard::owner::{Epoch, Holder, Incarnation, NodeId, OwnerRow};
use shard::partition::Partition;
use shard::rows::{Chain, ChatRow, InboxRow, MessageRow};
use wire::{ClientMsgId, ConversationId, ConversationKind, DeviceId, Generation, InboxSeq};
use wire::{MessageId, Platform, RefusalCode, RowKind, Seq, SignalKind, Uid};

/// An item as this release understands it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    Item(Item),
    /// A command that this release does not know; whom to tell so.
    Unsupported(ReplyTo),
    /// Something else that it does not know.
    Skipped,
}

impl Decoded {
    /// The next item of a batch of that version.
    pub(super) fn read(batch: &mut Reader<'_>, version: u8) -> Result<Self, Fault> {
        if next::is_spoken(version)
            && let Some(item) = next::read(batch)?
        {
            return Ok(Self::Item(item));
        }
        let mut again = *batch;
        match Item::read(batch) {
            Ok(item) => Ok(Self::Item(item)),
            Err(Fault::Unknown) => Self::unknown(&mut again),
            Err(fault) => Err(fault),
        }
    }

    /// Whom an item is for comes first in it, so it is known also where the rest is not.
    fn unknown(item: &mut Reader<'_>) -> Result<Self, Fault> {
        let (kind, mut record) = (u8::read(item)?, item.record()?);
        if kind != COMMAND && kind != DELIVERY {
            return Ok(Self::Skipped);
        }
        let to = ReplyTo::read(&mut record)?;
        let (code, retry_after_ms) = (RefusalCode::Unsupported, 0);
        let answer = Answer::Refused { code, retry_after_ms };
        Ok(match (to.ticket, kind) {
            (0, _) => Self::Skipped,
            (_, COMMAND) => Self::Unsupported(to),
            _ => Self::Item(Item::Delivery(Delivery { to, answer })),
        })
    }
}

/// Writes an item as that version says it.
pub(super) fn write(item: &Item, version: u8, out: &mut Vec<u8>) {
    if !next::is_spoken(version) || !next::write(item, out) {
        item.write(out);
    }
}

const COMMAND: u8 = 1;
const DELIVERY: u8 = 3;

kinds! { Item {
    1 = Command { reply, round, epoch, command },
    2 = NotHere { round, partition },
    3 = Delivery(delivery),
    4 = Mail(partition, mail),
    5 = Owners(rows),
    6 = Nodes(nodes),
    7 = ClientsAt(address),
    8 = InboxEpoch(epoch),
    9 = Told(row),
    10 = Ping(number),
    11 = Pong { number; unix_ms },
    12 = Reach(reach),
}}

shard::commands!(kinds);
shard::answers!(kinds);

kinds! { Mail {
    1 = Append { uid, message, device },
    2 = Confirm { uid, conversation, seq, inbox_seq },
    3 = Decline { conversation, seq, code },
    4 = Pull { uid, conversation, from, to },
    5 = Count { uid, conversation, after, to },
    6 = Counted { uid, conversation, after, through, to, others },
    7 = PeerRead { uid, conversation, seq },
    32 = Offer { uid, message, device, previous },
}}

kinds! { Begin {
    1 = After { row, epoch; message_id },
    2 = Head,
}}

kinds! { ChatChange {
    1 = Read(seq),
    2 = Hide,
}}

kinds! { PeerId {
    1 = Gateway { instance, core },
    2 = Logic { node, incarnation, core },
}}

records! {
    MessageRow {
        [conversation, seq, number, message_id, sender, time_ms, kind, flags, chain, client_msg_id]
        body; seen
    }
    InboxRow { [uid, inbox_seq, flags, chain] message }
    ChatRow {
        [uid, conversation, recent_seq, recent_inbox_seq, recent_number, read_seq, read_number,
        read_time_ms, version, is_hidden]
        ; peer_read_seq
    }
    Signal { [conversation, sender, seq, ttl_ms, kind] }
    Member { [uid, since, until, is_owner]; is_admin, muted_until_ms }
    GroupInfo { [seq, count, muted_until_ms] title, notice, members }
    DeviceState { [device, generation, platform, silent_s]; acked }
    DeadRow { [uid, after, through, unix_ms, is_gone] }
    OwnerRow { [partition, epoch, holder] }
    NodeAddress { [node] address }
    Reach { [serves] nodes }
}

fields! {
    Delivery { [to] answer }
    Send { [conversation, sender, device, client_msg_id, kind, flags] body; seen }
}

fixed! {
    Login { uid, device, generation }
    ReplyTo { session, ticket }
    Session { entry, key }
    Holder { node, incarnation }
    Epoch { 0 }
    NodeId { 0 }
    Incarnation { 0 }
    Chain { 0 }
    Uid { 0 }
    DeviceId { 0 }
    Generation { 0 }
    Platform { 0 }
    Seq { 0 }
    InboxSeq { 0 }
    MessageId { 0 }
    ClientMsgId { 0 }
    RowKind { 0 }
    SignalKind { 0 }
    Versions { min, max }
}

// The frames of a handshake can grow at their end; the proofs are about the bytes that are not known, too.
fields! {
    Challenge { [nonce, versions, features] }
    Hello { [mac, nonce, versions, features] peer, cluster }
    Welcome { [mac, entry, holder] }
    Refused { text }
    Peer { id, generation }
}

impl Field for Box<GroupInfo> {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        GroupInfo::read(from).map(Self::new)
    }
}

impl Field for Box<InboxRow> {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        InboxRow::read(from).map(Self::new)
    }
}

/// A chat and its newest message.
impl Field for (ChatRow, Option<MessageRow>) {
    fn write(&self, out: &mut Vec<u8>) {
        let start = begin(out);
        self.0.write(out);
        self.1.write(out);
        end(out, start);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        let mut record = from.record()?;
        Ok((Field::read(&mut record)?, Field::read(&mut record)?))
    }
}

impl Fixed for ConversationId {
    #[inline]
    fn put(&self, run: &mut Run) {
        let (kind, a, b) = self.parts();
        kind.put(run);
        a.put(run);
        b.put(run);
    }

    #[inline]
    fn get(from: &mut Reader<'_>) -> Result<Self, Fault> {
        let (kind, a, b) = (u8::get(from)?, u64::get(from)?, u64::get(from)?);
        let is_later = kind > ConversationKind::Broadcast as u8;
        let fault = if is_later { Fault::Unknown } else { Fault::Malformed };
        Self::from_parts(kind, a, b).ok_or(fault)
    }
}

impl Fixed for Partition {
    fn put(&self, run: &mut Run) {
        self.number().put(run);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, Fault> {
        Self::from_number(u16::get(from)?).ok_or(Fault::Malformed)
    }
}

/// A code of a later release is read as [`RefusalCode::Unsupported`]: what was refused stays so.
impl Fixed for RefusalCode {
    fn put(&self, run: &mut Run) {
        (*self as u16).put(run);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, Fault> {
        u16::get(from).map(|code| Self::from_wire(code).unwrap_or(Self::Unsupported))
    }
}
