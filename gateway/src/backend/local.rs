//! Shards in this process: one of this core, the others of the other cores, behind mailboxes.

use super::{News, Post};
use crate::limits::MAILBOX_RETRY_MS;
use crate::metrics::{CoreMetrics, DropReason};
use crate::webhook::Line;
use flume::Receiver;
use netring::FileWrite;
use service::mailbox::{Directory, Outgoing};
use shard::command::{Answer, Command, Delivery, Effects, Input, Now, ReplyTo, Session};
use shard::host::Host;
use shard::limits::BUSY_RETRY_MS;
use shard::order::{Order, Wait};
use shard::rows::StoreError;
use std::io;
use std::sync::Arc;
use wire::RefusalCode;

/// The shard of one core, and the ways to the others.
pub struct Local {
    id: u16,
    shards: u16,
    host: Host,
    effects: Effects,
    outgoing: Outgoing<Post>,
    /// Messages that a full mailbox refused, and what is held back behind them.
    order: Order,
    mailbox: Receiver<Vec<Post>>,
    /// To the receiver of offline push, if there is one.
    webhook: Option<Line>,
    metrics: Arc<CoreMetrics>,
}

impl Local {
    /// Of the core `id` of so many.
    #[must_use]
    pub fn new(
        (id, shards): (u16, u16),
        host: Host,
        directory: Directory<Post>,
        mailbox: Receiver<Vec<Post>>,
        metrics: Arc<CoreMetrics>,
    ) -> Self {
        let (effects, outgoing) = (Effects::default(), Outgoing::new(directory));
        let order = Order::default();
        let webhook = None;
        Self { id, shards, host, effects, outgoing, order, mailbox, webhook, metrics }
    }

    /// There is a receiver of offline push.
    #[must_use]
    pub fn with_webhook(self, webhook: Option<Line>) -> Self {
        Self { webhook, ..self }
    }

    /// Hands a command to its shard, or refuses it where it would only wait.
    pub fn submit(&mut self, command: Command, reply: ReplyTo, now_ms: u64, news: &mut News) {
        let shard = command.partition().owner(self.shards).0;
        if shard == self.id {
            return self.host.take(Input::Command(command, reply));
        }
        let has_room = self.outgoing.has_room(shard);
        if let Command::Send(send) = &command {
            let room = || (!has_room).then_some(Wait::BUSY);
            if let Err((code, retry_after_ms)) = self.order.judge(send, now_ms, room) {
                let answer = Answer::Refused { code, retry_after_ms };
                return news.deliveries.push(Delivery { to: reply, answer });
            }
        }
        if has_room {
            return self.outgoing.post(shard, Post::Command(command, reply));
        }
        if reply.ticket != 0 {
            let (code, retry_after_ms) = (RefusalCode::Busy, BUSY_RETRY_MS);
            let answer = Answer::Refused { code, retry_after_ms };
            news.deliveries.push(Delivery { to: reply, answer });
        } else if matches!(command, Command::Logout(_)) {
            // It is not said again, and a session is one command more at most.
            self.outgoing.post(shard, Post::Command(command, reply));
        }
    }

    /// A session is over before its login was answered: a login that still waits here goes
    /// nowhere.
    pub fn withdraw_login(&mut self, session: Session, news: &mut News) {
        let is_login = |command: &Command, reply: &ReplyTo| {
            matches!(command, Command::Login { .. }) && reply.session == session
        };
        let mut withdrawn = self.host.take_back(is_login);
        let is_post =
            |post: &Post| matches!(post, Post::Command(command, to) if is_login(command, to));
        for post in self.outgoing.take_back(is_post) {
            let Post::Command(_, reply) = post else { unreachable!("a login is a command") };
            withdrawn.push(reply);
        }
        let (code, retry_after_ms) = (RefusalCode::Busy, BUSY_RETRY_MS);
        let refused = |to| Delivery { to, answer: Answer::Refused { code, retry_after_ms } };
        news.deliveries.extend(withdrawn.into_iter().map(refused));
    }

    /// Takes what other cores and the store have.
    pub fn poll(&mut self, news: &mut News) {
        while let Ok(batch) = self.mailbox.try_recv() {
            for post in batch {
                match post {
                    Post::Command(command, reply) => {
                        self.host.take(Input::Command(command, reply));
                    }
                    Post::Mail(mail) => self.host.take(Input::Mail(mail)),
                    Post::Delivery(delivery) => news.deliveries.push(delivery),
                }
            }
        }
        if let Some(webhook) = &self.webhook {
            let answers = webhook.answers.try_iter().flatten();
            answers.for_each(|notified| self.host.take(Input::Notified(notified)));
        }
        let metrics = &self.metrics;
        self.host.poll(|committed| {
            metrics.commit_seconds.observe_us(committed.micros);
            metrics.store_failing.set((!committed.is_durable).into());
            metrics.store_full.set(committed.is_full.into());
            if committed.is_durable {
                metrics.commits.inc();
                metrics.commit_rows.add(committed.rows);
            }
        });
        news.writes.extend(self.host.next_write());
    }

    /// Steps the shard until what follows from its steps is done too.
    pub fn step(&mut self, now: Now, news: &mut News) {
        loop {
            self.host.step(now, &mut self.effects);
            news.writes.extend(self.host.next_write());
            for (partition, mail) in self.effects.mail.drain(..) {
                let shard = partition.owner(self.shards).0;
                if !mail.is_signal() || self.outgoing.has_room(shard) {
                    self.outgoing.post(shard, Post::Mail(mail));
                }
            }
            for notification in self.effects.notifications.drain(..) {
                let webhook = self.webhook.as_ref();
                // There is room for all that a shard asks for at a time; without the thread the next process asks.
                if webhook.is_none_or(|it| it.asks.try_send(notification).is_err()) {
                    tracing::error!(shard = self.id, "could not reach the thread of the webhook");
                }
            }
            for delivery in self.effects.deliveries.drain(..) {
                let entry = delivery.to.session.entry;
                let is_push =
                    matches!(delivery.answer, Answer::Push { .. } | Answer::Signal { .. });
                if entry == self.id {
                    news.deliveries.push(delivery);
                } else if is_push && !self.outgoing.has_room(entry) {
                    self.metrics.deliveries_dropped.of(DropReason::MailboxFull).inc();
                } else {
                    self.outgoing.post(entry, Post::Delivery(delivery));
                }
            }
            if !self.has_work() {
                return;
            }
        }
    }

    /// Whether something waits for a step.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.host.has_inputs()
    }

    /// Hands over what was gathered for other cores.
    pub fn flush(&mut self) {
        self.metrics.mailbox_full.add(self.outgoing.flush());
    }

    /// Until the shard's next timer, or until a full mailbox is tried again.
    #[must_use]
    pub fn patience_ms(&self, now_ms: u64) -> u64 {
        let timer = self.host.shard().next_timer_ms();
        let timer = timer.map_or(u64::MAX, |at| at.saturating_sub(now_ms));
        let retry = if self.outgoing.is_empty() { u64::MAX } else { MAILBOX_RETRY_MS };
        timer.min(retry)
    }

    /// Nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.host.shard().is_idle() && self.outgoing.is_empty()
    }

    /// Why the store cannot go on, if it cannot.
    #[must_use]
    pub fn failed(&self) -> Option<StoreError> {
        self.host.shard().failed().cloned()
    }

    /// Stores what is only in memory, if the shard is idle, and closes the store. Blocks.
    ///
    /// # Errors
    /// The store's failure.
    pub fn close(mut self) -> Result<(), StoreError> {
        if self.host.shard().is_idle() {
            self.host.flush();
        }
        self.host.close()
    }

    /// A write of the store came back.
    pub fn on_written(&mut self, write: FileWrite, result: io::Result<usize>, news: &mut News) {
        self.host.on_written(write, result);
        news.writes.extend(self.host.next_write());
    }

    /// What of the store cannot be read, each file once.
    #[must_use]
    pub fn damaged(&self) -> &[String] {
        self.host.damaged()
    }

    /// Shows what it has.
    pub fn show(&self, metrics: &CoreMetrics) {
        metrics.store_damaged.set(self.host.damaged().len() as u64);
        let (told, forked) = (metrics.forked_logins.get(), self.host.shard().forked_logins());
        if told == 0 && forked > 0 {
            tracing::warn!(
                shard = self.id,
                "a client has rows of its inbox that are not here: if the data directory was put back from a backup or a \
                 snapshot, stop, run `gateway restored DIR`, and start again"
            );
        }
        metrics.forked_logins.add(forked - told);
        metrics.store_in_flight.set(self.host.store_in_flight() as u64);
        metrics.push_owing.set(self.host.shard().owing().0 as u64);
        metrics.shard_in_flight.set(self.host.shard().in_flight() as u64);
    }
}
