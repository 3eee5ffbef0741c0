//! A send whose id the store could not be asked for is refused, and taken when it comes again: the store fails the first
//! look-up of an id, and no other request.

use bytes::Bytes;
use shard::command::{Answer, Command, Effects, Input, Inputs, Now, ReplyTo, Send, Session};
use shard::partition::{ShardId, Share};
use shard::rows::{Read, StoreError};
use shard::store::MemoryStore;
use shard::{Shard, ShardConfig};
use wire::{ClientMsgId, ConversationId, DeviceId, RefusalCode, RowKind, Uid};

const NOW: Now = Now { unix_ms: 1_800_000_000_000, mono_ms: 1 };

struct World {
    shard: Shard,
    store: MemoryStore,
    inputs: Inputs,
    look_ups: usize,
}

impl World {
    /// A shard that has taken over at a time when ids could be later than now: it must ask for every id.
    fn new() -> Self {
        let share = Share::Of { id: ShardId(0), shards: 1 };
        let newest_id_ms = NOW.unix_ms + 1_000;
        let shard = Shard::new(ShardConfig { newest_id_ms, ..ShardConfig::new(share, 2, 1) }, NOW);
        Self { shard, store: MemoryStore::new(), inputs: Inputs::default(), look_ups: 0 }
    }

    /// Sends, and steps until nothing follows any more; the answer.
    fn send(&mut self, send: Send, request_id: u64) -> Answer {
        let reply = ReplyTo { session: Session { entry: 0, connection: 1 }, request_id };
        self.inputs.inputs.push(Input::Command(Command::Send(send), reply));
        let mut answers = Vec::new();
        loop {
            let mut effects = Effects::default();
            self.shard.step(&mut self.inputs, NOW, &mut effects);
            if let Some((ticket, rows)) = effects.commit {
                self.store.commit(ticket, rows);
            }
            for (ticket, read) in effects.reads {
                self.look_ups += usize::from(matches!(read, Read::ByClientMsgId { .. }));
                self.store.read(ticket, read);
            }
            answers.extend(effects.deliveries.into_iter().map(|delivery| delivery.answer));
            if self.store.in_flight() == 0 {
                assert_eq!(answers.len(), 1, "{answers:?}");
                return answers.remove(0);
            }
            self.store.refuse((self.look_ups == 1).then_some(StoreError::Unavailable));
            self.store.poll(&mut self.inputs.completions);
        }
    }
}

#[test]
fn a_send_is_taken_after_a_look_up_that_failed() {
    let mut world = World::new();
    let send = Send {
        conversation: ConversationId::direct(Uid(1), Uid(2)).unwrap(),
        sender: Uid(1),
        device: DeviceId(1),
        client_msg_id: ClientMsgId::new(NOW.unix_ms, 7),
        kind: RowKind::MESSAGE,
        flags: 0,
        body: Bytes::from_static(b"again"),
    };
    let answer = world.send(send.clone(), 1);
    let is_refused = matches!(answer, Answer::Refused { code: RefusalCode::StoreUnavailable, .. });
    assert!(is_refused, "{answer:?}");
    let answer = world.send(send, 2);
    assert!(matches!(answer, Answer::Acked { .. }), "{answer:?}");
    assert_eq!(world.look_ups, 2);
}
