use cadangkan_core::{Cancel, Clock, Control, NoReporter, Timestamp};

/// Runs what must be done to its end, such as a commit or what cleans up: nobody stops it and nobody watches it.
pub(super) fn quietly<T>(work: impl FnOnce(&Control<'_>) -> T) -> T {
    let cancel = Cancel::default();
    work(&Control { cancel: &cancel, reporter: &NoReporter, clock: &NoClock })
}

struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}
