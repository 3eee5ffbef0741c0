//! Frames to bytes and back.

use crate::exact::{Exact, Walk};
use crate::{ARCHIVE_DEPTH_MAX, FRAME_BYTES_MAX, Frame, FrameError, HEADER_BYTES, Header};
use rkyv::api::access_with_context;
use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Failure;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::ser::{Positional, Writer};
use rkyv::validation::Validator;
use rkyv::validation::archive::ArchiveValidator;
use rkyv::validation::shared::SharedValidator;
use rkyv::{Archive, Deserialize, Portable, Serialize};
use std::num::NonZeroUsize;

/// The root of every archive: the struct, then its kind.
#[derive(Archive, Serialize)]
struct Tagged<F> {
    frame: F,
    kind: u64,
}

impl<F: Frame> Exact for ArchivedTagged<F> {
    const HAS_PARTS: bool = true;

    #[inline]
    fn walk(&self, walk: &mut Walk<'_>) {
        let end = walk.field(walk.start(self), &self.frame);
        walk.field(end, &self.kind);
    }
}

/// A frame whose header, length and checksum were checked; its archive was not yet.
#[derive(Clone, Copy, Debug)]
pub struct RawFrame<'a> {
    /// The header.
    pub header: Header,
    payload: &'a [u8],
    extension: &'a [u8],
}

impl<'a> RawFrame<'a> {
    #[inline]
    pub(crate) fn new(header: Header, frame: &'a [u8]) -> Result<Self, FrameError> {
        header.check(frame)?;
        let (payload, extension) =
            frame[HEADER_BYTES..].split_at(header.length - HEADER_BYTES - header.extension);
        Ok(Self { header, payload, extension })
    }

    /// The number that the extension has at this place, in numbers from its beginning; 0 if it does not reach so far.
    #[must_use]
    pub fn extended(&self, place: usize) -> u64 {
        self.extension.as_chunks().0.get(place).map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// Checks the archive and reads it in place. What is read has the shape of its kind, to the last byte; whether
    /// its values make sense (a body over [`crate::BODY_BYTES_MAX`], a limit of 0) is for the receiver to say, who
    /// can refuse the request and keep the connection.
    ///
    /// # Errors
    /// The header names another kind, or the bytes are not the encoding of a frame of this one.
    #[inline]
    pub fn access<F>(&self) -> Result<&'a F::Archived, FrameError>
    where
        F: Frame,
        F::Archived: Portable + for<'b> CheckBytes<HighValidator<'b, Failure>>,
    {
        let refused = FrameError::Archive(F::KIND);
        if self.header.kind != Some(F::KIND) {
            return Err(refused);
        }
        let mut context = Validator::new(
            ArchiveValidator::with_max_depth(self.payload, NonZeroUsize::new(ARCHIVE_DEPTH_MAX)),
            SharedValidator::new(),
        );
        let root = access_with_context::<ArchivedTagged<F>, _, Failure>(self.payload, &mut context)
            .map_err(|_| refused)?;
        let is_right = root.kind == F::KIND as u64 && Walk::is_exact(self.payload, root);
        if is_right { Ok(&root.frame) } else { Err(refused) }
    }

    /// Checks the archive and copies it into a struct of its own, byte strings included.
    ///
    /// # Errors
    /// As [`RawFrame::access`].
    #[inline]
    pub fn read<F>(&self) -> Result<F, FrameError>
    where
        F: Frame,
        F::Archived: Portable
            + for<'b> CheckBytes<HighValidator<'b, Failure>>
            + Deserialize<F, HighDeserializer<Failure>>,
    {
        rkyv::deserialize::<F, Failure>(self.access::<F>()?)
            .map_err(|_| FrameError::Archive(F::KIND))
    }
}

/// Appends a frame to `out`. Its body is copied once, here.
///
/// # Panics
/// The frame is over [`FRAME_BYTES_MAX`]: the caller bounds bodies and pages.
#[inline]
pub fn encode<F>(out: &mut Vec<u8>, request_id: u64, frame: F)
where
    F: Frame + for<'a, 'b> Serialize<HighSerializer<Output<'a>, ArenaHandle<'b>, Failure>>,
{
    encode_extended(out, request_id, frame, &[]);
}

/// The same with the numbers of the kind's extension.
///
/// # Panics
/// As [`encode`].
#[inline]
pub fn encode_extended<F>(out: &mut Vec<u8>, request_id: u64, frame: F, extension: &[u64])
where
    F: Frame + for<'a, 'b> Serialize<HighSerializer<Output<'a>, ArenaHandle<'b>, Failure>>,
{
    let fits = try_encode(out, request_id, frame, extension);
    assert!(fits, "the caller bounds its frames");
}

/// The same for a frame that nobody has bounded: whether it is within [`FRAME_BYTES_MAX`]. If not, nothing is appended.
#[inline]
pub fn try_encode<F>(out: &mut Vec<u8>, request_id: u64, frame: F, extension: &[u64]) -> bool
where
    F: Frame + for<'a, 'b> Serialize<HighSerializer<Output<'a>, ArenaHandle<'b>, Failure>>,
{
    let start = out.len();
    out.resize(start + HEADER_BYTES, 0);
    let tagged = Tagged { frame, kind: F::KIND as u64 };
    let output = Output::after(out);
    let written = rkyv::api::high::to_bytes_in::<_, Failure>(&tagged, output);
    let Output { out, .. } = written.expect("writing to memory does not fail");
    extension.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
    if out.len() - start > FRAME_BYTES_MAX {
        out.truncate(start);
        return false;
    }
    Header::write(&mut out[start..], F::KIND, request_id, size_of_val(extension));
    true
}

/// Writes an archive at the end of a buffer. Positions count from the archive's start, and a frame starts
/// aligned for its reader whatever lies before it here.
pub struct Output<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl<'a> Output<'a> {
    /// For one archive, after what is in the buffer.
    #[must_use]
    #[inline]
    pub fn after(out: &'a mut Vec<u8>) -> Self {
        Self { start: out.len(), out }
    }
}

impl Positional for Output<'_> {
    #[inline]
    fn pos(&self) -> usize {
        self.out.len() - self.start
    }
}

impl<E> Writer<E> for Output<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), E> {
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}
