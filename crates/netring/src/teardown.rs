//! The end of a net ring: everything in flight is called back and waited for, so that no kernel
//! operation outlives the memory it uses, and the listener's port is free when the drop returns.

use std::time::Duration;

use crate::event::Event;
use crate::limits::DROP_STALLS_MAX;
use crate::net_ring::NetRing;

const STEP: Duration = Duration::from_millis(10);

impl Drop for NetRing {
    fn drop(&mut self) {
        if let Some(acceptor) = &mut self.acceptor {
            acceptor.stop(&mut self.tables);
        }
        for table in &mut self.tables {
            table.shut_all();
        }
        let mut stalls = 0;
        while stalls < DROP_STALLS_MAX {
            let accepting = self.acceptor.as_ref().is_some_and(|acceptor| !acceptor.is_off());
            let in_use = |ring: &NetRing| ring.connections() + ring.file_writes.count();
            let before = in_use(self);
            if before == 0 && !accepting {
                return;
            }
            if self.wait_blocking(Some(STEP)).is_err() {
                break;
            }
            while let Some(event) = self.next_event() {
                if let Event::Accepted { conn } = event {
                    self.close_now(conn);
                }
            }
            stalls = if in_use(self) < before { 0 } else { stalls + 1 };
        }
        self.file_writes.leak();
        for table in &mut self.tables {
            table.leak();
        }
    }
}
