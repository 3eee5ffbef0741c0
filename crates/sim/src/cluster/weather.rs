//! How bad the network and the store are in one run, drawn from the seed; and what becomes of each packet and request.

use crate::random::Random;

/// When a request's answer is given up, in µs.
pub const REQUEST_TIMEOUT_US: u64 = 15_000;

/// Rates in permille.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    packet_lost: u64,
    packet_doubled: u64,
    packet_slow: u64,
    answer_lost: u64,
    answer_slow: u64,
    request_late: u64,
    request_lost: u64,
    /// Time between other faults, at most, in µs.
    pub fault_every_us: u64,
    /// How much of what a process has under way is held back when something goes wrong with it.
    pub held_back: u64,
    /// How often a process is paused while it waits to hear of its lease.
    pub pauses_renewing: u64,
    /// How many of the faults are that a node is asked to leave.
    pub leaves: u64,
    /// How long a log that is to be handed over may finish what is in flight, in µs.
    pub stop_timeout_us: u64,
    /// How long a row of a log takes to land, at most, in µs.
    write_us_max: u64,
    /// How often a timer of a process stores a derived row that is missing.
    pub derives: u64,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// It lands in time; its answer takes so long from there, or is lost.
    Lands {
        /// In µs from now.
        in_us: u64,
        /// In µs from when it lands.
        answer_in_us: Option<u64>,
    },
    /// It lands when its process has given it up.
    Late,
    /// It never lands.
    Lost,
}

impl Weather {
    /// Nothing goes wrong.
    pub const FINE: Self = Self {
        packet_lost: 0,
        packet_doubled: 0,
        packet_slow: 0,
        answer_lost: 0,
        answer_slow: 0,
        request_late: 0,
        request_lost: 0,
        fault_every_us: u64::MAX,
        held_back: 0,
        pauses_renewing: 0,
        leaves: 0,
        stop_timeout_us: 20_000,
        write_us_max: 2_000,
        derives: 1_000,
    };

    /// Each kind of fault is absent, rare or common.
    pub fn draw(random: &mut Random) -> Self {
        // Hand-overs take a few ms, takeovers from the dead a hundred.
        let (leaves, fault_every_us) = match random.permille(600) {
            true => (900, random.between(30_000, 150_000)),
            false => (200, random.between(100_000, 400_000)),
        };
        let mut rate = |common| match random.between(0, 4) {
            0 => 0,
            1 => common / 8,
            _ => common,
        };
        Self {
            packet_lost: rate(150),
            packet_doubled: rate(150),
            packet_slow: rate(150),
            answer_lost: rate(100),
            answer_slow: rate(150),
            request_late: rate(150),
            request_lost: rate(80),
            fault_every_us,
            held_back: random.pick(&[0, 300, 700]).expect("there are some"),
            pauses_renewing: random.pick(&[0, 15]).expect("there are some"),
            leaves,
            stop_timeout_us: random.pick(&[0, 2_000, 20_000]).expect("there are some"),
            write_us_max: random.pick(&[2_000, 12_000]).expect("there are some"),
            derives: random.pick(&[150, 1_000, 1_000]).expect("there are some"),
        }
    }

    /// When each copy of a packet arrives, in µs from now.
    pub fn packet(&self, random: &mut Random) -> Vec<u64> {
        let copies = 1 + usize::from(random.permille(self.packet_doubled));
        let mut arrivals = Vec::new();
        for _ in 0..copies {
            if !random.permille(self.packet_lost) {
                let is_slow = random.permille(self.packet_slow);
                arrivals.push(random.between(50, if is_slow { 100_000 } else { 1_000 }));
            }
        }
        arrivals
    }

    /// What becomes of a request to the store.
    pub fn request(&self, is_write: bool, random: &mut Random) -> Fate {
        if random.permille(self.request_late) {
            return Fate::Late;
        }
        if random.permille(self.request_lost) {
            return Fate::Lost;
        }
        let is_slow = random.permille(self.answer_slow);
        let answer_in_us = random.between(100, if is_slow { REQUEST_TIMEOUT_US } else { 1_000 });
        let is_lost = random.permille(self.answer_lost);
        Fate::Lands {
            in_us: random.between(200, if is_write { self.write_us_max } else { 2_000 }),
            answer_in_us: (!is_lost).then_some(answer_in_us),
        }
    }
}
