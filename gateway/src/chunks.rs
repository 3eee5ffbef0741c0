//! Places by number, which grow a chunk at a time: no hash, no copy as they grow. It does not know who gives the
//! numbers.

/// Bytes of a chunk, a size that the allocator has: growing copies nothing and leaves no hole behind.
const CHUNK_BYTES: usize = 16 * 1024;

/// Places from 0, each of them empty at first.
pub struct Chunks<T>(Vec<Box<[Option<T>]>>);

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Chunks<T> {
    /// Bytes that a place takes.
    pub const PLACE_BYTES: usize = size_of::<Option<T>>();

    const LEN: usize = CHUNK_BYTES / Self::PLACE_BYTES;

    /// A place, if its chunk was made.
    pub fn get_mut(&mut self, at: usize) -> Option<&mut Option<T>> {
        Some(&mut self.0.get_mut(at / Self::LEN)?[at % Self::LEN])
    }

    /// A place; what is missing up to it is made.
    pub fn make(&mut self, at: usize) -> &mut Option<T> {
        while self.0.len() <= at / Self::LEN {
            self.0.push((0..Self::LEN).map(|_| None).collect());
        }
        &mut self.0[at / Self::LEN][at % Self::LEN]
    }

    /// Every place that was made, from 0.
    pub fn iter(&self) -> impl Iterator<Item = Option<&T>> {
        self.0.iter().flatten().map(Option::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_there_once_it_was_made() {
        let mut chunks = Chunks::default();
        let far = 3 * Chunks::<u64>::LEN + 1;
        assert_eq!(chunks.get_mut(0), None);
        *chunks.make(far) = Some(7);
        assert_eq!(chunks.get_mut(far), Some(&mut Some(7)));
        assert_eq!(chunks.get_mut(0), Some(&mut None));
        assert_eq!(chunks.get_mut(far + Chunks::<u64>::LEN), None);
        let filled: Vec<usize> =
            (0..).zip(chunks.iter()).filter_map(|(at, place)| place.map(|_| at)).collect();
        assert_eq!(filled, [far]);
    }
}
