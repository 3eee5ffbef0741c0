//! What a peer does now, and up to where peers have read: neither is a row of the inbox.

use super::signaled::Signaled;
use super::{Event, Machine, Phase};
use crate::ClientError;
use crate::limits::SIGNAL_REST_MS;
use crate::message::{Doing, Signal};
use wire::{ConversationId, PEER_READ_SEQS, RawFrame, Seq, SignalKind, Uid, encode, frames};

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
            SignalKind::TYPING => Doing::Typing(signal.ttl_ms.to_native()),
            SignalKind::RECORDING => Doing::Recording(signal.ttl_ms.to_native()),
            SignalKind::STOPPED => Doing::Nothing,
            SignalKind(_) => return Ok(()),
        };
        let uid = Uid(signal.uid.to_native());
        if let Some(conversation) = signal.conversation.id().filter(|_| uid != self.uid) {
            events(Event::Signal(Signal { conversation, uid, does }));
        }
        Ok(())
    }
}

impl Machine {
    /// Tells the peer of a 1:1 chat what the user does, if there is a session with a server that passes it on. More often than
    /// the server does it is not said: call it at each key. Returns whether it was said.
    pub fn signal(
        &mut self,
        conversation: ConversationId,
        kind: SignalKind,
        now_ms: u64,
        out: &mut Vec<u8>,
    ) -> bool {
        let is_possible = kind.is_sayable() && conversation.peer_of(self.uid).is_some();
        if !is_possible || !self.has_signals || self.phase != Phase::LoggedIn {
            return false;
        }
        let former = self.signaled.as_deref().filter(|it| it.conversation == conversation);
        let is_stop = kind == SignalKind::STOPPED;
        let has_rested = |former: &Signaled| now_ms >= former.at_ms + SIGNAL_REST_MS;
        let is_due = match former {
            Some(former) if is_stop => !former.has_stopped,
            former => !is_stop && former.is_none_or(has_rested),
        };
        if !is_due {
            return false;
        }
        let at_ms = former.filter(|_| is_stop).map_or(now_ms, |former| former.at_ms);
        self.signaled = Some(Box::new(Signaled { conversation, at_ms, has_stopped: is_stop }));
        let (conversation, kind) = (conversation.into(), kind.0);
        encode(out, 0, frames::Signal { conversation, uid: 0, seq: 0, ttl_ms: 0, kind });
        true
    }
}

/// A page of chats, with what it tells of their peers.
pub(super) fn on_chats_page(
    frame: &RawFrame<'_>,
    events: &mut impl FnMut(Event<'_>),
) -> Result<(), ClientError> {
    let (request_id, page) = (frame.header.request_id, frame.access::<frames::ChatsPage>()?);
    let peer_read = peer_read_seqs(frame, page.chats.len());
    events(Event::ChatsPage { request_id, page, peer_read: &peer_read });
    Ok(())
}

/// Up to where the peer has read each of a page's chats, as far as the page tells: the others are not read.
fn peer_read_seqs(frame: &RawFrame<'_>, chats: usize) -> Vec<Seq> {
    let told = (frame.header.extension / size_of::<u64>()).min(chats);
    (0..told).map(|at| Seq(frame.extended(PEER_READ_SEQS + at))).collect()
}
