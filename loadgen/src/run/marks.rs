//! What an event of the run's timeline did to the messages after it, as one thread sees it. It knows
//! when events are due, not what they are.

use crate::histograms::{Brief, Latency};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An ack that took so many times as long as the slowest before the first event was slowed by one.
const SLOWED: u64 = 2;

/// From an event until the next.
#[derive(Clone)]
struct Mark {
    at_ns: u64,
    /// Messages that waited for an answer when it was due, as of the next look.
    in_flight: Option<u64>,
    /// Those of them that were acked later.
    acked: u64,
    /// Longest time without an ack, and its end.
    silence: (u64, u64),
    /// The last ack of a message that was slowed.
    slowed_until_ns: Option<u64>,
    /// Of messages that were due in it.
    e2e: Latency,
}

/// The events of a run, in order.
#[derive(Clone, Default)]
pub struct Marks {
    marks: Vec<Mark>,
    /// The last ack.
    last_ack_ns: u64,
    /// The slowest ack before the first event.
    ack_ns_max: u64,
    /// Of measured messages that were due before the first event.
    before: Latency,
}

/// What was felt of an event. What the next one changes, as the end of a stop, is felt of the one that it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Felt {
    /// Messages that waited for an answer when it came.
    pub in_flight: u64,
    /// Those of them that were acked.
    pub acked: u64,
    /// The longest time without an ack for anybody of a thread, ms.
    pub silence_ms: u64,
    /// From the event until that was over, ms.
    pub back_ms: u64,
    /// From the event until the last ack, of the messages that were due before the next event, that
    /// took over twice as long as any before the first event: then the backlog is drained. `None`:
    /// none did.
    pub recovered_ms: Option<u64>,
    /// Due to recipient, of messages that were due before the next event.
    pub e2e_ns: Brief,
}

impl Marks {
    /// For events at these times, monotonic ns, in order.
    pub(super) fn new(times: impl Iterator<Item = u64>) -> Self {
        let mark = |at_ns| Mark {
            at_ns,
            in_flight: None,
            acked: 0,
            silence: (0, at_ns),
            slowed_until_ns: None,
            e2e: Latency::default(),
        };
        Self { marks: times.map(mark).collect(), ..Self::default() }
    }

    /// Counts once what is in flight, if an event came.
    pub(super) fn look(&mut self, now_ns: u64, unanswered: impl Fn() -> usize) {
        if let Some(mark) = at(&mut self.marks, now_ns) {
            mark.in_flight.get_or_insert_with(|| unanswered() as u64);
        }
    }

    /// A message that was due at a time is acked.
    pub(super) fn acked(&mut self, now_ns: u64, due_ns: u64) {
        let Self { marks, ack_ns_max, last_ack_ns, .. } = self;
        let silent_from_ns = std::mem::replace(last_ack_ns, now_ns);
        let came = marks.partition_point(|mark| mark.at_ns <= now_ns);
        if came == 0 {
            *ack_ns_max = (*ack_ns_max).max(now_ns - due_ns);
            return;
        }
        let marks = &mut marks[..came];
        let is_slowed = now_ns - due_ns > *ack_ns_max * SLOWED;
        // An event whose time was over when the silence began did not make it.
        let first = marks.partition_point(|mark| mark.at_ns <= silent_from_ns).saturating_sub(1);
        for mark in &mut marks[first..] {
            let silence_ns = now_ns - silent_from_ns.max(mark.at_ns);
            mark.silence = mark.silence.max((silence_ns, now_ns));
        }
        if is_slowed {
            let due_in = marks.partition_point(|mark| mark.at_ns <= due_ns).saturating_sub(1);
            marks[due_in].slowed_until_ns = Some(now_ns);
        }
        for mark in marks.iter_mut().filter(|mark| due_ns < mark.at_ns) {
            mark.acked += 1;
        }
    }

    /// A measured message that was due at a time is delivered.
    pub(super) fn delivered(&mut self, due_ns: u64, e2e_ns: u64) {
        let mark = at(&mut self.marks, due_ns);
        mark.map_or(&mut self.before, |mark| &mut mark.e2e).record(e2e_ns);
    }

    /// Adds another thread's, with the same events.
    pub(super) fn add(&mut self, other: &Self) {
        if self.marks.is_empty() {
            *self = other.clone();
            return;
        }
        for (sum, mark) in self.marks.iter_mut().zip(&other.marks) {
            let counted = sum.in_flight.into_iter().chain(mark.in_flight);
            sum.in_flight = counted.reduce(|one, other| one + other);
            sum.acked += mark.acked;
            sum.silence = sum.silence.max(mark.silence);
            sum.slowed_until_ns = sum.slowed_until_ns.max(mark.slowed_until_ns);
            sum.e2e.add(&mark.e2e);
        }
        self.before.add(&other.before);
    }

    /// Due to recipient, of messages that were due before the first event.
    pub(crate) fn before(&self) -> Brief {
        self.before.brief()
    }

    /// What was felt of each event, in order.
    pub(crate) fn felt(&self) -> impl Iterator<Item = Felt> {
        self.marks.iter().map(|mark| {
            let since_ms = |ns: u64| (ns - mark.at_ns) / 1_000_000;
            Felt {
                in_flight: mark.in_flight.unwrap_or_default(),
                acked: mark.acked,
                silence_ms: mark.silence.0 / 1_000_000,
                back_ms: since_ms(mark.silence.1),
                recovered_ms: mark.slowed_until_ns.map(since_ms),
                e2e_ns: mark.e2e.brief(),
            }
        })
    }
}

/// The event that a moment comes after.
fn at(marks: &mut [Mark], now_ns: u64) -> Option<&mut Mark> {
    marks.iter_mut().rev().find(|mark| mark.at_ns <= now_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn an_outage_is_felt_until_its_backlog_is_drained() {
        let mut marks = Marks::new([100 * MS, 900 * MS].into_iter());
        marks.look(99 * MS, || unreachable!("nothing came yet"));
        marks.acked(60 * MS, 50 * MS);
        marks.delivered(50 * MS, 7);
        marks.look(101 * MS, || 2);
        // The fault comes later than the command, and what was in flight is no sign that it is over.
        marks.acked(110 * MS, 99 * MS);
        marks.acked(111 * MS, 101 * MS);
        marks.look(500 * MS, || unreachable!("it is counted"));
        marks.acked(600 * MS, 150 * MS);
        marks.acked(650 * MS, 640 * MS);
        marks.acked(700 * MS, 670 * MS);
        marks.acked(720 * MS, 700 * MS);
        marks.delivered(150 * MS, 450 * MS);
        marks.delivered(899 * MS, 9);
        marks.delivered(900 * MS, 9);
        let felt: Vec<Felt> = marks.felt().collect();
        let Felt { in_flight, acked, silence_ms, back_ms, recovered_ms, e2e_ns } = felt[0];
        assert_eq!((in_flight, acked, silence_ms, back_ms), (2, 1, 489, 500));
        assert_eq!((recovered_ms, e2e_ns.n, marks.before().n), (Some(600), 2, 1));
        assert_eq!((felt[1].recovered_ms, felt[1].e2e_ns.n), (None, 1));
    }

    #[test]
    fn a_silence_that_an_event_ends_is_of_the_one_that_it_began_in() {
        let mut marks = Marks::new([10 * MS, 100 * MS, 200 * MS].into_iter());
        marks.acked(9 * MS, 8 * MS);
        marks.acked(120 * MS, 50 * MS);
        marks.acked(121 * MS, 110 * MS);
        marks.acked(201 * MS, 200 * MS);
        let felt: Vec<Felt> = marks.felt().collect();
        let of = |felt: &Felt| (felt.silence_ms, felt.back_ms, felt.recovered_ms);
        assert_eq!(of(&felt[0]), (110, 110, Some(110)));
        assert_eq!(of(&felt[1]), (80, 101, Some(21)));
        assert_eq!(of(&felt[2]), (1, 1, None));
    }

    #[test]
    fn threads_add_up_and_the_slowest_counts() {
        let thread = |back_ms: u64| {
            let mut marks = Marks::new([MS].into_iter());
            marks.look(2 * MS, || 3);
            marks.acked(back_ms * MS, MS);
            marks
        };
        let mut sum = Marks::default();
        [thread(5), thread(9)].iter().for_each(|marks| sum.add(marks));
        let both = sum.felt().next().unwrap();
        assert_eq!((both.in_flight, both.silence_ms, both.recovered_ms), (6, 8, Some(8)));
    }
}
