//! Which requests of a CQL connection are about some tables, by the frames of the native protocol, version 4: those whose
//! text names one, and those that execute what was prepared from such a text.
//!
//! It does no IO. <https://cassandra.apache.org/doc/latest/cassandra/_attachments/native_protocol_v4.html>, section 2.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io;
use std::rc::Rc;

/// Version, flags, stream (2), opcode, length of the body (4).
const HEAD_BYTES: usize = 9;
/// A server takes no larger frame.
const FRAME_BYTES_MAX: usize = 256 * 1024 * 1024;
/// A flag: the driver asks for no compression.
const COMPRESSED: u8 = 0x01;
const QUERY: u8 = 0x07;
const RESULT: u8 = 0x08;
const PREPARE: u8 = 0x09;
const EXECUTE: u8 = 0x0a;
/// What a result says first that tells of a prepared statement.
const PREPARED: [u8; 4] = 4u32.to_be_bytes();

/// The ids of statements about the tables: the same on all connections to a server.
pub type Ids = Rc<RefCell<HashSet<Vec<u8>>>>;

/// The requests of one connection so far: which ids stand for statements about the tables.
pub struct Statements {
    tables: &'static [&'static str],
    ids: Ids,
    /// Streams on which such a statement is being prepared.
    preparing: HashSet<[u8; 2]>,
    asked: Vec<u8>,
    answered: Vec<u8>,
}

impl Statements {
    /// Of a connection that has said nothing. A table is named as texts do: with its keyspace.
    pub fn new(tables: &'static [&'static str], ids: Ids) -> Self {
        let (asked, answered) = (Vec::new(), Vec::new());
        Self { tables, ids, preparing: HashSet::new(), asked, answered }
    }

    /// A piece of the client's: the whole frames that go on, and how many did not because they are about the tables.
    ///
    /// # Errors
    /// It is not CQL.
    pub fn ask(&mut self, piece: &[u8], is_blind: bool) -> io::Result<(Vec<u8>, u64)> {
        let (mut passed, mut thrown) = (Vec::new(), 0);
        self.asked.extend_from_slice(piece);
        while let Some(frame) = next(&mut self.asked)? {
            let (stream, opcode, body) = parts(&frame);
            let is_named = matches!(opcode, QUERY | PREPARE) && self.names(body);
            if is_named && opcode == PREPARE {
                self.preparing.insert(stream);
            }
            let is_known = || id(body).is_some_and(|id| self.ids.borrow().contains(id));
            if is_blind && (is_named || opcode == EXECUTE && is_known()) {
                thrown += 1;
            } else {
                passed.extend(frame);
            }
        }
        Ok((passed, thrown))
    }

    /// A piece of the server's, which goes on whatever is in it.
    ///
    /// # Errors
    /// It is not CQL.
    pub fn answer(&mut self, piece: &[u8]) -> io::Result<()> {
        self.answered.extend_from_slice(piece);
        while let Some(frame) = next(&mut self.answered)? {
            let (stream, opcode, body) = parts(&frame);
            if self.preparing.remove(&stream) && opcode == RESULT {
                // A warning before the body is nothing that a server says of these texts.
                let id = body.strip_prefix(&PREPARED).and_then(id);
                let id = id.ok_or_else(|| io::Error::other("what was prepared has no id"))?;
                self.ids.borrow_mut().insert(id.to_vec());
            }
        }
        Ok(())
    }

    fn names(&self, text: &[u8]) -> bool {
        let has = |name: &str| text.windows(name.len()).any(|bytes| bytes == name.as_bytes());
        self.tables.iter().any(|table| has(table))
    }
}

/// Takes a whole frame from the front.
fn next(bytes: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
    let length = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) as usize;
    if head[0] & 0x7f != 4 || head[1] & COMPRESSED != 0 || length > FRAME_BYTES_MAX {
        return Err(io::Error::other("no plain CQL frame of version 4"));
    }
    let whole = HEAD_BYTES + length;
    Ok((bytes.len() >= whole).then(|| bytes.drain(..whole).collect()))
}

/// Stream, opcode and body of a whole frame.
fn parts(frame: &[u8]) -> ([u8; 2], u8, &[u8]) {
    ([frame[2], frame[3]], frame[4], &frame[HEAD_BYTES..])
}

/// The short bytes at the beginning.
fn id(body: &[u8]) -> Option<&[u8]> {
    let (length, rest) = body.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLES: &[&str] = &["ks.leases"];

    fn frame(version: u8, opcode: u8, stream: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[version, 0, 0, stream, opcode], &length[..], body].concat()
    }

    fn ask(opcode: u8, stream: u8, body: &[u8]) -> Vec<u8> {
        frame(0x04, opcode, stream, body)
    }

    fn prepared(stream: u8, id: &[u8]) -> Vec<u8> {
        let length = u16::try_from(id.len()).unwrap().to_be_bytes();
        frame(0x84, RESULT, stream, &[&PREPARED[..], &length, id, b"rest"].concat())
    }

    #[test]
    fn only_what_is_about_the_tables_is_thrown_away_and_only_when_blind() {
        let ids = Ids::default();
        let mut statements = Statements::new(TABLES, Rc::clone(&ids));
        for (stream, text) in [(1, "\0\0\0\x1aSELECT node FROM ks.leases"), (2, "FROM ks.users")] {
            let text = ask(PREPARE, stream, text.as_bytes());
            assert_eq!(statements.ask(&text, false).unwrap(), (text, 0));
            statements.answer(&prepared(stream, &[b'i', stream])).unwrap();
        }
        assert_eq!(ids.borrow().len(), 1);
        // Another connection knows what this one prepared.
        let mut other = Statements::new(TABLES, ids);
        let (about, not) = (ask(EXECUTE, 7, b"\0\x02i\x01..."), ask(EXECUTE, 8, b"\0\x02i\x02..."));
        let both = [about.clone(), not.clone()].concat();
        assert_eq!(other.ask(&both, false).unwrap(), (both.clone(), 0));
        assert_eq!(other.ask(&both, true).unwrap(), (not, 1));
        let named = ask(QUERY, 9, b"\0\0\0\x09ks.leases");
        assert_eq!(other.ask(&named, true).unwrap(), (Vec::new(), 1));
    }

    #[test]
    fn frames_may_come_in_any_pieces() {
        let ids = Ids::default();
        let mut statements = Statements::new(TABLES, Rc::clone(&ids));
        let asked = ask(PREPARE, 3, b"... ks.leases ...");
        let passed = asked.iter().map(|byte| statements.ask(&[*byte], false).unwrap().0);
        assert_eq!(passed.collect::<Vec<_>>().concat(), asked);
        for byte in prepared(3, b"id") {
            statements.answer(&[byte]).unwrap();
        }
        assert!(ids.borrow().contains(&b"id"[..]));
    }

    #[test]
    fn what_is_not_cql_ends_the_connection() {
        let mut statements = Statements::new(TABLES, Ids::default());
        assert!(statements.ask(b"GET / HTTP/1.1\r\n", false).is_err());
        assert!(statements.answer(&[0xff; 16]).is_err());
    }
}
