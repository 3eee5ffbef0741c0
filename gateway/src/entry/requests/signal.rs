//! The user does something now that the peer of a 1:1 chat is told. Nothing answers it, so what cannot be told is passed over.

use super::action::Action;
use super::checks;
use crate::limits::{SIGNAL_TTL_MS, SIGNAL_TTL_MS_MAX};
use shard::command::{Command, Login, Signal};
use wire::{FrameError, RawFrame, Seq, SignalKind, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let said = frame.access::<frames::Signal>()?;
    let kind = SignalKind(said.kind);
    let conversation = checks::conversation(login.uid, &said.conversation).ok();
    let peer = conversation.and_then(|it| Some((it, it.peer_of(login.uid)?)));
    let Some((conversation, uid)) = peer.filter(|_| kind.is_sayable()) else {
        return Ok(Action::Ignore);
    };
    let ttl_ms = match said.ttl_ms.to_native() {
        _ if kind == SignalKind::STOPPED => 0,
        0 => SIGNAL_TTL_MS,
        ttl_ms => ttl_ms.min(SIGNAL_TTL_MS_MAX),
    };
    let signal = Signal { conversation, sender: login.uid, seq: Seq(0), ttl_ms, kind };
    Ok(Action::Submit(Command::Signal { uid, signal }))
}
