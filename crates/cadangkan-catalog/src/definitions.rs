use std::collections::BTreeMap;

use cadangkan_core::{Error, ErrorKind, Name, Result, Timestamp};
use rusqlite::params;
use serde::Serialize;
use serde_json::Value;

use crate::columns::{Column, Columns};
use crate::words::words;
use crate::{Catalog, convert};

words! {
    /// What can be defined.
    DefinitionKind {
        /// A database to back up.
        Database = "database",
        /// A place for backups.
        Storage = "storage",
    }
}

/// Something that was created by a command or through the API, not in the configuration file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Definition {
    /// What it is.
    pub kind: DefinitionKind,
    /// Its name, unique among those of its kind.
    pub name: Name,
    /// Its settings, shaped as in the configuration file.
    pub settings: Value,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its settings were last replaced.
    pub changed_at: Timestamp,
}

impl Catalog {
    /// Creates a definition, or replaces its settings when `replace` says so; otherwise an existing one is a
    /// `Conflict`.
    pub fn define(
        &self,
        kind: DefinitionKind,
        name: &Name,
        settings: &Value,
        at: Timestamp,
        replace: bool,
    ) -> Result<()> {
        let sql = if replace {
            "INSERT INTO definitions (kind, name, settings, created_at, changed_at) VALUES ($1, $2, $3, $4, $4)
             ON CONFLICT (kind, name) DO UPDATE SET settings = excluded.settings, changed_at = excluded.changed_at"
        } else {
            "INSERT INTO definitions (kind, name, settings, created_at, changed_at) VALUES ($1, $2, $3, $4, $4)
             ON CONFLICT (kind, name) DO NOTHING"
        };
        let parameters = params![kind.as_str(), name.as_str(), settings.to_string(), convert::micros(at)];
        if self.execute("cannot save a definition", sql, parameters)? == 1 {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Conflict, format!("a {kind} with this name exists already"))
            .context("name", name)
            .hint("choose another name, or change the existing one with `cadangkan edit`"))
    }

    /// Replaces the settings of definitions that were read, all of them or none; when one was changed or removed since,
    /// it is none, and a `Conflict`.
    pub fn redefine(&self, changed: &[Definition], at: Timestamp) -> Result<()> {
        let done = self.transaction("cannot save definitions", |transaction| {
            let same = "SELECT count(*) FROM definitions WHERE kind = $1 AND name = $2 AND changed_at = $3";
            for Definition { kind, name, changed_at, .. } in changed {
                let parameters = params![kind.as_str(), name.as_str(), convert::micros(*changed_at)];
                let found: i64 = transaction.query_row(same, parameters, |row| row.get(0))?;
                if found == 0 {
                    return Ok(false);
                }
            }
            let sql = "UPDATE definitions SET settings = $1, changed_at = $2 WHERE kind = $3 AND name = $4";
            for Definition { kind, name, settings, .. } in changed {
                let parameters =
                    params![settings.to_string(), convert::micros(at), kind.as_str(), name.as_str()];
                transaction.execute(sql, parameters)?;
            }
            Ok(true)
        })?;
        let message = "a definition was changed meanwhile";
        if done {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::Conflict, message).hint("do the same once more"))
        }
    }

    /// A definition by its name.
    pub fn definition(&self, kind: DefinitionKind, name: &Name) -> Result<Option<Definition>> {
        let sql = "SELECT kind, name, settings, created_at, changed_at FROM definitions WHERE kind = $1 AND name = $2";
        self.query_one("cannot read a definition", sql, [kind.as_str(), name.as_str()], read_definition)
    }

    /// All definitions of a kind, by name.
    pub fn definitions(&self, kind: DefinitionKind) -> Result<Vec<Definition>> {
        let sql = "SELECT kind, name, settings, created_at, changed_at FROM definitions WHERE kind = $1 ORDER BY name";
        self.query("cannot read definitions", sql, [kind.as_str()], read_definition)
    }

    /// Removes a definition and its switch; tells whether there was one. Runs and backups stay.
    pub fn undefine(&self, kind: DefinitionKind, name: &Name) -> Result<bool> {
        let parameters = [kind.as_str(), name.as_str()];
        self.transaction("cannot remove a definition", |transaction| {
            transaction.execute("DELETE FROM switches WHERE kind = $1 AND name = $2", parameters)?;
            let removed =
                transaction.execute("DELETE FROM definitions WHERE kind = $1 AND name = $2", parameters)?;
            Ok(removed > 0)
        })
    }

    /// Pauses something (`false`) or resumes it (`true`), also what the configuration file declares.
    pub fn set_enabled(&self, kind: DefinitionKind, name: &Name, enabled: bool, at: Timestamp) -> Result<()> {
        let sql = "INSERT INTO switches (kind, name, enabled, changed_at) VALUES ($1, $2, $3, $4)
                   ON CONFLICT (kind, name) DO UPDATE SET enabled = excluded.enabled, changed_at = excluded.changed_at";
        let parameters = params![kind.as_str(), name.as_str(), enabled, convert::micros(at)];
        self.execute("cannot save a pause", sql, parameters).map(drop)
    }

    /// What was paused (`false`) or resumed (`true`) by [`set_enabled`](Catalog::set_enabled), whether defined
    /// here or not.
    pub fn pauses(&self, kind: DefinitionKind) -> Result<BTreeMap<Name, bool>> {
        let sql = "SELECT name, enabled FROM switches WHERE kind = $1";
        let read = |columns: &mut Columns<'_>| Ok((columns.word()?, columns.plain()?));
        Ok(self.query("cannot read pauses", sql, [kind.as_str()], read)?.into_iter().collect())
    }
}

fn read_definition(columns: &mut Columns<'_>) -> Column<Definition> {
    Ok(Definition {
        kind: columns.word()?,
        name: columns.word()?,
        settings: columns.json()?,
        created_at: columns.time()?,
        changed_at: columns.time()?,
    })
}
