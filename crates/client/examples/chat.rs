//! Two terminals talk to each other. Lines typed here go to one user; what that user and others send is printed. A sent
//! line is marked once it is durable.

use anyhow::Result;
use clap::Parser;
use client::{Client, Config, Inbox, Received};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::task::JoinSet;
use wire::{DeviceId, InboxSeq, Uid};

#[derive(Parser)]
#[command(about = "Two terminals talk to each other over Longline")]
struct Arguments {
    /// The server.
    #[arg(long, default_value = "127.0.0.1:7400")]
    addr: String,
    /// Who you are: `cargo run --release -- token --uid 7` prints one for user 7.
    #[arg(long)]
    token: String,
    /// Whom you talk to.
    #[arg(long)]
    to: u64,
    /// Which of your devices this is; another one of the same number is logged out.
    #[arg(long, default_value_t = 1)]
    device: u64,
}

/// Lines that are not durable yet; beyond, typing waits.
const LINES_PENDING_MAX: usize = 100;

/// One thread: tasks start in the order of their lines.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let result = chat(Arguments::parse()).await;
    if let Err(error) = &result {
        eprintln!("{error}");
    }
    // The runtime would wait for the next line of the terminal.
    std::process::exit(i32::from(result.is_err()));
}

async fn chat(arguments: Arguments) -> Result<()> {
    let (client, mut inbox) = Client::connect(Config {
        addresses: vec![arguments.addr],
        token: arguments.token,
        device: DeviceId(arguments.device),
        cursor: InboxSeq(0),
        inbox_epoch: 0,
    })
    .await?;
    tokio::select! {
        result = listen(&mut inbox) => result?,
        result = talk(&client, Uid(arguments.to)) => result?,
        result = tokio::signal::ctrl_c() => result?,
    }
    client.close().await;
    Ok(())
}

/// Prints what comes, until the client ends.
async fn listen(inbox: &mut Inbox) -> Result<()> {
    let mut me = Uid(0);
    loop {
        match inbox.recv().await? {
            Received::Message { message, .. } if message.from == me => {
                println!("you to {}> {}", message.to, String::from_utf8_lossy(&message.body));
            }
            Received::Message { message, .. } => {
                println!("{}> {}", message.from, String::from_utf8_lossy(&message.body));
            }
            Received::LoggedIn { uid, .. } => {
                me = uid;
                eprintln!("you are {uid}; type a line to send it");
            }
            Received::Disconnected { error, retry_after_ms } => {
                eprintln!("{error}; connecting again in {retry_after_ms} ms");
            }
            Received::InboxReset { .. } => eprintln!("the inbox started anew"),
            Received::RowsMissing { .. } => eprintln!("some messages are too old for the inbox"),
        }
    }
}

/// Sends what is typed, until its end, and until the last line is durable.
async fn talk(client: &Client, to: Uid) -> Result<()> {
    let mut lines = BufReader::new(stdin()).lines();
    let mut sends = JoinSet::new();
    while let Some(line) = lines.next_line().await? {
        if sends.len() >= LINES_PENDING_MAX {
            sends.join_next().await;
        }
        let client = client.clone();
        sends.spawn(async move {
            match client.send(to, line).await {
                Ok(ack) => eprintln!("  durable: message {} to {to}", ack.seq),
                Err(error) => eprintln!("  not sent: {error}"),
            }
        });
    }
    while sends.join_next().await.is_some() {}
    Ok(())
}
