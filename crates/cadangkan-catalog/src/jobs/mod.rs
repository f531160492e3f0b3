//! Jobs: what became of each time at which something was due.

mod read;
mod words;
mod write;

use cadangkan_core::{Name, RunId, Timestamp};
use serde::{Deserialize, Serialize};

pub use read::JobFilter;
pub use words::JobState;
pub use write::{JobEnd, NewJob, ScheduleStep};

/// Names one job; rises with each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub i64);

impl std::fmt::Display for JobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A time at which something was due, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// The database.
    pub database: Name,
    /// The schedule's name.
    pub schedule: String,
    /// What was to be done: `backup`.
    pub task: String,
    /// The time at which it was due.
    pub due_at: Timestamp,
    /// Where it stands for several times that passed: the last of them.
    pub last_due_at: Timestamp,
    /// For how many times it stands.
    pub count: u32,
    /// How it stands.
    pub state: JobState,
    /// It does not begin before this.
    pub not_before: Timestamp,
    /// How often it was begun.
    pub attempt: u32,
    /// The daemon that has it, while it runs.
    pub owner: Option<String>,
    /// Until when that daemon is believed to live without a word.
    pub lease_until: Option<Timestamp>,
    /// When it was begun last.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// The run that it was.
    pub run_id: Option<RunId>,
    /// Why it failed, was left out, or waits.
    pub reason: Option<String>,
}

impl Job {
    /// Whether the daemon that runs it has not been heard of for too long: the next one finds out what became of it.
    pub fn is_left_behind(&self, now: Timestamp) -> bool {
        self.state == JobState::Running && self.lease_until.is_some_and(|until| until < now)
    }
}
