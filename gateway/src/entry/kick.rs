//! Sessions that an operator ends.

use super::session::SessionKey;
use super::{Entry, Turn};
use crate::transport::Outboxes;
use wire::{DeviceId, RefusalCode, Uid};

/// Sessions of a user are to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kick {
    /// Whose.
    pub uid: Uid,
    /// Of which device; none: of all.
    pub device: Option<DeviceId>,
    /// What they are told.
    pub code: RefusalCode,
}

impl Entry {
    /// Ends the sessions of this entry that are meant, also those whose login is under way.
    pub fn kick<O: Outboxes>(&mut self, kick: Kick, turn: &mut Turn<'_, O>) {
        let is_meant =
            |(uid, device)| uid == kick.uid && kick.device.is_none_or(|meant| meant == device);
        let sessions = self.sessions.iter().filter(|(_, session)| session.channel().is_some());
        let meant = sessions.filter(|(_, session)| session.who().is_some_and(is_meant));
        let keys: Vec<SessionKey> = meant.map(|(key, _)| key).collect();
        for key in keys {
            self.end(key, kick.code, turn);
        }
    }
}
