//! `cargo xtask restore`: puts copies of a data directory back under clients that know more than the copies.
//!
//! A copy is taken of a gateway that was stopped, or killed; it takes the directory's place, or its files are written over those
//! that are there, or everything is as if nothing had happened, as after a snapshot of a disk came back: then only the messages that
//! clients have tell it. A copy of a running gateway must be refused. Clients with rows, places and ids of what was lost come back, after others have written more than was lost.
//! No place may be given twice under one epoch, no id twice at all; every client must be whole again; and nothing that was sent
//! after the restore may be missing anywhere.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use client::{Client, Inbox, Position, Received};
use rustix::process::Signal;
use tokio::time::timeout;
use wire::{ConversationId, InboxSeq, Uid};

use crate::damage::copy;
use crate::drill::alone::{Alone, Started, connect};
use crate::drill::seen::BROKEN;
use crate::{process, programs};

/// How often.
#[derive(clap::Args)]
pub struct Args {
    /// Restores of each kind.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    times: u64,
}

/// Users; each writes to the next.
const USERS: u64 = 4;
/// Messages of each user: before the copy, after it, and after the restore. The last are more than were lost, so that heads pass
/// what clients know.
const BEFORE: u64 = 20;
const LOST: u64 = 15;
const AFTER: u64 = 25;
/// A step takes no longer.
const STEP_MAX: Duration = Duration::from_secs(60);
/// The device that comes back with what it knows; another writes meanwhile.
const READER: u64 = 1;
const WRITER: u64 = 2;

/// What the gateway did when it was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Stopped,
    Killed,
    Ran,
}

/// How the copy was made, and how it is put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct How {
    then: Then,
    is_in_place: bool,
    /// The operator runs `gateway restored`.
    is_said: bool,
    /// It is as if nothing had happened, as after a snapshot of the disk came back: only its clients know better.
    is_secret: bool,
}

const ALL: [How; 7] = [
    How { then: Then::Stopped, is_in_place: false, is_said: false, is_secret: false },
    How { then: Then::Stopped, is_in_place: true, is_said: false, is_secret: false },
    How { then: Then::Stopped, is_in_place: true, is_said: true, is_secret: false },
    How { then: Then::Killed, is_in_place: false, is_said: true, is_secret: false },
    How { then: Then::Killed, is_in_place: false, is_said: false, is_secret: false },
    How { then: Then::Stopped, is_in_place: true, is_said: false, is_secret: true },
    How { then: Then::Ran, is_in_place: false, is_said: false, is_secret: false },
];

/// Everything that was ever said, by anybody.
#[derive(Default)]
struct Known {
    /// The id of the sender of each message, by the server's id.
    ids: HashMap<u64, [u8; 16]>,
    /// The same by user, epoch and row.
    rows: HashMap<(u64, u64, u64), [u8; 16]>,
    faults: Vec<String>,
    restores: u64,
}

/// A user's device, as it keeps itself.
struct Device {
    uid: u64,
    token: String,
    position: Position,
    /// What it has of the present epoch.
    has: Vec<[u8; 16]>,
}

/// Each kind of restore, some times, in a directory of its own.
pub fn run(args: &Args) -> Result<ExitCode> {
    let scratch = process::scratch_dir("restore")?;
    programs::build()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut known = Known::default();
    for how in ALL {
        for _ in 0..args.times {
            runtime.block_on(one(&scratch, how, &mut known)).with_context(|| how.to_string())?;
        }
        println!("{how}: {} times", args.times);
    }
    let Known { restores, rows, faults, .. } = known;
    println!("restores {restores}, rows {}, faults {}", rows.len(), faults.len());
    faults.iter().for_each(|fault| println!("seen: {fault}"));
    if !faults.is_empty() {
        println!("a promise was broken");
        return Ok(BROKEN.into());
    }
    println!("kept: Restore");
    Ok(ExitCode::SUCCESS)
}

async fn one(scratch: &Path, how: How, known: &mut Known) -> Result<()> {
    let (dir, backup) = (scratch.join("data"), scratch.join("backup"));
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    // Ids are of this directory only.
    (known.ids, known.rows) = Default::default();
    let mut gateway = Alone::start(&dir, scratch)?;
    let mut devices = Vec::new();
    for uid in 1..=USERS {
        let token = gateway.token(uid)?;
        devices.push(Device { uid, token, position: Position::default(), has: Vec::new() });
    }
    write(&gateway, &devices, BEFORE, known).await?;
    match how.then {
        Then::Ran => copy(&dir, &backup)?,
        Then::Stopped => {
            stop(&mut gateway)?;
            copy(&dir, &backup)?;
            gateway = Alone::start(&dir, scratch)?;
        }
        Then::Killed => {
            gateway.process.kill()?;
            copy(&dir, &backup)?;
            gateway = Alone::start(&dir, scratch)?;
        }
    }
    write(&gateway, &devices, LOST, known).await?;
    for device in &mut devices {
        device.catch_up(&gateway, known).await?;
    }
    stop(&mut gateway)?;
    put_back(&backup, &dir, how)?;
    if how.is_said {
        process::run_ok(Command::new(programs::path("gateway")).arg("restored").arg(&dir))?;
    }
    if how.is_secret {
        forget_birth(&dir)?;
        // A place is given again then, whoever notices: a client must not take one for the other.
        known.rows.clear();
    }
    known.restores += 1;
    // What of a gateway that was not stopped cannot be told from what is of different times.
    let must_refuse = how.then != Then::Stopped && !how.is_said;
    let gateway = match Alone::try_start(&dir, scratch)? {
        Started::Serves(_) if must_refuse => bail!("it served a copy of a directory in use"),
        Started::Serves(gateway) => gateway,
        Started::Refused(Some(74), text) if must_refuse => {
            ensure!(text.contains("is a copy of a directory that was in use"), "it said {text:?}");
            return Ok(());
        }
        Started::Refused(code, text) => bail!("it ended with {code:?}: {text}"),
    };
    let sent = write(&gateway, &devices, AFTER, known).await?;
    for device in &mut devices {
        device.catch_up(&gateway, known).await?;
        device.check(&sent, known);
    }
    Ok(())
}

fn stop(gateway: &mut Alone) -> Result<()> {
    gateway.process.signal(Signal::TERM)?;
    let status = gateway.process.wait_exit(STEP_MAX)?;
    ensure!(status.success(), "the gateway ended with {status}");
    Ok(())
}

fn put_back(backup: &Path, dir: &Path, how: How) -> Result<()> {
    if !how.is_in_place {
        fs::remove_dir_all(dir)?;
        return copy(backup, dir);
    }
    write_over(backup, dir)
}

/// `BOOT` no longer says when its file was made.
fn forget_birth(dir: &Path) -> Result<()> {
    let boot = dir.join("BOOT");
    let text = fs::read_to_string(&boot)?;
    Ok(fs::write(&boot, text.lines().next().context("BOOT has a line")?)?)
}

/// Files that are there stay the same files, with other bytes; those of later go.
fn write_over(backup: &Path, dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let there = entry?.path();
        let name = there.file_name().context("an entry has a name")?;
        if !backup.join(name).exists() {
            if there.is_dir() { fs::remove_dir_all(there)? } else { fs::remove_file(there)? }
        }
    }
    for entry in fs::read_dir(backup)? {
        let entry = entry?;
        let there = dir.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&there)?;
            write_over(&entry.path(), &there)?;
        } else {
            fs::write(there, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

/// Each user writes so many messages to the next; what was sent: from, to, and the sender's id.
async fn write(
    gateway: &Alone,
    devices: &[Device],
    count: u64,
    known: &mut Known,
) -> Result<Vec<(u64, u64, [u8; 16])>> {
    let mut sent = Vec::new();
    for device in devices {
        let (client, _inbox) =
            connect(&gateway.listen, &device.token, WRITER, Position::default()).await?;
        let to = device.uid % USERS + 1;
        let conversation = ConversationId::direct(Uid(device.uid), Uid(to)).context("two users")?;
        for number in 0..count {
            let ack = timeout(STEP_MAX, client.send(conversation, number.to_le_bytes().to_vec()))
                .await??;
            known.id(ack.message_id.0, ack.client_msg_id.0);
            sent.push((device.uid, to, ack.client_msg_id.0));
        }
        client.close().await;
    }
    Ok(sent)
}

impl Known {
    fn id(&mut self, message_id: u64, sender_id: [u8; 16]) {
        let before = self.ids.insert(message_id, sender_id);
        if before.is_some_and(|before| before != sender_id) {
            self.faults.push(format!("id {message_id} was given to two messages"));
        }
    }

    fn row(&mut self, (uid, epoch, row): (u64, u64, u64), sender_id: [u8; 16]) {
        let before = self.rows.insert((uid, epoch, row), sender_id);
        if before.is_some_and(|before| before != sender_id) {
            self.faults.push(format!("row {row} of {uid} was given to two messages in one epoch"));
        }
    }
}

impl Device {
    /// Comes back with what it knows, and takes everything up to the head.
    async fn catch_up(&mut self, gateway: &Alone, known: &mut Known) -> Result<()> {
        let (client, inbox) = connect(&gateway.listen, &self.token, READER, self.position).await?;
        timeout(STEP_MAX, self.take(&client, inbox, known))
            .await
            .context("the inbox does not come")??;
        client.close().await;
        Ok(())
    }

    async fn take(&mut self, _session: &Client, mut inbox: Inbox, known: &mut Known) -> Result<()> {
        let mut head = InboxSeq(u64::MAX);
        while self.position.cursor < head {
            match inbox.recv().await? {
                Received::LoggedIn { inbox_head, inbox_epoch, .. } => {
                    head = inbox_head;
                    if self.position.inbox_epoch != inbox_epoch {
                        self.begin_anew(inbox_epoch);
                    }
                }
                Received::InboxReset { inbox_epoch } => {
                    self.begin_anew(inbox_epoch);
                }
                Received::Message { message, .. } => {
                    let (row, id) = (message.inbox_seq, message.client_msg_id.0);
                    let Position { cursor, inbox_epoch, .. } = self.position;
                    known.row((self.uid, inbox_epoch, row.0), id);
                    known.id(message.message_id.0, id);
                    if row != cursor.next() {
                        let fault = format!("{} got row {} after {}", self.uid, row.0, cursor.0);
                        known.faults.push(fault);
                    }
                    (self.position.cursor, self.position.message_id) = (row, message.message_id);
                    self.has.push(id);
                }
                Received::RowsMissing { after, before } => {
                    known.faults.push(format!("{} lacks rows from {after} to {before}", self.uid));
                }
                Received::Signal(_) => {}
                Received::Disconnected { error, .. } => bail!("disconnected: {error}"),
            }
        }
        Ok(())
    }

    fn begin_anew(&mut self, inbox_epoch: u64) {
        self.position = Position { inbox_epoch, ..Position::default() };
        self.has.clear();
    }

    /// Whether it has everything that was sent to it or by it since.
    fn check(&self, sent: &[(u64, u64, [u8; 16])], known: &mut Known) {
        for (at, (from, to, id)) in sent.iter().enumerate() {
            if (*from == self.uid || *to == self.uid) && !self.has.contains(id) {
                let (uid, cursor) = (self.uid, self.position.cursor.0);
                known
                    .faults
                    .push(format!("{uid}, at row {cursor}, lacks send {at} from {from} to {to}"));
            }
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let copy = match self.then {
            Then::Stopped => "a copy of a stopped gateway",
            Then::Killed => "a copy of a killed gateway",
            Then::Ran => "a copy of a running gateway",
        };
        let place =
            if self.is_in_place { "written over the files" } else { "in the directory's place" };
        let said = match (self.is_said, self.is_secret) {
            (true, _) => "with `gateway restored`",
            (false, true) => "and no file tells it",
            (false, false) => "without a word",
        };
        write!(f, "{copy}, {place}, {said}")
    }
}
