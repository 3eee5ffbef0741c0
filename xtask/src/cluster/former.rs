//! A client of a former release: it speaks what `crates/wire/PROTOCOL.md` and the vectors say, written from them, and shares
//! no code with the server. It logs in, sends, acknowledges what is pushed, and passes over what it does not know.
//!
//! It has one login and one message at a time. Whether to ask again what was refused is for others to say.

use std::error::Error;
use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// What it waits for may take this long: a takeover, and room for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of a frame's header, and of the longest frame.
const HEADER: usize = 24;
const FRAME_MAX: usize = 65_536;

const HELLO: u8 = 0x01;
const LOGIN: u8 = 0x03;
const LOGIN_REPLY: u8 = 0x04;
const SEND: u8 = 0x10;
const SEND_ACK: u8 = 0x11;
const PUSH: u8 = 0x12;
const PUSH_ACK: u8 = 0x13;
const REFUSAL: u8 = 0x30;
const GOING_AWAY: u8 = 0x31;

/// One that is logged in.
pub struct Former {
    stream: TcpStream,
    uid: u64,
    requests: u64,
}

/// A frame that came: its kind, its request, its payload.
type Heard = (u8, u64, Vec<u8>);

impl Former {
    /// Connects and logs in, from its inbox's head.
    pub fn login(server: SocketAddr, uid: u64, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(server).context("could not connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut client = Self { stream, uid, requests: 0 };
        // Both at once: that is allowed.
        client.say(hello)?;
        let id = client.say(|id| login(id, [1, 0, 0], true, token.as_bytes()))?;
        client.hear(|(kind, request, _)| (*kind == LOGIN_REPLY && *request == id).then_some(()))?;
        Ok(client)
    }

    /// Sends a message, and waits for its ack.
    pub fn send(&mut self, to: u64, client_msg_id: [u8; 16], body: &[u8]) -> Result<()> {
        let users = [self.uid.max(to), self.uid.min(to)];
        let id = self.say(|id| send(id, users, client_msg_id, body))?;
        self.hear(|(kind, request, _)| (*kind == SEND_ACK && *request == id).then_some(()))
    }

    /// Waits for the push of that message, and acknowledges it.
    pub fn receive(&mut self, client_msg_id: [u8; 16], body: &[u8]) -> Result<()> {
        let inbox_seq = self.hear(|(kind, _, payload)| {
            let pushed = (*kind == PUSH).then(|| pushed(payload)).flatten()?;
            (pushed.client_msg_id == client_msg_id && pushed.body == body)
                .then_some(pushed.inbox_seq)
        })?;
        self.stream.write_all(&push_ack(inbox_seq)).context("could not write")
    }

    fn say(&mut self, write: impl FnOnce(u64) -> Vec<u8>) -> Result<u64> {
        self.requests += 1;
        self.stream.write_all(&write(self.requests)).context("could not write")?;
        Ok(self.requests)
    }

    /// Waits for the first frame that `wanted` makes something of.
    fn hear<T>(&mut self, wanted: impl Fn(&Heard) -> Option<T>) -> Result<T> {
        loop {
            let heard = self.next()?;
            if let Some(found) = wanted(&heard) {
                return Ok(found);
            }
            match heard.0 {
                REFUSAL => return Err(Refused::read(&heard.2)?.into()),
                GOING_AWAY => bail!("told to go with code {}", Refused::read(&heard.2)?.code),
                // What it does not know is passed over, too: section 7.
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<Heard> {
        let mut frame = vec![0; HEADER];
        self.stream.read_exact(&mut frame).context("no frame came")?;
        let length = u32_at(&frame, 0) as usize;
        if !(HEADER..=FRAME_MAX).contains(&length) {
            bail!("a frame of {length} bytes");
        }
        frame.resize(length, 0);
        self.stream.read_exact(&mut frame[HEADER..]).context("no whole frame came")?;
        parse(&frame)
    }
}

/// The kind, request and payload of a whole frame, without its extension.
fn parse(frame: &[u8]) -> Result<Heard> {
    if frame[5] != 2 || checksum(frame) != u32_at(frame, 16) {
        bail!("a frame of version {}, or its checksum, is not as the protocol says", frame[5]);
    }
    let end = frame.len().checked_sub(u32_at(frame, 20) as usize);
    let payload = end.and_then(|end| frame.get(HEADER..end)).context("a frame has a payload")?;
    Ok((frame[4], u64_at(frame, 8), payload.to_vec()))
}

/// What a push says, as far as this client looks.
#[derive(Debug, PartialEq, Eq)]
struct Pushed<'a> {
    inbox_seq: u64,
    client_msg_id: [u8; 16],
    body: &'a [u8],
}

fn pushed(payload: &[u8]) -> Option<Pushed<'_>> {
    const PUSH_BYTES: usize = 112;
    let at = payload.len().checked_sub(8 + PUSH_BYTES)?;
    let root = &payload[at..];
    let client_msg_id = root[80..96].try_into().ok()?;
    let back = u32_at(root, 100).wrapping_neg() as usize;
    let start = (at + 100).checked_sub(back)?;
    let body = payload.get(start..start + u32_at(root, 104) as usize)?;
    Some(Pushed { inbox_seq: u64_at(root, 8), client_msg_id, body })
}

/// What it was told instead of what it asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub code: u16,
    /// After so long the same may be asked again; 0: never.
    pub retry_after_ms: u32,
}

impl Refused {
    /// A refusal or a goodbye: both begin alike.
    fn read(payload: &[u8]) -> Result<Self> {
        const REFUSAL_BYTES: usize = 16;
        let at = payload.len().checked_sub(8 + REFUSAL_BYTES).context("a refusal is whole")?;
        let code = u16::from_le_bytes([payload[at], payload[at + 1]]);
        Ok(Self { code, retry_after_ms: u32_at(payload, at + 4) })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, retry_after_ms } = self;
        write!(f, "refused with code {code}, and told to try again after {retry_after_ms} ms")
    }
}

impl Error for Refused {}

fn hello(request: u64) -> Vec<u8> {
    frame(HELLO, request, &[], &[&[2, 2, 0, 0], &65_536_u32.to_le_bytes()[..], &[0; 8]])
}

fn login(
    request: u64,
    [device, cursor, inbox_epoch]: [u64; 3],
    from_head: bool,
    token: &[u8],
) -> Vec<u8> {
    let numbers = [device, cursor, inbox_epoch].map(u64::to_le_bytes).concat();
    let token_at = pointer(token, 28);
    frame(LOGIN, request, token, &[&numbers, &[from_head.into(), 0, 0, 0], &token_at])
}

fn send(request: u64, users: [u64; 2], client_msg_id: [u8; 16], body: &[u8]) -> Vec<u8> {
    let users = users.map(u64::to_le_bytes).concat();
    let direct = [1, 0, 0, 0, 0, 0, 0, 0];
    let message = [1, 0, 0, 0];
    frame(SEND, request, body, &[&direct, &users, &client_msg_id, &message, &pointer(body, 44)])
}

fn push_ack(inbox_seq: u64) -> Vec<u8> {
    frame(PUSH_ACK, 0, &[], &[&inbox_seq.to_le_bytes()])
}

/// Where a frame's only data lies, said at this offset of its struct; and how long it is.
fn pointer(data: &[u8], at: usize) -> Vec<u8> {
    let back = u32::try_from(data.len().next_multiple_of(8) + at).expect("a small frame");
    let length = u32::try_from(data.len()).expect("a small frame");
    [back.wrapping_neg().to_le_bytes(), length.to_le_bytes()].concat()
}

/// Header, data, struct, kind.
fn frame(kind: u8, request: u64, data: &[u8], root: &[&[u8]]) -> Vec<u8> {
    let mut frame = vec![0; HEADER];
    frame.extend_from_slice(data);
    frame.resize(frame.len().next_multiple_of(8), 0);
    frame.extend(root.concat());
    frame.resize(frame.len().next_multiple_of(8), 0);
    frame.extend(u64::from(kind).to_le_bytes());
    let length = u32::try_from(frame.len()).expect("a small frame");
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..6].copy_from_slice(&[kind, 2]);
    frame[8..16].copy_from_slice(&request.to_le_bytes());
    let checksum = checksum(&frame);
    frame[16..20].copy_from_slice(&checksum.to_le_bytes());
    frame
}

/// CRC-32 of a frame, bit by bit, without the four bytes that hold it.
fn checksum(frame: &[u8]) -> u32 {
    let covered = frame[..16].iter().chain(&frame[20..]);
    !covered.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! vector {
        ($name:literal) => {
            bytes(include_str!(concat!("../../../crates/wire/vectors/", $name, ".hex")))
        };
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let lines = hex.lines().map(|line| line.split('#').next().unwrap());
        let bytes = lines.flat_map(str::split_whitespace);
        bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
    }

    /// Of the message in the vectors.
    const ID: [u8; 16] = *b"\x01\xa0\xc4\x50\x6b\xd8\x77\x08\x89\x0a\x0b\x0c\x0d\x0e\x0f\x15";

    #[test]
    fn it_says_what_the_vectors_say() {
        assert_eq!(hello(0x102), vector!("01_Hello"));
        let token = b"header.claims.mac";
        assert_eq!(login(0x102, [3, 41, 1], false, token), vector!("03_Login"));
        assert_eq!(send(0x102, [9, 7], ID, b"hello, world"), vector!("10_Send"));
        assert_eq!(push_ack(43), vector!("13_PushAck"));
    }

    #[test]
    fn it_reads_what_the_vectors_say() {
        let (kind, request, payload) = parse(&vector!("12_Push")).unwrap();
        let expected = Pushed { inbox_seq: 43, client_msg_id: ID, body: b"hello, world" };
        assert_eq!((kind, request, pushed(&payload)), (PUSH, 0, Some(expected)));
        for (frame, kind) in
            [(vector!("04_LoginReply"), LOGIN_REPLY), (vector!("11_SendAck"), SEND_ACK)]
        {
            let (said, request, _) = parse(&frame).unwrap();
            assert_eq!((said, request), (kind, 0x102));
        }
        assert!(parse(&vector!("bad_checksum")).is_err());
    }

    #[test]
    fn it_finds_the_code_of_a_no() {
        let (kind, _, payload) = parse(&vector!("30_Refusal")).unwrap();
        let refused = Refused { code: 7, retry_after_ms: 250 };
        assert_eq!((kind, Refused::read(&payload).unwrap()), (REFUSAL, refused));
        let (kind, _, payload) = parse(&vector!("31_GoingAway")).unwrap();
        assert_eq!((kind, Refused::read(&payload).unwrap().code), (GOING_AWAY, 16));
    }
}
