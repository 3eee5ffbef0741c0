//! What a peer does now, and up to where peers have read: neither is a row of the inbox.

use super::{Event, Machine};
use crate::ClientError;
use crate::message::{Doing, Signal};
use wire::{PEER_READ_SEQS, RawFrame, Seq, SignalKind, Uid, frames};

impl Machine {
    /// A signal: one of a kind that this release does not know is skipped.
    pub(super) fn on_signal(
        &self,
        frame: &RawFrame<'_>,
        events: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ClientError> {
        let signal = frame.access::<frames::Signal>()?;
        let does = match SignalKind(signal.kind) {
            SignalKind::READ => Doing::Read(Seq(signal.seq.to_native())),
            SignalKind(_) => return Ok(()),
        };
        let uid = Uid(signal.uid.to_native());
        if let Some(conversation) = signal.conversation.id().filter(|_| uid != self.uid) {
            events(Event::Signal(Signal { conversation, uid, does }));
        }
        Ok(())
    }
}

/// Up to where the peer has read each of a page's chats, as far as the page tells: the others are not read.
pub(super) fn peer_read_seqs(frame: &RawFrame<'_>, chats: usize) -> Vec<Seq> {
    let told = (frame.header.extension / size_of::<u64>()).min(chats);
    (0..told).map(|at| Seq(frame.extended(PEER_READ_SEQS + at))).collect()
}
