//! The catalog: runs, jobs, backups, definitions and the audit trail, in one SQLite file.
//!
//! It is an index over storages and the memory of what ran, never the only copy of anything that a restore needs.
//! The statements use numbered parameters (`$1`), plain types and no function of SQLite alone, so that another
//! database can keep the same tables. Times are kept in microseconds, in UTC.
//!
//! Order never rests on the wall clock where something better is known: runs and audit entries are ordered by
//! their numbers, which rise. Backups are ordered by the time they carry, so that a catalog that was rebuilt from
//! the manifests gives the same list.

mod audit;
mod backups;
mod catalog;
mod columns;
mod conditions;
mod convert;
mod definitions;
mod failure;
mod jobs;
mod migrate;
mod notifications;
mod runs;
mod schedules;
mod words;

pub use audit::AuditEntry;
pub use backups::{BackupFilter, BackupRecord, BackupSort, BackupStatus, StorageUsage};
pub use catalog::Catalog;
pub use definitions::{Definition, DefinitionKind};
pub use jobs::{Job, JobEnd, JobFilter, JobId, JobState, NewJob, ScheduleStep};
pub use notifications::{ChannelState, NewNotification, Notification, NotificationStatus};
pub use runs::{
    LogLine, NewRun, Run, RunCount, RunError, RunFilter, RunKind, RunProgress, RunStatus, StoredProgress,
};
pub use schedules::{ScheduleDefinition, ScheduleKey, ScheduleState};
