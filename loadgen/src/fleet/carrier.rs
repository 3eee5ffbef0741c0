//! What carries a connection's frames to the server and back. It does not know what they mean.

use front::{
    Client, ClientConfig, PROTOCOL_FRAMES, PROTOCOL_HTTP, ServerName, Subprotocol, Tls, TrustError,
};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use wire::Scratch;

/// What carries frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// TCP: frames as they are.
    #[default]
    Tcp,
    /// WebSocket: each frame a message.
    Ws,
    /// WebSocket: each frame a message, as JSON.
    Json,
    /// Frames in TLS.
    Tls,
    /// WebSocket in TLS.
    Wss,
    /// HTTP: a connection that polls, and one for requests when there are some.
    Poll,
}

impl Carrier {
    /// What messages hold; none: there are none.
    pub(super) fn subprotocol(self) -> Option<Subprotocol> {
        match self {
            Self::Tcp | Self::Tls | Self::Poll => None,
            Self::Ws | Self::Wss => Some(Subprotocol::Frames),
            Self::Json => Some(Subprotocol::Json),
        }
    }

    /// Connections of a session.
    pub fn connections(self) -> usize {
        if self == Self::Poll { 2 } else { 1 }
    }

    /// TLS lies beneath.
    pub fn is_sealed(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }
}

/// Whom connections in TLS trust.
#[derive(Clone)]
pub struct Trust {
    config: Arc<ClientConfig>,
    /// Whom they ask for; none: the address that they dial.
    name: Option<ServerName<'static>>,
}

impl Trust {
    /// Servers whose certificate one of these signed, which stand in PEM.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn of(
        roots: &[u8],
        carrier: Carrier,
        name: Option<ServerName<'static>>,
    ) -> Result<Self, TrustError> {
        let is_frames = carrier.subprotocol().is_none();
        let protocol = if is_frames { PROTOCOL_FRAMES } else { PROTOCOL_HTTP };
        Ok(Self { config: front::client(roots, protocol)?, name })
    }

    /// A connection to a server at this address, and what is said first.
    pub(super) fn begin(&self, at: SocketAddr, out: &mut Vec<u8>) -> Result<Tls, String> {
        let name = self.name.clone().unwrap_or_else(|| ServerName::from(at.ip()));
        Tls::client(&self.config, name, out).map_err(|error| error.to_string())
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Ws => "WebSocket",
            Self::Json => "WebSocket as JSON",
            Self::Tls => "TLS",
            Self::Wss => "WebSocket in TLS",
            Self::Poll => "HTTP long poll",
        })
    }
}

/// What all connections of a thread share to be carried.
pub(super) struct Packer {
    random: Xoshiro256PlusPlus,
    /// Frames that are written and not yet in messages.
    frames: Vec<u8>,
    pub scratch: Scratch,
}

impl Packer {
    pub fn new(seed: u64) -> Self {
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self { random, frames: Vec::new(), scratch: Scratch::default() }
    }

    /// Lets `write` append frames to `out`, as they are carried; and shows it the memory that all machines share.
    pub fn write<R>(
        &mut self,
        subprotocol: Option<Subprotocol>,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>, &mut Scratch) -> R,
    ) -> R {
        let Some(subprotocol) = subprotocol else { return write(out, &mut self.scratch) };
        self.frames.clear();
        let written = write(&mut self.frames, &mut self.scratch);
        Client::say(subprotocol, &self.frames, || self.random.random(), out);
        written
    }

    /// Answers a ping.
    pub fn pong(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        Client::pong(payload, self.random.random(), out);
    }
}
