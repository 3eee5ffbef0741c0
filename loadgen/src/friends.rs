//! Who talks to whom: users on a ring, each with the same number of friends to either side. So a pair's
//! place in a table is arithmetic, not a look-up. Friendship is mutual.
//! It knows no uids but as an offset, and no connections.

/// The users of one generator thread and their friendships.
#[derive(Clone, Copy, Debug)]
pub struct Friends {
    uid_first: u64,
    users: usize,
    degree: usize,
}

/// A sender and recipient, as a place in a dense table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u32);

impl Friends {
    /// `users` users from `uid_first` on, each with about `friends` friends: at most everybody, and
    /// even unless it is everybody.
    ///
    /// # Panics
    /// Fewer than two users, or more pairs than 32 bits.
    #[must_use]
    pub fn new(uid_first: u64, users: usize, friends: usize) -> Self {
        assert!(users >= 2, "a message needs two users");
        let everybody = users - 1;
        let degree = if friends >= everybody { everybody } else { (friends & !1).max(2) };
        assert!(u32::try_from(users * degree).is_ok(), "pairs are numbered with 32 bits");
        Self { uid_first, users, degree }
    }

    /// How many users.
    #[must_use]
    pub fn users(&self) -> usize {
        self.users
    }

    /// Friends of each.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// Streams: ordered pairs of friends.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.users * self.degree
    }

    /// A user's uid.
    #[must_use]
    pub fn uid(&self, user: usize) -> u64 {
        self.uid_first + user as u64
    }

    /// The user with this uid, if it is one of these.
    #[must_use]
    pub fn user(&self, uid: u64) -> Option<usize> {
        let user = usize::try_from(uid.checked_sub(self.uid_first)?).ok()?;
        (user < self.users).then_some(user)
    }

    /// The stream to a user's nth friend.
    #[must_use]
    pub fn stream(&self, user: usize, nth: usize) -> StreamId {
        debug_assert!(user < self.users && nth < self.degree);
        StreamId(u32::try_from(user * self.degree + nth).expect("checked when made"))
    }

    /// A stream's sender and recipient.
    #[must_use]
    pub fn ends(&self, stream: StreamId) -> (usize, usize) {
        let (user, nth) = (stream.0 as usize / self.degree, stream.0 as usize % self.degree);
        let step = nth / 2 + 1;
        let forward = if nth.is_multiple_of(2) { step } else { self.users - step };
        (user, (user + forward) % self.users)
    }

    /// The stream between two users, if they are friends.
    #[must_use]
    pub fn between(&self, from: usize, to: usize) -> Option<StreamId> {
        let forward = (to + self.users - from) % self.users;
        let nth = match forward {
            0 => return None,
            _ if forward <= self.users / 2 => (forward - 1) * 2,
            _ => (self.users - forward - 1) * 2 + 1,
        };
        (nth < self.degree).then(|| self.stream(from, nth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_stream_is_one_pair_and_friendship_is_mutual() {
        for users in 2..12 {
            for friends in 1..14 {
                let ring = Friends::new(100, users, friends);
                let mut seen = HashSet::new();
                for user in 0..users {
                    for nth in 0..ring.degree() {
                        let stream = ring.stream(user, nth);
                        let (from, to) = ring.ends(stream);
                        assert_eq!(from, user);
                        assert_ne!(from, to);
                        assert!(seen.insert((from, to)), "{users} {friends}: twice");
                        assert_eq!(ring.between(from, to), Some(stream));
                    }
                }
                assert!(seen.iter().all(|(from, to)| seen.contains(&(*to, *from))));
            }
        }
    }

    #[test]
    fn strangers_have_no_stream() {
        let ring = Friends::new(100, 10, 2);
        assert_eq!(ring.between(0, 5), None);
        assert_eq!(ring.between(3, 3), None);
        assert_eq!((ring.user(99), ring.user(100), ring.user(110)), (None, Some(0), None));
    }
}
