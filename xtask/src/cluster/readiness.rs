//! Whether each gateway wants clients, over time: what a balancer before them sees.
//!
//! It asks steadily, and does not know what happens to the cluster meanwhile.

use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

use super::felt::unix_ms;

/// Between two questions.
const LOOK: Duration = Duration::from_millis(50);
/// A balancer waits no longer for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// What a gateway says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ready,
    Degraded,
    Unready,
}

impl State {
    fn of(answer: &str) -> Self {
        match answer.starts_with("HTTP/1.1 200 ") {
            true if answer.contains("ok, degraded") => Self::Degraded,
            true => Self::Ready,
            false => Self::Unready,
        }
    }
}

/// When it was asked, Unix ms, and what each gateway said.
type Look = (u64, Vec<State>);

/// A thread that asks until it is told to stop.
pub struct Watch {
    stop: SyncSender<()>,
    thread: JoinHandle<Vec<Look>>,
}

impl Watch {
    /// Of gateways with these admin addresses.
    pub fn start(admins: Vec<SocketAddr>) -> Self {
        let (stop, stopped) = sync_channel(0);
        let thread = thread::spawn(move || {
            let mut looks = Vec::new();
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let at_ms = unix_ms();
                looks.push((at_ms, admins.iter().map(|admin| ask(*admin)).collect()));
            }
            looks
        });
        Self { stop, thread }
    }

    /// What was seen.
    pub fn stop(self) -> Result<Readiness> {
        drop(self.stop);
        let looks = self.thread.join().map_err(|_| anyhow::anyhow!("the watch panicked"))?;
        looks.last().context("no gateway was ever asked")?;
        Ok(Readiness(looks))
    }
}

fn ask(admin: SocketAddr) -> State {
    let asked = || {
        let mut stream = TcpStream::connect_timeout(&admin, ANSWER_MAX)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    };
    asked().map_or(State::Unready, |answer| State::of(&answer))
}

/// What gateways said of themselves over time.
pub struct Readiness(Vec<Look>);

impl Readiness {
    /// Of a time, Unix ms.
    pub fn within(&self, time: &Range<u64>) -> Told {
        // What was said holds until the next look.
        let spans = self.0.windows(2).filter(|pair| time.contains(&pair[0].0));
        let mut told = Told { each: vec![[0; 2]; self.0[0].1.len()], nobody_ms: 0 };
        for pair in spans {
            let (ms, states) = (pair[1].0.saturating_sub(pair[0].0), &pair[0].1);
            for ([degraded_ms, unready_ms], state) in told.each.iter_mut().zip(states) {
                match state {
                    State::Ready => {}
                    State::Degraded => *degraded_ms += ms,
                    State::Unready => *unready_ms += ms,
                }
            }
            if states.iter().all(|state| *state == State::Unready) {
                told.nobody_ms += ms;
            }
        }
        told
    }
}

/// For how long gateways were not whole, in ms.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// Degraded and not ready, of each gateway.
    each: Vec<[u64; 2]>,
    /// No gateway was ready.
    pub nobody_ms: u64,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, [degraded_ms, unready_ms]) in (1..).zip(&self.each) {
            write!(f, "gateway {number} degraded {degraded_ms} ms, not ready {unready_ms} ms; ")?;
        }
        write!(f, "no gateway ready {} ms", self.nobody_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_holds_until_the_next_look() {
        use State::{Degraded, Ready, Unready};
        let looks = [
            (100, vec![Ready, Unready]),
            (150, vec![Degraded, Unready]),
            (200, vec![Unready, Unready]),
            (260, vec![Ready, Ready]),
        ];
        let readiness = Readiness(looks.to_vec());
        let told = readiness.within(&(0..1_000));
        assert_eq!(told, Told { each: vec![[50, 60], [0, 160]], nobody_ms: 60 });
        assert_eq!(readiness.within(&(0..200)).nobody_ms, 0);
    }

    #[test]
    fn an_answer_is_told_by_its_status_and_text() {
        let state = |answer: &str| State::of(answer);
        assert_eq!(state("HTTP/1.1 200 OK\r\n\r\nok\n"), State::Ready);
        assert_eq!(state("HTTP/1.1 200 OK\r\n\r\nok, degraded: x\n"), State::Degraded);
        assert_eq!(state("HTTP/1.1 503 Service Unavailable\r\n\r\nno\n"), State::Unready);
    }
}
