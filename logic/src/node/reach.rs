//! What one core reaches, as it tells the gateways: so that one of them can tell its own plight from everybody's. It does
//! not know what a gateway makes of it.

use super::core::Core;
use link::{Item, Reach};

impl Core {
    /// Tells entries what this core reaches, if that is new.
    pub(super) fn say_reach(&mut self) {
        let nodes = self.parts.dialer.nodes().collect();
        let reach = Reach { serves: self.can_serve(), nodes };
        if reach != self.reach {
            self.parts.links.say_to_entries(&Item::Reach(reach.clone()), &self.ring);
            self.reach = reach;
        }
    }

    /// Whether it may commit, and its store answers.
    fn can_serve(&self) -> bool {
        let cluster = self.parts.cluster.as_ref();
        self.parts.fence.is_open() && !cluster.is_some_and(|it| it.client.breaker_is_open())
    }
}
