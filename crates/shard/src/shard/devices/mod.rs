//! Devices: which sessions hold, and what is pushed to them.
//!
//! It is lent the devices of a user with how far they may be shown its inbox, and knows nothing else of users.

mod device;
mod list;
mod logins;
mod pushes;
mod timers;
#[cfg(test)]
mod tests;

pub(super) use list::{DeviceList, UserDevices};

use super::config::ShardConfig;
use super::step::Step;
use crate::command::Login;
use timers::PushTimers;

/// What devices of all users share.
pub(super) struct Devices {
    epoch: u32,
    inbox_epoch: u64,
    /// Of one user at a time.
    devices_max: usize,
    /// How many logins there were.
    logins: u64,
    /// Logins whose device had rows of this inbox's epoch that the inbox has not.
    forked_logins: u64,
    timers: PushTimers,
}

impl Devices {
    pub fn new(config: &ShardConfig) -> Self {
        let ShardConfig { epoch, inbox_epoch, devices_max, .. } = *config;
        let timers = PushTimers::default();
        Self { epoch, inbox_epoch, devices_max, logins: 0, forked_logins: 0, timers }
    }

    /// Tells the inboxes of this store from those of any other.
    pub fn inbox_epoch(&self) -> u64 {
        self.inbox_epoch
    }

    /// Logins whose device had rows of this inbox's epoch that the inbox has not.
    pub fn forked_logins(&self) -> u64 {
        self.forked_logins
    }

    /// When to look whether a push was acknowledged, in the monotonic ms of `Now`.
    #[inline]
    pub fn next_timer_ms(&self) -> Option<u64> {
        self.timers.next_ms()
    }

    /// The next device whose push was to be acknowledged by now.
    #[inline]
    pub fn expired(&mut self, step: &Step) -> Option<Login> {
        self.timers.expired(step.now().mono_ms)
    }
}
