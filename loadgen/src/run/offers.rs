//! What a thread is to send: when, from whom and to whom, all from the seed. It knows no clock and
//! no connections.

use super::args::{Load, Plan};
use crate::friends::{Friends, StreamId};
use crate::schedule::Schedule;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The messages of one thread, in order.
pub(super) struct Offers {
    /// None for a closed loop: whenever there is room.
    schedule: Option<Schedule>,
    random: StdRng,
    friends: Friends,
    online: Vec<usize>,
    /// Of messages, so many are for groups.
    group_share: f64,
}

/// A message that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// From whom to whom, unless it is for a group.
    pub stream: StreamId,
    /// For a group: what chooses it, and who of its members sends.
    pub group: Option<[u64; 2]>,
}

impl Offers {
    /// Of the thread's users that are online.
    pub fn new(plan: &Plan, thread: usize, friends: Friends, online: Vec<usize>) -> Self {
        // Bits that no number of threads reaches keep the threads' seeds and the two uses apart.
        let seed = |usage: u64| plan.seed ^ ((thread as u64) << 32) ^ (usage << 62);
        let schedule = match plan.load {
            Load::Closed { .. } => None,
            #[allow(clippy::cast_precision_loss, reason = "a handful of threads")]
            Load::Open { arrivals, .. } => {
                let (part, nth) = (1.0 / plan.threads as f64, thread as f64);
                // The threads' constant gaps lie between each other.
                Some(Schedule::new(arrivals, &plan.schedule(), part, nth * part, seed(1)))
            }
        };
        let (random, group_share) = (StdRng::seed_from_u64(seed(2)), plan.group_share);
        Self { schedule, random, friends, online, group_share }
    }

    /// When the next message is due, ns after the start; `None` if the schedule is run out, or
    /// there is none.
    pub fn due(&self) -> Option<u64> {
        self.schedule.as_ref().and_then(Schedule::peek)
    }

    /// Takes it.
    pub fn take(&mut self) -> Offer {
        if let Some(schedule) = &mut self.schedule {
            schedule.step();
        }
        let from = self.online[self.random.random_range(0..self.online.len())];
        let nth = self.random.random_range(0..self.friends.degree());
        let stream = self.friends.stream(from, nth);
        let is_group = self.group_share > 0.0 && self.random.random::<f64>() < self.group_share;
        // So far from the end that what is added to it stays a number.
        let group = is_group.then(|| [self.random.random::<u64>() >> 1, self.random.random()]);
        Offer { stream, group }
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::RunArgs;
    use super::*;
    use clap::{Args, FromArgMatches};

    /// A plan as it is typed: its users and its number come from the clock.
    fn plan(more: &[&str]) -> Plan {
        let words = ["run", "--target", "x:1", "--rate", "1000", "--duration", "1s"];
        let command = RunArgs::augment_args(clap::Command::new("run"));
        let words = words.iter().chain(&["--warmup", "0s"]).chain(more);
        let matches = command.get_matches_from(words);
        RunArgs::from_arg_matches(&matches).unwrap().plan().unwrap()
    }

    fn all(plan: &Plan, thread: usize) -> Vec<(u64, Offer)> {
        let friends = Friends::new(plan.uid_base, 10, 4);
        let mut offers = Offers::new(plan, thread, friends, (0..10).collect());
        let next = |offers: &mut Offers| Some((offers.due()?, offers.take()));
        std::iter::from_fn(|| next(&mut offers)).collect()
    }

    #[test]
    fn the_seed_alone_says_who_talks_when_to_whom() {
        let typed = |seed| plan(&["--threads", "2", "--seed", seed]);
        let (first, again) = (typed("5"), Plan { run: 7, uid_base: 9, ..typed("5") });
        assert_ne!(first.uid_base, again.uid_base);
        assert_eq!(all(&first, 0), all(&again, 0));
        assert_ne!(all(&first, 0), all(&first, 1), "each thread has its own");
        assert_ne!(all(&first, 0), all(&typed("6"), 0));
    }

    #[test]
    fn threads_at_a_constant_rate_take_turns() {
        let plan = plan(&["--threads", "4", "--arrivals", "constant"]);
        let mut due: Vec<u64> =
            (0..4).flat_map(|thread| all(&plan, thread)).map(|(due_ns, _)| due_ns).collect();
        due.sort_unstable();
        let even: Vec<u64> = (0..1_000).map(|nth| nth * 1_000_000).collect();
        assert_eq!(due, even);
    }
}
