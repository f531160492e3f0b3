//! Schedules that were made by a command, pauses of any, and where each stands.

use std::collections::BTreeMap;

use cadangkan_core::{Error, ErrorKind, Name, Result, Timestamp};
use rusqlite::params;
use serde::Serialize;
use serde_json::Value;

use crate::columns::{Column, Columns};
use crate::{Catalog, convert};

/// A schedule that was made by a command.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScheduleDefinition {
    /// The database.
    pub database: Name,
    /// Its name, unique in its database.
    pub name: String,
    /// Its settings, shaped as in the configuration file.
    pub settings: Value,
}

/// Where a schedule stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleState {
    /// What its times were when this was written.
    pub timing: String,
    /// When it comes next.
    pub next_due: Timestamp,
}

/// A schedule of a database, by their names.
pub type ScheduleKey = (Name, String);

impl Catalog {
    /// Makes a schedule, or replaces one of its name; resumes it when it was paused.
    pub fn define_schedule(
        &self,
        database: &Name,
        name: &str,
        settings: &Value,
        at: Timestamp,
    ) -> Result<()> {
        let parameters = params![database.as_str(), name, settings.to_string(), convert::micros(at)];
        self.transaction("cannot save a schedule", |transaction| {
            transaction.execute(
                "INSERT INTO schedules (database, name, settings, created_at, changed_at) VALUES ($1, $2, $3, $4, $4)
                 ON CONFLICT (database, name) DO UPDATE SET settings = excluded.settings, changed_at = excluded.changed_at",
                parameters,
            )?;
            transaction.execute(
                "DELETE FROM schedule_switches WHERE database = $1 AND name = $2",
                params![database.as_str(), name],
            )?;
            Ok(())
        })
    }

    /// Removes a schedule; those of its jobs that wait are dropped. Fails with `NotFound` when there is none.
    pub fn undefine_schedule(&self, database: &Name, name: &str, at: Timestamp) -> Result<()> {
        let found = self.transaction("cannot remove a schedule", |transaction| {
            let key = params![database.as_str(), name];
            let removed =
                transaction.execute("DELETE FROM schedules WHERE database = $1 AND name = $2", key)?;
            transaction.execute("DELETE FROM schedule_switches WHERE database = $1 AND name = $2", key)?;
            transaction.execute("DELETE FROM schedule_states WHERE database = $1 AND name = $2", key)?;
            transaction.execute(
                "UPDATE jobs SET state = 'dropped', finished_at = $1, reason = 'its schedule was removed'
                 WHERE database = $2 AND schedule = $3 AND state = 'queued'",
                params![convert::micros(at), database.as_str(), name],
            )?;
            Ok(removed > 0)
        })?;
        if found {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::NotFound,
            format!("\"{database}\" has no schedule \"{}\"", name.escape_debug()),
        ))
    }

    /// The schedules that were made by a command, in order of their databases and names.
    pub fn schedules(&self) -> Result<Vec<ScheduleDefinition>> {
        let sql = "SELECT database, name, settings FROM schedules ORDER BY database, name";
        let read = |columns: &mut Columns<'_>| -> Column<ScheduleDefinition> {
            Ok(ScheduleDefinition {
                database: columns.word()?,
                name: columns.plain()?,
                settings: columns.json()?,
            })
        };
        self.query("cannot read schedules", sql, [], read)
    }

    /// Pauses a schedule (`false`) or resumes it (`true`), also one that the configuration file declares.
    pub fn switch_schedule(&self, database: &Name, name: &str, enabled: bool, at: Timestamp) -> Result<()> {
        let sql = "INSERT INTO schedule_switches (database, name, enabled, changed_at) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (database, name) DO UPDATE SET enabled = excluded.enabled, changed_at = excluded.changed_at";
        let parameters = params![database.as_str(), name, enabled, convert::micros(at)];
        self.execute("cannot save a pause", sql, parameters).map(drop)
    }

    /// What was paused (`false`) or resumed (`true`).
    pub fn schedule_switches(&self) -> Result<BTreeMap<ScheduleKey, bool>> {
        let sql = "SELECT database, name, enabled FROM schedule_switches";
        let read = |columns: &mut Columns<'_>| Ok(((columns.word()?, columns.plain()?), columns.plain()?));
        Ok(self.query("cannot read pauses", sql, [], read)?.into_iter().collect())
    }

    /// Where each schedule stands.
    pub fn schedule_states(&self) -> Result<BTreeMap<ScheduleKey, ScheduleState>> {
        let sql = "SELECT database, name, timing, next_due FROM schedule_states";
        let read = |columns: &mut Columns<'_>| {
            let key = (columns.word()?, columns.plain()?);
            Ok((key, ScheduleState { timing: columns.plain()?, next_due: columns.time()? }))
        };
        Ok(self.query("cannot read schedules", sql, [], read)?.into_iter().collect())
    }

    /// A text that changes whenever something is defined, changed, removed, paused or resumed.
    pub fn definitions_stamp(&self) -> Result<String> {
        let of =
            |table: &str| format!("(SELECT count(*) || '/' || coalesce(max(changed_at), 0) FROM {table})");
        let tables = ["definitions", "switches", "schedules", "schedule_switches"].map(of);
        let sql = format!("SELECT {}", tables.join(" || ' ' || "));
        let read = |columns: &mut Columns<'_>| columns.plain();
        Ok(self.query_one("cannot look at the catalog", &sql, [], read)?.unwrap_or_default())
    }
}
