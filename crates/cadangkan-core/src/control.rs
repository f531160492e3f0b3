use crate::{Cancel, Clock, Event, Level, NoReporter, Reporter, Result, Timestamp};

/// What every long call is given: how it is stopped, whom it tells, and what time it is.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// Asked at least once per frame.
    pub cancel: &'a Cancel,
    /// Told of steps, progress and messages.
    pub reporter: &'a dyn Reporter,
    /// Asked for the time of day.
    pub clock: &'a dyn Clock,
}

impl Control<'_> {
    /// Fails once somebody asked to stop.
    pub fn check(&self) -> Result<()> {
        self.cancel.check()
    }

    /// Says that a named step of the run begins.
    pub fn step(&self, name: &str) {
        self.reporter.report(&Event::Step { name });
    }

    /// Passes a message to the person and to the run's log.
    pub fn message(&self, level: Level, text: &str) {
        self.reporter.report(&Event::Message { level, text });
    }
}

/// Runs what must be done to its end, such as a commit or what cleans up: nobody stops it and nobody watches it.
pub fn quietly<T>(work: impl FnOnce(&Control<'_>) -> T) -> T {
    work(&Control { cancel: &Cancel::default(), reporter: &NoReporter, clock: &NoClock })
}

struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}
