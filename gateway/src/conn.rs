//! What an entry keeps of a connection, and the wheel that says which to look at. An idle
//! connection has nothing on the heap.

use crate::limits::{CONNECTION_BYTES_MAX, PROBE_PERCENT, SILENT_PERCENT, WHEEL_SLOTS};
use crate::session::Session;
use netring::ConnId;
use wire::FrameBuffer;

/// One connection.
pub struct Connection {
    /// The generation in its id.
    pub generation: u32,
    /// How far it has come.
    pub session: Session,
    /// Its unfinished frame.
    pub frames: FrameBuffer,
    /// The bucket of its rate: see [`crate::rate::Rate::take`].
    pub rate_due_us: u64,
    /// When it last sent something, in ms of the core's clock.
    pub heard_ms: u64,
    /// A heartbeat was sent to it because it was silent.
    pub is_probed: bool,
    /// Nothing is received from it until its outbox is empty.
    pub is_paused: bool,
}

const _: () = assert!(size_of::<Option<Connection>>() <= CONNECTION_BYTES_MAX);

/// What time asks of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Look again then, in ms.
    Later(u64),
    /// Send it a heartbeat: it has been silent.
    Probe,
    /// It did not log in in time.
    LoginTimeout,
    /// It is silent.
    Silent,
}

impl Connection {
    /// Just accepted.
    #[must_use]
    pub fn new(generation: u32, now_ms: u64) -> Self {
        Self {
            generation,
            session: Session::New,
            frames: FrameBuffer::default(),
            rate_due_us: 0,
            heard_ms: now_ms,
            is_probed: false,
            is_paused: false,
        }
    }

    /// What to do at `now_ms`. Before login `heard_ms` stays the time of the accept.
    #[must_use]
    pub fn due(&self, now_ms: u64, login_timeout_ms: u64, heartbeat_ms: u64) -> Due {
        let silent_ms = now_ms - self.heard_ms;
        if !matches!(self.session, Session::Active(_)) {
            let left = login_timeout_ms.saturating_sub(silent_ms);
            return if left == 0 { Due::LoginTimeout } else { Due::Later(now_ms + left) };
        }
        let probe_ms = heartbeat_ms * PROBE_PERCENT / 100;
        let end_ms = heartbeat_ms * SILENT_PERCENT / 100;
        if silent_ms >= end_ms {
            Due::Silent
        } else if silent_ms >= probe_ms && !self.is_probed {
            Due::Probe
        } else {
            Due::Later(self.heard_ms + if silent_ms >= probe_ms { end_ms } else { probe_ms })
        }
    }
}

/// Every connection once, in the slot of the second in which to look at it. Eight bytes a connection.
pub struct Wheel {
    slots: Vec<Vec<ConnId>>,
    /// The second that was looked at last.
    second: u64,
}

impl Wheel {
    /// Starts at `now_ms`.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self { slots: (0..WHEEL_SLOTS).map(|_| Vec::new()).collect(), second: now_ms / 1_000 }
    }

    /// Has the connection looked at when `at_ms` comes, or soon after. If that is farther away than
    /// the wheel reaches, it is looked at before, to be placed again.
    pub fn place(&mut self, conn: ConnId, at_ms: u64) {
        let ahead = at_ms.div_ceil(1_000).saturating_sub(self.second);
        let ahead = ahead.clamp(1, WHEEL_SLOTS as u64 - 1);
        let slot = self.slot(self.second + ahead);
        self.slots[slot].push(conn);
    }

    /// The next slot whose second has come.
    pub fn turn(&mut self, now_ms: u64) -> Option<Vec<ConnId>> {
        if self.second >= now_ms / 1_000 {
            return None;
        }
        self.second += 1;
        let slot = self.slot(self.second);
        Some(std::mem::take(&mut self.slots[slot]))
    }

    fn slot(&self, second: u64) -> usize {
        usize::try_from(second % self.slots.len() as u64).expect("below the count")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logic::command::Login;
    use wire::{DeviceId, Generation, Uid};

    #[test]
    fn silence_is_probed_then_ended() {
        let mut conn = Connection::new(1, 1_000);
        assert_eq!(conn.due(1_000, 5_000, 60_000), Due::Later(6_000));
        assert_eq!(conn.due(6_000, 5_000, 60_000), Due::LoginTimeout);
        let (uid, device, generation) = (Uid(1), DeviceId(1), Generation(1));
        conn.session = Session::Active(Login { uid, device, generation });
        assert_eq!(conn.due(2_000, 5_000, 60_000), Due::Later(91_000));
        assert_eq!(conn.due(91_000, 5_000, 60_000), Due::Probe);
        conn.is_probed = true;
        assert_eq!(conn.due(91_000, 5_000, 60_000), Due::Later(151_000));
        assert_eq!(conn.due(151_000, 5_000, 60_000), Due::Silent);
    }

    #[test]
    fn wheel_gives_each_connection_in_its_second() {
        let mut wheel = Wheel::new(0);
        wheel.place(ConnId::from_bits(1), 2_500);
        wheel.place(ConnId::from_bits(2), 10_000_000);
        let mut seen = vec![];
        let mut now_ms = 0;
        while seen.len() < 2 {
            now_ms += 1_000;
            while let Some(conns) = wheel.turn(now_ms) {
                seen.extend(conns.into_iter().map(|conn| (conn.to_bits(), now_ms)));
            }
        }
        assert_eq!(seen, [(1, 3_000), (2, (WHEEL_SLOTS as u64 - 1) * 1_000)]);
    }
}
