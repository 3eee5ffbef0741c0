//! The next release, for the drill of a rolling upgrade: the feature `next-release` builds a gateway and a node that speak
//! one version of links more. No release carries it.
//!
//! In that version a peer is asked whether it lives, and answers with its clock, in a kind of its own. The kinds that this release has for
//! it end the link there, and a peer of this release counts the new kind as unknown: so it is seen when an end forgets which
//! version is in force. It does not know what the release will say that really comes next.

use super::fields::{Fault, Field, Reader, begin, end};
use super::item::Item;
use super::limits::{IS_NEXT, LINK_VERSIONS};

/// Asks whether a peer lives, or answers: a number, and the answering clock if it answers. No release has an item of this kind.
const BEAT: u8 = 254;
/// The kinds of [`Item::Ping`] and [`Item::Pong`] in this release.
const FORMER: [u8; 2] = [10, 11];

/// Whether both ends are such processes, by the version in force.
pub(super) const fn is_spoken(version: u8) -> bool {
    IS_NEXT && version == LINK_VERSIONS.max
}

/// Writes an item, if it is one that such processes say otherwise.
pub(super) fn write(item: &Item, out: &mut Vec<u8>) -> bool {
    let (number, answered) = if let Item::Ping(number) = item {
        (*number, None)
    } else if let Item::Pong { number, unix_ms } = item {
        (*number, Some(*unix_ms))
    } else {
        return false;
    };
    out.push(BEAT);
    let start = begin(out);
    number.write(out);
    answered.write(out);
    end(out, start);
    true
}

/// Reads the next item of a batch, if it is one that such processes say otherwise.
pub(super) fn read(batch: &mut Reader<'_>) -> Result<Option<Item>, Fault> {
    let mut ahead = *batch;
    let kind = u8::read(&mut ahead)?;
    if FORMER.contains(&kind) {
        return Err(Fault::Malformed);
    }
    if kind != BEAT {
        return Ok(None);
    }
    let mut record = ahead.record()?;
    let (number, answered) = (u64::read(&mut record)?, Option::<u64>::read(&mut record)?);
    *batch = ahead;
    let ping = Item::Ping(number);
    Ok(Some(answered.map_or(ping, |unix_ms| Item::Pong { number, unix_ms })))
}

#[cfg(test)]
mod tests {
    use super::super::codec::Decoded;
    use super::*;

    fn written(item: &Item) -> Vec<u8> {
        let mut out = vec![];
        assert!(write(item, &mut out));
        out
    }

    #[test]
    fn a_beat_is_read_as_it_was_written_and_the_rest_is_left() {
        let pong = Item::Pong { number: 4, unix_ms: 7 };
        let mut out = [written(&Item::Ping(3)), written(&pong)].concat();
        Item::InboxEpoch(5).write(&mut out);
        let mut batch = Reader::new(&out);
        assert_eq!(read(&mut batch), Ok(Some(Item::Ping(3))));
        assert_eq!(read(&mut batch), Ok(Some(pong)));
        assert_eq!(read(&mut batch), Ok(None));
        assert_eq!(Item::read(&mut batch), Ok(Item::InboxEpoch(5)));
        assert!(!write(&Item::InboxEpoch(5), &mut out));
    }

    #[test]
    fn neither_release_takes_what_the_other_says() {
        for item in [Item::Ping(3), Item::Pong { number: 3, unix_ms: 7 }] {
            let mut former = vec![];
            item.write(&mut former);
            assert_eq!(read(&mut Reader::new(&former)), Err(Fault::Malformed));
            let read = Decoded::read(&mut Reader::new(&written(&item)), 1);
            assert_eq!(read, Ok(Decoded::Skipped));
        }
    }
}
