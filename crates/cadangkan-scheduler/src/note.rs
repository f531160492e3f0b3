use cadangkan_catalog::Job;
use cadangkan_core::{Name, Timestamp};

/// Something that the scheduler did or found, for the log and for whoever is to be told.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// A job was started.
    Started(Job),
    /// A job is over; its state says how.
    Ended(Job),
    /// A job failed, and is tried again.
    Retrying(Job),
    /// A job's process was gone when the daemon came back; it is tried again unless its state says otherwise.
    Interrupted(Job),
    /// Runs were not made at their time.
    Missed {
        /// The database.
        database: Name,
        /// The schedule.
        schedule: String,
        /// How many.
        count: u32,
        /// The time of the first.
        first: Timestamp,
        /// The time of the last.
        last: Timestamp,
        /// Whether the last is made up for now.
        caught_up: bool,
    },
    /// A run was left out; the job says why.
    Skipped(Job),
    /// A run was left out as its owner wants it; the job says why.
    Dropped(Job),
    /// A job may not begin before another time.
    Postponed(Job),
    /// A job waits until there is more room for it on this machine or on its server.
    Waits {
        /// The job.
        job: Job,
        /// What there is too much of.
        reason: String,
    },
    /// The clock was set back: the next time of this schedule is found anew.
    ClockSetBack {
        /// The database.
        database: Name,
        /// The schedule.
        schedule: String,
    },
}
