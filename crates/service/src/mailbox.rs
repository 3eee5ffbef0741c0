//! How cores talk: each has one bounded mailbox of batches, and hands over a turn's posts to another at once.
//!
//! A batch whose mailbox is full is held and tried again the next turn; the sender bounds what it holds.

use flume::{Receiver, Sender, TrySendError};
use netring::Waker;
use std::sync::{Arc, OnceLock};

/// Batches in a core's mailbox: two turns of each of 512 cores.
pub const MAILBOX_BATCHES_MAX: usize = 1024;
/// Things held for another core whose mailbox is full, beyond which commands are refused and pushes dropped.
pub const OUTGOING_MAX: usize = 64 * 1024;

/// Every core's mailbox, for senders.
pub struct Directory<Post>(Arc<[Address<Post>]>);

impl<Post> Clone for Directory<Post> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Address<Post> {
    batches: Sender<Vec<Post>>,
    /// Set when the core has its ring. Until then nobody needs to wake it: it looks into its
    /// mailbox.
    waker: OnceLock<Waker>,
}

impl<Post> Directory<Post> {
    /// Mailboxes for so many cores, and each one's receiving end.
    #[must_use]
    pub fn new(cores: usize) -> (Self, Vec<Receiver<Vec<Post>>>) {
        let channels = (0..cores).map(|_| flume::bounded(MAILBOX_BATCHES_MAX));
        let (senders, receivers): (Vec<_>, Vec<_>) = channels.unzip();
        let address = |batches| Address { batches, waker: OnceLock::new() };
        (Self(senders.into_iter().map(address).collect()), receivers)
    }

    /// The core has its ring.
    pub fn set_waker(&self, core: u16, waker: Waker) {
        let set = self.0[usize::from(core)].waker.set(waker);
        assert!(set.is_ok(), "a core starts once");
    }

    /// Posts to a core from beside the cores. Returns whether it had room.
    #[must_use]
    pub fn tell(&self, core: usize, post: Post) -> bool {
        let has_room = self.0[core].batches.try_send(vec![post]).is_ok();
        self.wake(core);
        has_room
    }

    /// How many cores there are.
    #[must_use]
    pub fn cores(&self) -> usize {
        self.0.len()
    }

    /// Ends the core's sleep.
    pub fn wake(&self, core: usize) {
        if let Some(waker) = self.0[core].waker.get() {
            waker.wake();
        }
    }
}

/// What a core's turn gathers for the other cores.
pub struct Outgoing<Post> {
    directory: Directory<Post>,
    held: Vec<Vec<Post>>,
}

impl<Post> Outgoing<Post> {
    /// With nothing in it.
    #[must_use]
    pub fn new(directory: Directory<Post>) -> Self {
        let held = directory.0.iter().map(|_| Vec::new()).collect();
        Self { directory, held }
    }

    /// Whether a command or a push may still be added for this core.
    #[must_use]
    pub fn has_room(&self, core: u16) -> bool {
        self.held[usize::from(core)].len() < OUTGOING_MAX
    }

    /// Adds a post. Mail and answers are bounded by the shards' messages in flight.
    pub fn post(&mut self, core: u16, post: Post) {
        self.held[usize::from(core)].push(post);
    }

    /// Takes back what was not handed over yet.
    pub fn take_back(&mut self, is_it: impl Fn(&Post) -> bool) -> Vec<Post> {
        self.held.iter_mut().flat_map(|held| held.extract_if(.., |post| is_it(post))).collect()
    }

    /// Hands over what was gathered; returns how many mailboxes were full.
    pub fn flush(&mut self) -> u64 {
        let mut full = 0;
        for (core, held) in self.held.iter_mut().enumerate() {
            if held.is_empty() {
                continue;
            }
            match self.directory.0[core].batches.try_send(std::mem::take(held)) {
                Ok(()) => {}
                Err(TrySendError::Full(batch)) => {
                    *held = batch;
                    full += 1;
                }
                // The core has stopped: the process is ending.
                Err(TrySendError::Disconnected(_)) => {}
            }
            self.directory.wake(core);
        }
        full
    }

    /// Nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.iter().all(Vec::is_empty)
    }
}
