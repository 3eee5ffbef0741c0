//! Two ends of a link in one hand.

use link::{
    Admission, Event, HEADER_BYTES, Item, Link, LinkError, Peer, PeerId, Secret, Terms, Versions,
};
use shard::owner::{Holder, Incarnation, NodeId};

/// What acceptors tell in these tests.
pub const ADMISSION: Admission =
    Admission { entry: 9, holder: Holder { node: NodeId(3), incarnation: Incarnation(7) } };

pub fn terms(cluster: &str, secret: &str) -> Terms {
    Terms::new(cluster.to_owned(), Secret::parse(secret.as_bytes()).unwrap())
}

/// The usual terms of a release that speaks these versions.
pub fn terms_of(min: u8, max: u8) -> Terms {
    Terms { versions: Versions { min, max }, ..usual_terms() }
}

pub fn usual_terms() -> Terms {
    terms("blue", "a secret of the tests\n")
}

pub fn gateway(generation: u64) -> Peer {
    Peer { id: PeerId::Gateway { instance: 77, core: 1 }, generation }
}

/// One end, what it wants to say, and what it saw.
pub struct End {
    pub link: Link,
    pub out: Vec<u8>,
    pub events: Vec<Event>,
}

impl End {
    pub fn acceptor(terms: Terms) -> Self {
        let mut out = vec![];
        let link = Link::accept(terms, [1; 32], &mut out);
        Self { link, out, events: vec![] }
    }

    pub fn dialer(terms: Terms, peer: Peer) -> Self {
        Self { link: Link::dial(terms, [2; 32], peer), out: vec![], events: vec![] }
    }

    pub fn read(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.link.read(bytes, &mut self.out, &mut self.events);
        std::mem::take(&mut self.events)
    }

    /// The reason for which reading these bytes ended the link, if it did.
    pub fn fate(&mut self, bytes: &[u8]) -> Option<LinkError> {
        match self.read(bytes).pop() {
            Some(Event::Ended(error)) => Some(error),
            _ => None,
        }
    }

    pub fn said(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// These items as this end would say them.
    pub fn say(&mut self, items: &[Item]) -> Vec<u8> {
        items.iter().for_each(|item| self.link.say(item));
        self.link.flush(&mut self.out);
        self.said()
    }
}

/// A dialer and an acceptor that have let each other in.
pub fn open() -> (End, End) {
    open_with(usual_terms(), usual_terms())
}

/// The same with terms of the dialer and the acceptor.
pub fn open_with(dialer: Terms, acceptor: Terms) -> (End, End) {
    let (mut dialer, mut acceptor) = (End::dialer(dialer, gateway(1)), End::acceptor(acceptor));
    assert_eq!(dialer.read(&acceptor.said()), []);
    assert_eq!(acceptor.read(&dialer.said()), [Event::Asked(gateway(1))]);
    acceptor.link.admit(0, ADMISSION, &mut acceptor.out).unwrap();
    assert_eq!(dialer.read(&acceptor.said()), [Event::Welcomed(ADMISSION)]);
    assert!(dialer.link.is_open() && acceptor.link.is_open());
    (dialer, acceptor)
}

/// A frame whose header is right, written without the crate's help.
pub fn seal(kind: u8, version: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER_BYTES + payload.len()).unwrap();
    let mut frame = length.to_le_bytes().to_vec();
    frame.extend([kind, version, 0, 0]);
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame);
    hasher.update(payload);
    frame.extend(hasher.finalize().to_le_bytes());
    frame.extend(payload);
    frame
}

/// The frames in these bytes.
pub fn frames(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = vec![];
    while let Some(length) = bytes.first_chunk() {
        let (frame, rest) = bytes.split_at(u32::from_le_bytes(*length) as usize);
        frames.push(frame);
        bytes = rest;
    }
    assert!(bytes.is_empty());
    frames
}
