use cadangkan_core::{Name, Result, RunId};
use rusqlite::params_from_iter;

use super::{Run, RunCount, RunFilter, RunStatus};
use crate::columns::{Column, Columns};
use crate::conditions::Conditions;
use crate::{Catalog, convert};

const COLUMNS: &str =
    "SELECT id, kind, database, cause, initiator, ticket, options, status, started_at, finished_at,
    backup_id, progress, error, holder FROM runs";

impl Catalog {
    /// A run by its number.
    pub fn run(&self, id: RunId) -> Result<Option<Run>> {
        self.query_one("cannot read a run", &format!("{COLUMNS} WHERE id = $1"), [id.0], read_run)
    }

    /// Runs, the one begun last first: in the order of their numbers, whatever the clock said.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<Run>> {
        let mut conditions = conditions(filter);
        let limit = conditions.bind(convert::clamp(filter.limit.unwrap_or(u64::MAX)));
        let sql = format!("{COLUMNS} {} ORDER BY id DESC LIMIT {limit}", conditions.text());
        self.query("cannot read runs", &sql, params_from_iter(conditions.parameters()), read_run)
    }

    /// Counts the runs that a filter means by how they stand; without its limit.
    pub fn count_by_status(&self, filter: &RunFilter) -> Result<Vec<(RunStatus, u64)>> {
        let conditions = conditions(filter);
        let sql = format!("SELECT status, COUNT(*) AS runs FROM runs {} GROUP BY status", conditions.text());
        let read = |columns: &mut Columns<'_>| Ok((columns.word()?, columns.size()?));
        self.query("cannot count runs", &sql, params_from_iter(conditions.parameters()), read)
    }

    /// Counts the runs of each database by what they did and how they stand.
    pub fn count_runs(&self) -> Result<Vec<RunCount>> {
        let sql = "SELECT database, kind, status, COUNT(*) AS runs FROM runs GROUP BY database, kind, status
            ORDER BY database, kind, status";
        self.query("cannot count runs", sql, [], |columns| {
            Ok(RunCount {
                database: columns.plain()?,
                kind: columns.word()?,
                status: columns.word()?,
                runs: columns.size()?,
            })
        })
    }

    /// Runs that have begun and were not finished, of one database or of all, the one begun last first. Whether
    /// their processes still live is for the caller to find out.
    pub fn running(&self, database: Option<&Name>) -> Result<Vec<Run>> {
        let status = Some(RunStatus::Running);
        self.runs(&RunFilter { database: database.cloned(), status, ..RunFilter::default() })
    }
}

fn conditions(filter: &RunFilter) -> Conditions {
    let mut conditions = Conditions::default();
    conditions.equal("database", filter.database.as_ref().map(|name| name.as_str().to_owned()));
    conditions.equal("kind", filter.kind.map(|kind| kind.as_str().to_owned()));
    conditions.equal("status", filter.status.map(|status| status.as_str().to_owned()));
    for status in filter.without {
        conditions.compare("status", "<>", status.as_str().to_owned());
    }
    if let Some(since) = filter.since {
        conditions.compare("started_at", ">=", convert::micros(since));
    }
    if let Some(until) = filter.until {
        conditions.compare("started_at", "<", convert::micros(until));
    }
    conditions
}

fn read_run(columns: &mut Columns<'_>) -> Column<Run> {
    Ok(Run {
        id: RunId(columns.plain()?),
        kind: columns.word()?,
        database: columns.plain()?,
        trigger: columns.plain()?,
        initiator: columns.plain()?,
        ticket: columns.plain()?,
        options: columns.json()?,
        status: columns.word()?,
        started_at: columns.time()?,
        finished_at: columns.optional_time()?,
        backup_id: columns.optional_word()?,
        progress: columns.optional_json()?,
        error: columns.optional_json()?,
        holder: columns.plain()?,
    })
}
