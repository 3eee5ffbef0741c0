//! What carries a connection's frames to the server and back. It does not know what they mean.

use front::{Client, Subprotocol};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use std::fmt;
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
}

impl Carrier {
    /// What messages hold; none: there are none.
    pub(super) fn subprotocol(self) -> Option<Subprotocol> {
        match self {
            Self::Tcp => None,
            Self::Ws => Some(Subprotocol::Frames),
            Self::Json => Some(Subprotocol::Json),
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Ws => "WebSocket",
            Self::Json => "WebSocket as JSON",
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
