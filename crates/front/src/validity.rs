//! Until when a certificate is good: the one field of it that operators are told, read out of its DER (RFC 5280, 4.1). Whether
//! it is trusted is a client's to judge.

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The version, which is not in the oldest.
const VERSION: u8 = 0xa0;

/// When a certificate's time is over, in Unix seconds; none: it says no time that there is.
#[must_use]
pub fn expires_unix_s(certificate: &[u8]) -> Option<u64> {
    let (certificate, _) = of(SEQUENCE, certificate)?;
    let (fields, _) = of(SEQUENCE, certificate)?;
    let fields = of(VERSION, fields).map_or(fields, |(_, rest)| rest);
    let (_, fields) = of(INTEGER, fields)?;
    let (_, fields) = of(SEQUENCE, fields)?;
    let (_, fields) = of(SEQUENCE, fields)?;
    let (validity, _) = of(SEQUENCE, fields)?;
    let (_, _, until) = value(validity)?;
    let (tag, text, _) = value(until)?;
    let (year, text) = match tag {
        // Two digits from 1950 to 2049.
        UTC_TIME => {
            let (year, text) = digits(text, 2)?;
            (if year < 50 { 2_000 + year } else { 1_900 + year }, text)
        }
        GENERALIZED_TIME => digits(text, 4)?,
        _ => return None,
    };
    let mut parts = [0; 5];
    let mut rest = text;
    for part in &mut parts {
        (*part, rest) = digits(rest, 2)?;
    }
    (rest == b"Z").then(|| unix_s(year, parts)).flatten()
}

/// The content of a value of this kind, and what follows it.
fn of(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    value(bytes).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

/// A value's tag and content, and what follows it.
fn value(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, short], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(short & 3))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// A number of so many digits, and what follows it.
fn digits(text: &[u8], count: usize) -> Option<(u64, &[u8])> {
    let (number, rest) = text.split_at_checked(count)?;
    let number = number.iter().try_fold(0, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0'))
    })?;
    Some((number, rest))
}

/// Unix seconds of a month from 1, a day from 1, hours, minutes and seconds.
fn unix_s(year: u64, [month, day, hours, minutes, seconds]: [u64; 5]) -> Option<u64> {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let february = if is_leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month).ok()?.checked_sub(1)?;
    let is_day = day >= 1 && day <= *months.get(before)?;
    if !is_day || hours > 23 || minutes > 59 || seconds > 59 || year < 1_970 {
        return None;
    }
    let days_of = |year: u64| if is_leap(year) { 366 } else { 365 };
    let days =
        (1_970..year).map(days_of).sum::<u64>() + months[..before].iter().sum::<u64>() + (day - 1);
    Some(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate that is nothing but its validity.
    fn certificate(until: &[u8]) -> Vec<u8> {
        let sequence = |parts: &[&[u8]]| {
            let content = parts.concat();
            [&[SEQUENCE, u8::try_from(content.len()).unwrap()], &content[..]].concat()
        };
        let from = [&[UTC_TIME, 13], &b"200101000000Z"[..]].concat();
        let validity = sequence(&[&from, until]);
        let empty = [SEQUENCE, 0];
        let fields =
            [&[VERSION, 3, INTEGER, 1, 2][..], &[INTEGER, 1, 7], &empty, &empty, &validity];
        sequence(&[&sequence(&fields)])
    }

    #[test]
    fn both_forms_of_a_time_are_read() {
        for (text, expected) in [
            ("700101000000Z", Some(0)),
            ("261128020304Z", Some(1_795_831_384)),
            ("20261128020304Z", Some(1_795_831_384)),
            ("240229235959Z", Some(1_709_251_199)),
            ("20500101000000Z", Some(2_524_608_000)),
            ("99991231235959Z", Some(253_402_300_799)),
            ("230229000000Z", None),
            ("261301000000Z", None),
            ("260001000000Z", None),
            ("2611280203Z", None),
            ("261128020304+0100", None),
            ("", None),
        ] {
            let tag =
                if text.len() > 13 && text.ends_with('Z') { GENERALIZED_TIME } else { UTC_TIME };
            let time = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            assert_eq!(expires_unix_s(&certificate(&time)), expected, "{text}");
        }
    }

    #[test]
    fn what_is_cut_says_no_time() {
        let whole = certificate(&[&[UTC_TIME, 13], &b"261128020304Z"[..]].concat());
        assert!(expires_unix_s(&whole).is_some());
        for length in 0..whole.len() {
            assert_eq!(expires_unix_s(&whole[..length]), None);
        }
    }
}
