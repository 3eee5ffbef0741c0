//! A link with what each of its users needs: what is to be said at the end of a turn, and whether
//! the peer lives.

use super::{Event, Item, Link};

/// How often a peer is asked whether it lives, in ms.
pub const PING_MS: u64 = 1_000;
/// How long a peer may be silent, in ms: three pings unanswered, and a pause.
pub const SILENT_MS_MAX: u64 = 3 * PING_MS + 500;
/// How long the handshake may take, in ms.
pub const HANDSHAKE_MS_MAX: u64 = 5_000;

/// A link, the items of this turn, and when its peer was last heard. All times are in ms of one
/// clock of the caller's.
#[derive(Debug)]
pub struct Line {
    link: Link,
    items: Vec<Item>,
    since_ms: u64,
    heard_ms: u64,
    pinged_ms: u64,
}

impl Line {
    /// For a connection that began now.
    #[must_use]
    pub fn new(link: Link, now_ms: u64) -> Self {
        Self { link, items: Vec::new(), since_ms: now_ms, heard_ms: now_ms, pinged_ms: now_ms }
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
    pub fn read(&mut self, bytes: &[u8], now_ms: u64, out: &mut Vec<u8>, events: &mut Vec<Event>) {
        self.heard_ms = now_ms;
        let known = events.len();
        self.link.read(bytes, out, events);
        for event in &mut events[known..] {
            let Event::Items(items) = event else { continue };
            items.retain(|item| {
                if let Item::Ping(number) = item {
                    self.items.push(Item::Pong(*number));
                }
                !matches!(item, Item::Ping(_) | Item::Pong(_))
            });
        }
    }

    /// Says something at the end of the turn.
    pub fn say(&mut self, item: Item) {
        assert!(self.is_open(), "nothing is said before the handshake is over");
        self.items.push(item);
    }

    /// Something is to be written.
    #[must_use]
    pub fn has_items(&self) -> bool {
        !self.items.is_empty()
    }

    /// Writes what was said.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        if self.is_open() {
            self.link.send(&mut self.items, out);
        }
    }

    /// Sends the peer a ping when one is due. Returns whether it still counts as alive.
    pub fn look_after(&mut self, now_ms: u64) -> bool {
        if !self.is_open() {
            return now_ms < self.since_ms + HANDSHAKE_MS_MAX;
        }
        if now_ms >= self.pinged_ms + PING_MS {
            self.pinged_ms = now_ms;
            self.items.push(Item::Ping(now_ms));
        }
        now_ms < self.heard_ms + SILENT_MS_MAX
    }
}
