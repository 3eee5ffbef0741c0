//! The next release's end of a link, written from the tables of the link's modules and not with their help: versions 1 to
//! 2, a field more at the end of everything, kinds that nobody knows yet.

use crate::ends::{frames, seal};
use hmac::{Hmac, Mac};
use link::HEADER_BYTES;
use sha2::Sha256;

/// What it says at the end of each frame of a handshake.
const LATER: &[u8] = b"said later";
const SECRET: &[u8] = b"a secret of the tests";
const NONCE: [u8; 32] = [9; 32];

/// The proof of a role about payloads, of which the first is a challenge and the others begin with a proof.
fn prove(role: &[u8; 6], payloads: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(b"longline link ");
    mac.update(role);
    for (index, payload) in payloads.iter().enumerate() {
        let said = if index == 0 { payload } else { &payload[32..] };
        mac.update(&(said.len() as u64).to_le_bytes());
        mac.update(said);
    }
    mac.finalize().into_bytes().into()
}

fn payload_of(bytes: &[u8], kind: u8) -> Vec<u8> {
    let [frame] = frames(bytes)[..] else { panic!("not one frame") };
    assert_eq!((frame[4], frame[5]), (kind, 0));
    frame[HEADER_BYTES..].to_vec()
}

/// It accepts: its challenge.
pub fn challenge() -> Vec<u8> {
    let features = 0b110_u64;
    seal(1, 0, &[&NONCE, &[1, 2][..], &features.to_le_bytes(), LATER].concat())
}

/// It accepts a hello of this release: its welcome, as entry 9 of node 3's life 7.
pub fn welcome(challenge: &[u8], hello: &[u8]) -> Vec<u8> {
    let (challenge, hello) = (payload_of(challenge, 1), payload_of(hello, 2));
    assert_eq!(hello[..32], prove(b"dialer", &[&challenge, &hello]), "the dialer's proof");
    let mut welcome = [&[0; 32], &[9, 0, 3, 0, 7, 0, 0, 0][..], LATER].concat();
    let mac = prove(b"accept", &[&challenge, &hello, &welcome]);
    welcome[..32].copy_from_slice(&mac);
    seal(3, 0, &welcome)
}

/// It dials as core 1 of a gateway, for the first time: its hello.
pub fn hello(challenge: &[u8]) -> Vec<u8> {
    let challenge = payload_of(challenge, 1);
    let features = 0b011_u64.to_le_bytes();
    let gateway = [&[1, 13, 0, 0, 0][..], &77_u64.to_le_bytes(), &[1, 0], &[0xee; 3]].concat();
    let generation = 1_u64.to_le_bytes();
    let said: [&[u8]; 6] = [&NONCE, &[1, 2], &features, &gateway, &generation, b"\x04\0\0\0blue"];
    let mut hello = [&[0; 32], &said.concat()[..], LATER].concat();
    let mac = prove(b"dialer", &[&challenge, &hello]);
    hello[..32].copy_from_slice(&mac);
    seal(2, 0, &hello)
}

/// Whether a welcome of this release proves that it knows the secret.
pub fn is_welcome(challenge: &[u8], hello: &[u8], welcome: &[u8]) -> bool {
    let [challenge, hello, welcome] =
        [(challenge, 1), (hello, 2), (welcome, 3)].map(|(frame, kind)| payload_of(frame, kind));
    welcome[..32] == prove(b"accept", &[&challenge, &hello, &welcome])
}

/// A kind and its record.
pub fn record(kind: u8, fields: &[u8]) -> Vec<u8> {
    let length = u32::try_from(fields.len()).unwrap().to_le_bytes();
    [&[kind], &length[..], fields].concat()
}

/// A batch of version 1.
pub fn batch(items: &[Vec<u8>]) -> Vec<u8> {
    seal(5, 1, &items.concat())
}

/// The kind and the fields at the beginning of these bytes, and the rest.
pub fn split(bytes: &[u8]) -> (u8, &[u8], &[u8]) {
    let length = u32::from_le_bytes(bytes[1..5].try_into().unwrap()) as usize;
    (bytes[0], &bytes[5..5 + length], &bytes[5 + length..])
}

/// The items of a batch, as this release says them, with a field more at the end of each, and of the command, answer or
/// mail in it.
pub fn grown(frame: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut items) = (&frame[HEADER_BYTES..], vec![]);
    while !rest.is_empty() {
        let (kind, fields, after) = split(rest);
        let inner = match kind {
            1 => 26,
            3 => 18,
            4 => 2,
            _ => fields.len(),
        };
        let (before, inner) = fields.split_at(inner);
        let mut fields = before.to_vec();
        if !inner.is_empty() {
            let (kind, known, behind) = split(inner);
            assert!(behind.is_empty());
            fields.extend(record(kind, &[known, &[0xaa; 3]].concat()));
        }
        fields.extend([0xbb; 7]);
        items.push(record(kind, &fields));
        rest = after;
    }
    items
}
