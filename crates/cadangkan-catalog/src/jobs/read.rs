use cadangkan_core::{Name, Result, RunId, Timestamp};
use rusqlite::params_from_iter;

use super::{Job, JobId, JobState};
use crate::columns::{Column, Columns};
use crate::conditions::Conditions;
use crate::{Catalog, convert};

pub(super) const COLUMNS: &str =
    "id, database, schedule, task, due_at, last_due_at, count, state, not_before, attempt,
    owner, lease_until, started_at, finished_at, run_id, reason";

/// Which jobs are meant. Empty: all.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Only those of this database.
    pub database: Option<Name>,
    /// Only those of a schedule of this name.
    pub schedule: Option<String>,
    /// Only those that stand so.
    pub state: Option<JobState>,
    /// Only those that were due at this time or later.
    pub since: Option<Timestamp>,
    /// Only those that were due before this time.
    pub until: Option<Timestamp>,
    /// At most so many.
    pub limit: Option<u64>,
}

impl Catalog {
    /// A job by its number.
    pub fn job(&self, id: JobId) -> Result<Option<Job>> {
        self.query_one(
            "cannot read a job",
            &format!("SELECT {COLUMNS} FROM jobs WHERE id = $1"),
            [id.0],
            read_job,
        )
    }

    /// Jobs, the one made last first.
    pub fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>> {
        let mut conditions = Conditions::default();
        conditions.equal("database", filter.database.as_ref().map(|name| name.as_str().to_owned()));
        conditions.equal("schedule", filter.schedule.clone());
        conditions.equal("state", filter.state.map(|state| state.as_str().to_owned()));
        if let Some(since) = filter.since {
            conditions.compare("due_at", ">=", convert::micros(since));
        }
        if let Some(until) = filter.until {
            conditions.compare("due_at", "<", convert::micros(until));
        }
        let limit = conditions.bind(convert::clamp(filter.limit.unwrap_or(u64::MAX)));
        let sql = format!("SELECT {COLUMNS} FROM jobs {} ORDER BY id DESC LIMIT {limit}", conditions.text());
        self.query("cannot read jobs", &sql, params_from_iter(conditions.parameters()), read_job)
    }

    /// The jobs that are not over, those due first first.
    pub fn open_jobs(&self) -> Result<Vec<Job>> {
        let sql =
            format!("SELECT {COLUMNS} FROM jobs WHERE state IN ('queued', 'running') ORDER BY due_at, id");
        self.query("cannot read jobs", &sql, [], read_job)
    }

    /// The last job of each schedule that is over; those aside that were dropped.
    pub fn last_jobs(&self) -> Result<Vec<Job>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM jobs WHERE id IN (SELECT max(id) FROM jobs WHERE finished_at IS NOT NULL
             AND state <> 'dropped' GROUP BY database, schedule) ORDER BY database, schedule"
        );
        self.query("cannot read jobs", &sql, [], read_job)
    }
}

pub(super) fn read_job(columns: &mut Columns<'_>) -> Column<Job> {
    let small = |value: i64| u32::try_from(value);
    Ok(Job {
        id: JobId(columns.plain()?),
        database: columns.word()?,
        schedule: columns.plain()?,
        task: columns.plain()?,
        due_at: columns.time()?,
        last_due_at: columns.time()?,
        count: columns.converted(small)?,
        state: columns.word()?,
        not_before: columns.time()?,
        attempt: columns.converted(small)?,
        owner: columns.plain()?,
        lease_until: columns.optional_time()?,
        started_at: columns.optional_time()?,
        finished_at: columns.optional_time()?,
        run_id: columns.plain::<Option<i64>>()?.map(RunId),
        reason: columns.plain()?,
    })
}
