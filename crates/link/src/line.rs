//! A link with what each of its users needs: what is to be said at the end of a turn, whether the
//! peer lives, and what its clock shows.

use super::plant::{self, Fault};
use super::{Event, Item, Lane, Link, LinkDrop, Reading};
use shard::command::Now;

/// How often a peer is asked whether it lives, in ms.
pub const PING_MS: u64 = 1_000;
/// How long a peer may be silent, in ms: three pings unanswered, and a pause.
pub const SILENT_MS_MAX: u64 = 3 * PING_MS + 500;
/// How long the handshake may take, in ms.
pub const HANDSHAKE_MS_MAX: u64 = 5_000;

/// A link, and when its peer was last heard. All times are in ms of one
/// clock of the caller's.
#[derive(Debug)]
pub struct Line {
    link: Link,
    since_ms: u64,
    heard_ms: u64,
    /// When the next ping is due: at once when the link is open.
    ping_ms: u64,
    /// The peer's clock, as the last answer to a ping told it.
    clock: Option<Reading>,
}

impl Line {
    /// For a connection that began now.
    #[must_use]
    pub fn new(link: Link, now_ms: u64) -> Self {
        Self { link, since_ms: now_ms, heard_ms: now_ms, ping_ms: now_ms, clock: None }
    }

    /// The peer's clock, if it was asked, and tells.
    #[must_use]
    pub fn clock(&self) -> Option<Reading> {
        self.clock
    }

    /// The link, for its handshake.
    pub fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Something may be said.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.link.is_open()
    }

    /// Takes bytes of the peer, and answers its questions whether this side lives.
    pub fn read(&mut self, bytes: &[u8], now: Now, out: &mut Vec<u8>, events: &mut Vec<Event>) {
        let known = events.len();
        self.link.read(bytes, out, events);
        // Bytes of which nothing comes are no sign of life: in a length that was changed on its way everything disappears.
        if events.len() > known {
            self.heard_ms = now.mono_ms;
        }
        for event in &mut events[known..] {
            let Event::Items(items) = event else { continue };
            items.retain(|item| {
                if let Item::Ping(number) = item {
                    self.link.say(&Item::Pong { number: *number, unix_ms: now.unix_ms });
                } else if let Item::Pong { number, unix_ms } = item {
                    let clock = Reading::new(*number, *unix_ms, now.mono_ms);
                    self.clock = clock.or(self.clock);
                } else {
                    return true;
                }
                false
            });
        }
    }

    /// Says something at the end of the turn. So many bytes of earlier turns wait for the peer.
    ///
    /// # Errors
    /// There is no link yet, or any more; or more waits than the item's lane takes.
    pub fn say(&mut self, item: &Item, outbox_bytes: usize) -> Result<(), LinkDrop> {
        if !self.is_open() {
            return Err(LinkDrop::NoLink);
        }
        Lane::of(item).take(outbox_bytes + self.unwritten_bytes())?;
        self.link.say(item);
        Ok(())
    }

    /// Bytes of this turn.
    #[must_use]
    pub fn unwritten_bytes(&self) -> usize {
        self.link.unwritten_bytes()
    }

    /// Writes what was said.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        self.link.flush(out);
    }

    /// Sends the peer a ping when one is due. Returns whether it still counts as alive.
    pub fn look_after(&mut self, now_ms: u64) -> bool {
        if !self.is_open() {
            return now_ms < self.since_ms + HANDSHAKE_MS_MAX;
        }
        if now_ms >= self.ping_ms {
            self.ping_ms = now_ms + PING_MS;
            self.link.say(&Item::Ping(now_ms));
        }
        now_ms < self.heard_ms + SILENT_MS_MAX || plant::has(Fault::TrustSilence)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Admission, LINK_PUSHES_BYTES_MAX, Peer, PeerId, Secret, Terms};
    use super::*;
    use shard::command::{Answer, Delivery, ReplyTo, Session};
    use shard::owner::{Holder, Incarnation, NodeId};
    use shard::rows::{Chain, InboxRow, sample};
    use wire::{InboxSeq, Uid};

    const WORD: Item = Item::InboxEpoch(1);

    fn push() -> Item {
        let row = InboxRow {
            uid: Uid(2),
            inbox_seq: InboxSeq(1),
            flags: 0,
            chain: Chain(1),
            message: sample(1, 32 * 1024),
        };
        let session = Session { entry: 1, key: 2 };
        let answer = Answer::Push { previous: InboxSeq(0), row: Box::new(row) };
        Item::Delivery(Delivery { to: ReplyTo { session, ticket: 0 }, answer })
    }

    fn at(mono_ms: u64) -> Now {
        Now { unix_ms: 1_000_000 + mono_ms, mono_ms }
    }

    /// A dialer and an acceptor, at 0 ms.
    fn open() -> (Line, Line) {
        let terms = || Terms::new("blue".into(), Secret::for_loopback());
        let peer = Peer { id: PeerId::Gateway { instance: 1, core: 0 }, generation: 1 };
        let holder = Holder { node: NodeId(1), incarnation: Incarnation(1) };
        let (mut challenge, mut hello, mut welcome) = (vec![], vec![], vec![]);
        let mut acceptor = Line::new(Link::accept(terms(), [1; 32], &mut challenge), 0);
        let mut dialer = Line::new(Link::dial(terms(), [2; 32], peer), 0);
        assert_eq!(dialer.say(&WORD, 0), Err(LinkDrop::NoLink));
        dialer.read(&challenge, at(0), &mut hello, &mut vec![]);
        acceptor.read(&hello, at(0), &mut vec![], &mut vec![]);
        acceptor.link().admit(0, Admission { entry: 1, holder }, &mut welcome).unwrap();
        dialer.read(&welcome, at(0), &mut vec![], &mut vec![]);
        (dialer, acceptor)
    }

    #[test]
    fn a_push_is_dropped_while_too_much_waits_and_what_is_kept_is_not() {
        let (mut line, _) = open();
        assert_eq!(line.say(&push(), LINK_PUSHES_BYTES_MAX), Ok(()));
        assert_eq!(line.say(&push(), LINK_PUSHES_BYTES_MAX), Err(LinkDrop::PushesFull));
        assert_eq!(line.say(&WORD, LINK_PUSHES_BYTES_MAX), Ok(()));
        line.flush(&mut vec![]);
        assert_eq!(line.say(&push(), LINK_PUSHES_BYTES_MAX), Ok(()));
    }

    #[test]
    fn what_is_said_within_a_turn_counts_as_waiting() {
        let (mut line, _) = open();
        let said = (0..1_000).take_while(|_| line.say(&push(), 0).is_ok()).count();
        assert!((250..260).contains(&said), "8 MiB of 32 KiB each: {said}");
    }

    #[test]
    fn a_peer_that_answers_pings_is_alive() {
        let (mut dialer, mut acceptor) = open();
        for now_ms in (0..10_000).step_by(100) {
            let (mut ping, mut pong) = (vec![], vec![]);
            assert!(dialer.look_after(now_ms));
            dialer.flush(&mut ping);
            acceptor.read(&ping, at(now_ms), &mut vec![], &mut vec![]);
            acceptor.flush(&mut pong);
            dialer.read(&pong, at(now_ms), &mut vec![], &mut vec![]);
        }
    }

    #[test]
    fn a_peer_is_asked_for_its_clock_at_once() {
        let (mut dialer, mut acceptor) = open();
        let (mut ping, mut pong) = (vec![], vec![]);
        assert_eq!(dialer.clock(), None);
        assert!(dialer.look_after(0));
        dialer.flush(&mut ping);
        let theirs = Now { unix_ms: 900_000, mono_ms: 77 };
        acceptor.read(&ping, theirs, &mut vec![], &mut vec![]);
        acceptor.flush(&mut pong);
        dialer.read(&pong, at(40), &mut vec![], &mut vec![]);
        assert_eq!(dialer.clock(), Some(Reading { zero_ms: 899_980, within_ms: 21 }));
    }

    #[test]
    fn a_peer_whose_bytes_become_no_frame_is_given_up() {
        let (mut dialer, mut acceptor) = open();
        let mut damaged_at = Some(5_000);
        let given_up_ms = (0..20_000).step_by(100).find(|now_ms| {
            let mut said = vec![];
            assert!(acceptor.look_after(*now_ms) || damaged_at.is_none());
            acceptor.flush(&mut said);
            if !said.is_empty() && damaged_at.take_if(|at| *at <= *now_ms).is_some() {
                // The frame seems to be 64 KiB longer, so all that follows seems to be of it.
                said[2] ^= 1;
            }
            let mut answer = vec![];
            if !said.is_empty() {
                dialer.read(&said, at(*now_ms), &mut vec![], &mut vec![]);
            }
            let lives = dialer.look_after(*now_ms);
            dialer.flush(&mut answer);
            acceptor.read(&answer, at(*now_ms), &mut vec![], &mut vec![]);
            !lives
        });
        assert!(given_up_ms.is_some_and(|at| at < 5_000 + 2 * SILENT_MS_MAX), "{given_up_ms:?}");
    }

    #[test]
    fn a_silent_peer_is_given_up_and_so_is_a_handshake() {
        let (mut line, _) = open();
        assert!(line.look_after(SILENT_MS_MAX - 1));
        assert!(!line.look_after(SILENT_MS_MAX));
        let terms = Terms::new("blue".into(), Secret::for_loopback());
        let mut line = Line::new(Link::accept(terms, [1; 32], &mut vec![]), 0);
        assert!(line.look_after(HANDSHAKE_MS_MAX - 1));
        assert!(!line.look_after(HANDSHAKE_MS_MAX));
    }
}
