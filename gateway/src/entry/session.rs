//! What an entry keeps of a session, and what time asks of it. Idle: no heap. It knows no frame.

use super::slab::{Key, Slab};
use crate::limits::{
    CALL_LOOK_MS, CALL_REST_MS, LEAVE_MS_MAX, PROBE_PERCENT, SESSION_BYTES_MAX, SILENT_PERCENT,
};
use crate::transport::{Carrier, Channel, ChannelId};
use shard::command::Login;
use wire::{DeviceId, Generation, Platform, Uid};

/// Names a session; it is never given twice, and says nothing of how the client is connected.
pub type SessionKey = Key<Session>;

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was said.
    New,
    /// It said hello.
    Greeted,
    /// Its login is with the shard.
    LoggingIn,
    /// It is logged in; or it calls, and its token says whose the call is.
    Active,
    /// It has said its last, or is ended: nothing more is heard from it, and what was taken is
    /// answered first.
    Leaving,
    /// It is being closed; what it says is not heard.
    Closing,
}

/// One session.
pub struct Session {
    /// Where its frames go; none: it is this process's own.
    channel: Option<ChannelId>,
    /// Zeros before a token says who it is; of generation 0 until it holds.
    login: Login,
    /// The bucket of its rate: see [`super::rate::Rate::take`].
    pub rate_due_us: u64,
    /// When it was last heard, in ms of the core's clock. The clock's low bits: nobody is silent
    /// for 49 days.
    heard_ms: u32,
    /// When its token is believed no more, in seconds of the core's clock.
    ends_s: u32,
    /// Requests that were not answered yet.
    pub in_flight: u16,
    stage: Stage,
    /// Bits of [`Mark`].
    marks: u8,
    /// What carries its frames.
    pub carrier: Carrier,
    platform: Platform,
}

/// What is or is not so of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A heartbeat was sent to it because it was silent.
    Probed = 1,
    /// It knows the frame that ends a session.
    KnowsEnd = 2,
    /// What is written to it goes out sealed.
    Sealed = 4,
    /// It wants signals.
    WantsSignals = 8,
    /// It has the answer to its last call.
    Last = 16,
}

const _: () = assert!(Slab::<Session>::BYTES <= SESSION_BYTES_MAX);

/// What time asks of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Look again then, in ms.
    Later(u64),
    /// Send it a heartbeat: it has been silent.
    Probe,
    /// It did not log in in time.
    LoginTimeout,
    /// It is silent.
    Silent,
    /// Its token is believed no more.
    TokenOver,
    /// Its last answers did not come.
    Left,
    /// It calls no more.
    Idle,
}

impl Session {
    /// Just begun.
    #[must_use]
    pub fn new(channel: Option<Channel>, stage: Stage, now_ms: u64) -> Self {
        let login = Login { uid: Uid(0), device: DeviceId(0), generation: Generation(0) };
        Self {
            channel: channel.map(|channel| channel.id),
            login,
            rate_due_us: 0,
            heard_ms: low_bits(now_ms),
            ends_s: u32::MAX,
            in_flight: 0,
            stage,
            marks: if channel.is_some_and(|it| it.is_sealed) { Mark::Sealed as u8 } else { 0 },
            carrier: channel.map_or(Carrier::New, |channel| channel.carrier),
            platform: Platform::UNKNOWN,
        }
    }

    /// Where its frames go; none: it is this process's own.
    #[must_use]
    pub fn channel(&self) -> Option<Channel> {
        let (carrier, is_sealed) = (self.carrier, self.has(Mark::Sealed));
        self.channel.map(|id| Channel { id, carrier, is_sealed })
    }

    /// From now on it is so.
    pub fn mark(&mut self, mark: Mark) {
        self.marks |= mark as u8;
    }

    /// Whether it is so.
    #[must_use]
    pub fn has(&self, mark: Mark) -> bool {
        self.marks & mark as u8 != 0
    }

    /// How far it has come.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Whether what it says is heard.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        !matches!(self.stage, Stage::Leaving | Stage::Closing)
    }

    /// Who it is, if it is logged in.
    #[must_use]
    pub fn login(&self) -> Option<Login> {
        let is_it = matches!(self.stage, Stage::Active | Stage::Leaving);
        (is_it && self.login.generation != Generation(0)).then_some(self.login)
    }

    /// Whose its requests are; of generation 0 if they are calls, which need no login.
    #[must_use]
    pub fn speaker(&self) -> Option<Login> {
        let mut login = self.login;
        if self.carrier.is_call() {
            login.generation = Generation(0);
        }
        matches!(self.stage, Stage::Active | Stage::Leaving).then_some(login)
    }

    /// Another session on the same connection, of nobody yet.
    #[must_use]
    pub fn anew(self, now_ms: u64) -> Self {
        let (rate_due_us, carrier) = (self.rate_due_us, self.carrier);
        let anew = Self::new(self.channel(), Stage::New, now_ms);
        Self { rate_due_us, carrier, ..anew }
    }

    /// A token says whose its next call is. Who is logged in calls as itself.
    pub fn call(&mut self, (uid, device): (Uid, DeviceId)) {
        if self.login().is_none() {
            self.stage = Stage::Active;
            self.login = Login { uid, device, generation: Generation(0) };
        }
        self.mark(Mark::KnowsEnd);
    }

    /// The answer to its call is the last.
    pub fn ends_calls(&mut self) {
        if self.carrier.is_call() {
            self.carrier = Carrier::Call { closes: true };
        }
    }

    /// It is logged in no more, and may go on to call.
    pub fn lose_login(&mut self) {
        self.login.generation = Generation(0);
    }

    /// Its call is answered.
    pub fn answered(&mut self, now_ms: u64) {
        if self.carrier == (Carrier::Call { closes: true }) {
            self.mark(Mark::Last);
        }
        self.carrier = Carrier::Http;
        self.hear(now_ms);
    }

    /// Its token is believed for so many seconds more.
    pub fn end_in(&mut self, left_s: u64, now_ms: u64) {
        let ends_s = now_ms.div_ceil(1_000).saturating_add(left_s);
        self.ends_s = u32::try_from(ends_s).unwrap_or(u32::MAX);
    }

    /// Another token of it is believed for so many seconds more: the longer of both counts.
    pub fn renew(&mut self, left_s: u64, now_ms: u64) {
        let ends_s = self.ends_s;
        self.end_in(left_s, now_ms);
        self.ends_s = self.ends_s.max(ends_s);
    }

    /// It says hello.
    pub fn greet(&mut self) {
        self.stage = Stage::Greeted;
    }

    /// It gives a token: it is not logged in by that.
    pub fn log_in(&mut self, platform: Platform) {
        (self.stage, self.platform) = (Stage::LoggingIn, platform);
    }

    /// What its device is, once it gave a token.
    #[must_use]
    pub fn platform(&self) -> Platform {
        self.platform
    }

    /// The login holds.
    pub fn activate(&mut self, login: Login, now_ms: u64) {
        (self.stage, self.login) = (Stage::Active, login);
        self.hear(now_ms);
    }

    /// Nothing more is heard from it, though it is still logged in.
    pub fn leave(&mut self, now_ms: u64) {
        assert_eq!(self.stage, Stage::Active, "who is logged in leaves, once");
        self.stage = Stage::Leaving;
        self.hear(now_ms);
    }

    /// It is heard again: it could not be logged out.
    pub fn stay(&mut self) {
        assert_eq!(self.stage, Stage::Leaving);
        self.stage = Stage::Active;
    }

    /// It is over. Returns how far it had come, and who it was.
    pub fn close(&mut self) -> (Stage, Option<Login>) {
        let was = (self.stage, self.login());
        self.stage = Stage::Closing;
        was
    }

    /// It said something.
    pub fn hear(&mut self, now_ms: u64) {
        self.heard_ms = low_bits(now_ms);
        self.marks &= !(Mark::Probed as u8);
    }

    /// What to do at `now_ms`. Before login it was heard last when it began.
    #[must_use]
    pub fn due(&self, now_ms: u64, login_timeout_ms: u64, heartbeat_ms: u64) -> Due {
        let silent_ms = u64::from(low_bits(now_ms).wrapping_sub(self.heard_ms));
        if self.stage == Stage::Leaving {
            let left = LEAVE_MS_MAX.saturating_sub(silent_ms);
            return if left == 0 { Due::Left } else { Due::Later(now_ms + left) };
        }
        if self.carrier == Carrier::Http && self.stage == Stage::Active {
            let left = CALL_REST_MS.saturating_sub(silent_ms);
            return if left == 0 { Due::Idle } else { Due::Later(now_ms + left) };
        }
        if self.stage != Stage::Active {
            let left = login_timeout_ms.saturating_sub(silent_ms);
            return if left == 0 { Due::LoginTimeout } else { Due::Later(now_ms + left) };
        }
        let ends_ms = u64::from(self.ends_s) * 1_000;
        if now_ms >= ends_ms {
            return Due::TokenOver;
        }
        if self.carrier.is_call() {
            return Due::Later((now_ms + CALL_LOOK_MS).min(ends_ms));
        }
        let probe_ms = heartbeat_ms * PROBE_PERCENT / 100;
        let end_ms = heartbeat_ms * SILENT_PERCENT / 100;
        if silent_ms >= probe_ms && !self.has(Mark::Probed) {
            Due::Probe
        } else if silent_ms >= end_ms {
            Due::Silent
        } else {
            let next_ms = if silent_ms >= probe_ms { end_ms } else { probe_ms };
            Due::Later((now_ms + next_ms - silent_ms).min(ends_ms))
        }
    }
}

fn low_bits(ms: u64) -> u32 {
    u32::try_from(ms & u64::from(u32::MAX)).expect("32 bits are left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_probed_then_ended() {
        // Also where the low bits of the clock begin anew.
        for from_ms in [1_000, u64::from(u32::MAX) - 500, 3 << 32] {
            let at = |ms: u64| from_ms + ms;
            let mut session = Session::new(None, Stage::New, from_ms);
            let due = |session: &Session, ms| session.due(at(ms), 5_000, 60_000);
            assert_eq!(due(&session, 0), Due::Later(at(5_000)));
            assert_eq!(due(&session, 5_000), Due::LoginTimeout);
            let (uid, device, generation) = (Uid(1), DeviceId(1), Generation(1));
            session.activate(Login { uid, device, generation }, from_ms);
            assert_eq!(due(&session, 1_000), Due::Later(at(90_000)));
            assert_eq!(due(&session, 90_000), Due::Probe);
            session.mark(Mark::Probed);
            assert_eq!(due(&session, 90_000), Due::Later(at(120_000)));
            assert_eq!(due(&session, 120_000), Due::Silent);
        }
    }

    /// Sessions are looked at once a second: of a short heartbeat all may be over by then.
    #[test]
    fn who_is_silent_is_asked_before_it_is_ended() {
        let (uid, device, generation) = (Uid(1), DeviceId(1), Generation(1));
        for heartbeat_ms in [1_000, 2_000, 60_000] {
            let mut session = Session::new(None, Stage::New, 0);
            session.activate(Login { uid, device, generation }, 0);
            let late_ms = 3 * heartbeat_ms;
            assert_eq!(session.due(late_ms, 5_000, heartbeat_ms), Due::Probe);
            session.mark(Mark::Probed);
            assert_eq!(session.due(late_ms + 1_000, 5_000, heartbeat_ms), Due::Silent);
        }
    }

    #[test]
    fn a_session_ends_with_its_token() {
        let (uid, device, generation) = (Uid(1), DeviceId(1), Generation(1));
        let mut session = Session::new(None, Stage::New, 1_500);
        session.end_in(30, 1_500);
        assert_eq!(session.due(1_500, 5_000, 60_000), Due::Later(6_500), "not before its login");
        session.activate(Login { uid, device, generation }, 1_500);
        assert_eq!(session.due(1_500, 5_000, 60_000), Due::Later(32_000));
        session.hear(31_999);
        assert_eq!(session.due(31_999, 5_000, 60_000), Due::Later(32_000));
        assert_eq!(session.due(32_000, 5_000, 60_000), Due::TokenOver);
        session.renew(30, 31_999);
        assert_eq!(session.due(32_000, 5_000, 60_000), Due::Later(62_000));
        session.renew(10, 32_000);
        assert_eq!(session.due(32_000, 5_000, 60_000), Due::Later(62_000), "it is shorter");
        // Of a token that is good for ever, as far as the clock reaches.
        session.renew(u64::MAX, 32_000);
        assert_eq!(session.due(32_000, 5_000, 60_000), Due::Later(31_999 + 90_000));
    }

    #[test]
    fn only_an_active_session_is_somebody() {
        let login = Login { uid: Uid(1), device: DeviceId(1), generation: Generation(1) };
        let mut session = Session::new(None, Stage::New, 0);
        assert_eq!(session.login(), None);
        session.log_in(Platform::UNKNOWN);
        assert_eq!(session.login(), None);
        session.activate(login, 0);
        assert_eq!(session.login(), Some(login));
        assert_eq!(session.close(), (Stage::Active, Some(login)));
        assert_eq!((session.login(), session.close()), (None, (Stage::Closing, None)));
    }
}
