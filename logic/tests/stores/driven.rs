//! A store as tests drive it: without a ring, its writes done here and now.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use shard::rows::{Chain, Completion, Found, InboxRow, MessageRow, Read, Row, Ticket};
use shard::store::{EmbeddedConfig, EmbeddedStore, Home, OpenError, Store, Wake};
use wire::{ClientMsgId, ConversationId, InboxSeq, MessageId, RowKind, Seq, Uid};

/// A store, and the wakes of its thread.
pub struct Driven {
    pub store: Store,
    woken: flume::Receiver<()>,
}

/// The usual sizes, with no space kept free.
pub fn config(dir: &Path) -> EmbeddedConfig {
    let home = Home::alone(dir).unwrap();
    EmbeddedConfig { reserve_bytes: 0, ..EmbeddedConfig::new(home) }
}

/// A message of user 1 to user 2, all of it told by its place; each is behind those of the places before.
pub fn message(seq: u64, body_bytes: usize) -> Row {
    let chain = (1..seq).fold(Chain::default(), |chain, id| chain.after(&[id]));
    Row::Message(MessageRow {
        conversation: ConversationId::direct(Uid(1), Uid(2)).unwrap(),
        seq: Seq(seq),
        number: seq,
        message_id: MessageId(seq),
        sender: Uid(1),
        time_ms: seq,
        kind: RowKind::MESSAGE,
        flags: 0,
        chain,
        client_msg_id: ClientMsgId::new(seq, 0),
        body: Bytes::from(vec![seq.to_le_bytes()[0]; body_bytes]),
        seen: Seq(0),
    })
}

/// The same message in an inbox at the same place, behind those before.
pub fn inbox(uid: Uid, place: u64, body_bytes: usize) -> InboxRow {
    let Row::Message(message) = message(place, body_bytes) else { unreachable!("it makes one") };
    let (kind, a, b) = message.conversation.parts();
    let next = |chain: Chain, seq| chain.after(&[kind.into(), a, b, seq]);
    let chain = (1..place).fold(Chain::default(), next);
    InboxRow { uid, inbox_seq: InboxSeq(place), flags: 0, chain, message }
}

impl Driven {
    pub fn open(config: EmbeddedConfig) -> Result<Self, OpenError> {
        // One wake that waits stands for all that come before it is seen.
        let (wake, woken) = flume::bounded(1);
        let wake = Arc::new(move || {
            let _ = wake.try_send(());
        });
        let store = EmbeddedStore::open(config, wake)?;
        Ok(Self { store: Store::Embedded(Box::new(store)), woken })
    }

    /// A store that is opened with the wake it is given.
    pub fn with_wake(open: impl FnOnce(Wake) -> Store) -> Self {
        let (wake, woken) = flume::bounded(1);
        let wake = Arc::new(move || {
            let _ = wake.try_send(());
        });
        Self { store: open(wake), woken }
    }

    /// A store that needs no waking.
    pub fn unwoken(store: Store) -> Self {
        Self { store, woken: flume::bounded(1).1 }
    }

    /// Does what can be done without waiting.
    pub fn turn(&mut self, completions: &mut Vec<Completion>) {
        // A segment that has come lets a write go on; what is written completes.
        self.store.poll(completions);
        self.store.write_now();
        self.store.poll(completions);
    }

    /// Until something completes.
    pub fn wait(&mut self) -> Vec<Completion> {
        let mut completions = Vec::new();
        self.turn(&mut completions);
        while completions.is_empty() {
            self.woken.recv().expect("the store's thread lives");
            self.turn(&mut completions);
        }
        completions
    }

    /// Until everything asked for is done.
    pub fn settle(&mut self) -> Vec<Completion> {
        let mut completions = Vec::new();
        self.turn(&mut completions);
        while self.store.in_flight() > 0 {
            self.woken.recv().expect("the store's thread lives");
            self.turn(&mut completions);
        }
        completions
    }

    /// Asks, with everything before done.
    pub fn ask(&mut self, read: Read) -> Found {
        let ticket = Ticket(u64::MAX);
        self.store.read(ticket, read);
        let answer = self.settle().pop();
        let Some(Completion::Read(answered, Ok(found))) = answer else {
            panic!("no answer: {answer:?}")
        };
        assert_eq!(answered, ticket, "the read was asked for last");
        found
    }
}
