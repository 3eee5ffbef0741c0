//! However TCP cuts the records of a client, what is in them is heard as if it had come by itself; what is no TLS is not heard
//! where TLS must be, and a handshake waits for its turn.

use crate::scene::{Kept, Scene, frame, masked, request};
use front::{Carrier, Fault, HEAD_BYTES_MAX, Read, Security, Tls};
use proptest::collection::vec;
use proptest::prelude::*;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ServerConfig};
use std::sync::{Arc, LazyLock};
use wire::FRAME_BEFORE_LOGIN_BYTES_MAX;

/// A certificate for `im.example`.
#[derive(Debug)]
struct Certificate(Arc<CertifiedKey>);

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// How a server and its clients speak; with the certificate in PEM.
static ENDS: LazyLock<(Arc<ServerConfig>, String)> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(vec!["im.example".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let certified = front::certified_key(certificate.as_bytes(), key.as_bytes()).unwrap();
    (front::server(Arc::new(Certificate(Arc::new(certified)))), certificate)
});

fn config(protocol: &str) -> Arc<ClientConfig> {
    front::client(ENDS.1.as_bytes(), protocol).unwrap()
}

/// A client, and a server that hears it in pieces of these sizes, which come again.
struct Pair {
    scene: Scene,
    client: Tls,
    says: Vec<u8>,
    told: Vec<u8>,
    sizes: Vec<usize>,
    nth: usize,
}

impl Pair {
    fn with(config: &Arc<ClientConfig>, sizes: &[usize]) -> Self {
        let mut scene = Scene::default();
        scene.common.security = Security::Accept(ENDS.0.clone());
        scene.common.handshakes = u32::MAX;
        let mut says = Vec::new();
        let client = Tls::client(config, "im.example".try_into().unwrap(), &mut says).unwrap();
        Self { scene, client, says, told: Vec::new(), sizes: sizes.to_vec(), nth: 0 }
    }

    /// Until both have said all that they have to say.
    fn talk(&mut self) {
        while !self.says.is_empty() {
            for piece in self.cut() {
                self.scene.hear(&piece);
            }
            let mut raw = std::mem::take(&mut self.scene.raw);
            let room = usize::MAX;
            self.client.read(&mut raw, room, (&mut self.says, &mut self.told)).unwrap();
        }
    }

    fn cut(&mut self) -> Vec<Vec<u8>> {
        let (says, mut pieces) = (std::mem::take(&mut self.says), Vec::new());
        let mut rest = &says[..];
        while !rest.is_empty() {
            let size = self.sizes[self.nth % self.sizes.len()].min(rest.len());
            self.nth += 1;
            pieces.push(rest[..size].to_vec());
            rest = &rest[size..];
        }
        pieces
    }

    fn say(&mut self, plain: &[u8]) {
        self.client.write(plain, &mut self.says).unwrap();
    }
}

/// What is heard of these bytes, said in so many parts, without what only TLS tells.
fn heard(protocol: &str, bytes: &[u8], parts: usize, sizes: &[usize]) -> Vec<Kept> {
    let mut pair = Pair::with(&config(protocol), sizes);
    pair.talk();
    assert!(!pair.client.is_handshaking());
    for part in bytes.chunks(bytes.len().div_ceil(parts)) {
        pair.say(part);
        pair.talk();
    }
    let mut heard = pair.scene.heard;
    assert_eq!(heard.remove(0), Kept::Sealed);
    assert_eq!(heard.remove(0), Kept::Agreed);
    heard
}

/// An upgrade and three messages.
fn socket() -> Vec<u8> {
    let frames = |count| (0..count).flat_map(frame).collect::<Vec<_>>();
    let messages = [masked(0x82, &frames(1)), masked(0x89, b"ping"), masked(0x82, &frames(300))];
    [request("").into_bytes(), messages.concat()].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_cut_of_the_bytes_is_the_same(
        sizes in vec(1..5_000_usize, 1..20),
        parts in 1..40_usize,
        agrees in any::<bool>(),
    ) {
        for (protocol, bytes) in [("http/1.1", socket()), ("longline/1", (0..500).flat_map(frame).collect())] {
            let mut plain = Scene::default();
            plain.hear(&bytes);
            let protocol = if agrees { protocol } else { "" };
            prop_assert_eq!(heard(protocol, &bytes, parts, &sizes), plain.heard);
        }
    }

    #[test]
    fn damage_ends_it_and_never_panics(
        (at, bit) in (0..20_000_usize, 0..8_u8),
        sizes in vec(1..5_000_usize, 1..20),
        handshaking in any::<bool>(),
    ) {
        let mut pair = Pair::with(&config("longline/1"), &sizes);
        if !handshaking {
            pair.talk();
            pair.say(&(0..300).flat_map(frame).collect::<Vec<_>>());
        }
        let at = at % pair.says.len();
        // What says that it is TLS stays.
        prop_assume!(at > 3 || !handshaking);
        pair.says[at] ^= 1_u8 << bit;
        for piece in pair.cut() {
            pair.scene.hear(&piece);
        }
        pair.scene.seal(&frame(1));
        pair.scene.close();
        // Handshakes do not notice all of it before the client does.
        let is_over = matches!(pair.scene.heard.last(), Some(Kept::Broken(_)));
        // A length that is greater leaves it partial.
        let is_partial = !pair.scene.heard.iter().any(|it| matches!(it, Kept::Frame(_)));
        prop_assert!(handshaking || is_over || is_partial, "{:?}", pair.scene.heard.last());
    }
}

#[test]
fn answers_are_sealed_and_the_end_is_told() {
    let mut pair = Pair::with(&config("longline/1"), &[1_400]);
    pair.scene.seal(b"too early");
    pair.talk();
    assert_eq!(pair.told, b"");
    let long: Vec<u8> = (0..50_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    pair.scene.seal(&long);
    assert!(pair.scene.raw.len() < long.len() + 4 * 32, "four records");
    pair.scene.close();
    let (mut raw, room) = (std::mem::take(&mut pair.scene.raw), usize::MAX);
    let read = pair.client.read(&mut raw, room, (&mut pair.says, &mut pair.told)).unwrap();
    assert_eq!((read, pair.told.as_slice()), (Read::Closed, &long[..]));
    pair.client.close(&mut pair.says).unwrap();
    pair.talk();
    assert_eq!(pair.scene.heard.last(), Some(&Kept::Closes));
}

#[test]
fn a_handshake_waits_for_its_turn() {
    let mut pair = Pair::with(&config("longline/1"), &[100]);
    pair.scene.common.handshakes = 0;
    for piece in pair.cut() {
        pair.scene.hear(&piece);
    }
    pair.scene.hear(&[]);
    assert_eq!(pair.scene.heard, [Kept::Sealed, Kept::Waits], "it is told once");
    assert_eq!(pair.scene.raw, b"");
    pair.scene.common.handshakes = 1;
    pair.scene.hear(&[]);
    let mut raw = std::mem::take(&mut pair.scene.raw);
    pair.client.read(&mut raw, usize::MAX, (&mut pair.says, &mut pair.told)).unwrap();
    assert!(!pair.client.is_handshaking() && pair.scene.common.handshakes == 0);
    pair.scene.heard.clear();
    for piece in pair.cut() {
        pair.scene.hear(&piece);
    }
    assert_eq!(pair.scene.heard, [Kept::Waits], "its second step is one as well");
}

/// A client may say all of its part at once. The server may have something to say, or close, before its turn comes.
#[test]
fn a_handshake_that_waits_with_frames_behind_it_may_be_closed() {
    let mut pair = Pair::with(&config("longline/1"), &[100]);
    pair.scene.common.handshakes = 1;
    for piece in pair.cut() {
        pair.scene.hear(&piece);
    }
    let mut raw = std::mem::take(&mut pair.scene.raw);
    pair.client.read(&mut raw, usize::MAX, (&mut pair.says, &mut pair.told)).unwrap();
    pair.say(&frame(1));
    for piece in pair.cut() {
        pair.scene.hear(&piece);
    }
    pair.scene.seal(b"too early");
    pair.scene.close();
    assert_eq!(
        (&pair.scene.heard[..], &pair.scene.raw[..]),
        (&[Kept::Sealed, Kept::Waits][..], &b""[..])
    );
}

/// A message of a handshake may stand in many records, of which some are there.
#[test]
fn a_hello_in_many_records_is_heard_and_may_be_closed() {
    for parts in 1..40 {
        let mut pair = Pair::with(&config("longline/1"), &[77]);
        let hello = pair.says.split_off(5);
        pair.says = hello
            .chunks(hello.len().div_ceil(40))
            .take(parts)
            .flat_map(|part| [&[22, 3, 1, 0, part.len().to_le_bytes()[0]], part].concat())
            .collect();
        for piece in pair.cut() {
            pair.scene.hear(&piece);
        }
        let is_whole = pair.scene.raw.first() == Some(&22);
        assert_eq!(is_whole, parts >= 40 || hello.len().div_ceil(40) * parts >= hello.len());
        pair.scene.seal(b"too early");
        pair.scene.close();
        pair.scene.hear(&[]);
        pair.scene.hear(b"\x15\x03\x03\x00\x02\x02\x2a");
        assert!(matches!(pair.scene.heard.last(), Some(Kept::Broken(_))));
    }
}

#[test]
fn where_tls_must_be_nothing_else_is_heard() {
    for says in [frame(1), request("").into_bytes(), vec![0xff; 100], b"help".to_vec()] {
        let mut scene = Scene::default();
        scene.common.security = Security::Require(ENDS.0.clone());
        scene.hear(&says[..2]);
        scene.hear(&says[2..]);
        scene.hear(&says);
        assert_eq!(scene.heard, [Kept::Broken(Fault::Plain)]);
        let answer = String::from_utf8(scene.raw).unwrap();
        let is_http = says.starts_with(b"GET");
        assert_eq!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("wss://"), is_http);
        assert_eq!(answer.is_empty(), !is_http);
    }
}

#[test]
fn faults_are_told_apart() {
    let broken = |says: &[u8]| {
        let mut scene = Scene::default();
        scene.common.security = Security::Accept(ENDS.0.clone());
        scene.common.handshakes = 9;
        scene.hear(says);
        (scene.heard.pop(), scene.raw)
    };
    let alert = |raw: &[u8]| raw.first() == Some(&21);
    let (told, raw) = broken(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff");
    assert!(told == Some(Kept::Broken(Fault::TlsRecord)) && alert(&raw), "{told:?}");
    let (told, raw) = broken(&Pair::with(&config("h2"), &[1]).says);
    // Its alert goes behind the first answer, and is sealed.
    assert!(told == Some(Kept::Broken(Fault::TlsTerms)) && !raw.is_empty(), "{told:?}");
    // A client that does not trust the certificate.
    let made = rcgen::generate_simple_self_signed(vec!["im.example".to_owned()]).unwrap();
    let stranger = front::client(made.cert.pem().as_bytes(), "longline/1").unwrap();
    let mut pair = Pair::with(&stranger, &[1_000]);
    for piece in pair.cut() {
        pair.scene.hear(&piece);
    }
    let mut raw = std::mem::take(&mut pair.scene.raw);
    pair.client.read(&mut raw, usize::MAX, (&mut pair.says, &mut pair.told)).unwrap_err();
    for piece in pair.cut() {
        pair.scene.hear(&piece);
    }
    assert_eq!(pair.scene.heard.last(), Some(&Kept::Broken(Fault::TlsAlert)));
    // TLS within TLS, and TLS where there is none.
    let mut pair = Pair::with(&config(""), &[1_000]);
    pair.talk();
    pair.say(b"\x16\x03\x01\x00\x05hello");
    pair.talk();
    assert_eq!(pair.scene.heard.last(), Some(&Kept::Broken(Fault::Tls)));
}

#[test]
fn what_is_kept_before_a_login_is_bounded() {
    let mut pair = Pair::with(&config("http/1.1"), &[700]);
    pair.talk();
    pair.scene.frame_bytes_max = FRAME_BEFORE_LOGIN_BYTES_MAX;
    let head = format!("GET /{}", "y".repeat(HEAD_BYTES_MAX / 2));
    pair.say(head.as_bytes());
    pair.talk();
    pair.say(&[b'y'; 16 * 1024]);
    for piece in pair.cut() {
        pair.scene.hear(&piece);
    }
    assert_eq!(pair.scene.heard.last(), Some(&Kept::Broken(Fault::TlsRecord)));
    let mut scene = Scene::default();
    scene.frame_bytes_max = FRAME_BEFORE_LOGIN_BYTES_MAX;
    scene.common.security = Security::Accept(ENDS.0.clone());
    scene.hear(b"\x16\x03\x01\x40\x00");
    (0..100).for_each(|_| scene.hear(&[1; 100]));
    assert_eq!(scene.heard, [Kept::Sealed, Kept::Broken(Fault::TlsRecord)]);
}

/// A client that calls says its head and its body in one record, of which nothing is known before all of it came.
#[test]
fn the_first_call_comes_in_one_record() {
    let mut pair = Pair::with(&config("http/1.1"), &[700]);
    pair.talk();
    (pair.scene.frame_bytes_max, pair.scene.user) = (FRAME_BEFORE_LOGIN_BYTES_MAX, 7);
    let body = format!(r#"{{"id":9,"sync":{{"cursor":3,"limit":5}}}}{}"#, " ".repeat(15_000));
    let head = format!(
        "POST /v1/requests?device=5 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a.b.c\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    pair.say((head + &body).as_bytes());
    pair.talk();
    assert_eq!(pair.scene.heard.last(), Some(&Kept::Frame(Ok(9))));
}

#[test]
fn a_client_that_agrees_on_frames_says_frames() {
    let mut pair = Pair::with(&config("longline/1"), &[1_000]);
    pair.talk();
    assert_eq!(pair.scene.heard.last(), Some(&Kept::Speaks(Carrier::Frames)));
    pair.say(&request("").into_bytes());
    pair.talk();
    assert!(matches!(pair.scene.heard.last(), Some(Kept::Frame(Err(_)))));
}
