use cadangkan_core::{Name, Result, RunId, Timestamp};
use rusqlite::{Transaction, params};

use super::read::{COLUMNS, read_job};
use super::{Job, JobId, JobState};
use crate::audit::next_number;
use crate::columns::Columns;
use crate::{Catalog, convert};

/// A job that is about to be made.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// The database.
    pub database: Name,
    /// The schedule's name.
    pub schedule: String,
    /// What is to be done.
    pub task: String,
    /// The time at which it is or was due.
    pub due_at: Timestamp,
    /// The last of the times for which it stands.
    pub last_due_at: Timestamp,
    /// For how many times it stands.
    pub count: u32,
    /// How it stands from the beginning.
    pub state: JobState,
    /// It does not begin before this.
    pub not_before: Timestamp,
    /// When it is made.
    pub at: Timestamp,
    /// Why it is what it is.
    pub reason: Option<String>,
}

/// How a job ended.
#[derive(Clone, Debug)]
pub struct JobEnd {
    /// How it stands now.
    pub state: JobState,
    /// When.
    pub at: Timestamp,
    /// The run that it was.
    pub run: Option<RunId>,
    /// Why.
    pub reason: Option<String>,
}

/// What becomes of a schedule whose time has come.
#[derive(Clone, Debug)]
pub struct ScheduleStep {
    /// The database.
    pub database: Name,
    /// The schedule's name.
    pub schedule: String,
    /// What its times are.
    pub timing: String,
    /// When it comes next; `None` for never again.
    pub next_due: Option<Timestamp>,
    /// The jobs that are made.
    pub jobs: Vec<NewJob>,
}

impl Catalog {
    /// Makes jobs and moves their schedules on, all of it or nothing. A job of a time that has one already is left out. Where a
    /// schedule gets a job that waits, one of it that still waits is skipped; both are among the jobs that are returned.
    pub fn step_schedules(&self, steps: &[ScheduleStep]) -> Result<Vec<Job>> {
        self.transaction("cannot make jobs", |transaction| {
            let mut made = Vec::new();
            for step in steps {
                for job in &step.jobs {
                    made.extend(insert(transaction, job)?);
                }
                let (database, name) = (step.database.as_str(), &step.schedule);
                match step.next_due {
                    Some(next) => transaction
                        .prepare_cached(
                            "INSERT INTO schedule_states (database, name, timing, next_due) VALUES ($1, $2, $3, $4)
                             ON CONFLICT (database, name) DO UPDATE SET timing = excluded.timing, next_due = excluded.next_due",
                        )?
                        .execute(params![database, name, step.timing, convert::micros(next)])?,
                    None => transaction
                        .prepare_cached("DELETE FROM schedule_states WHERE database = $1 AND name = $2")?
                        .execute(params![database, name])?,
                };
            }
            Ok(made)
        })
    }

    /// Takes a job that waits for a daemon. `None` when it waits no more.
    pub fn claim_job(
        &self,
        id: JobId,
        owner: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Job>> {
        let sql = format!(
            "UPDATE jobs SET state = 'running', owner = $1, lease_until = $2, started_at = $3, attempt = attempt + 1,
             run_id = NULL WHERE id = $4 AND state = 'queued' RETURNING {COLUMNS}"
        );
        let parameters = params![owner, convert::micros(lease_until), convert::micros(now), id.0];
        self.query_one("cannot take a job", &sql, parameters, read_job)
    }

    /// Says that a daemon still has its jobs.
    pub fn renew_leases(&self, owner: &str, until: Timestamp) -> Result<usize> {
        let sql = "UPDATE jobs SET lease_until = $1 WHERE state = 'running' AND owner = $2";
        self.execute("cannot renew jobs", sql, params![convert::micros(until), owner])
    }

    /// Gives the jobs that another daemon had to this one, which knows that the other is gone.
    pub fn take_over_jobs(&self, owner: &str, lease_until: Timestamp) -> Result<Vec<Job>> {
        let sql = format!(
            "UPDATE jobs SET owner = $1, lease_until = $2 WHERE state = 'running' AND owner <> $1 RETURNING {COLUMNS}"
        );
        self.query("cannot take jobs over", &sql, params![owner, convert::micros(lease_until)], read_job)
    }

    /// Ends a job that a daemon has, and makes those that follow it. `None` when the daemon has it no more.
    pub fn finish_job(
        &self,
        id: JobId,
        owner: &str,
        end: &JobEnd,
        followers: &[NewJob],
    ) -> Result<Option<(Job, Vec<Job>)>> {
        self.transaction("cannot end a job", |transaction| {
            let sql =
                "UPDATE jobs SET state = $1, finished_at = $2, run_id = $3, reason = $4, lease_until = NULL
                       WHERE id = $5 AND state = 'running' AND owner = $6";
            let parameters = params![
                end.state.as_str(),
                convert::micros(end.at),
                end.run.map(|run| run.0),
                end.reason,
                id.0,
                owner
            ];
            if transaction.prepare_cached(sql)?.execute(parameters)? == 0 {
                return Ok(None);
            }
            let mut made = Vec::new();
            for follower in followers {
                made.extend(insert(transaction, follower)?);
            }
            Ok(Some((read(transaction, id)?, made)))
        })
    }

    /// Puts a job that a daemon has back to those that wait. `None` when the daemon has it no more. `counts` says whether it
    /// counts as tried.
    pub fn requeue_job(
        &self,
        id: JobId,
        owner: &str,
        (not_before, counts): (Timestamp, bool),
        run: Option<RunId>,
        reason: &str,
    ) -> Result<Option<Job>> {
        self.transaction("cannot put a job back", |transaction| {
            let sql = "UPDATE jobs SET state = 'queued', not_before = $1, attempt = attempt - $2, owner = NULL,
                       lease_until = NULL, run_id = $3, reason = $4 WHERE id = $5 AND state = 'running' AND owner = $6";
            let parameters =
                params![convert::micros(not_before), i64::from(!counts), run.map(|run| run.0), reason, id.0, owner];
            if transaction.prepare_cached(sql)?.execute(parameters)? == 0 {
                return Ok(None);
            }
            read(transaction, id).map(Some)
        })
    }

    /// Lets a job that waits begin later. `None` when it waits no more.
    pub fn postpone_job(&self, id: JobId, not_before: Timestamp, reason: &str) -> Result<Option<Job>> {
        let sql = "UPDATE jobs SET not_before = $1, reason = $2 WHERE id = $3 AND state = 'queued'";
        let parameters = params![convert::micros(not_before), reason, id.0];
        let changed = self.execute("cannot put a job off", sql, parameters)?;
        if changed == 0 { Ok(None) } else { self.job(id) }
    }

    /// Ends a job that waits. `None` when it waits no more.
    pub fn drop_job(&self, id: JobId, end: &JobEnd) -> Result<Option<Job>> {
        let sql =
            "UPDATE jobs SET state = $1, finished_at = $2, reason = $3 WHERE id = $4 AND state = 'queued'";
        let parameters = params![end.state.as_str(), convert::micros(end.at), end.reason, id.0];
        let changed = self.execute("cannot end a job", sql, parameters)?;
        if changed == 0 { Ok(None) } else { self.job(id) }
    }

    /// Removes jobs that were over before a time; tells how many.
    pub fn prune_jobs(&self, before: Timestamp) -> Result<usize> {
        let sql = "DELETE FROM jobs WHERE finished_at < $1";
        self.execute("cannot remove old jobs", sql, [convert::micros(before)])
    }
}

/// Makes a job, unless its time has one; ends the one of its schedule that still waits.
fn insert(transaction: &Transaction<'_>, job: &NewJob) -> rusqlite::Result<Vec<Job>> {
    let (database, schedule) = (job.database.as_str(), &job.schedule);
    let exists = transaction
        .prepare_cached(
            "SELECT 1 FROM jobs WHERE database = $1 AND schedule = $2 AND due_at = $3 AND state <> 'missed'",
        )?
        .exists(params![database, schedule, convert::micros(job.due_at)])?;
    if exists && job.state != JobState::Missed {
        return Ok(Vec::new());
    }
    let mut made = Vec::new();
    let waits = job.state == JobState::Queued;
    if waits {
        let overtaken: Vec<i64> = transaction
            .prepare_cached(
                "UPDATE jobs SET state = 'skipped', finished_at = $1, reason = 'it still waited when the next was due'
                 WHERE database = $2 AND schedule = $3 AND state = 'queued' RETURNING id",
            )?
            .query_map(params![convert::micros(job.at), database, schedule], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for id in overtaken {
            made.push(read(transaction, JobId(id))?);
        }
    }
    let id = next_number(transaction, "jobs")?;
    let finished = (!waits).then(|| convert::micros(job.at));
    transaction
        .prepare_cached(
            "INSERT INTO jobs (id, database, schedule, task, due_at, last_due_at, count, state, not_before, attempt,
             finished_at, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $11)",
        )?
        .execute(params![
            id,
            database,
            schedule,
            job.task,
            convert::micros(job.due_at),
            convert::micros(job.last_due_at),
            job.count,
            job.state.as_str(),
            convert::micros(job.not_before),
            finished,
            job.reason,
        ])?;
    made.push(read(transaction, JobId(id))?);
    Ok(made)
}

fn read(transaction: &Transaction<'_>, id: JobId) -> rusqlite::Result<Job> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id = $1");
    transaction.prepare_cached(&sql)?.query_row([id.0], |row| read_job(&mut Columns::of(row)))
}
