//! A node's own lease: joining, renewing, leaving. It knows no partition.

use super::ids::Moment;
use super::settings::Settings;
use super::tables::{LeaseChange, LeaseRow, Outcome, Standing};
use super::watch::{Join, Watch};
use shard::owner::{Holder, NodeId};

/// One life of a node, from the wish to join to its end. Another life is another `Lease`, with another token.
#[derive(Debug)]
pub struct Lease {
    settings: Settings,
    node: NodeId,
    token: u64,
    state: State,
    /// What the row shall say.
    wish: Standing,
    /// It will end when it holds nothing.
    is_ending: bool,
    /// A change is under way.
    asked: bool,
    /// When to ask for the next change, at the earliest.
    next_at: Moment,
    /// On this node's clock. Counted from before it sent the last renewal that was answered.
    valid_until: Moment,
}

#[derive(Debug)]
enum State {
    Joining,
    Held(LeaseRow),
    Over,
}

impl Lease {
    /// Wants to join.
    #[must_use]
    pub fn new(settings: Settings, node: NodeId, token: u64) -> Self {
        let (state, wish, start) = (State::Joining, Standing::Active, Moment(0));
        Self {
            settings,
            node,
            token,
            state,
            wish,
            is_ending: false,
            asked: false,
            next_at: start,
            valid_until: start,
        }
    }

    /// Whether this node may commit now. False from the moment it wants to end its life: others may
    /// learn that it has ended before it does.
    #[must_use]
    pub fn is_valid(&self, now: Moment) -> bool {
        now < self.valid_until()
    }

    /// Until when [`Lease::is_valid`] stays so; 0: it is not.
    #[must_use]
    pub fn valid_until(&self) -> Moment {
        let may_be = self.holder().is_some() && self.wish != Standing::Over;
        if may_be { self.valid_until } else { Moment(0) }
    }

    /// Who this node is, while its row says so.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        match &self.state {
            State::Held(row) => Some(row.holder()),
            State::Joining | State::Over => None,
        }
    }

    /// Whether this life is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Whether it gives its partitions away.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.wish != Standing::Active
    }

    /// Whether it gives them away to end.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.is_ending
    }

    /// Says in the row that the node leaves, so that nobody counts on it. A node that has not joined just stops; if its
    /// row appears after all, others end it.
    pub fn leave(&mut self, now: Moment) {
        if matches!(self.state, State::Joining) {
            self.state = State::Over;
        }
        self.is_ending = true;
        if self.wish == Standing::Active {
            (self.wish, self.next_at) = (Standing::Leaving, now);
        }
    }

    /// Whether it takes partitions, as long as it does not leave.
    pub fn stand(&mut self, is_active: bool, now: Moment) {
        let wish = if is_active { Standing::Active } else { Standing::Leaving };
        if !self.is_ending && self.wish != wish {
            (self.wish, self.next_at) = (wish, now);
        }
    }

    /// Ends this life. Only when it holds nothing.
    pub fn close(&mut self, now: Moment) {
        if self.wish != Standing::Over {
            (self.wish, self.next_at) = (Standing::Over, now);
        }
    }

    /// The change that is due, if one is.
    pub fn ask(&mut self, watch: &Watch, now: Moment) -> Option<LeaseChange> {
        if self.asked || now < self.next_at {
            return None;
        }
        let (expected, next) = match &self.state {
            State::Over => return None,
            State::Held(row) => {
                let beat = if self.wish == Standing::Over { row.beat } else { row.beat + 1 };
                (Some(*row), LeaseRow { beat, standing: self.wish, ..*row })
            }
            State::Joining => {
                let join = watch.join(self.node, now);
                let incarnation = Watch::next_incarnation(join)?;
                let (node, token, standing) = (self.node, self.token, self.wish);
                let next = LeaseRow { node, incarnation, token, beat: 0, standing };
                (if let Join::TakeUp(row) = join { Some(row) } else { None }, next)
            }
        };
        self.asked = true;
        Some(LeaseChange { expected, next, asked_at: now })
    }

    /// When [`Lease::ask`] has something to say, at the earliest.
    #[must_use]
    pub fn due(&self, watch: &Watch, now: Moment) -> Moment {
        match (&self.state, watch.join(self.node, now)) {
            _ if self.asked => Moment::NEVER,
            (State::Over, _) => Moment::NEVER,
            (State::Joining, Join::Wait(until)) => until.max(self.next_at),
            (State::Joining | State::Held(_), _) => self.next_at,
        }
    }

    /// Whether a change is of this node's own lease; otherwise it ends another's.
    #[must_use]
    pub fn is_own(&self, change: &LeaseChange) -> bool {
        change.next.node == self.node
    }

    /// Takes what became of the change that was asked for.
    pub fn answered(&mut self, change: &LeaseChange, outcome: Outcome<LeaseRow>, now: Moment) {
        self.asked = false;
        self.next_at = now.after(self.settings.read_every_ms);
        match outcome {
            Outcome::Unknown => {}
            Outcome::Applied => {
                self.see(change.next, now);
                // From before it was sent: others count from when they see it, which is later.
                let valid_until = change.asked_at.after(self.settings.lease_ms);
                self.valid_until = self.valid_until.max(valid_until);
                let is_wished = change.next.standing == self.wish;
                let renew_at = change.asked_at.after(self.settings.renew_every_ms);
                self.next_at = if is_wished { renew_at } else { now };
            }
            // An earlier try may have made this change. When that try was sent is not known any
            // more, so the lease is not lengthened by it; the next renewal does that.
            Outcome::Refused(Some(row)) => self.see(row, now),
            Outcome::Refused(None) => {
                if matches!(self.state, State::Held(_)) {
                    self.state = State::Over;
                }
            }
        }
    }

    /// Takes the row as a read or a refusal showed it.
    pub fn see(&mut self, row: LeaseRow, now: Moment) {
        if row.node != self.node || self.is_over() {
            return;
        }
        let known = if let State::Held(row) = &self.state { Some(*row) } else { None };
        if row.token == self.token && row.standing == Standing::Over {
            self.state = State::Over;
        } else if row.token == self.token {
            if known.is_none_or(|known| row.age() > known.age()) {
                self.state = State::Held(row);
                self.next_at = now;
            }
        } else if known.is_some_and(|known| row.incarnation > known.incarnation) {
            self.state = State::Over;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(at: u64) -> (Lease, Watch) {
        let settings = Settings::default();
        let (mut lease, mut watch) = (Lease::new(settings, NodeId(1), 7), Watch::new(settings));
        watch.read(&[], Moment(at));
        let join = lease.ask(&watch, Moment(at)).unwrap();
        assert_eq!((join.expected, join.next.beat), (None, 0));
        lease.answered(&join, Outcome::Applied, Moment(at + 2_000));
        (lease, watch)
    }

    #[test]
    fn counts_from_before_the_renewal_was_sent() {
        let (lease, _) = joined(100);
        assert!(lease.is_valid(Moment(5_099)));
        assert!(!lease.is_valid(Moment(5_100)));
    }

    #[test]
    fn a_renewal_that_an_earlier_try_made_does_not_count() {
        let (mut lease, watch) = joined(0);
        let first = lease.ask(&watch, Moment(2_000)).unwrap();
        lease.answered(&first, Outcome::Unknown, Moment(3_000));
        let second = lease.ask(&watch, Moment(3_250)).unwrap();
        assert_eq!((second.expected, second.next), (first.expected, first.next));
        lease.answered(&second, Outcome::Refused(Some(first.next)), Moment(3_300));
        assert!(!lease.is_valid(Moment(5_000)), "neither try lengthened it");
        let third = lease.ask(&watch, Moment(3_300)).unwrap();
        assert_eq!(third.expected, Some(first.next));
        lease.answered(&third, Outcome::Applied, Moment(3_400));
        assert!(lease.is_valid(Moment(8_299)));
    }

    #[test]
    fn a_life_that_others_ended_stays_over() {
        let (mut lease, watch) = joined(0);
        let renewal = lease.ask(&watch, Moment(2_000)).unwrap();
        let over = LeaseRow { standing: Standing::Over, ..renewal.expected.unwrap() };
        lease.answered(&renewal, Outcome::Refused(Some(over)), Moment(2_100));
        assert!(lease.is_over() && !lease.is_valid(Moment(2_100)));
        assert_eq!(lease.ask(&watch, Moment(9_000)), None);
    }

    #[test]
    fn of_two_processes_with_one_number_one_joins() {
        let settings = Settings::default();
        let mut watch = Watch::new(settings);
        watch.read(&[], Moment(0));
        let [mut one, mut two] = [8, 9].map(|token| Lease::new(settings, NodeId(1), token));
        let (first, second) =
            (one.ask(&watch, Moment(0)).unwrap(), two.ask(&watch, Moment(0)).unwrap());
        one.answered(&first, Outcome::Applied, Moment(1));
        two.answered(&second, Outcome::Refused(Some(first.next)), Moment(1));
        assert!(one.holder().is_some() && two.holder().is_none());
    }
}
