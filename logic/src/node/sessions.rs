//! Which sessions a core tells its routes of, and when.

use super::core::Core;
use super::routing::Routing;
use crate::routes::limits::{REFRESHES_WAITING_MAX, ROUTE_REFRESH_S};
use shard::command::{Command, Login};
use shard::partition::Partition;

impl Core {
    pub(super) fn routing(&mut self) -> Option<&mut Routing> {
        self.parts.cluster.as_mut()?.routing.as_mut()
    }

    /// What a command means for the routes. A stale session's cannot touch a newer one's.
    pub(super) fn route_command(&mut self, command: &Command, entry: u16) {
        if let Command::Register { login, .. } = command {
            self.set_route(*login, entry);
        } else if let (Command::Logout(login), Some(routing)) = (command, self.routing()) {
            routing.remove(*login);
        }
    }

    /// A session of an entry of this core holds.
    pub(super) fn set_route(&mut self, login: Login, entry: u16) {
        let now_ms = self.now.unix_ms;
        if let Some(routing) = self.routing() {
            routing.set(login, entry, now_ms);
        }
    }

    /// Refreshes the routes whose turn it is, and all of them after a loss.
    pub(super) fn look_after_routes(&mut self) {
        let mono_ms = self.now.mono_ms;
        let Some(routing) = self.routing() else { return };
        let (share, wants_repair) = (routing.share_due(mono_ms), routing.wants_repair());
        if wants_repair {
            self.unrouted = self.parts.slots.partitions().collect();
        }
        if let Some(share) = share {
            let is_due = |partition: &Partition| {
                u32::from(partition.number()) % ROUTE_REFRESH_S == u32::from(share)
            };
            let due: Vec<Partition> = self.parts.slots.partitions().filter(is_due).collect();
            due.into_iter().for_each(|partition| self.refresh_routes(partition));
        }
        while self.routing().expect("just seen").room() > REFRESHES_WAITING_MAX / 2 {
            let Some(partition) = self.unrouted.pop_front() else { return };
            self.refresh_routes(partition);
        }
    }

    fn refresh_routes(&mut self, partition: Partition) {
        let (sessions, now_ms) = (self.parts.slots.sessions(partition), self.now.unix_ms);
        self.routing().expect("just seen").refresh(&sessions, now_ms);
    }
}
