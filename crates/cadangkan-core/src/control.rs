use crate::{Cancel, Clock, Event, Level, Reporter, Result};

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
