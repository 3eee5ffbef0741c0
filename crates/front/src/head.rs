//! The head of an HTTP message, as it comes in pieces. It is bounded, and read again only when a line of it ended.

use crate::limits::{HEAD_BYTES_MAX, HEADERS_MAX};
use crate::problem::Problem;
use httparse::{EMPTY_HEADER, Error, Header, Status};

/// What came of a head.
#[derive(Debug, Default)]
pub(crate) struct Head(Vec<u8>);

impl Head {
    /// Bytes that came of it.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds what belongs to it of the front of a piece, which it is taken off. `parse` reads a whole head out of it:
    /// its size, and what follows from it.
    pub fn read<T>(
        &mut self,
        piece: &mut &mut [u8],
        parse: impl for<'b> FnOnce(&'b [u8], &mut [Header<'b>]) -> Result<Option<(usize, T)>, Problem>,
    ) -> Result<Option<T>, Problem> {
        let kept = self.0.len();
        let more = piece.len().min(HEAD_BYTES_MAX - kept);
        let line_end = piece[..more].iter().rposition(|byte| *byte == b'\n');
        self.0.extend_from_slice(&piece[..more]);
        let lines = line_end.map(|at| &self.0[..=kept + at]);
        let found =
            lines.map(|lines| parse(lines, &mut [EMPTY_HEADER; HEADERS_MAX])).transpose()?;
        let Some((size, found)) = found.flatten() else {
            let is_full = self.0.len() == HEAD_BYTES_MAX;
            *piece = std::mem::take(piece).split_at_mut(more).1;
            return if is_full { Err(Problem::TooLarge) } else { Ok(None) };
        };
        if !has_whole_line_ends(&self.0[..size]) {
            return Err(Problem::Malformed);
        }
        // It was not whole before this piece.
        *piece = std::mem::take(piece).split_at_mut(size - kept).1;
        Ok(Some(found))
    }
}

/// What the parser says, as a size or a problem.
pub(crate) fn size(parsed: Result<Status<usize>, Error>) -> Result<Option<usize>, Problem> {
    match parsed {
        Ok(Status::Complete(size)) => Ok(Some(size)),
        Ok(Status::Partial) => Ok(None),
        Err(Error::TooManyHeaders) => Err(Problem::TooLarge),
        Err(Error::Version) => Err(Problem::Version),
        Err(
            Error::HeaderName | Error::HeaderValue | Error::NewLine | Error::Status | Error::Token,
        ) => Err(Problem::Malformed),
    }
}

/// A line ends with both of its bytes: a proxy that takes one for an end must not see another head than this.
fn has_whole_line_ends(head: &[u8]) -> bool {
    head.iter().enumerate().all(|(at, byte)| *byte != b'\n' || (at > 0 && head[at - 1] == b'\r'))
}
