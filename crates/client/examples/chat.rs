//! Two terminals talk to each other. Lines typed here go to one user; what that user and others send is printed. A sent
//! line is marked once it is durable.

use anyhow::{Context, Result, bail};
use clap::Parser;
use client::{
    Client, Config, Doing, GroupChange, Inbox, Message, Position, Received, Signal, Tls,
    given_role, muted_until_ms, named_users,
};
use std::path::PathBuf;
use std::time::SystemTime;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::task::JoinSet;
use wire::{ConversationId, DeviceId, Role, RowKind, Uid};

#[derive(Parser)]
#[command(about = "Two terminals talk to each other over Longline")]
struct Arguments {
    /// The server.
    #[arg(long, default_value = "127.0.0.1:7400")]
    addr: String,
    /// Who you are: `cargo run --release -- token --uid 7` prints one for user 7.
    #[arg(long)]
    token: String,
    /// Speak TLS, and trust whom this machine trusts.
    #[arg(long)]
    tls: bool,
    /// Speak TLS, and trust whose certificates stand in this file (PEM).
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Whom you talk to.
    #[arg(long, required_unless_present_any = ["group", "new_group"])]
    to: Option<u64>,
    /// Or to which group, by its number.
    #[arg(long, conflicts_with = "to")]
    group: Option<u64>,
    /// Or to a new one of these users, as in `--new-group 8,9`.
    #[arg(long, value_delimiter = ',', conflicts_with_all = ["to", "group"])]
    new_group: Option<Vec<u64>>,
    /// Which of your devices this is; another one of the same number is logged out.
    #[arg(long, default_value_t = 1)]
    device: u64,
}

/// What a line to a group may be beside a message.
const COMMANDS: &str = "/add 8,9  /remove 8  /leave  /admin 8  /member 8  /owner 8  /info  /title TEXT  /notice TEXT  \
    /mute 8,9 (or all, for an hour)  /unmute 8,9 (or all)  /dissolve";

/// How long a member is muted, in ms.
const MUTE_MS: u64 = 3_600_000;

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
    let tls = match &arguments.ca {
        Some(file) => Some(Tls::of_file(file)?),
        None => arguments.tls.then(Tls::of_this_machine).transpose()?,
    };
    let (client, mut inbox) = Client::connect(Config {
        addresses: vec![arguments.addr],
        token: arguments.token,
        device: DeviceId(arguments.device),
        position: Position::default(),
        tls,
    })
    .await?;
    let place = Place { to: arguments.to, group: arguments.group, new_group: arguments.new_group };
    tokio::select! {
        result = listen(&client, &mut inbox) => result?,
        result = talk(&client, place) => result?,
        result = tokio::signal::ctrl_c() => result?,
    }
    client.close().await;
    Ok(())
}

/// Where the lines go.
struct Place {
    to: Option<u64>,
    group: Option<u64>,
    new_group: Option<Vec<u64>>,
}

impl Place {
    async fn conversation(self, client: &Client) -> Result<ConversationId> {
        if let Some(uids) = self.new_group {
            let group = client.create_group(uids.into_iter().map(Uid).collect()).await?;
            eprintln!("  group {} is made; others write to it with --group", group.home());
            return Ok(group);
        }
        if let Some(number) = self.group {
            return ConversationId::group(number).context("no group has number 0");
        }
        let conversation = ConversationId::direct(client.uid(), Uid(self.to.unwrap_or(0)));
        conversation.context("give another user's uid as --to")
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Member => "a member",
        Role::Admin => "an admin",
        Role::Owner => "the owner",
    }
}

/// What became of a group.
fn membership(message: &Message) -> Option<String> {
    let group = message.conversation.filter(|it| it.is_group())?;
    let whom = || {
        let uids = named_users(message.kind, &message.body).unwrap_or_default();
        uids.iter().map(Uid::to_string).collect::<Vec<_>>().join(", ")
    };
    let (who, group) = (message.sender, group.home());
    Some(match message.kind {
        RowKind::GROUP_CREATED => format!("{who} made group {group} with {}", whom()),
        RowKind::MEMBERS_ADDED => format!("{who} added {} to group {group}", whom()),
        RowKind::MEMBERS_REMOVED => format!("{who} removed {} from group {group}", whom()),
        RowKind::MEMBER_LEFT => format!("{who} left group {group}"),
        RowKind::ROLE_SET => {
            let role = given_role(message.kind, &message.body).map_or("something", role_name);
            format!("{who} made {} {role} of group {group}", whom())
        }
        RowKind::MUTED => {
            let what = match muted_until_ms(message.kind, &message.body) {
                Some(0) => "lets write again",
                _ => "mutes",
            };
            let whom = Some(whom()).filter(|whom| !whom.is_empty());
            format!("{who} {what} {} in group {group}", whom.as_deref().unwrap_or("all"))
        }
        RowKind::RENAMED => format!("{who} calls group {group} {}", text(message)),
        RowKind::ANNOUNCED => format!("{who} announces in group {group}: {}", text(message)),
        RowKind::DISSOLVED => format!("{who} ended group {group}"),
        _ => return None,
    })
}

fn text(message: &Message) -> String {
    String::from_utf8_lossy(&message.body).into_owned()
}

/// Prints what comes, until the client ends.
async fn listen(client: &Client, inbox: &mut Inbox) -> Result<()> {
    let me = client.uid();
    loop {
        match inbox.recv().await? {
            Received::Message { message, .. } if message.kind == RowKind::MESSAGE => {
                let text = String::from_utf8_lossy(&message.body);
                let peer = message.conversation.and_then(|conversation| conversation.peer_of(me));
                let group = message.conversation.filter(|conversation| conversation.is_group());
                match peer {
                    None if group.is_some() => {
                        let number = group.map_or(0, ConversationId::home);
                        println!("{} in {number}> {text}", message.sender);
                    }
                    Some(peer) if message.sender == me => println!("you to {peer}> {text}"),
                    _ => println!("{}> {text}", message.sender),
                }
                if message.sender != me {
                    mark_read(client, &message);
                }
            }
            Received::Signal(Signal { uid, does, .. }) => match does {
                Doing::Read(seq) => eprintln!("  {uid} has read up to message {seq}"),
                Doing::Typing(_) => eprintln!("  {uid} is typing"),
                Doing::Recording(_) => eprintln!("  {uid} is recording"),
                Doing::Nothing => {}
            },
            Received::Message { message, .. } => {
                membership(&message).iter().for_each(|line| eprintln!("{line}"));
            }
            Received::LoggedIn { uid, .. } => eprintln!("you are {uid}; type a line to send it"),
            Received::Disconnected { error, retry_after_ms } => {
                eprintln!("{error}; connecting again in {retry_after_ms} ms");
            }
            Received::InboxReset { .. } => eprintln!("the inbox started anew"),
            Received::RowsMissing { .. } => eprintln!("some messages are too old for the inbox"),
        }
    }
}

/// Whoever reads what is printed has read the message. One that is not marked is marked with the next.
fn mark_read(client: &Client, message: &Message) {
    let Some(conversation) = message.conversation else { return };
    let (client, seq) = (client.clone(), message.seq);
    tokio::spawn(async move { client.mark_read(conversation, seq).await });
}

/// Sends what is typed, until its end, and until the last line is durable.
async fn talk(client: &Client, place: Place) -> Result<()> {
    let conversation = place.conversation(client).await?;
    if conversation.is_group() {
        eprintln!("  {COMMANDS}");
    }
    let mut lines = BufReader::new(stdin()).lines();
    let mut sends = JoinSet::new();
    while let Some(line) = lines.next_line().await? {
        if sends.len() >= LINES_PENDING_MAX {
            sends.join_next().await;
        }
        let client = client.clone();
        sends.spawn(async move {
            if let Err(error) = say(&client, conversation, line).await {
                eprintln!("  not sent: {error}");
            }
        });
    }
    while sends.join_next().await.is_some() {}
    Ok(())
}

/// Does what a line says: a message, unless it begins with `/` and goes to a group.
async fn say(client: &Client, conversation: ConversationId, line: String) -> Result<()> {
    let ack = match line.strip_prefix('/').filter(|_| conversation.is_group()) {
        None => client.send(conversation, line).await?,
        Some("info") => {
            let info = client.group_info(conversation).await?;
            let (number, title) = (conversation.home(), &info.title);
            eprintln!("  group {number} {title}: {} members. {}", info.count, info.notice);
            let roles = info.roles.iter();
            roles.for_each(|it| eprintln!("  {} is {}", it.uid, role_name(it.role)));
            return Ok(());
        }
        Some(command) => client.change_group(change(conversation, command)?).await?,
    };
    eprintln!("  durable: message {} of {conversation}", ack.seq);
    Ok(())
}

fn unix_ms() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(0)
}

/// The change of a group that a command is.
fn change(group: ConversationId, command: &str) -> Result<GroupChange> {
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    let uids = || {
        if rest == "all" {
            return Ok(Vec::new());
        }
        let uids = rest.split(',').map(|uid| uid.trim().parse().map(Uid));
        uids.collect::<Result<Vec<_>, _>>().context("users are numbers, as in 8,9")
    };
    Ok(match name {
        "add" => GroupChange::Add(group, uids()?),
        "remove" => GroupChange::Remove(group, uids()?),
        "leave" => GroupChange::Leave(group),
        "admin" => GroupChange::SetRole(group, Role::Admin, uids()?),
        "member" => GroupChange::SetRole(group, Role::Member, uids()?),
        "owner" => GroupChange::SetRole(group, Role::Owner, uids()?),
        "mute" => GroupChange::Mute(group, unix_ms() + MUTE_MS, uids()?),
        "unmute" => GroupChange::Mute(group, 0, uids()?),
        "title" => GroupChange::Rename(group, rest.into()),
        "notice" => GroupChange::Announce(group, rest.into()),
        "dissolve" => GroupChange::Dissolve(group),
        _ => bail!("a command is one of {COMMANDS}"),
    })
}
