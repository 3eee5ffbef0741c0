//! However TCP cuts what a client says, the same is heard: of what is in order, of what is almost, and of noise.

use crate::scene::{Kept, Scene, frame, masked, request};
use proptest::collection::vec;
use proptest::prelude::*;

/// What a client says, in order.
#[derive(Clone, Debug)]
enum Says {
    /// A message of so many frames, in so many fragments, a ping between each two if it is so.
    Message {
        frames: usize,
        fragments: usize,
        pings: bool,
    },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Empty,
}

fn says() -> impl Strategy<Value = Says> {
    let payload = || vec(any::<u8>(), 0..=125);
    prop_oneof![
        4 => (1..60_usize, 1..9_usize, any::<bool>())
            .prop_map(|(frames, fragments, pings)| Says::Message { frames, fragments, pings }),
        1 => payload().prop_map(Says::Ping),
        1 => payload().prop_map(Says::Pong),
        1 => Just(Says::Empty),
    ]
}

fn bytes(all: &[Says]) -> Vec<u8> {
    let mut out = request("X-More: yes\r\n").into_bytes();
    let mut request_id = 0;
    for says in all {
        match says {
            Says::Message { frames, fragments, pings } => {
                let mut content = Vec::new();
                for _ in 0..*frames {
                    request_id += 1;
                    content.extend(frame(request_id));
                }
                let size = content.len().div_ceil(*fragments);
                let mut parts = content.chunks(size).enumerate().peekable();
                while let Some((nth, part)) = parts.next() {
                    let last = if parts.peek().is_none() { 0x80 } else { 0 };
                    out.extend(masked(last | if nth == 0 { 2 } else { 0 }, part));
                    if *pings && last == 0 {
                        out.extend(masked(0x89, b"between"));
                    }
                }
            }
            Says::Ping(payload) => out.extend(masked(0x89, payload)),
            Says::Pong(payload) => out.extend(masked(0x8a, payload)),
            Says::Empty => out.extend(masked(0x82, b"")),
        }
    }
    out
}

/// What is heard of the bytes in pieces: each as long as the next of the sizes, which come again.
fn heard(bytes: &[u8], sizes: &[usize]) -> (Vec<Kept>, Vec<u8>) {
    heard_of(0, bytes, sizes)
}

/// The same of a connection on which this user calls; 0: who is not believed.
fn heard_of(user: u64, bytes: &[u8], sizes: &[usize]) -> (Vec<Kept>, Vec<u8>) {
    let mut scene = Scene::called_by(user);
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at((*size).min(rest.len()));
        scene.hear(piece);
        rest = behind;
        // The session is over with the first error; nobody listens to what follows.
        if matches!(scene.heard.last(), Some(Kept::Frame(Err(_)))) {
            break;
        }
    }
    let last = scene.part(None);
    (scene.heard, last)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn of_what_is_in_order(all in vec(says(), 0..8), sizes in vec(1..700_usize, 1..20)) {
        let bytes = bytes(&all);
        let whole = heard(&bytes, &[bytes.len()]);
        let frames = |it: &&Kept| matches!(it, Kept::Frame(Ok(_)));
        let count: usize =
            all.iter().map(|it| if let Says::Message { frames, .. } = it { *frames } else { 0 }).sum();
        prop_assert_eq!(whole.0.iter().filter(frames).count(), count);
        prop_assert_eq!(heard(&bytes, &sizes), whole);
    }

    #[test]
    fn of_what_is_almost(
        all in vec(says(), 0..8),
        (at, bit) in (0..4_000_usize, 0..8_u8),
        sizes in vec(1..700_usize, 1..20),
    ) {
        let mut bytes = bytes(&all);
        let at = at % bytes.len();
        bytes[at] ^= 1_u8 << bit;
        prop_assert_eq!(heard(&bytes, &sizes), heard(&bytes, &[bytes.len()]));
    }

    #[test]
    fn of_noise(bytes in vec(any::<u8>(), 1..400), sizes in vec(1..50_usize, 1..20)) {
        prop_assert_eq!(heard(&bytes, &sizes), heard(&bytes, &[bytes.len()]));
    }
}

#[test]
fn of_json() {
    let mut bytes = request("").replace("chat, longline.v1", "longline.v1.json").into_bytes();
    for text in [
        r#"{"id":1,"login":{"token":"t","device":"1"}}"#,
        r#"{"id":2,"heartbeat":{"time_ms":5}}"#,
        r#"{"heartbeat":{"time_ms":"ä"},"id":3}"#,
        r#"{"push_ack":{"inbox_seq":4}}"#,
    ] {
        let (head, tail) = text.as_bytes().split_at(30.min(text.len()));
        bytes.extend([masked(0x01, head), masked(0x89, b"between"), masked(0x80, tail)].concat());
        bytes.extend(masked(0x81, text.as_bytes()));
    }
    let whole = heard(&bytes, &[bytes.len()]);
    assert_eq!(whole.0.iter().filter(|it| matches!(it, Kept::Frame(Ok(_)))).count(), 8);
    assert_eq!(whole.0.iter().filter(|it| matches!(it, Kept::Unclear(3, ..))).count(), 2);
    for size in 1..200 {
        assert_eq!(heard(&bytes, &[size]), whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn of_what_pages_ask(
        (nth, length, body) in (0..4_usize, 0..300_usize, vec(any::<u8>(), 0..300)),
        change in proptest::option::of((0..400_usize, 0..8_u8)),
        sizes in vec(1..90_usize, 1..20),
    ) {
        let asks = ["GET / HTTP/1.1", "HEAD /app.js HTTP/1.1", "POST /v1/dev-token HTTP/1.1"];
        let head = match asks.get(nth) {
            Some(line) => format!("{line}\r\nHost: localhost\r\n"),
            None => "POST /x HTTP/1.1\r\nOrigin: http://y\r\nHost: y\r\n".to_owned(),
        };
        let kind = "Content-Type: application/json\r\n";
        let more = if nth > 1 { format!("{kind}Content-Length: {length}\r\n\r\n") } else { "\r\n".into() };
        let mut bytes = [head.as_bytes(), more.as_bytes(), &body].concat();
        if let Some((at, bit)) = change {
            let at = at % bytes.len();
            bytes[at] ^= 1_u8 << bit;
        }
        prop_assert_eq!(heard(&bytes, &sizes), heard(&bytes, &[bytes.len()]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn of_calls(
        (nth, user, behind) in (0..4_usize, prop_oneof![Just(0_u64), Just(7)], vec(any::<u8>(), 0..9)),
        body in prop_oneof![
            Just(br#"{"id":9,"sync":{"cursor":3,"limit":5}}"#.to_vec()),
            vec(any::<u8>(), 0..300),
        ],
        change in proptest::option::of((0..400_usize, 0..8_u8)),
        sizes in vec(1..90_usize, 1..20),
    ) {
        let lines = ["GET /v1/poll?device=5&cursor=3", "POST /v1/login?device=5", "OPTIONS /v1/poll"];
        let line = lines.get(nth).unwrap_or(&"POST /v1/requests?device=5");
        let mut head = format!("{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a.b.c\r\n");
        if nth == 3 {
            head += &format!("Expect: 100-continue\r\nContent-Length: {}\r\n", body.len());
        }
        let body = if nth == 3 { &body[..] } else { &[] };
        let mut bytes = [head.as_bytes(), b"\r\n", body, &behind].concat();
        if let Some((at, bit)) = change {
            let at = at % bytes.len();
            bytes[at] ^= 1_u8 << bit;
        }
        prop_assert_eq!(heard_of(user, &bytes, &sizes), heard_of(user, &bytes, &[bytes.len()]));
    }
}

#[test]
fn of_single_bytes() {
    let all = [
        Says::Message { frames: 3, fragments: 1, pings: false },
        Says::Message { frames: 20, fragments: 7, pings: true },
        Says::Ping(vec![7; 125]),
    ];
    let bytes = bytes(&all);
    assert_eq!(heard(&bytes, &[1]), heard(&bytes, &[bytes.len()]));
}
