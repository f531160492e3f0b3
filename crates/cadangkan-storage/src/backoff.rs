use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// How long to wait before something is tried again: longer each time, and never at the same moment as others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// How often something is tried in all.
    pub attempts: u32,
    /// The first wait.
    pub first: Duration,
    /// The longest wait, also when a server asks for more.
    pub longest: Duration,
}

impl Backoff {
    /// For a transfer: about two minutes in all, so that a server may be restarted meanwhile.
    pub const PATIENT: Backoff =
        Backoff { attempts: 10, first: Duration::from_millis(200), longest: Duration::from_secs(30) };
    /// For a question of somebody who waits.
    pub const BRIEF: Backoff = Backoff { attempts: 3, ..Backoff::PATIENT };

    /// The wait after this many failures in a row, at least as long as a server `asked` for; `None` when it is to be
    /// given up.
    pub fn pause(&self, failures: u32, asked: Option<Duration>) -> Option<Duration> {
        if failures >= self.attempts {
            return None;
        }
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(20));
        let random = RandomState::new().hash_one(failures) % 1000;
        // Between a half and the whole of it.
        let jittered = doubled.min(self.longest).mul_f64(0.5 + random as f64 / 2000.0);
        Some(jittered.max(asked.unwrap_or_default()).min(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let backoff = Backoff::PATIENT;
        let second = Duration::from_secs(1);
        for failures in 1..backoff.attempts {
            let most = backoff.first.saturating_mul(1 << (failures - 1)).min(backoff.longest);
            let pause = backoff.pause(failures, None).unwrap();
            assert!(pause >= most / 2 && pause <= most, "{failures}: {pause:?} of {most:?}");
        }
        assert_eq!(backoff.pause(backoff.attempts, Some(second)), None);
        assert_eq!(backoff.pause(1, Some(second)), Some(second));
        assert_eq!(backoff.pause(1, Some(second * 3600)), Some(backoff.longest));
        let pauses: std::collections::BTreeSet<_> = (0..50).map(|_| backoff.pause(5, None)).collect();
        assert!(pauses.len() > 1, "everybody comes back at the same moment");
    }
}
