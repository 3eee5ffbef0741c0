//! Who is at the other end, which versions both speak, and the proof of it: HMAC-SHA256 under the secret, over every byte
//! that both sides said and the role of the one that proves.
//!
//! Both nonces are in both proofs, so neither can be used again; the role is in them, so neither can be sent back; so are
//! the versions and features, and whatever a later release says behind them, so nobody in between can lower them. It does
//! not know frames, nor where nonces come from: the caller draws them at random, for each handshake anew.

use super::secret::Secret;
use super::versions::Versions;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use shard::owner::{Holder, Incarnation, NodeId};

/// Drawn at random for one handshake.
pub type Nonce = [u8; 32];

/// Proves that its sender knows the secret.
pub(super) type Mac = [u8; 32];

/// What is in force on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The highest version that both speak.
    pub version: u8,
    /// The features that both know, as bits.
    pub features: u64,
}

/// One core of one life of a process: what can have one link at a time to a core or a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerId {
    /// A gateway's core.
    Gateway {
        /// Drawn at random by the process when it starts.
        instance: u64,
        /// Which core.
        core: u16,
    },
    /// A node's core.
    Logic {
        /// Which node.
        node: NodeId,
        /// Which of its lives.
        incarnation: Incarnation,
        /// Which core.
        core: u16,
    },
}

/// Who dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who it is.
    pub id: PeerId,
    /// How often it has dialed the node, this time included. A link is refused once a later one was
    /// let in, so one that is half dead cannot come back.
    pub generation: u64,
}

/// What the acceptor tells a peer that it lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The number that this node gives the peer, as [`shard::command::Session::entry`].
    pub entry: u16,
    /// Which node this is, in which of its lives.
    pub holder: Holder,
}

/// Says what to prove, and what the acceptor speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) nonce: Nonce,
    pub(super) versions: Versions,
    pub(super) features: u64,
}

/// Proves that the dialer knows the secret, and says who it is and what it speaks. The proof is first: it is about the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) mac: Mac,
    pub(super) nonce: Nonce,
    pub(super) versions: Versions,
    pub(super) features: u64,
    pub(super) peer: Peer,
    pub(super) cluster: String,
}

/// Proves that the acceptor knows the secret too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Welcome {
    pub(super) mac: Mac,
    pub(super) entry: u16,
    pub(super) holder: Holder,
}

/// Says why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) text: String,
}

/// Who proves.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    Dialer,
    Acceptor,
}

/// The payloads of a handshake so far, without their proofs.
#[derive(Clone, Debug, Default)]
pub(super) struct Transcript(Vec<u8>);

impl Transcript {
    /// What the acceptor asked.
    pub(super) fn of_challenge(payload: &[u8]) -> Self {
        let mut transcript = Self::default();
        transcript.add(payload);
        transcript
    }

    /// And then a payload that begins with its proof, whose bytes may be anything.
    pub(super) fn and(&self, proven: &[u8]) -> Self {
        let mut transcript = self.clone();
        transcript.add(&proven[size_of::<Mac>()..]);
        transcript
    }

    /// Each has its length before it, so no two transcripts have the same bytes.
    fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn prove(&self, secret: &Secret, role: Role) -> Mac {
        self.hmac(secret, role).finalize().into_bytes().into()
    }

    pub(super) fn is_proof(&self, secret: &Secret, role: Role, mac: &Mac) -> bool {
        self.hmac(secret, role).verify_slice(mac).is_ok()
    }

    fn hmac(&self, secret: &Secret, role: Role) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).expect("any length will do");
        mac.update(b"longline link ");
        mac.update(match role {
            Role::Dialer => b"dialer",
            Role::Acceptor => b"accept",
        });
        mac.update(&self.0);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_about_every_byte_and_the_role() {
        let secret = Secret::for_loopback();
        let said = |challenge: &[u8], hello: &[u8]| {
            Transcript::of_challenge(challenge).and(&[&[0; 32], hello].concat())
        };
        let mac = said(b"abc", b"def").prove(&secret, Role::Dialer);
        assert!(said(b"abc", b"def").is_proof(&secret, Role::Dialer, &mac));
        assert!(!said(b"abc", b"def").is_proof(&secret, Role::Acceptor, &mac));
        for (challenge, hello) in [("abd", "def"), ("abc", "defg"), ("abcd", "ef"), ("ab", "cdef")]
        {
            let other = said(challenge.as_bytes(), hello.as_bytes());
            assert!(!other.is_proof(&secret, Role::Dialer, &mac), "{challenge} {hello}");
        }
    }
}
