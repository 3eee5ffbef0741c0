//! The mask that a client lays over the payload of a WebSocket frame, eight bytes at a time. It is its own inverse.

/// Lays the mask over bytes, or takes it off; they are those of the payload from `from` on.
pub(crate) fn mask(bytes: &mut [u8], key: [u8; 4], from: usize) {
    let key: [u8; 8] = std::array::from_fn(|at| key[(from + at) % 4]);
    let word = u64::from_ne_bytes(key);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    rest.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_of_a_payload_is_masked_as_the_whole_is() {
        let key = [1, 20, 50, 200];
        let plain: Vec<u8> = (0..100).collect();
        let masked: Vec<u8> = plain.iter().enumerate().map(|(at, it)| it ^ key[at % 4]).collect();
        for cut in 0..plain.len() {
            let mut bytes = plain.clone();
            let (head, tail) = bytes.split_at_mut(cut);
            mask(head, key, 0);
            mask(tail, key, cut);
            assert_eq!(bytes, masked, "cut at {cut}");
        }
    }
}
