use cadangkan_core::{Error, ErrorKind, Name, Result};
use serde::{Deserialize, Serialize};

use crate::Schedule;

/// A schedule with its name, of a database.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The database.
    pub database: Name,
    /// The schedule's name, unique in its database.
    pub name: String,
    /// What it says.
    pub schedule: Schedule,
}

/// What is done when a schedule is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// A backup.
    #[default]
    Backup,
    /// The newest backup is checked.
    Verify,
    /// Old backups go, by the retention policy.
    Cleanup,
    /// Storages that lack backups get them.
    Sync,
}

impl Task {
    /// All of them.
    pub const ALL: [Task; 4] = [Task::Backup, Task::Verify, Task::Cleanup, Task::Sync];

    /// The word in the file and in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Task::Backup => "backup",
            Task::Verify => "verify",
            Task::Cleanup => "cleanup",
            Task::Sync => "sync",
        }
    }
}

impl std::str::FromStr for Task {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Task::ALL.into_iter().find(|task| task.as_str() == text).ok_or_else(|| {
            let tasks = Task::ALL.map(Task::as_str).join(", ");
            let message = format!("\"{}\" is no task of a schedule; there are {tasks}", text.escape_debug());
            Error::new(ErrorKind::Usage, message)
        })
    }
}
