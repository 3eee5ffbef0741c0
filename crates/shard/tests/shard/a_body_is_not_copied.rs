//! From the command to the push a body stays where it is in memory, also when its recipient belongs to another shard: the
//! bytes that the recipient's entry is given are those that the sender's entry made, at the same address.

use bytes::Bytes;
use shard::command::{Answer, Begin, Command, Delivery, Effects, Input, Inputs, Now, ReplyTo};
use shard::command::{Send, Session};
use shard::partition::{Partition, ShardId, Share};
use shard::store::MemoryStore;
use shard::{Shard, ShardConfig};
use wire::{ClientMsgId, ConversationId, DeviceId, RowKind, Seq, Uid};

const NOW: Now = Now { unix_ms: 1_800_000_000_000, mono_ms: 1 };

struct Node {
    shard: Shard,
    store: MemoryStore,
    inputs: Inputs,
}

/// Every shard of a process, and what they delivered.
struct Process {
    nodes: Vec<Node>,
    delivered: Vec<Delivery>,
}

impl Process {
    fn new(shards: u16) -> Self {
        let node = |id| {
            let share = Share::Of { id: ShardId(id), shards };
            let shard = Shard::new(ShardConfig::new(share, 1, 1), NOW);
            Node { shard, store: MemoryStore::new(), inputs: Inputs::default() }
        };
        Self { nodes: (0..shards).map(node).collect(), delivered: Vec::new() }
    }

    fn owner(&self, partition: Partition) -> usize {
        partition.owner(u16::try_from(self.nodes.len()).unwrap()).0.into()
    }

    /// Gives a command to its shard, and steps all of them until nothing follows any more.
    fn run(&mut self, partition: Partition, command: Command, ticket: u64) {
        let reply = ReplyTo { session: Session { entry: 0, key: 1 }, ticket };
        let owner = self.owner(partition);
        self.nodes[owner].inputs.inputs.push(Input::Command(command, reply));
        let mut is_quiet = false;
        while !is_quiet {
            is_quiet = true;
            for at in 0..self.nodes.len() {
                let mut effects = Effects::default();
                let node = &mut self.nodes[at];
                node.store.poll(&mut node.inputs.completions);
                is_quiet &= node.inputs.inputs.is_empty() && node.inputs.completions.is_empty();
                node.shard.step(&mut node.inputs, NOW, &mut effects);
                if let Some((ticket, rows)) = effects.commit {
                    node.store.commit(ticket, rows);
                }
                effects.reads.into_iter().for_each(|(ticket, read)| node.store.read(ticket, read));
                is_quiet &= node.store.in_flight() == 0 && effects.mail.is_empty();
                self.delivered.append(&mut effects.deliveries);
                for (partition, mail) in effects.mail {
                    let owner = self.owner(partition);
                    self.nodes[owner].inputs.inputs.push(Input::Mail(mail));
                }
            }
        }
    }
}

#[test]
fn what_is_pushed_lies_where_the_command_put_it() {
    let mut crossed = 0;
    for to in 2..20 {
        let mut process = Process::new(2);
        // A conversation lives with the greater of the two.
        let (from, to) = (Uid(100), Uid(to));
        let login = Command::login(to, DeviceId(1), Begin::Head);
        process.run(Partition::of_user(to), login, 1);
        let conversation = ConversationId::direct(from, to).unwrap();
        let owner = process.owner(Partition::of_conversation(conversation));
        crossed += usize::from(process.owner(Partition::of_user(to)) != owner);
        // Longer than any `Bytes` that would be held in place.
        let body = Bytes::from(vec![7; 1_000]);
        let (device, client_msg_id) = (DeviceId(1), ClientMsgId::new(NOW.unix_ms, 1));
        let (sender, kind, flags, body, seen) = (from, RowKind::MESSAGE, 0, body.clone(), Seq(0));
        let sent = body.clone();
        let send = Send { conversation, sender, device, client_msg_id, kind, flags, body, seen };
        process.run(Partition::of_conversation(conversation), Command::Send(send), 2);
        let pushed = process.delivered.iter().find_map(|delivery| {
            let Answer::Push { row, .. } = &delivery.answer else { return None };
            Some(row.message.body.clone())
        });
        assert_eq!(pushed.unwrap().as_ptr(), sent.as_ptr(), "to {to}");
        assert!(
            process
                .delivered
                .iter()
                .any(|delivery| matches!(delivery.answer, Answer::Acked { .. }))
        );
    }
    assert!(crossed > 0, "some went from shard to shard");
}
