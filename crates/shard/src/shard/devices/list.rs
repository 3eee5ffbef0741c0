//! The devices of one user. It does not know what is pushed to them.

use super::device::Device;
use crate::command::{DeviceState, Login, Now, Session};
use std::cmp::Reverse;
use wire::{DeviceId, Generation, InboxSeq, Platform, Uid};

/// The devices of a user that are logged in. At most as many as the shard's configuration says.
#[derive(Default)]
pub(in super::super) struct DeviceList(Vec<Device>);

/// The devices of a user, up to where its inbox is durable: what they may be shown, and below which place nothing of it is there.
pub(in super::super) struct UserDevices<'a> {
    pub uid: Uid,
    pub committed: InboxSeq,
    pub tail: InboxSeq,
    pub devices: &'a mut DeviceList,
}

impl DeviceList {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The session of each.
    pub fn sessions(&self, uid: Uid) -> impl Iterator<Item = (Login, Session)> {
        self.0.iter().map(move |device| (device.login(uid), device.session()))
    }

    /// The way to an entry is gone, and with it every session of that entry.
    pub fn forget_entry(&mut self, entry: u16) {
        self.0.retain(|device| device.session().entry != entry);
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(super) fn add(&mut self, device: Device) {
        // Most users have one device.
        self.0.reserve_exact(1);
        self.0.push(device);
    }

    /// Whoever is logged in as this device, under whatever generation.
    pub(super) fn of(&mut self, device: DeviceId) -> Option<&mut Device> {
        self.0.iter_mut().find(|other| other.device == device)
    }

    /// The same, and it is logged in no more.
    #[inline]
    pub(super) fn take(&mut self, device: DeviceId) -> Option<Device> {
        let at = self.0.iter().position(|other| other.device == device)?;
        Some(self.0.swap_remove(at))
    }

    /// Whoever has said nothing for longest, of several the one that logged in first; those of a platform before all
    /// others. It is logged in no more.
    pub(super) fn take_longest_silent(&mut self, platform: Platform, now: Now) -> Option<Device> {
        let silence = |device: &Device| {
            let is_like = device.platform() == platform;
            (is_like, device.silence_s(now), Reverse(device.generation))
        };
        let (at, _) = self.0.iter().enumerate().max_by_key(|(_, device)| silence(device))?;
        Some(self.0.swap_remove(at))
    }

    /// Those that are meant are logged in no more.
    pub(super) fn take_all(&mut self, is_meant: impl Fn(&Device) -> bool) -> Vec<Device> {
        self.0.extract_if(.., |device| is_meant(device)).collect()
    }

    /// Those of logins above one, as their user sees them, by login.
    pub fn page(&self, after: Generation, limit: usize, now: Now) -> Vec<DeviceState> {
        let later = self.0.iter().filter(|device| device.generation > after);
        let mut page: Vec<_> = later.map(|device| device.state(now)).collect();
        page.sort_unstable_by_key(|state| state.generation);
        page.truncate(limit);
        page
    }

    /// A session says something.
    pub fn hear(&mut self, session: Session, now: Now) {
        if let Some(device) = self.0.iter_mut().find(|device| device.session() == session) {
            device.hear(now);
        }
    }

    #[inline]
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Device> {
        self.0.iter_mut()
    }
}

impl UserDevices<'_> {
    /// The device of a login that still holds.
    #[inline]
    pub(super) fn find(&mut self, login: Login) -> Option<&mut Device> {
        let uid = self.uid;
        self.devices.iter_mut().find(|device| device.login(uid) == login)
    }

    /// Whether a login still holds.
    pub fn holds(&mut self, login: Login) -> bool {
        self.find(login).is_some()
    }

    /// Ends a login, if it still holds.
    pub(super) fn remove(&mut self, login: Login) {
        let uid = self.uid;
        self.devices.0.retain(|device| device.login(uid) != login);
    }
}
