//! How large the parts of an upload are.

/// Parts that an upload may have. Source: Amazon S3 User Guide, "multipart upload limits".
pub(crate) const MOST_PARTS: u32 = 10_000;
/// The least size of a part that is not the last, by the same source.
pub(crate) const LEAST_BYTES: usize = 5 << 20;
/// The most, by the same source.
const MOST_BYTES: usize = 5 << 30;
/// What a part has when nothing asks for more: few enough requests, little enough memory.
const USUAL_BYTES: u64 = 8 << 20;
/// What a part has where all must be equal and nobody knows how many will be needed: enough for 640 GB.
const UNKNOWN_BYTES: u64 = 64 << 20;
/// Parts after which they double, where they may: so any size fits that S3 takes.
const STRIDE: u32 = 1000;

/// Chooses the size of each part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    first: usize,
    equal: bool,
}

impl Plan {
    /// Plans for an object of about this size, with parts of `asked` bytes where somebody asked for that.
    pub(crate) fn new(expected: Option<u64>, asked: Option<usize>, equal: bool) -> Self {
        let usual = if equal && expected.is_none() { UNKNOWN_BYTES } else { USUAL_BYTES };
        // Half of the parts stay free for what grew since it was estimated.
        let needed = expected.unwrap_or(0).div_ceil(u64::from(MOST_PARTS) / 2).next_multiple_of(1 << 20);
        let asked = asked.map_or(usual, |asked| asked as u64);
        Plan { first: usize::try_from(asked.max(needed)).unwrap_or(usize::MAX).max(LEAST_BYTES), equal }
    }

    /// The size of the part with this number, from 1 on.
    pub(crate) fn size_of(&self, number: u32) -> usize {
        let doublings = if self.equal { 0 } else { number.saturating_sub(1) / STRIDE };
        self.first.saturating_mul(1 << doublings.min(16)).min(MOST_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(plan: Plan) -> u64 {
        (1..=MOST_PARTS).map(|number| plan.size_of(number) as u64).sum()
    }

    #[test]
    fn twice_the_expected_size_fits() {
        for expected in [0, 1, 1 << 20, 100 << 20, 80 << 30, 1 << 40, 5 << 40] {
            for equal in [false, true] {
                let plan = Plan::new(Some(expected), None, equal);
                assert!(room(plan) >= 2 * expected, "{expected} {equal} {plan:?}");
                assert!(plan.size_of(MOST_PARTS) as u64 <= 5 << 30, "{expected} {equal} {plan:?}");
            }
        }
        assert_eq!(Plan::new(Some(1 << 30), None, false).size_of(1), 8 << 20);
    }

    #[test]
    fn any_size_fits_when_nobody_knows_it() {
        assert!(room(Plan::new(None, None, false)) > 5 << 40);
        assert!(room(Plan::new(None, None, true)) > 600 << 30);
        let equal = Plan::new(None, Some(6 << 20), true);
        assert!((1..=MOST_PARTS).all(|number| equal.size_of(number) == 6 << 20));
        assert_eq!(Plan::new(None, Some(1), false).size_of(1), LEAST_BYTES);
    }
}
