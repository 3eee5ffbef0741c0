//! Unread is what others wrote behind the read position, whoever of a user's devices read, wrote or hid, over a kill of
//! the gateway. A real gateway and real clients, held against a count one by one; each history has its own users and chance.

use crate::process::{Gateway, between, block_on};
use client::{ChatState, Client, ClientError, Draft, Inbox, Received};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;
use tokio::task::JoinSet;
use wire::{Bytes, ConversationId, RefusalCode, RowKind, Seq};

const HISTORIES: u64 = 16;
const DEVICES: u64 = 3;
/// Before the kill, and after it.
const STEPS: usize = 30;
/// More than a chat knows of its newest messages.
const BURST: u64 = 70;

/// What must be of one conversation of a user.
#[derive(Default)]
struct Story {
    /// Of each message, whether the user wrote it.
    own: Vec<bool>,
    read: u64,
    is_hidden: bool,
    /// Marks that its devices are to be given: kind, place, and what is unread behind.
    marks: Vec<(RowKind, u64, u64)>,
}

impl Story {
    fn seq(&self) -> u64 {
        self.own.len() as u64
    }

    fn unread(&self) -> u64 {
        let behind = self.own.iter().skip(usize::try_from(self.read).unwrap());
        behind.filter(|own| !**own).count() as u64
    }

    fn add(&mut self, own: bool) {
        self.own.push(own);
        self.is_hidden = false;
    }

    fn mark(&mut self, kind: RowKind, seq: u64) {
        let seq = seq.min(self.seq());
        let is_hiding = kind == RowKind::HIDDEN && !self.is_hidden;
        if seq > self.read || is_hiding {
            self.read = self.read.max(seq);
            self.is_hidden |= is_hiding;
            self.marks.push((kind, seq, self.unread()));
        }
    }

    #[track_caller]
    fn check(&self, state: &ChatState) {
        let told = (state.read_seq.0, state.unread, state.is_hidden);
        assert_eq!(told, (self.read, self.unread(), self.is_hidden), "{state:?}");
    }
}

/// A user with its devices, and one it writes with.
struct Pair {
    user: u64,
    story: Story,
    chance: StdRng,
    changes: u64,
}

/// Marks a conversation up to a place, or hides it; again while it is told to come again.
async fn change(device: &Client, conversation: ConversationId, read: Option<Seq>) -> ChatState {
    loop {
        let changed = match read {
            Some(seq) => device.mark_read(conversation, seq).await,
            None => device.hide_chat(conversation).await,
        };
        match changed {
            Err(ClientError::Refused { code: Some(RefusalCode::Busy), .. }) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            other => return other.unwrap(),
        }
    }
}

impl Pair {
    fn new(number: u64) -> Self {
        let (user, chance) = (10 + 2 * number, StdRng::seed_from_u64(number));
        Self { user, story: Story::default(), chance, changes: 0 }
    }

    async fn live(mut self, peer: Client, devices: Vec<(Client, Inbox)>) -> Self {
        let conversation = between(self.user, self.user + 1);
        for _ in 0..STEPS {
            let (device, _) = &devices[self.chance.random_range(0..devices.len())];
            let place = self.chance.random_range(0..=self.story.seq() + 2);
            match self.chance.random_range(0..20) {
                0..8 => {
                    peer.send(conversation, "theirs").await.unwrap();
                    self.story.add(false);
                }
                8..9 => {
                    let mut sends = JoinSet::new();
                    for _ in 0..BURST {
                        let peer = peer.clone();
                        sends.spawn(async move { peer.send(conversation, "many").await.unwrap() });
                    }
                    sends.join_all().await.iter().for_each(|_| self.story.add(false));
                }
                9..13 => {
                    device.send(conversation, "own").await.unwrap();
                    self.story.add(true);
                }
                13..15 => {
                    let (seen, body) = (Seq(place), Bytes::from_static(b"own, with eyes"));
                    device.send_draft(Draft { conversation, body, seen }).await.unwrap();
                    if place > 0 {
                        self.story.mark(RowKind::READ, place);
                    }
                    self.story.add(true);
                }
                15..19 if self.story.seq() > 0 => {
                    let state = change(device, conversation, Some(Seq(place))).await;
                    self.story.mark(RowKind::READ, place);
                    self.story.check(&state);
                }
                19 if self.story.seq() > 0 => {
                    let state = change(device, conversation, None).await;
                    self.story.mark(RowKind::HIDDEN, u64::MAX);
                    self.story.check(&state);
                }
                _ => continue,
            }
            self.changes += 1;
            if self.changes.is_multiple_of(8) {
                let page = device.chats(None, 9).await.unwrap();
                page.chats.iter().for_each(|chat| self.story.check(&chat.state));
            }
        }
        self
    }

    /// Every device has the same marks in its inbox, and is told the same number.
    async fn check(&self, devices: &mut [(Client, Inbox)]) {
        for (client, inbox) in devices {
            let mut marks = Vec::new();
            let rows = self.story.own.len() + self.story.marks.len();
            for _ in 0..rows {
                let message = loop {
                    if let Received::Message { message, .. } = inbox.recv().await.unwrap() {
                        break message;
                    }
                };
                if message.kind != RowKind::MESSAGE {
                    marks.push((message.kind, message.seq.0, message.number));
                }
            }
            assert_eq!(marks, self.story.marks, "of user {}", self.user);
            let page = client.chats(None, 9).await.unwrap();
            let [chat] = &page.chats[..] else { panic!("{page:?}") };
            self.story.check(&chat.state);
        }
    }
}

async fn devices(gateway: &Gateway, user: u64, first: u64) -> Vec<(Client, Inbox)> {
    let mut devices = Vec::new();
    for device in first..first + DEVICES {
        devices.push(gateway.connect(user, device).await);
    }
    devices
}

/// All histories side by side: most of their time is the rest between two marks.
fn live(gateway: &Gateway, pairs: Vec<Pair>) -> Vec<Pair> {
    block_on(async {
        let mut living = JoinSet::new();
        for pair in pairs {
            let (peer, _) = gateway.connect(pair.user + 1, 1).await;
            let devices = devices(gateway, pair.user, 1).await;
            living.spawn(pair.live(peer, devices));
        }
        living.join_all().await
    })
}

#[test]
fn unread_is_counted_as_one_by_one_whatever_the_devices_of_a_user_do() {
    let dir = tempfile::tempdir().unwrap();
    let limits = ["--user-rate", "0", "--connection-rate", "0"];
    let gateway = Gateway::start(dir.path(), &limits);
    let pairs = live(&gateway, (0..HISTORIES).map(Pair::new).collect());
    gateway.kill();
    let gateway = Gateway::start(dir.path(), &limits);
    let pairs = live(&gateway, pairs);
    let changes: u64 = pairs.iter().map(|pair| pair.changes).sum();
    block_on(async {
        for pair in &pairs {
            // Devices that had nothing: they are given the whole inbox.
            pair.check(&mut devices(&gateway, pair.user, 4).await).await;
        }
    });
    println!("{HISTORIES} histories, {changes} changes, 0 different");
}
