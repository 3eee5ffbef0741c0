//! One end of a link as a state machine: bytes in, events and bytes out. It knows no time: the
//! caller ends a link whose handshake takes too long, or that is silent.

use super::frame::{self, Batch, Challenge, FrameError, Hello, Kind, RawFrame, Refused, Welcome};
use super::handshake::{Admission, Nonce, Peer, Transcript};
use super::intake::Intake;
use super::item::Item;
use super::limits::{
    BATCH_BYTES, LINK_CLUSTER_BYTES_MAX, LINK_FRAME_BYTES_MAX, LINK_HANDSHAKE_BYTES_MAX,
    LINK_TEXT_BYTES_MAX,
};
use super::secret::Secret;

/// What all links of a process have in common.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The cluster's name: processes of different clusters do not link even if they share a secret.
    pub cluster: String,
    /// The cluster's secret.
    pub secret: Secret,
}

/// What happened on a link.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// To the acceptor: this peer knows the secret. [`Link::admit`] it or [`Link::refuse`] it.
    Asked(Peer),
    /// To the dialer: it was let in, by one that knows the secret.
    Welcomed(Admission),
    /// The peer said this, in this order.
    Items(Vec<Item>),
    /// The link is over: write what is in the outbox, and close. The last event.
    Ended(LinkError),
}

/// Why a link ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The peer's bytes are no frame.
    #[error("peer sent what is no frame: {0}")]
    Frame(#[from] FrameError),
    /// The frame may not come now.
    #[error("peer sent a {0:?} out of turn")]
    OutOfTurn(Kind),
    /// The peer does not know the secret of this cluster.
    #[error("peer does not know this cluster's secret: give both sides the same secret file")]
    WrongSecret,
    /// The peer belongs elsewhere.
    #[error("peer belongs to another cluster")]
    OtherCluster,
    /// The peer has a newer link.
    #[error("peer's generation {generation} is not above {last}, its newest link's")]
    Fenced {
        /// The one that it came with.
        generation: u64,
        /// The one that was let in before.
        last: u64,
    },
    /// The other side refused this one.
    #[error("refused by the other side: {0:?}")]
    Refused(String),
    /// This side refused the peer.
    #[error("refused by this side: {0}")]
    Declined(String),
}

#[derive(Debug)]
enum State {
    /// Acceptor: waits for a hello.
    Challenged,
    /// Acceptor: waits for the caller to admit or refuse the peer.
    Asked { peer: Peer, dialer_nonce: Nonce },
    /// Dialer: waits for a challenge.
    Dialed { peer: Peer },
    /// Dialer: waits for a welcome.
    Greeted { peer: Peer, acceptor_nonce: Nonce },
    /// Both have proven themselves.
    Open,
    /// Nothing is read or written any more.
    Over,
}

/// One end of a link, from its handshake to its end.
#[derive(Debug)]
pub struct Link {
    terms: Terms,
    /// This side's.
    nonce: Nonce,
    state: State,
    intake: Intake,
}

impl Link {
    /// For a connection that was accepted: writes the challenge.
    #[must_use]
    pub fn accept(terms: Terms, nonce: Nonce, out: &mut Vec<u8>) -> Self {
        frame::encode(out, Challenge { nonce });
        Self::new(terms, nonce, State::Challenged)
    }

    /// For a connection that was dialed: waits for the challenge.
    #[must_use]
    pub fn dial(terms: Terms, nonce: Nonce, peer: Peer) -> Self {
        Self::new(terms, nonce, State::Dialed { peer })
    }

    fn new(terms: Terms, nonce: Nonce, state: State) -> Self {
        assert!(terms.cluster.len() <= LINK_CLUSTER_BYTES_MAX, "the configuration bounds names");
        Self { terms, nonce, state, intake: Intake::default() }
    }

    /// Items may be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Bytes held of an unfinished frame.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.intake.memory_bytes()
    }

    /// Takes bytes of the peer; answers go to `out`.
    pub fn read(&mut self, mut piece: &[u8], out: &mut Vec<u8>, events: &mut Vec<Event>) {
        let mut intake = std::mem::take(&mut self.intake);
        while !matches!(self.state, State::Over) {
            let bytes_max =
                if self.is_open() { LINK_FRAME_BYTES_MAX } else { LINK_HANDSHAKE_BYTES_MAX };
            let step = match intake.next(&mut piece, bytes_max) {
                Ok(None) => break,
                Ok(Some(frame)) => self.on_frame(&frame, out, events),
                Err(error) => Err(error.into()),
            };
            if let Err(error) = step {
                self.end(error, out, events);
            }
        }
        self.intake = intake;
    }

    /// Lets a peer in that [`Event::Asked`], unless a later link of it was let in before: `last` is the generation of
    /// that one, 0 if there was none.
    ///
    /// # Errors
    /// It is fenced; the link is over.
    ///
    /// # Panics
    /// Nobody asked.
    pub fn admit(
        &mut self,
        last: u64,
        admission: Admission,
        out: &mut Vec<u8>,
    ) -> Result<(), LinkError> {
        let State::Asked { peer, dialer_nonce } = &self.state else {
            panic!("nobody asked to be let in");
        };
        if peer.generation <= last {
            let fenced = LinkError::Fenced { generation: peer.generation, last };
            self.say_no(&fenced, out);
            return Err(fenced);
        }
        let transcript = Transcript {
            cluster: &self.terms.cluster,
            acceptor_nonce: &self.nonce,
            dialer_nonce,
            peer,
        };
        let mac = transcript.welcome_mac(&self.terms.secret, &admission);
        let Admission { entry, holder } = admission;
        frame::encode(out, Welcome { holder, entry, mac });
        self.state = State::Open;
        Ok(())
    }

    /// Says no to a peer that [`Event::Asked`] or has not come so far; the link is over.
    pub fn refuse(&mut self, text: &str, out: &mut Vec<u8>) {
        self.say_no(&LinkError::Declined(text.to_owned()), out);
    }

    /// Appends frames with these items, in their order.
    ///
    /// # Panics
    /// The link is not open, or an item fits no frame.
    pub fn send(&mut self, items: &mut Vec<Item>, out: &mut Vec<u8>) {
        assert!(self.is_open(), "nothing is said before the handshake is over");
        while !items.is_empty() {
            let mut bytes = BATCH_BYTES;
            let is_over = |item: &Item| {
                bytes += item.bytes_max();
                bytes > LINK_FRAME_BYTES_MAX
            };
            let batch = match items.iter().position(is_over) {
                None => std::mem::take(items),
                Some(fitting) => items.drain(..fitting).collect(),
            };
            frame::encode(out, Batch { items: batch });
        }
    }

    fn on_frame(
        &mut self,
        frame: &RawFrame<'_>,
        out: &mut Vec<u8>,
        events: &mut Vec<Event>,
    ) -> Result<(), LinkError> {
        match (&self.state, frame.kind) {
            (State::Open, Kind::Batch) => events.push(Event::Items(frame.read_batch()?)),
            (State::Dialed { peer }, Kind::Challenge) => {
                let peer = *peer;
                self.greet(peer, frame.read::<Challenge>()?.nonce, out);
            }
            (State::Challenged, Kind::Hello) => {
                events.push(Event::Asked(self.on_hello(frame.read()?)?));
            }
            (State::Greeted { peer, acceptor_nonce }, Kind::Welcome) => {
                let admission = self.on_welcome(peer, acceptor_nonce, frame.read()?)?;
                self.state = State::Open;
                events.push(Event::Welcomed(admission));
            }
            (State::Dialed { .. } | State::Greeted { .. }, Kind::Refused) => {
                return Err(LinkError::Refused(frame.read::<Refused>()?.text));
            }
            (_, kind) => return Err(LinkError::OutOfTurn(kind)),
        }
        Ok(())
    }

    fn greet(&mut self, peer: Peer, acceptor_nonce: Nonce, out: &mut Vec<u8>) {
        let (cluster, nonce) = (self.terms.cluster.clone(), self.nonce);
        let transcript = Transcript {
            cluster: &cluster,
            acceptor_nonce: &acceptor_nonce,
            dialer_nonce: &nonce,
            peer: &peer,
        };
        let mac = transcript.hello_mac(&self.terms.secret);
        frame::encode(out, Hello { cluster, peer, nonce, mac });
        self.state = State::Greeted { peer, acceptor_nonce };
    }

    fn on_hello(&mut self, hello: Hello) -> Result<Peer, LinkError> {
        let Hello { cluster, peer, nonce: dialer_nonce, mac } = hello;
        let transcript = Transcript {
            cluster: &cluster,
            acceptor_nonce: &self.nonce,
            dialer_nonce: &dialer_nonce,
            peer: &peer,
        };
        if !transcript.is_hello(&self.terms.secret, &mac) {
            return Err(LinkError::WrongSecret);
        }
        if cluster != self.terms.cluster {
            return Err(LinkError::OtherCluster);
        }
        self.state = State::Asked { peer, dialer_nonce };
        Ok(peer)
    }

    fn on_welcome(
        &self,
        peer: &Peer,
        acceptor_nonce: &Nonce,
        welcome: Welcome,
    ) -> Result<Admission, LinkError> {
        let Welcome { holder, entry, mac } = welcome;
        let admission = Admission { entry, holder };
        let transcript = Transcript {
            cluster: &self.terms.cluster,
            acceptor_nonce,
            dialer_nonce: &self.nonce,
            peer,
        };
        let knows = transcript.is_welcome(&self.terms.secret, &admission, &mac);
        if knows { Ok(admission) } else { Err(LinkError::WrongSecret) }
    }

    fn end(&mut self, error: LinkError, out: &mut Vec<u8>, events: &mut Vec<Event>) {
        self.say_no(&error, out);
        events.push(Event::Ended(error));
    }

    /// Ends the link; an acceptor says why while the dialer is still waiting for its word.
    fn say_no(&mut self, error: &LinkError, out: &mut Vec<u8>) {
        if matches!(self.state, State::Challenged | State::Asked { .. }) {
            let text = match error {
                LinkError::Declined(text) => text.clone(),
                LinkError::WrongSecret => "you do not know this cluster's secret".to_owned(),
                LinkError::OtherCluster => format!("this is cluster {}", self.terms.cluster),
                LinkError::Frame(_) | LinkError::OutOfTurn(_) => error.to_string(),
                LinkError::Fenced { .. } | LinkError::Refused(_) => error.to_string(),
            };
            let mut end = text.len().min(LINK_TEXT_BYTES_MAX);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            frame::encode(out, Refused { text: text[..end].to_owned() });
        }
        self.state = State::Over;
    }
}
