//! What a connection speaks, by its first bytes.

use crate::limits::FIRST_BYTES;

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    /// Frames as they are.
    Frames,
    /// HTTP/1, or the greeting of HTTP/2.
    Http,
    /// TLS.
    Tls,
    /// Nothing that is known.
    Unknown,
}

/// What begins with these bytes.
pub(crate) fn detect(first: [u8; FIRST_BYTES]) -> Speech {
    match first {
        // A handshake record. As a frame its length would be no multiple of 8.
        [0x16, 3, ..] => Speech::Tls,
        // The length of a frame before login is far below 65,536.
        [_, _, 0, 0] => Speech::Frames,
        [method @ .., _] if method.iter().all(u8::is_ascii_uppercase) => Speech::Http,
        _ => Speech::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_bytes_say_what_is_spoken() {
        for (first, speech) in [
            (*b"GET ", Speech::Http),
            (*b"PRI ", Speech::Http),
            (*b"OPTI", Speech::Http),
            (*b"get ", Speech::Unknown),
            ([0x16, 3, 1, 2], Speech::Tls),
            ([0x16, 3, 0, 0], Speech::Tls),
            ([0x30, 0, 0, 0], Speech::Frames),
            ([0, 0x10, 0, 0], Speech::Frames),
            ([0, 0, 0, 0], Speech::Frames),
            ([0, 0, 1, 0], Speech::Unknown),
            ([0xff; 4], Speech::Unknown),
        ] {
            assert_eq!(detect(first), speech, "{first:?}");
        }
    }
}
