//! Whether a server answers at all. Pure: it is told what was seen, and knows neither a server nor a request.
//!
//! It opens after a time without a success while something failed or waits, and closes with the next success: of what is
//! tried again, or of a probe.

use crate::cluster::Moment;

/// What was seen of a server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// When it answered last.
    pub succeeded: Moment,
    /// Something failed since then, or waits.
    pub is_missed: bool,
}

/// Open while the server does not answer.
#[derive(Debug)]
pub struct Breaker {
    opens_after_ms: u64,
    probe_every_ms: u64,
    /// When nothing was wrong last.
    quiet: Moment,
    /// For how long it has been missed.
    silent_ms: u64,
    probed: Moment,
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new(opens_after_ms: u64, probe_every_ms: u64, now: Moment) -> Self {
        Self { opens_after_ms, probe_every_ms, quiet: now, silent_ms: 0, probed: Moment(0) }
    }

    /// Whether the server does not answer. To be asked before something is taken that needs it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.silent_ms >= self.opens_after_ms
    }

    /// Takes what was seen.
    pub fn look(&mut self, seen: Seen, now: Moment) {
        if !seen.is_missed {
            self.quiet = now;
        }
        self.silent_ms = now.since(self.quiet.max(seen.succeeded));
    }

    /// Whether the server is to be asked for a sign of life now. Says so once each time.
    pub fn probe(&mut self, now: Moment) -> bool {
        let is_due =
            self.silent_ms >= self.probe_every_ms && now.since(self.probed) >= self.probe_every_ms;
        if is_due {
            self.probed = now;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Breaker {
        Breaker::new(1_900, 500, Moment(1_000))
    }

    fn look(breaker: &mut Breaker, succeeded_ms: u64, is_missed: bool, now_ms: u64) -> bool {
        breaker.look(Seen { succeeded: Moment(succeeded_ms), is_missed }, Moment(now_ms));
        breaker.is_open()
    }

    #[test]
    fn opens_after_silence_while_something_is_missed_and_closes_with_an_answer() {
        let mut breaker = breaker();
        assert!(!look(&mut breaker, 0, false, 60_000), "nothing is asked");
        assert!(!look(&mut breaker, 0, true, 60_499) && !breaker.probe(Moment(60_499)));
        look(&mut breaker, 0, true, 60_500);
        assert!(breaker.probe(Moment(60_500)) && !breaker.probe(Moment(60_999)));
        assert!(breaker.probe(Moment(61_000)), "the next is due");
        assert!(!look(&mut breaker, 0, true, 61_899) && look(&mut breaker, 0, true, 61_900));
        assert!(look(&mut breaker, 0, true, 99_000), "as long as it lasts");
        assert!(!look(&mut breaker, 99_500, true, 99_600), "more waits, but it answered");
        assert!(!look(&mut breaker, 99_500, false, 120_000) && !breaker.probe(Moment(120_000)));
    }

    #[test]
    fn a_server_that_never_answered_has_as_long() {
        let mut breaker = breaker();
        assert!(!look(&mut breaker, 0, true, 2_899) && look(&mut breaker, 0, true, 2_900));
    }

    #[test]
    fn answers_that_come_slowly_keep_it_closed() {
        let mut breaker = breaker();
        for second in 1..9 {
            assert!(!look(&mut breaker, second * 1_000, true, second * 1_000 + 1_899));
        }
    }
}
