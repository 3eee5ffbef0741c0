//! Where a message is for a user: in its conversation, in the user's inbox, and with each device that is logged in. It reads
//! what shards have, and writes nothing.

use super::desk::{Asked, Desk, senseless};
use super::limits::TRACE_ROWS;
use super::refused::{Page, Refused};
use serde_json::json;
use shard::command::{Answer, Command};
use shard::rows::{InboxRow, MessageRow};
use wire::{
    ConversationId, Generation, InboxSeq, PAGE_ROWS_MAX, RefusalCode, Seq, Uid, encode, frames,
};

/// Says where the message of a path is.
///
/// # Errors
/// There is none that the user may read, or a shard does not answer.
pub async fn trace(desk: &Desk, asked: &Asked) -> Result<Page, Refused> {
    let (uid, fields) = (asked.uid()?, &asked.fields);
    let conversation = asked.conversation(uid, "conversation")?.expect("it stands in the path");
    let seq = Seq(fields.number("seq").expect("it stands in the path"));
    let message = message(desk, uid, (conversation, seq)).await?;
    let row = find(desk, uid, &message).await?;
    let (after, limit) = (Generation(0), PAGE_ROWS_MAX as usize);
    let devices = match desk.ask(Command::Devices { uid, after, limit }).await? {
        (Answer::Devices(devices), _) => devices,
        (other, _) => return Err(senseless(&other)),
    };
    let devices: Vec<_> = devices
        .iter()
        .map(|state| {
            let acked = Some(state.acked.0).filter(|acked| *acked > 0);
            let has_it = acked.zip(row).map(|(acked, InboxSeq(row))| acked >= row);
            json!({
                "device": state.device.0.to_string(),
                "platform": state.platform.to_string(),
                "silent_s": state.silent_s,
                "acked_inbox_seq": acked,
                "has_it": has_it,
            })
        })
        .collect();
    Ok(Page::of(&json!({
        "message_id": message.message_id.0.to_string(),
        "seq": seq.0,
        "sender": message.sender.0.to_string(),
        "kind": message.kind.0,
        "time_ms": message.time_ms,
        "inbox_seq": row.map(|row| row.0),
        "devices": devices,
    })))
}

/// The message, as the user may read it.
async fn message(
    desk: &Desk,
    uid: Uid,
    (conversation, seq): (ConversationId, Seq),
) -> Result<MessageRow, Refused> {
    let before_seq = seq.0.saturating_add(1);
    let history = frames::History { conversation: conversation.into(), before_seq, limit: 1 };
    let rows = match desk.ask_for(uid, |out| encode(out, 0, history)).await? {
        (Answer::History { rows, .. }, _) => rows,
        (other, _) => return Err(senseless(&other)),
    };
    let none = || {
        Refused::new(RefusalCode::BadRecipient, "there is no such message, or not for this user")
    };
    rows.into_iter().find(|row| row.seq == seq).ok_or_else(none)
}

/// The row of the inbox that has a message. Rows are close to the order in which messages were taken, so it is near the
/// place that its time has among them.
async fn find(desk: &Desk, uid: Uid, message: &MessageRow) -> Result<Option<InboxSeq>, Refused> {
    let (head, rows) = rows(desk, uid, (InboxSeq(0), 1)).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let (mut low, mut high) = (first.inbox_seq.0, head.0 + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let (_, rows) = self::rows(desk, uid, (InboxSeq(middle - 1), 1)).await?;
        match rows.first() {
            Some(row) if row.message.time_ms < message.time_ms => low = middle + 1,
            Some(_) | None => high = middle,
        }
    }
    let mut after = low.saturating_sub(TRACE_ROWS + 1);
    let end = low + TRACE_ROWS;
    // Pages may be shorter than asked for.
    while after < end {
        let (_, rows) = self::rows(desk, uid, (InboxSeq(after), PAGE_ROWS_MAX as usize)).await?;
        let is_it =
            |row: &&InboxRow| !row.is_mark() && row.message.message_id == message.message_id;
        if let Some(row) = rows.iter().find(is_it) {
            return Ok(Some(row.inbox_seq));
        }
        match rows.last() {
            Some(last) => after = last.inbox_seq.0,
            None => break,
        }
    }
    Ok(None)
}

async fn rows(
    desk: &Desk,
    uid: Uid,
    (after, limit): (InboxSeq, usize),
) -> Result<(InboxSeq, Vec<InboxRow>), Refused> {
    match desk.ask(Command::Sync { uid, after, limit }).await? {
        (Answer::Inbox { head, rows, .. }, _) => Ok((head, rows)),
        (other, _) => Err(senseless(&other)),
    }
}
