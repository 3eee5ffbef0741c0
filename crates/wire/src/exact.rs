//! Every byte of an archive is accounted for: there is one encoding of a frame, and no other is read.
//!
//! rkyv proves that pointers lie inside and overlap nothing. It does not mind bytes that nothing points to,
//! bytes in padding, or strings in another order. Here a checked archive is walked in the order in which it is
//! written, and each part must begin where the one before ended. It does not know what a field means.

use rkyv::rend::{u16_le, u32_le, u64_le};
use rkyv::vec::ArchivedVec;

/// Where the walk through a payload stands.
pub struct Walk<'a> {
    payload: &'a [u8],
    /// Everything before this is accounted for.
    next: usize,
    is_exact: bool,
}

/// Archived data that knows its parts in the order in which they are written.
pub trait Exact: Sized {
    /// Whether there is anything to check in a value: padding, or data that it points to.
    const HAS_PARTS: bool;

    /// Accounts for what the value points to, and for padding in it. The value itself is its owner's.
    fn walk(&self, walk: &mut Walk<'_>);
}

impl<'a> Walk<'a> {
    /// Whether `root`, which lies at the end of `payload`, and what it points to are all that there is.
    #[inline]
    pub(crate) fn is_exact<T: Exact>(payload: &'a [u8], root: &T) -> bool {
        let mut walk = Self { payload, next: 0, is_exact: true };
        root.walk(&mut walk);
        walk.block(std::slice::from_ref(root));
        walk.is_exact && walk.next == payload.len()
    }

    /// The next block of data: zeros up to its alignment, then its values.
    #[inline]
    fn block<T>(&mut self, values: &[T]) {
        let start = self.next.next_multiple_of(align_of::<T>());
        self.is_exact &= self.at(values.as_ptr().addr()) == start;
        self.zeros(self.next, start);
        self.next = start + size_of_val(values);
    }

    /// A field; `end` is where the one before it ended. Says where this one ends.
    #[inline]
    pub(crate) fn field<T: Exact>(&mut self, end: usize, field: &T) -> usize {
        let start = self.start(field);
        self.zeros(end, start);
        field.walk(self);
        start + size_of::<T>()
    }

    /// Where a value begins.
    #[inline]
    pub(crate) fn start<T>(&self, value: &T) -> usize {
        self.at(std::ptr::from_ref(value).addr())
    }

    /// Padding: zeros and nothing else.
    #[inline]
    pub(crate) fn zeros(&mut self, start: usize, end: usize) {
        if start != end {
            let padding = self.payload.get(start..end);
            self.is_exact &= padding.is_some_and(|padding| padding.iter().all(|&byte| byte == 0));
        }
    }

    #[inline]
    fn at(&self, address: usize) -> usize {
        address.wrapping_sub(self.payload.as_ptr().addr())
    }
}

impl<T: Exact> Exact for ArchivedVec<T> {
    const HAS_PARTS: bool = true;

    #[inline]
    fn walk(&self, walk: &mut Walk<'_>) {
        if T::HAS_PARTS {
            self.iter().for_each(|value| value.walk(walk));
        }
        walk.block(self.as_slice());
    }
}

macro_rules! plain {
    ($($plain:ty),*) => {$(
        impl Exact for $plain {
            const HAS_PARTS: bool = false;

            #[inline]
            fn walk(&self, _: &mut Walk<'_>) {}
        }
    )*};
}

plain!(u8, u16_le, u32_le, u64_le, [u8; 16]);
