//! The clocks of all whom a process hears, against its own: who is far off, whether that is this process itself, and which
//! clock clients are to be told. Pure: it is told the time, and knows no link.
//!
//! Nobody has the right time. What more than half of all clocks agree on counts, this process's own among them. With two
//! clocks apart nobody can say which is wrong: both say that they are apart, and neither calls itself wrong.

use super::apart::{Apart, Reading};
use super::limits::{
    CLOCK_APART_MS_MAX, CLOCK_APART_TOLD_MS, CLOCK_HEARD_MS_MAX, CLOCK_TOLD_BEHIND_MS_MAX,
};
use serde_json::json;
use shard::command::Now;
use shard::owner::NodeId;
use std::collections::BTreeMap;
use std::fmt;

/// Whose clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// A gateway's, by what it has drawn at its start.
    Gateway(u64),
    /// A node's.
    Node(NodeId),
    /// The store's.
    Store,
}

/// How far off a clock is, as the log has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distance {
    /// Not so far that it need be told.
    #[default]
    Near,
    /// Further than [`CLOCK_APART_TOLD_MS`].
    Apart,
    /// Further than [`CLOCK_APART_MS_MAX`].
    Beyond,
}

/// What has changed since it was told last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another clock came nearer, or went away.
    Of(Host, Apart, Distance),
    /// What is to be thought of this process's own.
    Own(Own),
}

impl Change {
    /// Tells whoever reads the log.
    pub fn log(&self) {
        match self {
            Self::Of(host, Apart { ahead_ms, within_ms }, Distance::Near) => {
                tracing::info!(%host, ahead_ms, within_ms, "a clock is near this process's again");
            }
            Self::Of(host, Apart { ahead_ms, within_ms }, Distance::Apart | Distance::Beyond) => {
                tracing::warn!(%host, ahead_ms, within_ms, "a clock is far from this process's");
            }
            Self::Own(Own::Unsuspected) => tracing::info!("this process's clock is right again"),
            Self::Own(wrong) => tracing::error!("this process's clock is {wrong}"),
        }
    }
}

/// What is to be thought of this process's own clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Own {
    /// Nothing speaks against it, or as much for it as against it.
    #[default]
    Unsuspected,
    /// More than half of all clocks are further off than [`CLOCK_APART_MS_MAX`], on one side: the usual one is so far ahead,
    /// in ms; below 0: behind.
    Wrong(i64),
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    reading: Reading,
    at_ms: u64,
    /// As of the last look.
    apart: Apart,
    told: Distance,
}

/// The clocks that were heard of late. As many as there are links, and the store's.
#[derive(Clone, Debug, Default)]
pub struct Clocks {
    heard: BTreeMap<Host, Heard>,
    own: Own,
}

impl Clocks {
    /// A clock was read.
    pub fn hear(&mut self, host: Host, reading: Reading, now: Now) {
        let told = self.heard.get(&host).map_or(Distance::Near, |before| before.told);
        let (at_ms, apart) = (now.mono_ms, reading.apart(now));
        self.heard.insert(host, Heard { reading, at_ms, apart, told });
    }

    /// Forgets who is not heard any more, and says what is new. To be called about once a second.
    pub fn look(&mut self, now: Now) -> Vec<Change> {
        self.heard.retain(|_, heard| now.mono_ms <= heard.at_ms + CLOCK_HEARD_MS_MAX);
        let mut changes = Vec::new();
        for (host, heard) in &mut self.heard {
            heard.apart = heard.reading.apart(now);
            let far = distance(heard.apart, heard.told);
            if std::mem::replace(&mut heard.told, far) != far {
                changes.push(Change::Of(*host, heard.apart, far));
            }
        }
        let own = self.judge_own();
        // Another number of the same verdict is no news.
        if std::mem::discriminant(&own) != std::mem::discriminant(&self.own) {
            changes.push(Change::Own(own));
        }
        self.own = own;
        changes
    }

    /// What is to be thought of this process's own clock, as of the last look.
    #[must_use]
    pub fn own(&self) -> Own {
        self.own
    }

    /// How far every clock that is heard was from this process's at the last look.
    pub fn all(&self) -> impl Iterator<Item = (Host, Apart)> {
        self.heard.iter().map(|(host, heard)| (*host, heard.apart))
    }

    /// The same for a page.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let one = |(host, apart): (Host, Apart)| {
            let Apart { ahead_ms, within_ms } = apart;
            json!({"of": host.to_string(), "ahead_ms": ahead_ms, "within_ms": within_ms})
        };
        self.all().map(one).collect()
    }

    /// How far the farthest is, whichever way; 0: nobody is heard.
    #[must_use]
    pub fn farthest_ms(&self) -> u64 {
        self.all().map(|(_, apart)| apart.ahead_ms.unsigned_abs()).max().unwrap_or(0)
    }

    /// The clock that clients are to make ids on: the lowest of the nodes', so that no owner finds an id ahead of its own. One
    /// that is so far behind that the others would take its ids for too old is passed over. Nothing, if no node is heard.
    #[must_use]
    pub fn told(&self) -> Option<Reading> {
        let is_node = |host: &Host| matches!(host, Host::Node(_));
        let nodes: Vec<&Heard> =
            self.heard.iter().filter(|(host, _)| is_node(host)).map(|(_, heard)| heard).collect();
        let ahead_ms = |heard: &&&Heard| heard.apart.ahead_ms;
        let bound_ms = self.usual_ms().saturating_sub_unsigned(CLOCK_TOLD_BEHIND_MS_MAX);
        let lowest = nodes.iter().filter(|heard| ahead_ms(heard) >= bound_ms).min_by_key(ahead_ms);
        lowest.or_else(|| nodes.iter().max_by_key(ahead_ms)).map(|heard| heard.reading)
    }

    fn judge_own(&self) -> Own {
        let all = self.heard.len() + 1;
        let off = |is_ahead: bool| {
            let is_off = |(_, apart): &(Host, Apart)| {
                apart.least_ms() > CLOCK_APART_MS_MAX && (apart.ahead_ms > 0) == is_ahead
            };
            self.all().filter(is_off).count() * 2 > all
        };
        if off(true) || off(false) { Own::Wrong(self.usual_ms()) } else { Own::Unsuspected }
    }

    /// The middle of all clocks, this process's own among them: of two middle ones that nearer to it.
    fn usual_ms(&self) -> i64 {
        let mut all: Vec<i64> = self.all().map(|(_, apart)| apart.ahead_ms).collect();
        all.push(0);
        all.sort_unstable();
        let middle = [all[(all.len() - 1) / 2], all[all.len() / 2]];
        middle.into_iter().min_by_key(|ahead_ms| ahead_ms.unsigned_abs()).unwrap_or(0)
    }
}

/// How far off a clock is that was told to be `before`: it changes only by what is sure.
fn distance(apart: Apart, before: Distance) -> Distance {
    let is_beyond = |bound_ms: u64, was: bool| {
        apart.least_ms() > bound_ms || (was && apart.most_ms() >= bound_ms)
    };
    if is_beyond(CLOCK_APART_MS_MAX, before == Distance::Beyond) {
        Distance::Beyond
    } else if is_beyond(CLOCK_APART_TOLD_MS, before != Distance::Near) {
        Distance::Apart
    } else {
        Distance::Near
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway(instance) => write!(f, "gateway {instance:016x}"),
            Self::Node(node) => write!(f, "node {}", node.0),
            Self::Store => f.write_str("the store"),
        }
    }
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Wrong(ahead_ms) = self else { return f.write_str("as others have it") };
        let (ms, way) =
            (ahead_ms.unsigned_abs(), if *ahead_ms > 0 { "behind" } else { "ahead of" });
        write!(f, "{ms} ms {way} what most others have: set it right, and look after NTP")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    /// What this process's clock shows at 0 of the monotonic one.
    const START_MS: i64 = 1_700_000_000_000;

    fn node(number: u16) -> Host {
        Host::Node(NodeId(number))
    }

    fn at(mono_ms: u64) -> Now {
        Now { unix_ms: START_MS.unsigned_abs() + mono_ms, mono_ms }
    }

    fn reading(ahead_ms: i64, within_ms: u64) -> Reading {
        Reading { zero_ms: START_MS + ahead_ms, within_ms }
    }

    /// Clocks that were heard just now, and looked at.
    fn heard(all: &[(Host, i64)]) -> Clocks {
        let mut clocks = Clocks::default();
        all.iter().for_each(|(host, ahead_ms)| clocks.hear(*host, reading(*ahead_ms, 2), at(0)));
        clocks.look(at(0));
        clocks
    }

    #[test]
    fn a_clock_is_wrong_when_most_others_say_so() {
        let wrong = heard(&[(node(1), HOUR_MS), (Host::Store, HOUR_MS + 5)]);
        assert_eq!(wrong.own(), Own::Wrong(HOUR_MS));
        assert!(wrong.own().to_string().starts_with("3600000 ms behind"));
        assert_eq!(heard(&[(node(1), -9_000), (node(3), -9_000)]).own(), Own::Wrong(-9_000));
        for unsure in [
            &[][..],
            &[(node(1), HOUR_MS)],
            &[(node(1), HOUR_MS), (Host::Store, 3)],
            &[(node(1), HOUR_MS), (Host::Store, -HOUR_MS)],
            &[(node(1), HOUR_MS), (node(3), HOUR_MS), (Host::Store, 0)],
            &[(node(1), 5_001), (Host::Store, 5_001)],
        ] {
            assert_eq!(heard(unsure).own(), Own::Unsuspected, "{unsure:?}");
        }
    }

    #[test]
    fn who_is_far_off_is_told_once_and_again_when_that_changes() {
        let mut clocks = Clocks::default();
        let mut told = |ahead_ms, within_ms, now_ms| {
            clocks.hear(node(1), reading(ahead_ms, within_ms), at(now_ms));
            let changes = clocks.look(at(now_ms));
            changes.first().map(|change| {
                let Change::Of(_, _, distance) = change else { panic!("{change:?}") };
                *distance
            })
        };
        assert_eq!(told(900, 1, 0), None);
        assert_eq!(told(1_100, 200, 1), None, "it may be less");
        assert_eq!(told(-1_100, 1, 2), Some(Distance::Apart));
        assert_eq!(told(1_100, 1, 3), None);
        assert_eq!(told(900, 200, 4), None, "it may still be as much");
        assert_eq!(told(HOUR_MS, 1, 5), Some(Distance::Beyond));
        assert_eq!(told(HOUR_MS + 9_000, 1, 6), None);
        assert_eq!(told(4_000, 1, 7), Some(Distance::Apart));
        assert_eq!(told(4, 1, 8), Some(Distance::Near));
    }

    #[test]
    fn a_step_of_the_own_clock_is_seen_at_once_and_changes_nothing_of_what_clients_are_told() {
        let mut clocks = heard(&[(node(1), 0), (node(2), 1)]);
        let told = clocks.told();
        let stepped = Now { unix_ms: at(0).unix_ms + 48 * HOUR_MS.unsigned_abs(), mono_ms: 0 };
        clocks.look(stepped);
        assert_eq!(clocks.own(), Own::Wrong(-48 * HOUR_MS + 1));
        assert_eq!(clocks.told(), told);
    }

    #[test]
    fn who_is_heard_no_more_is_forgotten() {
        let mut clocks = heard(&[(node(1), HOUR_MS), (node(2), HOUR_MS)]);
        assert!(clocks.look(at(CLOCK_HEARD_MS_MAX)).is_empty());
        assert_eq!(clocks.farthest_ms(), HOUR_MS.unsigned_abs());
        let changes = clocks.look(at(CLOCK_HEARD_MS_MAX + 1));
        assert_eq!(changes, [Change::Own(Own::Unsuspected)]);
        assert_eq!((clocks.farthest_ms(), clocks.told()), (0, None));
    }

    #[test]
    fn clients_are_told_the_lowest_clock_of_the_nodes_but_for_one_that_is_days_behind() {
        let told =
            |all: &[(Host, i64)]| heard(all).told().map_or(0, |reading| reading.zero_ms - START_MS);
        assert_eq!(told(&[(Host::Store, 7)]), 0, "none of a node");
        assert_eq!(told(&[(node(1), HOUR_MS)]), HOUR_MS);
        assert_eq!(told(&[(node(1), HOUR_MS), (node(2), -HOUR_MS)]), -HOUR_MS);
        assert_eq!(told(&[(node(1), 5), (Host::Store, -HOUR_MS), (Host::Gateway(7), -3)]), 5);
        let (behind, ahead) = (-48 * HOUR_MS, 48 * HOUR_MS);
        assert_eq!(told(&[(node(1), 5), (node(2), behind)]), 5);
        assert_eq!(told(&[(node(1), 5), (node(2), ahead)]), 5);
        assert_eq!(told(&[(node(1), behind), (node(2), behind + 9)]), behind, "they are all");
        assert_eq!(told(&[(node(1), behind)]), behind, "it is all there is");
    }
}
