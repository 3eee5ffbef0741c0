//! Reads everything back as a well-behaved client does.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use client::{Client, ClientError, Config, Inbox, Message, Position, Received};
use tokio::time::{Instant, sleep, timeout};
use wire::{ConversationId, DeviceId, InboxSeq, PAGE_ROWS_MAX, Seq, Uid};

use super::place::LOOK;

/// Everything that is there may take this long to come.
const READ_MAX: Duration = Duration::from_secs(60);

/// Logs in as a device that has nothing yet.
pub async fn connect(server: SocketAddr, token: &str, device: u64) -> Result<(Client, Inbox)> {
    let config = Config {
        addresses: vec![server.to_string()],
        token: token.to_owned(),
        device: DeviceId(device),
        position: Position::default(),
        tls: None,
    };
    Ok(Client::connect(config).await?)
}

/// A whole inbox, in order.
pub async fn inbox(server: SocketAddr, token: &str, device: u64) -> Result<Vec<Message>> {
    let (client, mut inbox) = connect(server, token, device).await?;
    let mut messages: Vec<Message> = Vec::new();
    let mut head = InboxSeq(u64::MAX);
    let all = async {
        while messages.last().map_or(InboxSeq(0), |message| message.inbox_seq) < head {
            match inbox.recv().await? {
                Received::LoggedIn { inbox_head, .. } => head = inbox_head,
                Received::Message { message, .. } => messages.push(message),
                Received::InboxReset { .. }
                | Received::RowsMissing { .. }
                | Received::Signal(_)
                | Received::Disconnected { .. } => {}
            }
        }
        anyhow::Ok(())
    };
    timeout(READ_MAX, all).await.context("the inbox does not come")??;
    client.close().await;
    Ok(messages)
}

/// A user's conversation with another.
pub fn with(client: &Client, peer: u64) -> ConversationId {
    ConversationId::direct(client.uid(), Uid(peer)).expect("two users")
}

/// A whole conversation, ascending. What is refused for the moment is asked for again.
pub async fn history(client: &Client, peer: u64) -> Result<Vec<Message>> {
    let (mut messages, mut before) = (Vec::new(), Seq(0));
    let deadline = Instant::now() + READ_MAX;
    let conversation = with(client, peer);
    loop {
        match client.history(conversation, before, PAGE_ROWS_MAX).await {
            Ok(mut page) => {
                let Some(first) = page.first() else { return Ok(messages) };
                before = first.seq;
                page.append(&mut messages);
                messages = page;
                if before == Seq(1) {
                    return Ok(messages);
                }
            }
            Err(error) if error.is_fatal() || Instant::now() > deadline => return Err(error.into()),
            Err(ClientError::Limit(_)) => unreachable!("the limit is the greatest"),
            Err(_) => sleep(LOOK).await,
        }
    }
}
