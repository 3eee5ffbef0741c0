//! Clients speak TLS on the port where others speak frames: rustls and openssl at the other end, tungstenite in it. Where TLS
//! must be, nothing else is read; a certificate changes and nobody is lost. Real gateways.

use crate::peer::{framed, hello, id, login, send};
use crate::process::{Gateway, PATIENCE, between, block_on, command, messages, refused};
use client::{Client, Config, Position, Tls};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustix::process::Signal;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{Message, WebSocket};
use wire::{DeviceId, FRAME_BYTES_MAX, FrameBuffer, RawFrame, Scratch, frames};

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A directory with a certificate, its key, and a gateway's data.
struct Place {
    dir: tempfile::TempDir,
    /// What clients trust.
    root: String,
}

impl Place {
    fn new() -> Self {
        let mut place = Self { dir: tempfile::tempdir().unwrap(), root: String::new() };
        place.root = place.write(2040);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes another certificate, good until a year, and its key.
    fn write(&self, until: i32) -> String {
        let key = KeyPair::generate().unwrap();
        let mut params =
            CertificateParams::new(vec!["im.example".to_owned(), "localhost".to_owned()]).unwrap();
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.self_signed(&key).unwrap().pem();
        fs::write(self.path("certificate.pem"), &certificate).unwrap();
        fs::write(self.path("key.pem"), key.serialize_pem()).unwrap();
        certificate
    }

    fn settings(&self, tls: &str, more: &[&str]) -> Vec<String> {
        let path = |name| self.path(name).display().to_string();
        let (certificate, key) = (path("certificate.pem"), path("key.pem"));
        let own = ["--tls", tls, "--tls-certificate", &certificate, "--tls-key", &key];
        own.iter().chain(more).map(ToString::to_string).collect()
    }

    fn start(&self, tls: &str, more: &[&str]) -> Gateway {
        let settings = self.settings(tls, more);
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        Gateway::start(&self.path("data"), &settings)
    }

    fn refused(&self, tls: &str, parts: &[&str]) {
        let settings = self.settings(tls, &[]);
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let end = refused(&self.path("data"), &settings);
        assert_eq!(end.code, Some(2), "{}", end.told);
        for part in parts {
            assert!(end.told.contains(part), "{part:?} is not in {}", end.told);
        }
    }
}

fn config(
    root: &str,
    protocol: Option<&str>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_protocol_versions(versions).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocol.into_iter().map(Into::into).collect();
    Arc::new(config)
}

fn tcp(gateway: &Gateway) -> TcpStream {
    let stream = TcpStream::connect(gateway.listen).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn connect(gateway: &Gateway, config: &Arc<ClientConfig>) -> Stream {
    let name = "im.example".try_into().unwrap();
    StreamOwned::new(ClientConnection::new(config.clone(), name).unwrap(), tcp(gateway))
}

/// A peer whose frames go as they are.
struct Peer {
    stream: Stream,
    rest: Vec<u8>,
}

impl Peer {
    fn logged_in(gateway: &Gateway, config: &Arc<ClientConfig>, uid: u64) -> Self {
        let mut peer = Self { stream: connect(gateway, config), rest: Vec::new() };
        peer.say(&[hello(), login(&gateway.token(uid), 1)].concat());
        peer.hear(|frame| frame.read::<frames::HelloReply>().unwrap());
        peer.hear(|frame| frame.read::<frames::LoginReply>().unwrap());
        peer
    }

    fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    #[track_caller]
    fn hear<T>(&mut self, take: impl FnOnce(&RawFrame<'_>) -> T) -> T {
        loop {
            let length = self.rest.first_chunk().map(|it| u32::from_le_bytes(*it) as usize);
            if let Some(length) = length.filter(|length| self.rest.len() >= *length) {
                let frame: Vec<u8> = self.rest.drain(..length).collect();
                let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
                let mut read = buffer.read(&frame, FRAME_BYTES_MAX);
                return take(&read.next(&mut scratch).unwrap().unwrap());
            }
            let mut piece = [0; 4096];
            let count = self.stream.read(&mut piece).unwrap();
            assert!(count > 0, "it ended");
            self.rest.extend_from_slice(&piece[..count]);
        }
    }

    /// Whether it is answered still.
    fn beats(&mut self) -> bool {
        self.say(&framed(9, frames::Heartbeat { time_ms: 1 }));
        self.hear(|frame| frame.read::<frames::HeartbeatReply>().is_ok())
    }
}

fn closes(gateway: &Gateway, reason: &str) -> u64 {
    gateway.metric(&format!("longline_closes_total{{reason=\"{reason}\"}}"))
}

#[test]
fn frames_go_both_ways_in_both_versions() {
    let (place, longline) = (Place::new(), Some("longline/1"));
    let gateway = place.start("accept", &[]);
    let mut eight = crate::peer::Peer::logged_in(&gateway, 8, 1);
    for (versions, protocol) in [
        (&[&rustls::version::TLS13][..], longline),
        (&[&rustls::version::TLS12], longline),
        (&[&rustls::version::TLS13], None),
    ] {
        let config = config(&place.root, protocol, versions);
        // The second comes by a ticket.
        for _ in 0..2 {
            let mut seven = Peer::logged_in(&gateway, &config, 7);
            for size in [1, 2_000, 32_768] {
                let body = vec![b'x'; size];
                seven.say(&send(3, (7, 8), id(rand::random()), &body));
                while seven.hear(|frame| frame.read::<frames::SendAck>().is_err()) {}
                let (_, message) = eight.pushed();
                assert_eq!(message.body, body);
                eight.say(&framed(0, frames::PushAck { inbox_seq: message.inbox_seq }));
            }
            assert_eq!(seven.stream.conn.alpn_protocol(), protocol.map(str::as_bytes));
        }
    }
    assert_eq!(gateway.metric("longline_tls_handshakes_total"), 6);
}

#[test]
fn a_websocket_is_one_in_tls_too() {
    let place = Place::new();
    let gateway = place.start("require", &[]);
    for protocol in [Some("http/1.1"), None] {
        let config = config(&place.root, protocol, rustls::ALL_VERSIONS);
        let mut request = "wss://im.example/v1/ws".into_client_request().unwrap();
        let subprotocol = HeaderValue::from_static("longline.v1");
        request.headers_mut().insert("Sec-WebSocket-Protocol", subprotocol);
        let (mut socket, _): (WebSocket<Stream>, _) =
            tungstenite::client(request, connect(&gateway, &config)).unwrap();
        let says = [hello(), login(&gateway.token(7), 1)].concat();
        socket.send(Message::binary(says)).unwrap();
        assert!(socket.read().unwrap().is_binary());
        socket.send(Message::Ping(b"there?".as_ref().into())).unwrap();
        while !socket.read().unwrap().is_pong() {}
        socket.close(None).unwrap();
        // The answer to the login may come first.
        while !socket.read().unwrap().is_close() {}
        let mut rest = Vec::new();
        // An end without close_notify would be an error.
        socket.get_mut().read_to_end(&mut rest).unwrap();
    }
    assert_eq!(gateway.metric("longline_upgrades_total"), 2);
}

#[test]
fn a_plain_byte_is_never_read_behind_tls() {
    let place = Place::new();
    let gateway = place.start("require", &[]);
    let answered = |says: &[u8]| {
        let mut stream = tcp(&gateway);
        stream.write_all(says).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let login = [hello(), login(&gateway.token(7), 1)].concat();
    assert_eq!(answered(&login), "");
    assert_eq!(answered(&[0xff; 64]), "");
    let answer = answered(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("speaks TLS only"), "{answer}");
    assert_eq!(closes(&gateway, "plain"), 3);
    assert_eq!(gateway.metric("longline_frames_in_total"), 0);
    assert_eq!(gateway.metric("longline_frames_out_total"), 0);
}

#[test]
fn what_is_no_handshake_ends_for_a_counted_reason() {
    let place = Place::new();
    let gateway = place.start("accept", &["--login-timeout-ms", "500"]);
    let ended = |says: &[u8]| {
        let mut stream = tcp(&gateway);
        stream.write_all(says).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    };
    // Half a hello, and nothing more: the time for a login covers it.
    assert_eq!(ended(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"), b"");
    assert_eq!(closes(&gateway, "login_timeout"), 1);
    let alert = ended(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff");
    assert_eq!((alert.first(), closes(&gateway, "tls_record")), (Some(&21), 1));
    // Garbage behind a handshake.
    let config = config(&place.root, Some("longline/1"), rustls::ALL_VERSIONS);
    let mut peer = Peer::logged_in(&gateway, &config, 7);
    peer.stream.sock.write_all(&[&[23, 3, 3, 0, 40][..], &[7; 40]].concat()).unwrap();
    let mut rest = Vec::new();
    assert!(peer.stream.read_to_end(&mut rest).is_err(), "an alert");
    assert_eq!(closes(&gateway, "tls_record"), 2);
    // Of a certificate that it does not trust.
    let stranger = Place::new();
    let config = self::config(&stranger.root, None, rustls::ALL_VERSIONS);
    assert!(connect(&gateway, &config).write_all(b"x").is_err());
    let config = self::config(&place.root, Some("h2"), rustls::ALL_VERSIONS);
    assert!(connect(&gateway, &config).write_all(b"x").is_err());
    assert_eq!(closes(&gateway, "tls_terms"), 1);
}

#[test]
fn a_certificate_changes_under_load() {
    let place = Place::new();
    let gateway = place.start("require", &[]);
    let old = config(&place.root, Some("longline/1"), rustls::ALL_VERSIONS);
    let mut peers: Vec<Peer> = (1..6).map(|uid| Peer::logged_in(&gateway, &old, uid)).collect();
    let expires = gateway.metric("longline_tls_certificate_expires_seconds");
    assert_eq!(expires, 2_208_988_800, "the first of January 2040");
    // A key that does not fit changes nothing.
    let key = fs::read(place.path("key.pem")).unwrap();
    place.write(2041);
    fs::write(place.path("key.pem"), &key).unwrap();
    gateway.signal(Signal::HUP);
    gateway.until_told("is the key of another certificate");
    assert_eq!(gateway.metric("longline_tls_certificate_stale"), 1);
    peers.push(Peer::logged_in(&gateway, &old, 10));
    let new = place.write(2042);
    gateway.signal(Signal::HUP);
    gateway.until_told("the certificate was read again");
    let new = config(&new, Some("longline/1"), rustls::ALL_VERSIONS);
    peers.push(Peer::logged_in(&gateway, &new, 11));
    let refused =
        connect(&gateway, &config(&place.root, None, rustls::ALL_VERSIONS)).write_all(b"x");
    assert!(refused.is_err(), "the old one is shown to nobody");
    assert!(peers.iter_mut().all(Peer::beats), "who was there stays");
    assert_eq!(gateway.metric("longline_tls_certificate_stale"), 0);
    assert_eq!(gateway.metric("longline_tls_certificate_expires_seconds"), 2_272_147_200);
    // One whose time is over does not follow.
    place.write(2001);
    gateway.signal(Signal::HUP);
    gateway.until_told("its time is over");
    assert!(Peer::logged_in(&gateway, &new, 12).beats());
}

#[test]
fn readiness_tells_of_a_certificate_that_is_over() {
    let place = Place::new();
    place.write(2001);
    let gateway = place.start("require", &[]);
    // Its shards may be opening still.
    while !gateway.page("/readyz").contains("the time of tls_certificate has been over for") {
        std::thread::yield_now();
    }
}

#[test]
fn bad_files_are_named_with_what_to_do() {
    let place = Place::new();
    let good = [fs::read(place.path("certificate.pem")), fs::read(place.path("key.pem"))]
        .map(Result::unwrap);
    fs::write(place.path("key.pem"), &good[0]).unwrap();
    place.refused("accept", &["tls_key", "key.pem", "holds no private key in PEM"]);
    fs::write(place.path("key.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    place.refused("accept", &["tls_key", "key.pem", "is the key of another certificate"]);
    fs::write(place.path("certificate.pem"), "nothing").unwrap();
    place
        .refused("require", &["tls_certificate", "certificate.pem", "holds no certificate in PEM"]);
    fs::remove_file(place.path("certificate.pem")).unwrap();
    place.refused("require", &["tls_certificate", "certificate.pem", "could not be read"]);
    place.refused("off", &["tls = \"off\"", "has no use for"]);
    let end = refused(&place.path("data"), &["--tls", "require"]);
    assert!(end.code == Some(2) && end.told.contains("needs tls_certificate"), "{}", end.told);
    let end = refused(&place.path("data"), &["--listen", "0.0.0.0:0"]);
    assert!(end.code == Some(2) && end.told.contains("tls = \"off\""), "{}", end.told);
}

#[test]
fn openssl_is_a_client_like_another() {
    let place = Place::new();
    let gateway = place.start("accept", &[]);
    let spoken = |version: &str| {
        let mut command = Command::new("openssl");
        let at = gateway.listen.to_string();
        command.args(["s_client", "-connect", &at, version, "-alpn", "http/1.1", "-quiet"]);
        command.arg("-CAfile").arg(place.path("certificate.pem"));
        command.args(["-verify_hostname", "im.example", "-verify_return_error"]);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = pipes.spawn().expect("openssl is installed");
        // It may be gone by then.
        let _ = child.stdin.take().unwrap().write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    for version in ["-tls1_3", "-tls1_2"] {
        assert!(spoken(version).starts_with("HTTP/1.1 200 "), "{version}");
    }
    assert_eq!(spoken("-tls1_1"), "");
}

#[test]
fn the_client_library_speaks_tls() {
    let place = Place::new();
    let gateway = place.start("require", &[]);
    let connect = |uid| {
        let addresses = vec![format!("localhost:{}", gateway.listen.port())];
        let (token, device) = (gateway.token(uid), DeviceId(1));
        let tls = Some(Tls::of_file(&place.path("certificate.pem")).unwrap());
        Client::connect(Config { addresses, token, device, position: Position::default(), tls })
    };
    block_on(async {
        let ((seven, _), (_eight, mut inbox)) =
            (connect(7).await.unwrap(), connect(8).await.unwrap());
        let body = "x".repeat(30_000);
        seven.send(between(7, 8), body.clone()).await.unwrap();
        assert_eq!(messages(&mut inbox, 1).await[0].2, body);
        let addresses = vec![gateway.listen.to_string()];
        let (token, device, position) = (gateway.token(7), DeviceId(1), Position::default());
        let tls = Some(Tls::of_file(&place.path("certificate.pem")).unwrap());
        let config = Config { addresses, token, device, position, tls };
        assert!(Client::connect(config).await.is_err(), "the certificate is of another name");
    });
}

/// A message in its first record, and a poll that waits for another on a second connection.
#[test]
fn a_client_calls_in_tls() {
    let place = Place::new();
    let gateway = place.start("require", &[]);
    let config = config(&place.root, Some("http/1.1"), rustls::ALL_VERSIONS);
    let (token, other) = (gateway.token(7), gateway.token(8));
    let says = |stream: &mut Stream, line: &str, token: &str, body: &str| {
        let head =
            format!("{line} HTTP/1.1\r\nHost: im.example\r\nAuthorization: Bearer {token}\r\n");
        let length = format!("Content-Length: {}\r\n\r\n", body.len());
        stream.write_all((head + &length + body).as_bytes()).unwrap();
        stream.flush().unwrap();
    };
    let hears = |stream: &mut Stream, part: &str| {
        let (mut text, mut piece) = (String::new(), [0; 4_096]);
        while !text.contains(part) {
            let read = stream.read(&mut piece).unwrap();
            assert_ne!(read, 0, "{text}");
            text += str::from_utf8(&piece[..read]).unwrap();
        }
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        text
    };
    let mut polls = connect(&gateway, &config);
    says(&mut polls, "POST /v1/login?device=1", &other, "");
    let text = hears(&mut polls, "login_reply");
    let (_, epoch) = text.split_once(r#""inbox_epoch":""#).unwrap();
    let (epoch, _) = epoch.split_once('"').unwrap();
    let line = format!("GET /v1/poll?device=1&inbox_epoch={epoch}&wait_s=50");
    says(&mut polls, &line, &other, "");
    let mut asks = connect(&gateway, &config);
    let text = "x".repeat(12_000);
    let id: Vec<String> = id(1).iter().map(|byte| format!("{byte:02x}")).collect();
    let [a, b, c, d, e] =
        [&id[..4], &id[4..6], &id[6..8], &id[8..10], &id[10..]].map(<[_]>::concat);
    let send =
        format!(r#"{{"send":{{"to":"8","client_msg_id":"{a}-{b}-{c}-{d}-{e}","text":"{text}"}}}}"#);
    says(&mut asks, "POST /v1/requests?device=1", &token, &send);
    hears(&mut asks, "send_ack");
    hears(&mut polls, &text);
}

#[test]
fn business_systems_call_in_tls_with_the_same_certificate() {
    let place = Place::new();
    let typed = ["api-key", "--name", "one", "--scope", "read"];
    let output = command(&place.path("data")).args(typed).output().unwrap();
    let key = String::from_utf8(output.stdout).unwrap();
    let gateway = place.start("accept", &["--api-listen", "127.0.0.1:0"]);
    let ask = format!(
        "GET /v1/users/7/chats HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        key.trim_end()
    );
    let answer = |stream: &mut dyn ReadWrite| {
        let mut answer = Vec::new();
        let _ = stream.write_all(ask.as_bytes()).and_then(|()| stream.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    };
    let tcp = || {
        let stream = TcpStream::connect(gateway.api.unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    assert!(!answer(&mut tcp()).contains("HTTP"), "it is told nothing without TLS");
    for protocol in [None, Some("http/1.1")] {
        let config = config(&place.root, protocol, rustls::ALL_VERSIONS);
        let connection = ClientConnection::new(config, "im.example".try_into().unwrap()).unwrap();
        let said = answer(&mut StreamOwned::new(connection, tcp()));
        assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
    }
}

/// Both ways of a connection, whatever carries them.
trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}
