use cadangkan_core::{Error, ErrorKind, Level, Result, RunId, Timestamp};
use rusqlite::params;
use serde::Serialize;
use serde_json::{Value, json};

use crate::columns::{Column, Columns};
use crate::words::unknown_word;
use crate::{Catalog, convert};

/// What the detail of a line has where a step begins.
const STEP: &str = "step";
const FAILED: &str = "cannot write to the log of a run";

/// One line of a run's log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogLine {
    /// When, by the wall clock.
    pub at: Timestamp,
    /// How much it matters.
    pub level: Level,
    /// What happened.
    pub message: String,
    /// More about it.
    pub detail: Option<Value>,
}

impl LogLine {
    /// Tells whether a step of the run begins here.
    pub fn is_step(&self) -> bool {
        self.detail.as_ref().is_some_and(|detail| detail.get(STEP) == Some(&Value::Bool(true)))
    }
}

impl Catalog {
    /// Adds to a run's log that a step of it begins.
    pub fn log_step(&self, id: RunId, at: Timestamp, name: &str) -> Result<()> {
        self.log(id, at, Level::Info, name, Some(&json!({ STEP: true })))
    }

    /// Adds a line to a run's log, also after the run is over. Fails with `NotFound` when there is no such run.
    pub fn log(
        &self,
        id: RunId,
        at: Timestamp,
        level: Level,
        message: &str,
        detail: Option<&Value>,
    ) -> Result<()> {
        let sql = "INSERT INTO run_log (run_id, line, at, level, message, detail)
                   SELECT id, (SELECT COALESCE(MAX(line), 0) + 1 FROM run_log WHERE run_id = $1), $2, $3, $4, $5
                   FROM runs WHERE id = $1";
        let parameters = params![id.0, convert::micros(at), word(level), message, convert::to_text(detail)];
        // A run that is lost in a power cut loses the last lines of its log at most; its end waits for them all.
        let changed = match level {
            Level::Debug | Level::Info => self.execute_soon(FAILED, sql, parameters),
            Level::Warning | Level::Error => self.execute(FAILED, sql, parameters),
        };
        if changed? == 1 {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NotFound, "no such run").context("run", id))
    }

    /// The log of a run, in the order in which it was written.
    pub fn run_log(&self, id: RunId) -> Result<Vec<LogLine>> {
        let sql = "SELECT at, level, message, detail FROM run_log WHERE run_id = $1 ORDER BY line";
        self.query("cannot read the log of a run", sql, [id.0], read_line)
    }
}

fn read_line(columns: &mut Columns<'_>) -> Column<LogLine> {
    Ok(LogLine {
        at: columns.time()?,
        level: columns.converted(|text: String| level(&text))?,
        message: columns.plain()?,
        detail: columns.optional_json()?,
    })
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

fn level(text: &str) -> Result<Level> {
    let all = [Level::Debug, Level::Info, Level::Warning, Level::Error];
    let found = all.into_iter().find(|level| word(*level) == text);
    found.ok_or_else(|| unknown_word(text, &all.map(word)))
}
