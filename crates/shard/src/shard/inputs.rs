//! What arrives, each to the room it is for, once what it needs is in memory.

use super::Shard;
use super::begun::Begun;
use super::commit::Change;
use super::devices::Devices;
use super::inbox::Inboxes;
use super::load::Key;
use super::log::{Pending, refusal};
use super::plant::{Fault, Plant};
use super::reads::Purpose;
use super::step::Step;
use crate::command::{Answer, Begin, Command, Input, Login, Mail, ReplyTo, Send, Signal};
use crate::notification::Notified;
use crate::partition::Partition;
use crate::rows::{MessageRow, Revoked, Row};
use wire::{ConversationId, DeviceId, Generation, InboxSeq, Platform, RefusalCode, Seq, Uid};

impl Shard {
    pub(super) fn handle(&mut self, input: Input) {
        if self.failed.is_some() {
            return self.decline(input, RefusalCode::StoreUnavailable);
        }
        match input {
            Input::Command(command, reply) => self.on_command(command, reply),
            Input::Mail(mail) => self.on_mail(mail),
            Input::Wake(group) => drop(self.has_conversation(group, || Input::Wake(group))),
            Input::Judge(uid) => self.judge(uid),
            Input::Notified(notified) => self.on_notified(notified),
        }
    }

    #[inline]
    fn on_command(&mut self, command: Command, reply: ReplyTo) {
        let again = |command| Input::Command(command, reply);
        match command {
            Command::Send(send) | Command::Tell(send) => self.on_send(send, reply),
            Command::PushAck(login, row) => self.on_push_ack(login, row),
            Command::Signal { uid, signal } => self.signal(uid, signal),
            Command::Logout(login) => {
                let user = self.inboxes.devices(login.uid);
                Devices::log_out(user, login, reply, &mut self.step);
            }
            Command::Login { uid, device, from, platform, issued_s } => {
                if self.has_user(uid, || again(command)) {
                    self.on_login((uid, issued_s), (device, platform), from, reply);
                }
            }
            Command::Register { login, platform } => self.on_register((login, platform), reply),
            Command::Devices { uid, after, limit } => self.on_devices(uid, (after, limit), reply),
            Command::EndDevices { uid, device, code } => self.on_end((uid, device, code), reply),
            Command::SetPushToken { login, provider, token } => {
                self.on_set_push_token(login, (provider, token), reply);
            }
            Command::Dead { after, limit, .. } => self.on_dead((after, limit), reply),
            Command::Replay { uid } => self.on_replay(uid, reply),
            Command::Believe { uid, issued_s } => self.on_believe((uid, issued_s), reply),
            Command::Revoke { uid, tokens_s } => self.on_revoke((uid, tokens_s), reply),
            Command::Heartbeat { uid, time_ms } => {
                if self.has_user(uid, || again(command)) {
                    self.hear(uid, reply);
                    let head = self.inboxes.devices(uid).expect("just found").committed;
                    self.step.answer(reply, Answer::Head { head, time_ms });
                }
            }
            Command::Sync { uid, after, limit } => {
                if self.step.may_ask(reply) && self.has_user(uid, || again(command)) {
                    self.hear(uid, reply);
                    self.inboxes.ask_rows(uid, (after, limit), reply, &mut self.step);
                }
            }
            Command::History { conversation, before, limit } => {
                if self.step.may_ask(reply)
                    && self.has_conversation(conversation, || again(command))
                {
                    let page = (before, limit);
                    self.conversations.ask_history(conversation, page, reply, &mut self.step);
                }
            }
            Command::GroupHistory { group, uid, before, limit } => {
                self.on_group_history(group, (uid, before, limit), reply);
            }
            Command::GroupMembers { group, uid, after, limit } => {
                self.on_group_members(group, (uid, after, limit), reply);
            }
            Command::GroupInfo { group, uid } => self.on_group_info(group, uid, reply),
            Command::Chats { uid, after, limit } => {
                if self.step.may_ask(reply) && self.has_user(uid, || again(command)) {
                    self.hear(uid, reply);
                    self.inboxes.ask_chats(uid, (after, limit), reply, &mut self.step);
                }
            }
            Command::ChangeChat { uid, conversation, change } => {
                let input =
                    || Input::Command(Command::ChangeChat { uid, conversation, change }, reply);
                if self.has_user(uid, input) && self.has_chat(uid, conversation, input) {
                    self.hear(uid, reply);
                    let chat = (uid, conversation);
                    self.inboxes.change_chat(chat, change, reply, &mut self.step);
                }
            }
        }
    }

    #[inline]
    fn on_push_ack(&mut self, login: Login, row: InboxSeq) {
        let Some(user) = self.inboxes.devices(login.uid) else { return };
        if Devices::ack(user, login, row, &mut self.step) && self.notify.is_on() {
            self.inboxes.has_rows(login.uid, row);
        }
    }

    /// A user in memory logs in: at once, or when what its device says that it has was looked at.
    fn on_login(
        &mut self,
        (uid, issued_s): (Uid, u64),
        device: (DeviceId, Platform),
        from: Begin,
        reply: ReplyTo,
    ) {
        if self.is_revoked(uid, |revoked| revoked.has_token(issued_s)) {
            return self.step.refuse(reply, RefusalCode::TokenRevoked);
        }
        let user = self.inboxes.devices(uid).expect("just found");
        let (begun, claimed) = self.devices.begin(&user, device, from);
        if let Some(message_id) = claimed {
            Devices::ask_cursor(begun, message_id, reply, &mut self.step);
        } else if !Devices::ask_tail(&user, begun, reply, &mut self.step) {
            self.log_in(begun, reply);
        }
    }

    fn on_register(&mut self, session: (Login, Platform), reply: ReplyTo) {
        let ((login, platform), uid) = (session, session.0.uid);
        if self.has_user(uid, || Input::Command(Command::Register { login, platform }, reply)) {
            if self.is_revoked(uid, |revoked| revoked.has_login(login.generation)) {
                let answer = Answer::Closed(RefusalCode::TokenRevoked);
                return self.step.answer(reply, answer);
            }
            let user = self.inboxes.devices(uid).expect("just found");
            self.devices.register(user, session, reply, &mut self.step);
        }
    }

    fn on_devices(&mut self, uid: Uid, (after, limit): (Generation, usize), reply: ReplyTo) {
        self.hear(uid, reply);
        let (now, user) = (self.step.now(), self.inboxes.devices(uid));
        let page = user.map_or_else(Vec::new, |user| user.devices.page(after, limit, now));
        self.step.answer(reply, Answer::Devices(page));
    }

    fn on_end(
        &mut self,
        (uid, device, code): (Uid, Option<DeviceId>, RefusalCode),
        reply: ReplyTo,
    ) {
        if let Some(device) = device.filter(|_| code == RefusalCode::EndedByUser)
            && self.notify.is_on()
        {
            return self.end_by_user((uid, device), reply);
        }
        let user = self.inboxes.devices(uid);
        let count = Devices::end(user, device, code, &mut self.step);
        self.step.answer(reply, Answer::Ended { count });
    }

    fn on_believe(&mut self, (uid, issued_s): (Uid, u64), reply: ReplyTo) {
        if self.has_user(uid, || Input::Command(Command::Believe { uid, issued_s }, reply)) {
            if self.is_revoked(uid, |revoked| revoked.has_token(issued_s)) {
                self.step.refuse(reply, RefusalCode::TokenRevoked);
            } else {
                self.step.answer(reply, Answer::Believed);
            }
        }
    }

    fn on_revoke(&mut self, (uid, tokens_s): (Uid, u64), reply: ReplyTo) {
        if self.has_user(uid, || Input::Command(Command::Revoke { uid, tokens_s }, reply)) {
            let revoked = Revoked { tokens_s, logins: self.devices.last_login() };
            self.inboxes.revoke((uid, revoked), reply, &mut self.step);
        }
    }

    fn on_group_history(
        &mut self,
        group: ConversationId,
        (uid, before, limit): (Uid, Option<Seq>, usize),
        reply: ReplyTo,
    ) {
        let input = || Input::Command(Command::GroupHistory { group, uid, before, limit }, reply);
        if self.step.may_ask(reply) && self.has_conversation(group, input) {
            let page = (uid, before, limit);
            self.conversations.ask_group_history(group, page, reply, &mut self.step);
        }
    }

    fn on_group_members(
        &mut self,
        group: ConversationId,
        (uid, after, limit): (Uid, Uid, usize),
        reply: ReplyTo,
    ) {
        let input = || Input::Command(Command::GroupMembers { group, uid, after, limit }, reply);
        if self.has_conversation(group, input) {
            self.conversations.members(group, (uid, after, limit), reply, &mut self.step);
        }
    }

    fn on_group_info(&mut self, group: ConversationId, uid: Uid, reply: ReplyTo) {
        if self.has_conversation(group, || Input::Command(Command::GroupInfo { group, uid }, reply))
        {
            self.conversations.info(group, uid, reply, &mut self.step);
        }
    }

    /// A login goes on. If its user has left memory meanwhile a newer one may wait for that: then this one is to come again.
    pub(super) fn log_in(&mut self, begun: Begun, reply: ReplyTo) {
        let Login { uid, generation, .. } = begun.login;
        if self.is_revoked(uid, |revoked| revoked.has_login(generation)) {
            return self.step.refuse(reply, RefusalCode::TokenRevoked);
        }
        if begun.has_rows && self.notify.is_on() {
            self.inboxes.has_rows(uid, begun.cursor);
        }
        match self.inboxes.devices(uid) {
            Some(user) => self.devices.log_in(user, begun, reply, &mut self.step),
            None => self.step.refuse(reply, RefusalCode::Busy),
        }
    }

    /// Whether something of a user in memory is believed no more.
    fn is_revoked(&self, uid: Uid, has: impl FnOnce(Revoked) -> bool) -> bool {
        self.inboxes.revoked(uid).is_some_and(has)
    }

    /// A session of a user says something.
    fn hear(&mut self, uid: Uid, reply: ReplyTo) {
        let now = self.step.now();
        if let Some(user) = self.inboxes.devices(uid) {
            user.devices.hear(reply.session, now);
        }
    }

    #[inline]
    fn on_mail(&mut self, mail: Mail) {
        match mail {
            Mail::Confirm { uid, conversation, seq, inbox_seq } => {
                let place = (uid, inbox_seq);
                self.conversations.confirm(conversation, seq, place, &mut self.step);
                self.pump(conversation);
            }
            Mail::Decline { conversation, seq, code } => {
                self.conversations.decline(conversation, seq, code, &mut self.step);
                self.pump(conversation);
            }
            Mail::Pull { uid, conversation, from, to } => {
                if self.has_conversation(conversation, || Input::Mail(mail)) {
                    self.conversations.ask_pull(conversation, (from, to), uid, &mut self.step);
                }
            }
            Mail::Append { uid, message, device } => {
                let conversation = message.conversation;
                let input = || Input::Mail(Mail::Append { uid, message: message.clone(), device });
                if self.has_user(uid, input) && self.has_chat(uid, conversation, input) {
                    self.inboxes.append(uid, message, device, &mut self.step);
                }
            }
            Mail::Count { uid, conversation, after, to } => {
                if self.has_conversation(conversation, || Input::Mail(mail)) {
                    self.conversations.ask_count((uid, conversation), (after, to), &mut self.step);
                }
            }
            Mail::PeerRead { uid, conversation, seq } => {
                self.on_peer_read((uid, conversation), seq);
            }
            Mail::Counted { uid, conversation, after, through, to, others } => {
                let places = (after, through, to);
                self.inboxes.on_counted((uid, conversation), places, others, &mut self.step);
            }
            Mail::Offer { uid, message, device, previous } => {
                let conversation = message.conversation;
                let input = || {
                    let message = message.clone();
                    Input::Mail(Mail::Offer { uid, message, device, previous })
                };
                if self.has_user(uid, input) && self.has_chat(uid, conversation, input) {
                    self.inboxes.take_offer((uid, previous), message, device, &mut self.step);
                }
            }
        }
    }

    /// The peer of a user has read. While much waits for the store it is not worth a load: the peer's next mark says it again.
    fn on_peer_read(&mut self, (uid, conversation): (Uid, ConversationId), seq: Seq) {
        let is_here = self.inboxes.has_user(uid) && self.inboxes.has_chat(uid, conversation);
        if !is_here && !self.step.has_room() {
            return;
        }
        let input = || Input::Mail(Mail::PeerRead { uid, conversation, seq });
        let is_new = self.has_user(uid, input)
            && self.has_chat(uid, conversation, input)
            && self.inboxes.set_peer_read((uid, conversation), seq, &self.step);
        if let Some(peer) = conversation.peer_of(uid).filter(|_| is_new) {
            self.signal(uid, Signal::read(conversation, peer, seq));
        }
    }

    /// Who is not in memory has no device here, and is not loaded for it.
    #[inline]
    fn signal(&mut self, uid: Uid, signal: Signal) {
        if let Some(user) = self.inboxes.devices(uid) {
            Devices::signal(&user, signal, &mut self.step);
        }
    }

    fn on_send(&mut self, send: Send, reply: ReplyTo) {
        if let Some(code) = refusal(&send) {
            return self.step.refuse(reply, code);
        }
        let conversation = send.conversation;
        let (key, is_here) =
            (Key::Conversation(conversation), self.conversations.has(conversation));
        let may_wait = is_here || self.parking.has_room(key);
        let has_room = may_wait && self.in_flight() < self.in_flight_max;
        let judged = self.conversations.judge(&send, has_room, self.step.now());
        if let Err((code, after_ms)) = judged {
            return self.step.refuse_for(reply, code, after_ms);
        }
        if is_here {
            self.take_send(send, reply);
        } else {
            self.park(key, Input::Command(Command::Send(send), reply));
        }
    }

    /// A send that was let in, to a conversation in memory.
    pub(super) fn take_send(&mut self, send: Send, reply: ReplyTo) {
        let new = self.conversations.send(send, reply, &mut self.step);
        if let Some(message) = new {
            write(message, &mut self.inboxes, &mut self.step, self.plant);
        }
    }

    /// Takes the sends that wait, as far as there is room.
    pub(super) fn pump(&mut self, conversation: ConversationId) {
        while let Some(message) = self.conversations.next(conversation, &mut self.step) {
            write(message, &mut self.inboxes, &mut self.step, self.plant);
        }
    }

    /// Whether the user is in memory; if not, the input waits for it.
    pub(super) fn has_user(&mut self, uid: Uid, input: impl FnOnce() -> Input) -> bool {
        let found = self.inboxes.has_user(uid);
        if !found {
            self.park(Key::User(uid), input());
        }
        found
    }

    /// Whether the chat is in memory; if not, the input waits for it.
    fn has_chat(
        &mut self,
        uid: Uid,
        conversation: ConversationId,
        input: impl FnOnce() -> Input,
    ) -> bool {
        let found = self.inboxes.has_chat(uid, conversation);
        if !found {
            self.park(Key::Chat(uid, conversation), input());
        }
        found
    }

    /// Whether the conversation is in memory; if not, the input waits for it.
    fn has_conversation(
        &mut self,
        conversation: ConversationId,
        input: impl FnOnce() -> Input,
    ) -> bool {
        let found = self.conversations.has(conversation);
        if !found {
            self.park(Key::Conversation(conversation), input());
        }
        found
    }

    fn park(&mut self, key: Key, input: Input) {
        if !self.parking.has_room(key) {
            return self.decline(input, RefusalCode::Busy);
        }
        if self.parking.add(key, input) {
            self.step.ask_after_commit(key.read(), Purpose::Load(key));
        }
    }

    /// Says no to an input: its sender must not wait for an answer that will not come.
    pub(super) fn decline(&mut self, input: Input, code: RefusalCode) {
        match input {
            Input::Command(Command::PushAck(..) | Command::Logout(_), _) => {}
            Input::Command(Command::Signal { .. }, _) => {}
            Input::Command(_, reply) => self.step.refuse(reply, code),
            Input::Mail(Mail::Append { message, .. }) => {
                let (conversation, seq) = (message.conversation, message.seq);
                let owner = Partition::of_conversation(conversation);
                self.step.mail(owner, Mail::Decline { conversation, seq, code });
            }
            // It is offered again.
            Input::Mail(Mail::Offer { .. }) => {}
            Input::Mail(Mail::Confirm { .. } | Mail::Decline { .. } | Mail::Pull { .. }) => {}
            Input::Mail(Mail::Count { .. } | Mail::Counted { .. } | Mail::PeerRead { .. }) => {}
            Input::Wake(group) => self.conversations.mark_again(group),
            // It is told the same again.
            Input::Judge(uid) | Input::Notified(Notified { uid, .. }) => self.on_not_judged(uid),
        }
    }
}

/// Writes a new message; at once into the inboxes that are here and ready.
pub(super) fn write(message: &mut Pending, inboxes: &mut Inboxes, step: &mut Step, plant: Plant) {
    let Pending { row, device, given, .. } = message;
    let conversation = row.conversation;
    step.commit.push(Row::Message(row.clone()), Change::Message(conversation, row.seq));
    *given = (0..).zip(conversation.users()).fold(0, |given, (bit, uid)| {
        given | u64::from(inboxes.append_now(uid, row, *device, step)) << bit
    });
    if plant.has(Fault::AckBeforeCommit) {
        let MessageRow { message_id, seq, time_ms, .. } = *row;
        let inbox_seq = InboxSeq(0);
        if let Some(reply) = message.reply {
            step.answer(reply, Answer::Acked { message_id, seq, time_ms, inbox_seq });
        }
    }
}
