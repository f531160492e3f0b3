use crate::words::words;

words! {
    /// How a job stands.
    JobState {
        /// It waits for its turn.
        Queued = "queued",
        /// A process does it.
        Running = "running",
        /// All of it was done.
        Completed = "completed",
        /// Some of it was done.
        Partial = "partial",
        /// It failed as often as it was to be tried.
        Failed = "failed",
        /// Somebody stopped it.
        Cancelled = "cancelled",
        /// Its time passed while no daemon ran, and it was not made up for.
        Missed = "missed",
        /// It was left out, for the reason it carries.
        Skipped = "skipped",
        /// It was left out as its owner wants it: its hours are closed until the next is due, or its schedule is gone.
        Dropped = "dropped",
    }
}
