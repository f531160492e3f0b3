/// What a server allows the parts of an upload to be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many there may be.
    pub parts: u32,
    /// The least size of one that is not the last.
    pub least: usize,
    /// The largest size of one.
    pub most: usize,
}

/// What a part has when nothing asks for more: few enough requests, little enough memory.
const USUAL_BYTES: u64 = 8 << 20;
/// What a part has where all must be equal and nobody knows how many will be needed: 10,000 hold 640 GB.
const UNKNOWN_BYTES: u64 = 64 << 20;
/// In how many steps parts double, where they may: so any size fits that a server takes.
const STEPS: u32 = 10;

/// Chooses the size of each part.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    limits: Limits,
    first: usize,
    equal: bool,
}

impl Plan {
    /// Plans for an object of about this size, with parts of `asked` bytes where somebody asked for that.
    pub fn new(limits: Limits, expected: Option<u64>, asked: Option<usize>, equal: bool) -> Self {
        let usual = if equal && expected.is_none() { UNKNOWN_BYTES } else { USUAL_BYTES };
        // Half of the parts stay free for what grew since it was estimated.
        let needed =
            expected.unwrap_or(0).div_ceil(u64::from(limits.parts).div_ceil(2)).next_multiple_of(1 << 20);
        let asked = asked.map_or(usual, |asked| asked as u64);
        let first = usize::try_from(asked.max(needed)).unwrap_or(usize::MAX).max(limits.least);
        Plan { limits, first, equal }
    }

    /// The size of the part with this number, from 1 on; `None` when there may be no such part.
    pub fn size_of(&self, number: u32) -> Option<usize> {
        let stride = self.limits.parts.div_ceil(STEPS).max(1);
        let doublings = if self.equal { 0 } else { number.saturating_sub(1) / stride };
        let size = self.first.saturating_mul(1 << doublings.min(16)).min(self.limits.most);
        (number <= self.limits.parts).then_some(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S3: Limits = Limits { parts: 10_000, least: 5 << 20, most: 5 << 30 };
    const AZURE: Limits = Limits { parts: 50_000, least: 1, most: 4000 << 20 };

    fn room(plan: Plan) -> u64 {
        (1..).map_while(|number| plan.size_of(number)).map(|size| size as u64).sum()
    }

    #[test]
    fn twice_the_expected_size_fits() {
        for limits in [S3, AZURE] {
            for expected in [0, 1, 1 << 20, 100 << 20, 80 << 30, 1 << 40, 5 << 40] {
                for equal in [false, true] {
                    let plan = Plan::new(limits, Some(expected), None, equal);
                    assert!(room(plan) >= 2 * expected, "{expected} {equal} {plan:?}");
                    let last = plan.size_of(limits.parts).unwrap();
                    assert!(last <= limits.most && plan.size_of(limits.parts + 1).is_none(), "{plan:?}");
                }
            }
            assert_eq!(Plan::new(limits, Some(1 << 30), None, false).size_of(1), Some(8 << 20));
        }
    }

    #[test]
    fn any_size_fits_when_nobody_knows_it() {
        assert!(room(Plan::new(S3, None, None, false)) > 5 << 40);
        assert!(room(Plan::new(S3, None, None, true)) > 600 << 30);
        assert!(room(Plan::new(AZURE, None, None, false)) > 30 << 40);
        let equal = Plan::new(S3, None, Some(6 << 20), true);
        assert!((1..=10_000).all(|number| equal.size_of(number) == Some(6 << 20)));
        assert_eq!(Plan::new(S3, None, Some(1), false).size_of(1), Some(S3.least));
    }
}
