//! How bad the network and the store are in one run, drawn from the seed; and what becomes of each packet and statement.

use crate::random::Random;

/// When a statement's answer is given up, in µs.
pub const STATEMENT_TIMEOUT_US: u64 = 150_000;

/// Rates in permille.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    packet_slow: u64,
    /// How often mail or a push is dropped, because too much waits on its link.
    pub dropped: u64,
    /// How often a packet arrives in two pieces.
    pub split: u64,
    /// How often a bit of a packet between processes is another when it arrives.
    pub damaged: u64,
    /// How many of the connections that fail do not say so.
    pub silent: u64,
    answer_lost: u64,
    answer_slow: u64,
    statement_late: u64,
    statement_lost: u64,
    /// Time between other faults, at most, in µs.
    pub fault_every_us: u64,
    /// How much of what a process has under way is held back when something goes wrong with it.
    pub held_back: u64,
    /// How often a process is paused while it waits to hear of its lease.
    pub pauses_renewing: u64,
    /// How often a core stands still between two steps of a turn.
    pub stalls: u64,
    /// How many of the faults are that a node is asked to leave.
    pub leaves: u64,
    /// How long a row takes to land, at most, in µs.
    write_us_max: u64,
    /// How many messages a user sends at once now and then, at most.
    pub burst: u64,
}

/// What becomes of a statement.
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
        packet_slow: 0,
        dropped: 0,
        split: 0,
        damaged: 0,
        silent: 0,
        answer_lost: 0,
        answer_slow: 0,
        statement_late: 0,
        statement_lost: 0,
        fault_every_us: u64::MAX,
        held_back: 0,
        pauses_renewing: 0,
        stalls: 0,
        leaves: 0,
        write_us_max: 20_000,
        burst: 1,
    };

    /// Each kind of fault is absent, rare or common.
    pub fn draw(random: &mut Random) -> Self {
        // Hand-overs take some ten ms, takeovers from the dead a second.
        let (leaves, fault_every_us) = match random.permille(600) {
            true => (900, random.between(300_000, 1_500_000)),
            false => (200, random.between(1_000_000, 4_000_000)),
        };
        let mut rate = |common| match random.between(0, 4) {
            0 => 0,
            1 => common / 8,
            _ => common,
        };
        Self {
            packet_slow: rate(150),
            dropped: rate(150),
            split: rate(200),
            damaged: rate(4),
            silent: rate(300),
            answer_lost: rate(100),
            answer_slow: rate(150),
            statement_late: rate(150),
            statement_lost: rate(80),
            fault_every_us,
            held_back: random.pick(&[0, 300, 700]).expect("there are some"),
            pauses_renewing: random.pick(&[0, 15]).expect("there are some"),
            stalls: random.pick(&[0, 0, 3]).expect("there are some"),
            leaves,
            write_us_max: random.pick(&[20_000, 120_000]).expect("there are some"),
            burst: random.pick(&[1, 3, 8, 90]).expect("there are some"),
        }
    }

    /// How long a packet takes, in µs.
    pub fn packet(&self, random: &mut Random) -> u64 {
        let is_slow = random.permille(self.packet_slow);
        random.between(500, if is_slow { 1_000_000 } else { 10_000 })
    }

    /// What becomes of a statement.
    pub fn statement(&self, is_write: bool, random: &mut Random) -> Fate {
        if random.permille(self.statement_late) {
            return Fate::Late;
        }
        if random.permille(self.statement_lost) {
            return Fate::Lost;
        }
        let is_slow = random.permille(self.answer_slow);
        let answer_in_us =
            random.between(1_000, if is_slow { STATEMENT_TIMEOUT_US } else { 10_000 });
        let is_lost = random.permille(self.answer_lost);
        Fate::Lands {
            in_us: random.between(2_000, if is_write { self.write_us_max } else { 20_000 }),
            answer_in_us: (!is_lost).then_some(answer_in_us),
        }
    }
}
