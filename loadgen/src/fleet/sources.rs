//! Which local address a connection comes from: to one target, an address has about 28,000 ports.

use crate::failure::Failure;
use crate::limits::{CONNECTIONS_PER_SOURCE, PORTS_PER_SOURCE, SOURCES_MAX};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Spreads connections over 127.0.0.1, 127.0.0.2 and so on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sources {
    spread: bool,
}

impl Sources {
    /// # Errors
    /// More connections than this machine has ports for towards one of the targets, which may get all.
    pub fn new(targets: &[SocketAddr], connections_max: usize) -> Result<Self, Failure> {
        let is_loopback =
            |target: &SocketAddr| matches!(target.ip(), IpAddr::V4(ip) if ip.is_loopback());
        let loopback = targets.iter().all(is_loopback);
        let most = if loopback { PORTS_PER_SOURCE * SOURCES_MAX } else { PORTS_PER_SOURCE };
        if connections_max > most {
            return Err(Failure::Preflight(format!(
                "{connections_max} connections to one target are over the {most} that this machine's ports allow: \
                 ask for fewer, or run loadgen on several machines"
            )));
        }
        Ok(Self { spread: loopback && connections_max > CONNECTIONS_PER_SOURCE })
    }

    pub fn of(self, index: usize) -> Option<IpAddr> {
        let nth = (index / CONNECTIONS_PER_SOURCE) % SOURCES_MAX;
        let last = u8::try_from(nth + 1).expect("at most 250 sources");
        self.spread.then_some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)))
    }
}
