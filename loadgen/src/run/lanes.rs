//! Places in a thread's fleet: first each user's devices, then each user's reader.

/// How places are laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes {
    pub users: usize,
    pub devices: usize,
}

impl Lanes {
    /// A user's device.
    pub fn device(self, user: usize, device: usize) -> usize {
        user * self.devices + device
    }

    /// The device that reads a user's inbox at the end, having nothing.
    pub fn reader(self, user: usize) -> usize {
        self.users * self.devices + user
    }

    /// A place's user, and its device unless it is the reader.
    pub fn of(self, index: usize) -> (usize, Option<usize>) {
        match index.checked_sub(self.users * self.devices) {
            Some(user) => (user, None),
            None => (index / self.devices, Some(index % self.devices)),
        }
    }

    pub fn total(self) -> usize {
        self.users * (self.devices + 1)
    }
}
