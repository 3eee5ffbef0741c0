//! What calls do: each asks shards, and makes one answer of theirs.

use super::call::Does;
use super::desk::{Asked, Desk, page, senseless, user};
use super::form::Fields;
use super::limits::{CALL_UNDER_WAY_MAX, CHAT_PAGES_MAX, LIST_PATIENCE, PAGE_ROWS};
use super::refused::{Page, Refused};
use super::{document, groups, trace};
use crate::entry::requests;
use futures_util::StreamExt;
use futures_util::stream;
use serde_json::{Value, json};
use service::clock::unix_ms;
use shard::command::{Answer, Command, Send};
use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use wire::frames::{self, Conversation};
use wire::{BODY_BYTES_MAX, Bytes, ClientMsgId, ConversationId, DeviceId, Generation};
use wire::{PAGE_ROWS_MAX, RefusalCode, RowKind, Seq, Uid, encode};

/// Does what was asked.
///
/// # Errors
/// Why not.
pub async fn run(
    desk: &Desk,
    holder: &super::keyring::Holder,
    asked: &Asked,
) -> Result<Page, Refused> {
    let fields = &asked.fields;
    let limit = limit(fields);
    match asked.call.does {
        Does::Document => Ok(Page::of(&document::document())),
        Does::Health => health(desk),
        Does::Send => send(desk, asked).await,
        Does::Tell => tell(desk, holder, asked).await,
        Does::Chats => {
            let uid = asked.uid()?;
            let after = asked.conversation(uid, "after")?;
            let after = after.map_or(Conversation::NONE, Conversation::from);
            page(desk.ask_for(uid, |out| encode(out, 0, frames::Chats { after, limit })).await?)
        }
        Does::Unread => unread(desk, asked.uid()?).await,
        Does::Inbox => {
            let cursor = fields.number("cursor").unwrap_or(0);
            page(
                desk.ask_for(asked.uid()?, |out| encode(out, 0, frames::Sync { cursor, limit }))
                    .await?,
            )
        }
        Does::History => {
            let uid = asked.uid()?;
            let conversation =
                asked.conversation(uid, "conversation")?.expect("in the path").into();
            let before_seq = fields.number("before_seq").unwrap_or(0);
            let asks = frames::History { conversation, before_seq, limit };
            page(desk.ask_for(uid, |out| encode(out, 0, asks)).await?)
        }
        Does::Trace => trace::trace(desk, asked).await,
        Does::Devices => {
            let (after_generation, limit) = (0, PAGE_ROWS_MAX);
            let asks = frames::Devices { after_generation, limit };
            page(desk.ask_for(asked.uid()?, |out| encode(out, 0, asks)).await?)
        }
        Does::Online => online(desk, fields.ids("uids")).await,
        Does::Kick => {
            let device = fields.number("device").map(DeviceId);
            let (uid, code) = (asked.uid()?, RefusalCode::Kicked);
            ended(desk.ask(Command::EndDevices { uid, device, code }).await?)
        }
        Does::Revoke => {
            let now_s = unix_ms() / 1_000;
            let tokens_s = fields.number("tokens_s").unwrap_or(now_s);
            if tokens_s > now_s {
                let text = "tokens_s is ahead of now: tokens that are made later would be refused";
                return Err(Refused::new(RefusalCode::OutOfRange, text));
            }
            ended(desk.ask(Command::Revoke { uid: asked.uid()?, tokens_s }).await?)
        }
        Does::Group => {
            let conversation = asked.group()?.into();
            page(
                desk.ask_for(asked.uid()?, |out| {
                    encode(out, 0, frames::GroupInfo { conversation })
                })
                .await?,
            )
        }
        Does::Members => {
            let (conversation, after_uid) =
                (asked.group()?.into(), fields.number("after").unwrap_or(0));
            let asks = frames::GroupMembers { conversation, after_uid, limit };
            page(desk.ask_for(asked.uid()?, |out| encode(out, 0, asks)).await?)
        }
        Does::Change(change) => groups::change(desk, asked, change).await,
    }
}

/// Rows of a page; the shard's entry judges them.
fn limit(fields: &Fields) -> u32 {
    let limit = fields.number("limit").and_then(|limit| u32::try_from(limit).ok());
    limit.unwrap_or(PAGE_ROWS)
}

/// What a message says.
fn body(fields: &Fields) -> Result<Bytes, Refused> {
    let bad = |text| Err(Refused::new(RefusalCode::OutOfRange, text));
    let body = match (fields.bytes("text"), fields.bytes("body")) {
        (Some(body), None) | (None, Some(body)) => body,
        (Some(_), Some(_)) => return bad("give text or body, not both"),
        (None, None) => return bad("give text, or body in base64"),
    };
    if body.len() > BODY_BYTES_MAX {
        let text = format!("the body is over {BODY_BYTES_MAX} bytes");
        return Err(Refused::new(RefusalCode::BodyTooLarge, text));
    }
    Ok(Bytes::copy_from_slice(body))
}

async fn send(desk: &Desk, asked: &Asked) -> Result<Page, Refused> {
    let (fields, uid) = (&asked.fields, asked.uid()?);
    let conversation = match (fields.number("to"), fields.number("group")) {
        (Some(to), None) => ConversationId::direct(uid, Uid(to)),
        (None, Some(group)) => ConversationId::group(group),
        (Some(_), Some(_)) | (None, None) => {
            return Err(Refused::new(RefusalCode::OutOfRange, "give to or group, one of them"));
        }
    };
    let none = || Refused::new(RefusalCode::BadRecipient, "there is no such conversation");
    let conversation = conversation.ok_or_else(none)?.into();
    let (client_msg_id, kind, flags) = (asked.id()?.0, RowKind::MESSAGE.0, 0);
    let body = body(fields)?;
    let send = frames::Send { conversation, client_msg_id, kind, flags, body };
    page(desk.ask_for(uid, |out| encode(out, 0, send)).await?)
}

/// Sends to each of a list at the pace of the key, a few at a time, and says of each what came of it.
async fn tell(
    desk: &Desk,
    holder: &super::keyring::Holder,
    asked: &Asked,
) -> Result<Page, Refused> {
    let (fields, id) = (&asked.fields, asked.id()?);
    let body = body(fields)?;
    let account = fields.number("account").and_then(|account| u32::try_from(account).ok());
    let sender = account.and_then(Uid::account);
    let none = || Refused::new(RefusalCode::OutOfRange, "accounts are numbered from 1");
    let sender = sender.ok_or_else(none)?;
    let until = Instant::now() + LIST_PATIENCE;
    let told = each(fields.ids("to"), async |uid| {
        pace(desk, holder, until).await?;
        let command = system_message(user(uid)?, (sender, id), body.clone())?;
        match desk.ask(command).await? {
            (Answer::Acked { message_id, seq, time_ms, .. }, _) => Ok(json!({
                "message_id": message_id.0.to_string(), "seq": seq.0, "time_ms": time_ms,
            })),
            (other, _) => Err(senseless(&other)),
        }
    });
    Ok(Page::of(&json!({ "told": told.await })))
}

/// The command that tells a user something.
fn system_message(
    uid: Uid,
    (sender, client_msg_id): (Uid, ClientMsgId),
    body: Bytes,
) -> Result<Command, Refused> {
    let none = || Refused::new(RefusalCode::BadRecipient, "there is no such user");
    let conversation = ConversationId::system(uid).ok_or_else(none)?;
    let (device, kind, flags, seen) = (DeviceId(0), RowKind::MESSAGE, 0, Seq(0));
    let send = Send { conversation, sender, device, client_msg_id, kind, flags, body, seen };
    Ok(Command::Tell(send))
}

/// Waits until a key's rate allows one more.
async fn pace(desk: &Desk, holder: &super::keyring::Holder, until: Instant) -> Result<(), Refused> {
    while let Err(wait_ms) = desk.keyring.take(holder, desk.now_us()) {
        let again = Instant::now() + Duration::from_millis(wait_ms.into());
        if again > until {
            let text = "over the rate of this key: say it again with the same id";
            return Err(Refused::wait(RefusalCode::RateLimited, wait_ms, text));
        }
        sleep(again - Instant::now()).await;
    }
    Ok(())
}

/// Asks for each of many users, a few at a time, once for whoever is named twice; of each its uid with what was found, or with its refusal. What is not asked
/// in time is refused too.
async fn each<F: Future<Output = Result<Value, Refused>>>(
    uids: &[u64],
    ask: impl Fn(u64) -> F,
) -> Vec<Value> {
    let until = Instant::now() + LIST_PATIENCE;
    let one = async |uid: u64| {
        let text = "there was no time for it: say it again with the same id";
        let late = || Refused::wait(RefusalCode::StoreUnavailable, 1_000, text);
        let found = timeout_at(until, ask(uid)).await.unwrap_or_else(|_| Err(late()));
        let mut value = found.unwrap_or_else(|refused| json!({ "refusal": refused.object() }));
        value["uid"] = json!(uid.to_string());
        value
    };
    // The same at the same time would be told that it is busy.
    let mut named = HashSet::new();
    let once: Vec<u64> = uids.iter().copied().filter(|uid| named.insert(*uid)).collect();
    stream::iter(once).map(one).buffered(CALL_UNDER_WAY_MAX).collect().await
}

async fn online(desk: &Desk, uids: &[u64]) -> Result<Page, Refused> {
    let users = each(uids, async |uid| {
        let (uid, after, limit) = (user(uid)?, Generation(0), PAGE_ROWS_MAX as usize);
        match desk.ask(Command::Devices { uid, after, limit }).await? {
            (Answer::Devices(devices), _) => Ok(json!({ "devices": devices.len() })),
            (other, _) => Err(senseless(&other)),
        }
    });
    Ok(Page::of(&json!({ "users": users.await })))
}

async fn unread(desk: &Desk, uid: Uid) -> Result<Page, Refused> {
    let (mut after, mut unread, mut count) = (None, 0, 0);
    for _ in 0..CHAT_PAGES_MAX {
        let limit = PAGE_ROWS_MAX as usize;
        match desk.ask(Command::Chats { uid, after, limit }).await? {
            (Answer::Chats { chats, more, .. }, _) => {
                let with_unread = chats.iter().filter(|(row, _)| row.unread() > 0);
                for (row, _) in with_unread {
                    (unread, count) = (unread + row.unread(), count + 1);
                }
                after = chats.last().map(|(row, _)| row.conversation).filter(|_| more);
            }
            (other, _) => return Err(senseless(&other)),
        }
        if after.is_none() {
            break;
        }
    }
    Ok(Page::of(&json!({ "unread": unread, "chats": count, "is_whole": after.is_none() })))
}

fn ended((answer, _): (Answer, requests::Context)) -> Result<Page, Refused> {
    let Answer::Ended { count } = answer else { return Err(senseless(&answer)) };
    Ok(Page::of(&json!({ "ended": count })))
}

fn health(desk: &Desk) -> Result<Page, Refused> {
    desk.takes()?;
    let not = |why| Refused::wait(RefusalCode::Busy, 1_000, why);
    desk.seen.ready().map_err(not)?;
    Ok(Page::of(&json!({ "ready": true, "degraded": desk.seen.degraded() })))
}
