//! Adler-32 (RFC 1950, section 8), also joined from pieces that were summed apart.

const MODULUS: u32 = 65_521;
/// The most bytes that can be added before the sums must be reduced (as in zlib: `NMAX`).
const RUN: usize = 5552;

/// The checksum of no bytes.
pub(crate) const EMPTY: u32 = 1;

/// Sums up bytes.
pub(crate) fn of(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1_u32, 0_u32);
    for run in bytes.chunks(RUN) {
        for byte in run {
            low += u32::from(*byte);
            high += low;
        }
        low %= MODULUS;
        high %= MODULUS;
    }
    high << 16 | low
}

/// Gives the checksum of two pieces in a row, from theirs and the length of the second.
pub(crate) fn combine(first: u32, second: u32, second_len: u64) -> u32 {
    let modulus = u64::from(MODULUS);
    let (first_low, first_high) = (u64::from(first & 0xffff), u64::from(first >> 16));
    let (second_low, second_high) = (u64::from(second & 0xffff), u64::from(second >> 16));
    // The second piece was summed from 1, and should have been from `first_low`.
    let shift = first_low + modulus - 1;
    let low = (shift + second_low) % modulus;
    let high = (first_high + second_high + second_len % modulus * (shift % modulus)) % modulus;
    u32::try_from(high << 16 | low).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_as_the_standard_says() {
        assert_eq!(of(b""), EMPTY);
        assert_eq!(of(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn pieces_join_to_the_whole() {
        let bytes: Vec<u8> =
            (0..200_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for cut in [0, 1, 5551, 5552, 65_521, 131_042, 199_999, 200_000] {
            let (first, second) = bytes.split_at(cut);
            assert_eq!(combine(of(first), of(second), second.len() as u64), of(&bytes), "{cut}");
        }
        let high = vec![255; 100_000];
        assert_eq!(combine(of(&high), of(&high), 100_000), of(&[&high[..], &high[..]].concat()));
    }
}
