//! A signal reaches the devices that are there, and costs nothing else: no read, no row, no answer.

use crate::asked::Asked;
use shard::ShardConfig;
use shard::command::{Answer, Begin, Command, Now, Signal};
use shard::partition::{ShardId, Share};
use wire::{ConversationId, DeviceId, Seq, SignalKind, Uid};

#[test]
fn a_signal_loads_nobody() {
    let share = Share::Of { id: ShardId(0), shards: 1 };
    let now = Now { unix_ms: 1_700_000_000_000, mono_ms: 0 };
    let mut shard = Asked::new(ShardConfig::new(share, 1, 1), now);
    // What it reads when it begins.
    assert_eq!(shard.run(|_| false), []);
    let conversation = ConversationId::direct(Uid(1), Uid(2)).unwrap();
    let (sender, seq, ttl_ms, kind) = (Uid(1), Seq(0), 6_000, SignalKind::TYPING);
    let signal = Signal { conversation, sender, seq, ttl_ms, kind };
    let typing = || Command::Signal { uid: Uid(2), signal };
    let unread = |read: &_| panic!("{read:?} for a signal");
    assert_eq!(shard.ask(typing(), unread), [], "nobody is there");
    let login = Command::login(Uid(2), DeviceId(1), Begin::Head);
    assert!(matches!(shard.ask(login, |_| false)[..], [Answer::LoggedIn { .. }]));
    assert_eq!(shard.ask(typing(), unread), [Answer::Signal { uid: Uid(2), signal }]);
    assert!(shard.shard.is_idle());
}
