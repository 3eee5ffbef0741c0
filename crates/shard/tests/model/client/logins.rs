//! How devices log in, and where their pushes are to begin then.

use super::*;

impl World {
    pub(super) fn log_in(&mut self, at: usize) {
        self.clients.connections += 1;
        let connection = self.clients.connections;
        let device = &mut self.clients.devices[at];
        let entry = u16::try_from(device.uid.0 % ENTRIES).unwrap();
        device.session = Some(Session { entry, key: connection });
        (device.login, device.is_syncing) = (None, false);
        // Most go on where they are; some begin at the head, or claim more than there is.
        let (cursor, far) = (device.cursor, InboxSeq(u64::MAX));
        let after = |row, epoch, message_id| Begin::After { row, epoch, message_id };
        let (epoch, message_id) = (INBOX_EPOCH, device.message_id);
        let from = match self.rng.below(10) {
            0 => after(cursor, epoch + 1, message_id),
            1 => after(far, epoch, message_id),
            2 => Begin::Head,
            3 => Begin::after(cursor, epoch),
            4 if message_id != MessageId(0) => after(cursor, epoch, MessageId(message_id.0 ^ 1)),
            _ => after(cursor, epoch, message_id),
        };
        let device = &mut self.clients.devices[at];
        device.from = from;
        device.is_forged = matches!(from, Begin::After { message_id: it, .. }
            if ![MessageId(0), device.message_id].contains(&it));
        let command = Command::login(device.uid, device.device, from);
        self.ask_own_shard(at, command, Request::Login);
    }

    pub fn drop_sessions(&mut self, shard: usize) {
        for at in 0..self.clients.devices.len() {
            if self.owner_of(self.clients.devices[at].uid) == shard {
                let device = &mut self.clients.devices[at];
                (device.session, device.login) = (None, None);
            }
        }
    }

    pub(super) fn on_login(
        &mut self,
        at: usize,
        login: Login,
        inbox_head: InboxSeq,
        cursor: InboxSeq,
    ) {
        let is_calm = self.is_calm();
        let device = &mut self.clients.devices[at];
        assert!(login.generation.0 > device.generation, "generations grow");
        (device.login, device.generation) = (Some(login), login.generation.0);
        let begin = match device.from {
            Begin::Head => inbox_head,
            // A store that fails does not show what is there.
            Begin::After { row, epoch: INBOX_EPOCH, .. }
                if row <= inbox_head && (!device.is_forged || (!is_calm && cursor == row)) =>
            {
                row
            }
            Begin::After { .. } => InboxSeq(0),
        };
        assert_eq!(cursor, begin, "pushes begin where they were asked for");
        // What lies between is pushed, so only some ask for it; one that begins at the head must.
        if device.cursor < cursor || (device.cursor < inbox_head && self.rng.chance(20)) {
            self.sync(at);
        }
    }
}
