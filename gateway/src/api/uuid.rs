//! UUIDs of version 7 as texts.

use wire::ClientMsgId;

/// The UUIDv7 that a text is, with its hyphens.
#[must_use]
pub fn uuid(text: &str) -> Option<ClientMsgId> {
    let is_place = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    if text.len() != 36 || !text.bytes().enumerate().all(is_place) {
        return None;
    }
    let number = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
    let id = ClientMsgId(number.to_be_bytes());
    id.unix_ms().map(|_| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "0197c1f0-0000-7000-8000-0000000000ab";

    #[test]
    fn only_a_uuid_of_version_7_is_one() {
        for bad in ["", "0197c1f0-0000-4000-8000-0000000000ab", &UUID.replace('-', ""), &UUID[1..]]
        {
            assert_eq!(uuid(bad), None, "{bad}");
        }
        assert_eq!(uuid(&"é".repeat(18)), None);
    }
}
