use cadangkan_core::{Result, Timestamp};
use rusqlite::params;
use serde::Serialize;
use serde_json::Value;

use crate::columns::{Column, Columns};
use crate::{Catalog, convert};

/// One entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditEntry {
    /// Its number; rises with each entry.
    pub id: i64,
    /// When it happened, by the wall clock.
    pub at: Timestamp,
    /// Who did it: `cli:root@host`.
    pub initiator: String,
    /// What was done: `delete`.
    pub action: String,
    /// To what: `production/2026-01-15-143022`.
    pub subject: String,
    /// More about it, without secrets.
    pub detail: Option<Value>,
}

impl Catalog {
    /// Records that somebody removed or changed something.
    pub fn audit(
        &self,
        at: Timestamp,
        initiator: &str,
        action: &str,
        subject: &str,
        detail: Option<&Value>,
    ) -> Result<()> {
        let detail = convert::to_text(detail);
        self.transaction("cannot write to the audit trail", |transaction| {
            let id = next_number(transaction, "audit")?;
            transaction
                .prepare_cached(
                    "INSERT INTO audit (id, at, initiator, action, subject, detail) VALUES ($1, $2, $3, $4, $5, $6)",
                )?
                .execute(params![id, convert::micros(at), initiator, action, subject, detail])?;
            Ok(())
        })
    }

    /// The last entries, newest first.
    pub fn audit_entries(&self, limit: u64) -> Result<Vec<AuditEntry>> {
        let sql = "SELECT id, at, initiator, action, subject, detail FROM audit ORDER BY id DESC LIMIT $1";
        self.query("cannot read the audit trail", sql, [convert::clamp(limit)], read_entry)
    }
}

fn read_entry(columns: &mut Columns<'_>) -> Column<AuditEntry> {
    Ok(AuditEntry {
        id: columns.plain()?,
        at: columns.time()?,
        initiator: columns.plain()?,
        action: columns.plain()?,
        subject: columns.plain()?,
        detail: columns.optional_json()?,
    })
}

/// Takes the next number of a counter. Its row stays locked until the transaction ends, so no number is given twice.
pub(crate) fn next_number(transaction: &rusqlite::Transaction<'_>, counter: &str) -> rusqlite::Result<i64> {
    transaction
        .prepare_cached("UPDATE counters SET value = value + 1 WHERE name = $1 RETURNING value")?
        .query_row([counter], |row| row.get(0))
}
