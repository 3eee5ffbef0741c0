//! Values to bytes and back, little-endian, without padding. It does not know what they are for.
//!
//! What can grow is a *record*: its length in 4 bytes, then its fields. A later release adds fields at the end; whoever
//! does not know them skips them by the length, and whoever misses them takes them for their default. What has no length
//! of its own (ids, logins, sessions) never changes.

use bytes::Bytes;

/// Why bytes are not what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// No release writes this.
    Malformed,
    /// A later release may: a kind has a number that this one does not know.
    Unknown,
}

/// Bytes that are not read yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Fault::Malformed)?;
        self.0 = rest;
        Ok(*array)
    }

    /// As many bytes as the length before them says.
    fn counted(&mut self) -> Result<&'a [u8], Fault> {
        let length = u32::read(self)? as usize;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Fault::Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A field that the writer's release may not know.
    pub(super) fn later<T: Field + Default>(&mut self) -> Result<T, Fault> {
        if self.is_empty() { Ok(T::default()) } else { T::read(self) }
    }

    /// The fields of a record; those that nobody asks for are skipped.
    pub(super) fn record(&mut self) -> Result<Self, Fault> {
        self.counted().map(Self)
    }
}

/// A value with one encoding. Reading may allocate twice what was read, not what was only announced.
pub(super) trait Field: Sized {
    fn write(&self, out: &mut Vec<u8>);
    fn read(from: &mut Reader<'_>) -> Result<Self, Fault>;
}

/// A value of fixed size. Several are written as one run of bytes, whose room is asked for once: half the instructions.
pub(super) trait Fixed: Sized {
    fn put(&self, run: &mut Run);
    fn get(from: &mut Reader<'_>) -> Result<Self, Fault>;
}

/// Values of fixed size, one after the other; the longest run are those of a message's row, 84 bytes.
pub(super) struct Run {
    bytes: [u8; 96],
    length: usize,
}

impl Run {
    #[inline]
    pub(super) fn new() -> Self {
        Self { bytes: [0; 96], length: 0 }
    }

    #[inline]
    fn push<const N: usize>(&mut self, bytes: [u8; N]) {
        self.bytes[self.length..self.length + N].copy_from_slice(&bytes);
        self.length += N;
    }

    #[inline]
    pub(super) fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes[..self.length]);
    }
}

impl<T: Fixed> Field for T {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        let mut run = Run::new();
        self.put(&mut run);
        run.end(out);
    }

    #[inline]
    fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        T::get(from)
    }
}

/// Begins a record, or another counted run of bytes; see [`end`].
pub(super) fn begin(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[0; 4]);
    out.len()
}

/// Ends what began at `start`: writes its length before it.
pub(super) fn end(out: &mut [u8], start: usize) {
    let length = length(out.len() - start);
    out[start - 4..start].copy_from_slice(&length);
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("nothing said is so large").to_le_bytes()
}

/// Structs of fixed size. They never change.
macro_rules! fixed {
    ($($type:ty { $($field:tt),* })*) => {$(
        impl Fixed for $type {
            #[inline]
            fn put(&self, run: &mut Run) {
                $(self.$field.put(run);)*
            }

            #[inline]
            fn get(from: &mut Reader<'_>) -> Result<Self, Fault> {
                Ok(Self { $($field: Fixed::get(from)?),* })
            }
        }
    )*};
}

/// Whether it is what whoever misses it takes it for.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Writes fields that were added later, up to the last that is not as whoever misses it takes it for.
macro_rules! later {
    ($self:ident $out:ident $($field:ident)*) => {
        let mut end = $out.len();
        $(
            $self.$field.write($out);
            if !$crate::fields::is_default(&$self.$field) {
                end = $out.len();
            }
        )*
        $out.truncate(end);
    };
}

/// Fields of fixed size, then others; those behind a semicolon were added later, and may be absent.
macro_rules! fields {
    ($($type:ident { $([$($fixed:ident),*])? $($field:ident),* $(; $($later:ident),*)? })*) => {$(
        impl Field for $type {
            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                $(
                    let mut run = Run::new();
                    $(self.$fixed.put(&mut run);)*
                    run.end(out);
                )?
                $(self.$field.write(out);)*
                $(later! { self out $($later)* })?
            }

            #[inline]
            fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
                Ok(Self {
                    $($($fixed: Fixed::get(from)?,)*)?
                    $($field: Field::read(from)?,)*
                    $($($later: from.later()?,)*)?
                })
            }
        }
    )*};
}

/// Records, whose fields are as those of `fields`.
macro_rules! records {
    ($($type:ident { $([$($fixed:ident),*])? $($field:ident),* $(; $($later:ident),*)? })*) => {$(
        impl Field for $type {
            #[inline]
            fn write(&self, out: &mut Vec<u8>) {
                let start = begin(out);
                $(
                    let mut run = Run::new();
                    $(self.$fixed.put(&mut run);)*
                    run.end(out);
                )?
                $(self.$field.write(out);)*
                $(later! { self out $($later)* })?
                end(out, start);
            }

            #[inline]
            fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
                let from = &mut from.record()?;
                Ok(Self {
                    $($($fixed: Fixed::get(from)?,)*)?
                    $($field: Field::read(from)?,)*
                    $($($later: from.later()?,)*)?
                })
            }
        }
    )*};
}

/// An enum: the number of the kind, then a record.
macro_rules! kinds {
    ($type:ident {
        $($kind:literal = $name:ident
            $({ $($field:ident),* $(; $($later:ident),*)? })? $(( $($part:ident),* ))?,)*
    }) => {
        impl Field for $type {
            fn write(&self, out: &mut Vec<u8>) {
                match self {$(
                    Self::$name $({ $($field,)* $($($later),*)? })? $(( $($part),* ))? => {
                        out.push($kind);
                        let start = begin(out);
                        $($($field.write(out);)* $($($later.write(out);)*)?)?
                        $($($part.write(out);)*)?
                        end(out, start);
                    }
                )*}
            }

            fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
                let kind = u8::read(from)?;
                let mut record = from.record()?;
                let record = &mut record;
                match kind {
                    $($kind => {
                        $($(let $field = Field::read(record)?;)* $($(let $later = record.later()?;)*)?)?
                        $($(let $part = Field::read(record)?;)*)?
                        Ok(Self::$name $({ $($field,)* $($($later),*)? })? $(( $($part),* ))?)
                    })*
                    _ => Err(Fault::Unknown),
                }
            }
        }
    };
}

pub(super) use {fields, fixed, kinds, later, records};

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Fixed for $type {
            #[inline]
            fn put(&self, run: &mut Run) {
                run.push(self.to_le_bytes());
            }

            #[inline]
            fn get(from: &mut Reader<'_>) -> Result<Self, Fault> {
                from.array().map(Self::from_le_bytes)
            }
        }
    )*};
}

integers! { u8 u16 u32 u64 }

/// A count of rows: a few hundred.
impl Fixed for usize {
    fn put(&self, run: &mut Run) {
        run.push(length(*self));
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, Fault> {
        u32::get(from).map(|count| count as Self)
    }
}

impl Fixed for bool {
    fn put(&self, run: &mut Run) {
        run.push([(*self).into()]);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, Fault> {
        match u8::get(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Fault::Malformed),
        }
    }
}

impl<const N: usize> Fixed for [u8; N] {
    #[inline]
    fn put(&self, run: &mut Run) {
        run.push(*self);
    }

    #[inline]
    fn get(from: &mut Reader<'_>) -> Result<Self, Fault> {
        from.array()
    }
}

impl Field for Bytes {
    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&length(self.len()));
        out.extend_from_slice(self);
    }

    /// A copy: a body that is kept must not keep its whole batch.
    #[inline]
    fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        from.counted().map(Self::copy_from_slice)
    }
}

impl Field for String {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&length(self.len()));
        out.extend_from_slice(self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        let bytes = from.counted()?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Fault::Malformed)
    }
}

impl<T: Field> Field for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        bool::read(from)?.then(|| T::read(from)).transpose()
    }
}

impl<T: Field> Field for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&length(self.len()));
        self.iter().for_each(|value| value.write(out));
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, Fault> {
        let count = u32::read(from)? as usize;
        let mut values = Self::with_capacity(count.min(from.0.len() / size_of::<T>()));
        for _ in 0..count {
            values.push(T::read(from)?);
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;

    #[derive(Debug, PartialEq, Eq)]
    struct Row {
        number: u64,
        text: String,
    }

    /// The same of a release that knows one field more.
    #[derive(Debug, PartialEq, Eq)]
    struct LaterRow {
        number: u64,
        text: String,
        more: Vec<u16>,
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Shape {
        Dot,
        Rows { rows: Vec<Row>, is_closed: bool },
        Pair(u8, Option<u32>),
    }

    #[derive(Debug, PartialEq, Eq)]
    enum LaterShape {
        Pair { first: u8, second: Option<u32>, third: u32 },
    }

    kinds! { LaterShape {
        7 = Pair { first, second; third },
    }}
    records! {
        Row { [number] text }
        LaterRow { [number] text; more }
    }
    kinds! { Shape {
        1 = Dot,
        2 = Rows { rows, is_closed },
        7 = Pair(first, second),
    }}

    fn written(value: &impl Field) -> Vec<u8> {
        let mut out = vec![];
        value.write(&mut out);
        out
    }

    fn read<T: Field>(bytes: &[u8]) -> Result<T, Fault> {
        T::read(&mut Reader::new(bytes))
    }

    /// Is read as it was written, and not without its last byte.
    fn check<T: Field + Debug + PartialEq>(value: &T, bytes: &[u8]) {
        assert_eq!(written(value), bytes);
        assert_eq!(read::<T>(bytes).as_ref(), Ok(value));
        for length in 0..bytes.len() {
            assert_eq!(read::<T>(&bytes[..length]), Err(Fault::Malformed), "{length} of {value:?}");
        }
    }

    #[test]
    fn values_are_read_as_they_were_written() {
        check(&0x0102_u16, &[2, 1]);
        check(&String::from("ü"), &[2, 0, 0, 0, 0xc3, 0xbc]);
        check(&vec![Some(3_u8), None], &[2, 0, 0, 0, 1, 3, 0]);
        check(
            &Row { number: 5, text: "a".into() },
            &[13, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, b'a'],
        );
        check(&Shape::Dot, &[1, 0, 0, 0, 0]);
        check(&Shape::Pair(9, Some(4)), &[7, 6, 0, 0, 0, 9, 1, 4, 0, 0, 0]);
        check(&Shape::Rows { rows: vec![], is_closed: true }, &[2, 5, 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn what_a_later_release_added_at_the_end_is_skipped() {
        let rows: Vec<LaterRow> = (1..3)
            .map(|number| LaterRow { number, text: "x".into(), more: vec![1, 2, 3] })
            .collect();
        let known: Vec<Row> = read(&written(&rows)).unwrap();
        assert_eq!(known, [1, 2].map(|number| Row { number, text: "x".into() }));
    }

    #[test]
    fn what_an_earlier_release_does_not_know_is_the_default() {
        let row = read::<LaterRow>(&written(&Row { number: 3, text: "x".into() }));
        assert_eq!(row, Ok(LaterRow { number: 3, text: "x".into(), more: vec![] }));
        let shape = read::<LaterShape>(&written(&Shape::Pair(9, None)));
        assert_eq!(shape, Ok(LaterShape::Pair { first: 9, second: None, third: 0 }));
        let cut = [7, 5, 0, 0, 0, 9, 0, 1, 1, 1];
        assert_eq!(read::<LaterShape>(&cut), Err(Fault::Malformed));
    }

    #[test]
    fn a_kind_of_a_later_release_is_told_from_damage() {
        assert_eq!(read::<Shape>(&[8, 1, 0, 0, 0, 0xff]), Err(Fault::Unknown));
        assert_eq!(read::<Shape>(&[8, 2, 0, 0, 0, 0xff]), Err(Fault::Malformed));
        assert_eq!(read::<bool>(&[2]), Err(Fault::Malformed));
        assert_eq!(read::<String>(&[1, 0, 0, 0, 0xff]), Err(Fault::Malformed));
    }

    /// A length of 4 GiB would not fit: the test would end.
    #[test]
    fn what_is_only_announced_takes_no_memory() {
        assert_eq!(read::<Vec<u64>>(&[0xff; 12]), Err(Fault::Malformed));
        assert_eq!(read::<Bytes>(&[0xff; 12]), Err(Fault::Malformed));
        assert_eq!(read::<Row>(&[0xff; 12]), Err(Fault::Malformed));
    }
}
