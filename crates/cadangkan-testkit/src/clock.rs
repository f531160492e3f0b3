use std::sync::{Mutex, PoisonError};

use cadangkan_core::{Clock, Timestamp};
use jiff::SignedDuration;

/// A clock that stands still until it is set; it may be set back.
#[derive(Debug)]
pub struct FakeClock(Mutex<Timestamp>);

impl FakeClock {
    /// Makes a clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        FakeClock(Mutex::new(now))
    }

    /// Sets the clock, to a later or an earlier time.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Moves the clock by whole seconds, backwards when they are negative; stays where the calendar ends.
    pub fn advance(&self, seconds: i64) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(*now);
    }
}

/// Shows 2026-01-15 14:30:22 UTC.
impl Default for FakeClock {
    fn default() -> Self {
        FakeClock::new(Timestamp::constant(1_768_487_422, 0))
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_where_it_is_told() {
        let clock = FakeClock::default();
        assert_eq!(clock.now().to_string(), "2026-01-15T14:30:22Z");
        clock.advance(-3600);
        assert_eq!(clock.now().to_string(), "2026-01-15T13:30:22Z");
        clock.set(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
    }
}
