//! One end of a link as a state machine: bytes in, events and bytes out. It knows no time: the
//! caller ends a link whose handshake takes too long, or that is silent.

use super::batch::{self, Batch, Said};
use super::fields::{Field, Reader};
use super::frame::{Expected, FrameError, HANDSHAKE_VERSION, HEADER_BYTES, Kind, RawFrame, seal};
use super::handshake::{Admission, Agreed, Challenge, Hello, Mac, Nonce, Peer, Refused, Role};
use super::handshake::{Transcript, Welcome};
use super::intake::Intake;
use super::item::Item;
use super::limits::{LINK_CLUSTER_BYTES_MAX, LINK_FEATURES, LINK_TEXT_BYTES_MAX, LINK_VERSIONS};
use super::plant::{self, Fault};
use super::secret::Secret;
use super::versions::Versions;
use shard::command::{Answer, Delivery};
use wire::RefusalCode;

/// What all links of a process have in common.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The cluster's name: processes of different clusters do not link even if they share a secret.
    pub cluster: String,
    /// The cluster's secret.
    pub secret: Secret,
    /// What this process speaks.
    pub versions: Versions,
    /// What this process knows, as bits.
    pub features: u64,
}

impl Terms {
    /// Of this release.
    #[must_use]
    pub fn new(cluster: String, secret: Secret) -> Self {
        Self { cluster, secret, versions: LINK_VERSIONS, features: LINK_FEATURES }
    }
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
    /// The peer does not know the secret of this cluster, or somebody changed the handshake on its way.
    #[error("peer does not know this cluster's secret: give both sides the same secret file")]
    WrongSecret,
    /// The peer belongs elsewhere.
    #[error("peer belongs to another cluster")]
    OtherCluster,
    /// The two sides have no version in common.
    #[error(
        "dialer speaks link versions {dialer}, acceptor {acceptor}: none is common; bring the older one to the release before the newer one's"
    )]
    NoCommonVersion {
        /// The dialer's.
        dialer: Versions,
        /// The acceptor's.
        acceptor: Versions,
    },
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
    Challenged { transcript: Transcript },
    /// Acceptor: waits for the caller to admit or refuse the peer.
    Asked { peer: Peer, agreed: Agreed, transcript: Transcript },
    /// Dialer: waits for a challenge.
    Dialed { peer: Peer },
    /// Dialer: waits for a welcome.
    Greeted { theirs: Challenge, transcript: Transcript },
    /// Both have proven themselves.
    Open(Agreed),
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
    batch: Batch,
    /// Items that came, were of a later release, and were not counted by the caller yet.
    skipped: u64,
}

impl Link {
    /// For a connection that was accepted: writes the challenge.
    #[must_use]
    pub fn accept(terms: Terms, nonce: Nonce, out: &mut Vec<u8>) -> Self {
        let Terms { versions, features, .. } = terms;
        let payload = payload(&Challenge { nonce, versions, features });
        write(Kind::Challenge, &payload, out);
        let transcript = Transcript::of_challenge(&payload);
        Self::new(terms, nonce, State::Challenged { transcript })
    }

    /// For a connection that was dialed: waits for the challenge.
    #[must_use]
    pub fn dial(terms: Terms, nonce: Nonce, peer: Peer) -> Self {
        Self::new(terms, nonce, State::Dialed { peer })
    }

    fn new(terms: Terms, nonce: Nonce, state: State) -> Self {
        assert!(terms.cluster.len() <= LINK_CLUSTER_BYTES_MAX, "the configuration bounds names");
        assert!(terms.versions.is_possible(), "a release speaks a version");
        let (intake, batch) = (Intake::default(), Batch::default());
        Self { terms, nonce, state, intake, batch, skipped: 0 }
    }

    /// What is in force, once items may be sent.
    #[must_use]
    pub fn agreed(&self) -> Option<Agreed> {
        if let State::Open(agreed) = self.state { Some(agreed) } else { None }
    }

    /// Items may be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.agreed().is_some()
    }

    /// Bytes that were said and not written.
    #[must_use]
    pub fn unwritten_bytes(&self) -> usize {
        self.batch.len()
    }

    /// How many items came since the last call that were of a later release, and came to nothing.
    pub fn take_skipped(&mut self) -> u64 {
        std::mem::take(&mut self.skipped)
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
            let expected = self
                .agreed()
                .map_or(Expected::HANDSHAKE, |agreed| Expected::batches(agreed.version));
            let step = match intake.next(&mut piece, expected) {
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
        let State::Asked { peer, agreed, transcript } = &self.state else {
            panic!("nobody asked to be let in");
        };
        if peer.generation <= last {
            let fenced = LinkError::Fenced { generation: peer.generation, last };
            self.say_no(&fenced, out);
            return Err(fenced);
        }
        let Admission { entry, holder } = admission;
        let mut payload = payload(&Welcome { mac: Mac::default(), entry, holder });
        let mac = transcript.and(&payload).prove(&self.terms.secret, Role::Acceptor);
        payload[..mac.len()].copy_from_slice(&mac);
        write(Kind::Welcome, &payload, out);
        self.state = State::Open(*agreed);
        Ok(())
    }

    /// Says no to a peer that [`Event::Asked`] or has not come so far; the link is over.
    pub fn refuse(&mut self, text: &str, out: &mut Vec<u8>) {
        self.say_no(&LinkError::Declined(text.to_owned()), out);
    }

    /// Says an item with the next [`Link::flush`], behind those that were said before.
    ///
    /// # Panics
    /// The link is not open, or the item fits no frame.
    pub fn say(&mut self, item: &Item) {
        let agreed = self.agreed().expect("nothing is said before the handshake is over");
        self.batch.say(item, agreed.version);
    }

    /// Appends frames with what was said.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        if let State::Open(agreed) = self.state {
            let says_newest = plant::has(Fault::SayNewest);
            let version = if says_newest { self.terms.versions.max } else { agreed.version };
            self.batch.flush(version, out);
        }
    }

    fn on_frame(
        &mut self,
        frame: &RawFrame<'_>,
        out: &mut Vec<u8>,
        events: &mut Vec<Event>,
    ) -> Result<(), LinkError> {
        match (&self.state, frame.kind) {
            (State::Open(agreed), Kind::Batch) => {
                let said = batch::read(frame, agreed.version)?;
                events.push(Event::Items(self.on_said(said)));
            }
            (State::Dialed { peer }, Kind::Challenge) => {
                let peer = *peer;
                self.greet(peer, frame, out)?;
            }
            (State::Challenged { transcript }, Kind::Hello) => {
                let transcript = transcript.clone();
                events.push(Event::Asked(self.on_hello(&transcript, frame)?));
            }
            (State::Greeted { theirs, transcript }, Kind::Welcome) => {
                let (admission, agreed) = self.on_welcome(theirs, transcript, frame)?;
                self.state = State::Open(agreed);
                events.push(Event::Welcomed(admission));
            }
            (State::Dialed { .. } | State::Greeted { .. }, Kind::Refused) => {
                return Err(LinkError::Refused(read::<Refused>(frame)?.text));
            }
            (_, kind) => return Err(LinkError::OutOfTurn(kind)),
        }
        Ok(())
    }

    /// What this release does not know is counted; whoever asked for it is told.
    fn on_said(&mut self, said: Said) -> Vec<Item> {
        let Said { items, unsupported, skipped } = said;
        self.skipped += skipped;
        for to in unsupported {
            let (code, retry_after_ms) = (RefusalCode::Unsupported, 0);
            let answer = Answer::Refused { code, retry_after_ms };
            self.say(&Item::Delivery(Delivery { to, answer }));
        }
        items
    }

    /// A dialer that speaks no version of the acceptor's says so too: the acceptor refuses it, so that both know why.
    fn greet(
        &mut self,
        peer: Peer,
        frame: &RawFrame<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), LinkError> {
        let theirs: Challenge = read(frame)?;
        if !theirs.versions.is_possible() {
            return Err(FrameError::Payload(Kind::Challenge).into());
        }
        let Terms { cluster, versions, features, secret } = &self.terms;
        let (cluster, versions, features) = (cluster.clone(), *versions, *features);
        let (mac, nonce) = (Mac::default(), self.nonce);
        let mut payload = payload(&Hello { mac, nonce, versions, features, peer, cluster });
        let transcript = Transcript::of_challenge(frame.payload).and(&payload);
        let mac = transcript.prove(secret, Role::Dialer);
        payload[..mac.len()].copy_from_slice(&mac);
        write(Kind::Hello, &payload, out);
        self.state = State::Greeted { theirs, transcript };
        Ok(())
    }

    fn on_hello(
        &mut self,
        challenge: &Transcript,
        frame: &RawFrame<'_>,
    ) -> Result<Peer, LinkError> {
        let Hello { mac, versions, features, peer, cluster, .. } = read(frame)?;
        let transcript = challenge.and(frame.payload);
        if !transcript.is_proof(&self.terms.secret, Role::Dialer, &mac) {
            return Err(LinkError::WrongSecret);
        }
        if cluster != self.terms.cluster {
            return Err(LinkError::OtherCluster);
        }
        let agreed = agree(&self.terms, versions, features).ok_or(LinkError::NoCommonVersion {
            dialer: versions,
            acceptor: self.terms.versions,
        })?;
        self.state = State::Asked { peer, agreed, transcript };
        Ok(peer)
    }

    fn on_welcome(
        &self,
        theirs: &Challenge,
        transcript: &Transcript,
        frame: &RawFrame<'_>,
    ) -> Result<(Admission, Agreed), LinkError> {
        let Welcome { mac, entry, holder } = read(frame)?;
        if !transcript.and(frame.payload).is_proof(&self.terms.secret, Role::Acceptor, &mac) {
            return Err(LinkError::WrongSecret);
        }
        let agreed = agree(&self.terms, theirs.versions, theirs.features).ok_or(
            LinkError::NoCommonVersion { dialer: self.terms.versions, acceptor: theirs.versions },
        )?;
        Ok((Admission { entry, holder }, agreed))
    }

    fn end(&mut self, error: LinkError, out: &mut Vec<u8>, events: &mut Vec<Event>) {
        self.say_no(&error, out);
        events.push(Event::Ended(error));
    }

    /// Ends the link; an acceptor says why while the dialer is still waiting for its word.
    fn say_no(&mut self, error: &LinkError, out: &mut Vec<u8>) {
        if matches!(self.state, State::Challenged { .. } | State::Asked { .. }) {
            let text = match error {
                LinkError::Declined(text) => text.clone(),
                LinkError::WrongSecret => "you do not know this cluster's secret".to_owned(),
                LinkError::OtherCluster => format!("this is cluster {}", self.terms.cluster),
                LinkError::Frame(_) | LinkError::OutOfTurn(_) => error.to_string(),
                LinkError::NoCommonVersion { .. } | LinkError::Fenced { .. } => error.to_string(),
                LinkError::Refused(_) => error.to_string(),
            };
            let mut end = text.len().min(LINK_TEXT_BYTES_MAX);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            write(Kind::Refused, &payload(&Refused { text: text[..end].to_owned() }), out);
        }
        self.state = State::Over;
    }
}

/// What is in force between this side and one that speaks and knows these.
fn agree(terms: &Terms, versions: Versions, features: u64) -> Option<Agreed> {
    let version = terms.versions.common(versions).filter(|_| versions.is_possible())?;
    Some(Agreed { version, features: terms.features & features })
}

fn payload(frame: &impl Field) -> Vec<u8> {
    let mut payload = Vec::new();
    frame.write(&mut payload);
    payload
}

/// Appends a frame of the handshake.
fn write(kind: Kind, payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    out.extend_from_slice(payload);
    seal(&mut out[start..], kind, HANDSHAKE_VERSION);
}

/// Reads a frame of the handshake. What a later release says behind the fields that are known is not looked at.
fn read<P: Field>(frame: &RawFrame<'_>) -> Result<P, FrameError> {
    P::read(&mut Reader::new(frame.payload)).map_err(|_| FrameError::Payload(frame.kind))
}
