//! Which rate to try next, so that the highest one that holds is found: doubled or halved until one holds and one does
//! not, then the middle between them. It runs nothing.

use serde::Serialize;

/// Runs that decide on a rate, most of three: one that was unlucky does not.
const MOST: usize = 2;
/// Runs that could not tell, after which a rate counts as not measurable here.
const UNTOLD_MAX: usize = 3;
/// The lowest rate that is tried, messages a second.
const RATE_MIN: f64 = 1.0;

/// What a run says of its rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Held {
    /// The server did what was asked for.
    Yes,
    /// It did not.
    No,
    /// The generator, or the machine, was in the way.
    Untold,
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum End {
    /// The rates between which the server's limit lies are close together.
    Found,
    /// The highest rate to be tried holds.
    AtMax,
    /// Higher rates cannot be measured here: the generator is the limit.
    Unmeasurable,
    /// No rate holds.
    None,
}

/// The rates between which the limit lies, and what was said of the one that is tried now.
#[derive(Debug)]
pub(super) struct Bracket {
    /// Holds.
    low: Option<f64>,
    /// Does not hold, or cannot be measured.
    high: Option<f64>,
    /// A rate was given up because it could not be measured.
    is_unmeasurable: bool,
    rate: f64,
    rate_max: f64,
    /// The search ends when high is at most so many times low.
    ratio: f64,
    yes: usize,
    no: usize,
    untold: usize,
    end: Option<End>,
}

impl Bracket {
    /// Begins at a rate; ends when the limit is known to such a part, 0.05 for 5 %.
    pub fn new(first: f64, rate_max: f64, within: f64) -> Self {
        Self {
            low: None,
            high: None,
            is_unmeasurable: false,
            rate: round(first.min(rate_max)),
            rate_max,
            ratio: 1.0 + within,
            yes: 0,
            no: 0,
            untold: 0,
            end: None,
        }
    }

    /// The rate to try; `None` when the search has ended.
    pub fn rate(&self) -> Option<f64> {
        self.end.is_none().then_some(self.rate)
    }

    /// How it ended, once it has, and the highest rate that holds.
    pub fn end(&self) -> Option<(End, Option<f64>)> {
        self.end.map(|end| (end, self.low))
    }

    /// A run at [`Self::rate`] is over.
    pub fn on_run(&mut self, held: Held) {
        match held {
            Held::Yes => self.yes += 1,
            Held::No => self.no += 1,
            Held::Untold => self.untold += 1,
        }
        // Below any limit that was seen, one run that holds is enough.
        let yes_needed = if self.high.is_some() { MOST } else { 1 };
        if self.yes >= yes_needed {
            self.low = Some(self.rate);
        } else if self.no >= MOST {
            self.high = Some(self.rate);
            self.is_unmeasurable = false;
        } else if self.untold >= UNTOLD_MAX {
            self.high = Some(self.rate);
            self.is_unmeasurable = true;
        } else {
            return;
        }
        (self.yes, self.no, self.untold) = (0, 0, 0);
        self.step();
    }

    fn step(&mut self) {
        let next = match (self.low, self.high) {
            (Some(low), None) if low >= self.rate_max => return self.end = Some(End::AtMax),
            (Some(low), None) => (low * 2.0).min(self.rate_max),
            (None, Some(high)) => high / 2.0,
            (Some(low), Some(high)) => low.midpoint(high),
            (None, None) => return,
        };
        self.rate = round(next);
        let is_none = self.low.is_none() && self.rate < RATE_MIN;
        let is_close = match (self.low, self.high) {
            (Some(low), Some(high)) => {
                high <= low * self.ratio || self.rate <= low || self.rate >= high
            }
            _ => false,
        };
        if is_none || is_close {
            self.end = Some(match (self.is_unmeasurable, is_none) {
                (true, _) => End::Unmeasurable,
                (false, true) => End::None,
                (false, false) => End::Found,
            });
        }
    }
}

/// Three digits: nobody reads more, and two searches try the same rates.
pub(super) fn round(rate: f64) -> f64 {
    let unit = 10f64.powf(rate.log10().floor() - 2.0);
    (rate / unit).round() * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches where a rate holds up to a limit. The end, the rate, how many runs.
    fn search(first: f64, mut run: impl FnMut(f64, usize) -> Held) -> (End, Option<f64>, usize) {
        let mut bracket = Bracket::new(first, 100_000.0, 0.05);
        for runs in 0..1_000 {
            let Some(rate) = bracket.rate() else {
                let (end, found) = bracket.end().unwrap();
                return (end, found, runs);
            };
            bracket.on_run(run(rate, runs));
        }
        panic!("{bracket:?} does not end");
    }

    fn up_to(limit: f64) -> impl FnMut(f64, usize) -> Held {
        move |rate, _| if rate <= limit { Held::Yes } else { Held::No }
    }

    #[test]
    fn the_limit_is_found_from_below_and_from_above() {
        for limit in [3.0, 17.0, 999.0, 4_321.0, 31_000.0, 77_777.0] {
            for first in [1.0, 500.0, 5_000.0, 99_999.0] {
                let (end, found, runs) = search(first, up_to(limit));
                let found = found.unwrap();
                assert_eq!(end, End::Found, "{limit} from {first}");
                assert!(found <= limit && found * 1.06 >= limit, "{limit} from {first}: {found}");
                assert!(runs <= 50, "{limit} from {first}: {runs}");
            }
        }
    }

    #[test]
    fn it_ends_where_nothing_holds_and_where_all_does() {
        assert_eq!(search(1_000.0, up_to(0.0)).0, End::None);
        let (end, found, _) = search(1_000.0, up_to(1e9));
        assert_eq!((end, found), (End::AtMax, Some(100_000.0)));
    }

    #[test]
    fn an_unlucky_run_does_not_decide_near_the_limit() {
        let unlucky = |rate: f64, nth: usize| {
            let near = (7_000.0..10_000.0).contains(&rate);
            if rate > 10_000.0 || near && nth.is_multiple_of(3) { Held::No } else { Held::Yes }
        };
        let (end, found, _) = search(1_000.0, unlucky);
        assert_eq!(end, End::Found);
        assert!(found.unwrap() > 9_500.0, "{found:?}");
    }

    #[test]
    fn a_generator_that_is_the_limit_is_not_the_servers() {
        let limited = |rate: f64, _| if rate <= 5_000.0 { Held::Yes } else { Held::Untold };
        let (end, found, _) = search(1_000.0, limited);
        assert_eq!(end, End::Unmeasurable);
        assert!((4_700.0..=5_000.0).contains(&found.unwrap()), "{found:?}");
        assert_eq!(search(1_000.0, |_, _| Held::Untold), (End::Unmeasurable, None, 30));
        let once = |rate: f64, nth: usize| match nth {
            0 => Held::Untold,
            _ if rate <= 5_000.0 => Held::Yes,
            _ => Held::No,
        };
        assert_eq!(search(1_000.0, once).0, End::Found);
    }

    #[test]
    fn rates_have_three_digits() {
        for (rate, rounded) in [(1_234.5, 1_230.0), (0.5, 0.5), (98_765.0, 98_800.0)] {
            assert!((round(rate) - rounded).abs() < 1e-9, "{rate}");
        }
    }
}
