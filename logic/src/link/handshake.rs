//! Who is at the other end, and the proof of it: HMAC-SHA256 under the secret, over everything that
//! both sides said and the role of the one that proves.
//!
//! Both nonces are in both proofs, so neither can be used again; the role is in them, so neither can be sent back. It does
//! not know frames, nor where nonces come from: the caller draws them at random, for each handshake anew.

use super::frame::LINK_VERSION;
use super::secret::Secret;
use crate::cluster::{Holder, Incarnation, NodeId};
use hmac::{Hmac, Mac};
use rkyv::{Archive, Deserialize, Serialize};
use sha2::Sha256;

/// Drawn at random for one handshake.
pub type Nonce = [u8; 32];

/// One core of one life of a process: what can have one link at a time to a core or a node.
#[derive(
    Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
)]
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
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
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
    /// The number that this node gives the peer, as [`crate::command::Session::entry`].
    pub entry: u16,
    /// Which node this is, in which of its lives.
    pub holder: Holder,
}

/// What both proofs are about.
#[derive(Clone, Copy)]
pub struct Transcript<'a> {
    pub cluster: &'a str,
    pub acceptor_nonce: &'a Nonce,
    pub dialer_nonce: &'a Nonce,
    pub peer: &'a Peer,
}

impl Transcript<'_> {
    /// The dialer's proof.
    pub fn hello_mac(&self, secret: &Secret) -> [u8; 32] {
        self.mac(secret, b"dialer").finalize().into_bytes().into()
    }

    /// The acceptor's proof.
    pub fn welcome_mac(&self, secret: &Secret, admission: &Admission) -> [u8; 32] {
        self.welcome(secret, admission).finalize().into_bytes().into()
    }

    /// Whether the dialer knows the secret.
    pub fn is_hello(&self, secret: &Secret, mac: &[u8; 32]) -> bool {
        self.mac(secret, b"dialer").verify_slice(mac).is_ok()
    }

    /// Whether the acceptor knows the secret.
    pub fn is_welcome(&self, secret: &Secret, admission: &Admission, mac: &[u8; 32]) -> bool {
        self.welcome(secret, admission).verify_slice(mac).is_ok()
    }

    fn welcome(&self, secret: &Secret, admission: &Admission) -> Hmac<Sha256> {
        let Admission { entry, holder } = admission;
        let mut mac = self.mac(secret, b"accept");
        mac.update(&entry.to_le_bytes());
        mac.update(&holder.node.0.to_le_bytes());
        mac.update(&holder.incarnation.0.to_le_bytes());
        mac
    }

    /// Every field has a fixed width or its length before it, so no two transcripts have the same bytes.
    fn mac(&self, secret: &Secret, role: &[u8; 6]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).expect("any length will do");
        mac.update(b"longline link ");
        mac.update(role);
        mac.update(&[LINK_VERSION]);
        mac.update(self.acceptor_nonce);
        mac.update(self.dialer_nonce);
        mac.update(&(self.cluster.len() as u64).to_le_bytes());
        mac.update(self.cluster.as_bytes());
        match self.peer.id {
            PeerId::Gateway { instance, core } => {
                mac.update(&[1]);
                mac.update(&instance.to_le_bytes());
                mac.update(&core.to_le_bytes());
            }
            PeerId::Logic { node, incarnation, core } => {
                mac.update(&[2]);
                mac.update(&node.0.to_le_bytes());
                mac.update(&incarnation.0.to_le_bytes());
                mac.update(&core.to_le_bytes());
            }
        }
        mac.update(&self.peer.generation.to_le_bytes());
        mac
    }
}
